#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What becomes of a guest's NICs in the course of its life: several queues in use, link down and up, the driver unbound and
# bound again, a NIC that comes while the guest runs, a reboot. One boot, and one more. Runs inside the test VM.
#
#   guest_life.sh [-d DEVICE] [-v]
#
# NIC 0 has its frames moved by QEMU (vhost=off) until NIC 1, on the device, is plugged in; NICs 2 and 3 are on the device
# from the start, the latter with four pairs of queues. guest/host.sh has the topology. Output is KTAP.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"

verbose=no
while getopts d:v option; do
	case $option in
	d) device=$OPTARG ;;
	v) verbose=yes ;;
	*) exit 2 ;;
	esac
done

give_up() {
	[ ! -f "$work/console" ] || tail -n 40 "$work/console" | sed 's/^/# guest: /'
	[ ! -f "$work/qemu" ] || sed 's/^/# qemu: /' "$work/qemu"
	bail_out "$1"
}

# --- QEMU, its monitor, the guest's shell -----------------------------------------------------------------------

tap_nic() { # INDEX [multi_queue]
	ip tuntap add dev "vnat$1" mode tap vnet_hdr ${2:+"$2"} && ip addr add "10.77.$1.1/24" dev "vnat$1" &&
		ip link set "vnat$1" up
}

nic_args() { # INDEX NETDEV-OPTIONS DEVICE-OPTIONS
	echo "-netdev tap,id=net$1,$2 -device virtio-net-pci,id=nic$1,netdev=net$1,mac=52:54:00:76:6e:0$1,romfile=$3"
}

start_life() {
	local ready=script=no,downscript=no
	nics=4
	mkfifo "$work/control.in" "$work/control.out" "$work/monitor.in" "$work/monitor.out" || return
	: > "$results"
	: > "$work/monitor"
	cat < "$work/control.out" >> "$results" &
	reader_pid=$!
	cat < "$work/monitor.out" >> "$work/monitor" &
	tap_nic 0 && tap_nic 1 && tap_nic 2 && tap_nic 3 multi_queue || return
	choose_accel
	# The device for NIC 1 and NIC 2, and four times for NIC 3, with its tap's queues from 9 on.
	(
		exec 3<> "$device" && exec 4<> "$device" && exec 5<> "$device" && exec 6<> "$device" &&
			exec 7<> "$device" && exec 8<> "$device" || exit
		# shellcheck disable=SC2046 # lists of words
		exec netcheck queues vnat3 9 4 qemu-system-x86_64 -M pc -bios qboot.rom -accel $accel -cpu qemu64 -m 192M -nodefaults -no-user-config \
			-display none -vga none -kernel /guest/vmlinux -initrd /guest/initramfs \
			-append "console=ttyS0 loglevel=5 panic=-1 reboot=t tsc=reliable shell" \
			-serial "file:$work/console" \
			-chardev "pipe,id=control,path=$work/control" -serial chardev:control \
			-chardev "pipe,id=monitor,path=$work/monitor" -mon chardev=monitor,mode=readline \
			$(nic_args 0 ifname=vnat0,$ready,vhost=off) $(nic_args 2 ifname=vnat2,$ready,vhost=on,vhostfd=4 "$packed_arg") \
			$(nic_args 3 fds=9:10:11:12,vhost=on,vhostfds=5:6:7:8 ,mq=on,vectors=10)
	) > "$work/qemu" 2>&1 < /dev/null &
	qemu_pid=$!
}

# Opened both ways: to write to a pipe that nobody reads, as QEMU is dead, would be for good.
tell() { # PIPE LINE
	alive && echo "$2" 1<> "$work/$1.in"
}

monitor() { # COMMAND
	tell monitor "$1"
}

# Runs a command in the guest: its status.
guest() { # COMMAND
	local said deadline=$(($(date +%s) + 100))
	said=$(grep -c '^did ' "$results")
	tell control "$1" || return
	until [ "$(grep -c '^did ' "$results")" -gt "$said" ]; do
		alive && [ "$(date +%s)" -lt "$deadline" ] || return
		sleep 0.1
	done
	[ "$(sed -n 's/^did //p' "$results" | tail -n 1)" = 0 ]
}

ups() { # how often the guest has come up
	grep -c '^ready' "$results"
}

comes_up() { # TIMES
	local deadline=$(($(date +%s) + 400))
	until [ "$(ups)" -ge "$1" ]; do
		alive && [ "$(date +%s)" -lt "$deadline" ] || return
		sleep 0.2
	done
}

# --- what is looked at ------------------------------------------------------------------------------------------

shown() { # FD NAME
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$qemu_pid/fdinfo/$1" 2> /dev/null
}

# Ours tells; of the kernel's it is taken for granted.
state_is() { # FD STATE
	[ "$device" = /dev/vhost-net ] || [ "$(shown "$1" rx.state) $(shown "$1" tx.state)" = "$2 $2" ]
}

becomes() { # FD STATE
	local i=0
	until state_is "$1" "$2"; do
		[ $i -lt 100 ] || return
		i=$((i + 1))
		sleep 0.1
	done
}

no_answer() { # INDEX
	alive && ! ping -c 2 -i 0.2 -W 1 "10.77.$1.2" > /dev/null 2>&1
}

# Counted by the device of descriptor FD: frames of the pings of INDEX.
pings_through() { # INDEX FD
	local before after
	before=$(shown "$2" tx.packets)
	ping_guest "$1" || return
	after=$(shown "$2" tx.packets)
	[ "$device" = /dev/vhost-net ] || [ $((after - before)) -ge 5 ]
}

check() { # TEXT COMMAND...
	local text=$1
	shift
	"$@"
	report $? "$text"
}

# --- the life ---------------------------------------------------------------------------------------------------

# The monitor takes its time, and so does the guest with what it is told.
eventually() { # COMMAND...
	local i=0
	until "$@"; do
		[ $i -lt 50 ] || return
		i=$((i + 1))
		sleep 0.1
	done
}

answers() { # INDEX
	! no_answer "$1"
}

# The guest goes on sending until it has heard of its link.
link_down_and_up() { # INDEX
	guest "busybox ping -q -i 0.002 10.77.$1.1 > /dev/null 2>&1 &" && sleep 1 &&
		monitor "set_link net$1 off" && eventually no_answer "$1" &&
		monitor "set_link net$1 on" && eventually answers "$1"
	set -- "$1" $?
	guest "busybox killall -q ping"
	[ "$2" = 0 ] && ping_guest "$1"
}

# With the link down QEMU completes what the guest still sends; before 8.1 it does so beyond the end of a packed ring, and
# aborts: it takes the wrap counter in what VHOST_GET_VRING_BASE says of the used position for a part of the index.
qemu_loses_packed_rings() {
	qemu-system-x86_64 --version | awk -F '[ .]' '/version/ { exit !($4 * 100 + $5 < 801) }'
}

driver_leaves_and_returns() {
	local driver=/sys/bus/virtio/drivers/virtio_net
	guest "cd -P /sys/class/net/\$(name_of 2)/device && unbound=\${PWD##*/} && echo \$unbound > $driver/unbind" &&
		becomes 4 off && no_answer 2 && guest "echo \$unbound > $driver/bind && addresses" &&
		ping_guest 2 && becomes 4 running
}

# Each pair is a device; the guest has one processor, and uses the others when it is told to.
pairs_are_switched() {
	becomes 5 running && ping_guest 3 && guest "netcheck pairs \$(name_of 3) 4" &&
		becomes 6 running && becomes 7 running && becomes 8 running && ping_guest 3 &&
		guest "netcheck pairs \$(name_of 3) 1" && ping_guest 3
}

nic_is_plugged_in() {
	monitor "netdev_add tap,id=net1,ifname=vnat1,script=no,downscript=no,vhost=on,vhostfd=3" &&
		monitor "device_add virtio-net-pci,id=nic1,netdev=net1,mac=52:54:00:76:6e:01,romfile=" &&
		eventually guest "echo 1 > /sys/bus/pci/rescan && addresses && [ -n \"\$(name_of 1)\" ]" &&
		becomes 3 running && pings_through 1 3
}

guest_reboots() {
	tell control "reboot -f" && comes_up 2 && ping_guest 0 && pings_through 1 3 && pings_through 2 4 && pings_through 3 5
}

trap cleanup EXIT
trap 'exit 1' INT TERM
format=packed packed_arg=,packed=on
[ "$device" != /dev/vhost-net ] || format=split packed_arg=
plan 11
load_module || give_up "the module of $device does not load"
start_life || give_up "no taps"
comes_up 1 || give_up "the guest did not come up"
report 0 "guest boots"
check "vhost=off passes frames beside the device" ping_guest 0
check "NIC on the device: ping" pings_through 2 4
check "link down and up" link_down_and_up 3
if [ "$format" = packed ] && qemu_loses_packed_rings; then
	skip "link down and up, packed" "$(qemu-system-x86_64 --version | head -n 1) aborts"
else
	check "link down and up, $format" link_down_and_up 2
fi
check "driver unbound and bound again" driver_leaves_and_returns
check "mq=on,queues=4: one pair, four, one" pairs_are_switched
check "from vhost=off to on: a NIC that is plugged in" nic_is_plugged_in
check "guest reboots: all NICs are there again" guest_reboots
kill "$qemu_pid" && wait "$qemu_pid"
qemu_pid=
case $device in
/dev/vhost-net) rmmod vhost_net ;;
*) rmmod vhost_net_alt ;;
esac
report $? "nothing holds the module any more"
kernel_log_clean
if [ $verbose = yes ] || [ $failures -gt 0 ]; then
	sed 's/^/# report: /' "$results"
	sed 's/^/# monitor: /' "$work/monitor"
	sed 's/^/# guest: /' "$work/console"
	sed 's/^/# qemu: /' "$work/qemu"
fi
echo "# $((test_number - failures)) passed, $failures failed"
[ $failures -eq 0 ]
