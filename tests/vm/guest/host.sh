# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# The host's side of a nested guest, for scripts that run in the VM: taps, QEMU, traffic, what the device counted.
#
#            host VM                              nested guest (one boot, all NICs)
#    netcheck, ping                                netcheck agent
#        |                                             |
#      vnatN 10.77.N.1/24                            10.77.N.2/24 virtio-net
#        |                                             |
#      tap ------------ DEVICE (vhost=on) ----------- rings
#
# A NIC is written as mrg_rxbuf, event_idx and indirect_desc in three digits, then P for one with packed rings or L for
# a legacy (disable-modern=on) one, then :MB where its TCP transfers are to differ in size from the others', or
# @DEVICE where another device is to serve it.

device=/dev/vhost-net-alt
module_options=
bridged=no # or vnbrN, with N's address and vnatN as its port
iommu=no # or QEMU's, and the guest lets its NICs reach no more than their buffers, and those no longer than needed
nics=0
work=$(mktemp -d)
results=$work/results
transfer_limit=300
qemu_pid=
reader_pid=

# A guest runs by KVM where there is one, and there is AMD's where the VM is QEMU's TCG, which emulates it: several times
# faster than by TCG in TCG; and as on a real host it is the kernel then that signals kicks (ioeventfd) and raises
# interrupts (irqfd).
accel=tcg
choose_accel() {
	modprobe -q kvm_amd || modprobe -q kvm_intel
	[ -c /dev/kvm ] || return 0
	# An exit from TCG's guest may name an event that was delivered before. A KVM with this function, of 6.15 and later,
	# takes an access to a device then for an error.
	! grep -q '^model name.*TCG' /proc/cpuinfo || ! grep -q kvm_prepare_event_vectoring_exit /proc/kallsyms || return 0
	accel=kvm
}

# --- a NIC's parameters ---------------------------------------------------------------------------------------

nic_spec() { # INDEX SPEC...
	shift "$(($1 + 1))"
	echo "$1"
}

option() { # SPEC POSITION: on or off
	case $(echo "$1" | cut -c"$2") in
	1) echo on ;;
	*) echo off ;;
	esac
}

is_legacy() { # SPEC
	case $1 in
	???L*) ;;
	*) false ;;
	esac
}

is_packed() { # SPEC
	case $1 in
	???P*) ;;
	*) false ;;
	esac
}

device_of() { # SPEC
	case $1 in
	*@*) echo "${1#*@}" ;;
	*) echo "$device" ;;
	esac
}

describe() { # SPEC
	echo "mrg_rxbuf=$(option "$1" 1) event_idx=$(option "$1" 2) indirect_desc=$(option "$1" 3)$(kind "$1")"
}

kind() { # SPEC: where it is not an ordinary one, with a space before it
	if is_packed "$1"; then echo " packed"; elif is_legacy "$1"; then echo " legacy"; fi
}

# --- the network and the guest --------------------------------------------------------------------------------

load_module() {
	local need
	modprobe tun || return
	[ $bridged = no ] || modprobe bridge || return
	case $device in
	/dev/vhost-net)
		# shellcheck disable=SC2086 # a list of words
		modprobe vhost_net $module_options
		;;
	/dev/vhost-net-alt)
		[ ! -d /sys/module/vhost_net_alt ] || return 0
		for need in $(modinfo -F depends /lib/vhost_net_alt.ko | tr , ' '); do
			modprobe "$need" || return
		done
		# shellcheck disable=SC2086
		insmod /lib/vhost_net_alt.ko $module_options
		;;
	esac
}

add_tap() { # INDEX
	local addressed=vnat$1
	ip tuntap add dev "vnat$1" mode tap vnet_hdr || return
	if [ $bridged = yes ]; then
		addressed=vnbr$1
		ip link add "$addressed" type bridge mcast_snooping 0 || return
		ip link set "vnat$1" master "$addressed" || return
		ip link set "$addressed" up || return
	fi
	ip addr add "10.77.$1.1/24" dev "$addressed" || return
	ip link set "vnat$1" up
}

start_guest() { # SPEC...
	local i=0 spec nic_args= machine=pc,acpi=off kernel_args= iommu_args= platform=
	nics=$#
	if [ $iommu = yes ]; then
		machine=q35
		kernel_args=' intel_iommu=on iommu.strict=1'
		iommu_args='-device intel-iommu,intremap=off,device-iotlb=on'
		platform=,iommu_platform=on,ats=on,disable-legacy=on
	fi
	# A MAC address and a PCI slot each.
	[ "$nics" -le 16 ] || return
	mkfifo "$work/control.in" "$work/control.out" || return
	: > "$results"
	cat < "$work/control.out" >> "$results" &
	reader_pid=$!

	for spec; do
		add_tap $i || return
		nic_args="$nic_args -netdev tap,id=net$i,ifname=vnat$i,script=no,downscript=no,vhost=on,vhostfd=$((i + 3))"
		nic_args="$nic_args -device virtio-net-pci,netdev=net$i,mac=52:54:00:76:6e:$(printf %02x "$i"),romfile="
		nic_args="$nic_args,mrg_rxbuf=$(option "$spec" 1),event_idx=$(option "$spec" 2)"
		nic_args="$nic_args,indirect_desc=$(option "$spec" 3)$(is_legacy "$spec" && echo ,disable-modern=on)"
		nic_args="$nic_args$(is_packed "$spec" && echo ,packed=on)$platform"
		i=$((i + 1))
	done

	choose_accel
	# The smallest firmware, no ACPI, and the kernel's PVH entry: the quickest way into a guest.
	# loglevel=5, warnings and worse: each character on the console is an exit. A panic ends QEMU at once.
	# A NIC without mrg_rxbuf has 17 MB of buffers, 64 KB each.
	(
		i=0
		for spec; do
			eval "exec $((i + 3))<>\"\$(device_of \"\$spec\")\"" || exit
			i=$((i + 1))
		done
		# shellcheck disable=SC2086 # a list of words
		exec qemu-system-x86_64 -M $machine -bios qboot.rom -accel $accel -cpu qemu64 -m 256M \
			-nodefaults -no-user-config -display none -vga none -no-reboot \
			-kernel /guest/vmlinux -initrd /guest/initramfs \
			-append "console=ttyS0 loglevel=5 panic=-1 reboot=t tsc=reliable$kernel_args" \
			-serial "file:$work/console" \
			-chardev "pipe,id=control,path=$work/control" -serial chardev:control $iommu_args $nic_args
	) > "$work/qemu" 2>&1 < /dev/null &
	qemu_pid=$!
}

alive() {
	[ -n "$qemu_pid" ] && kill -0 "$qemu_pid" 2> /dev/null
}

wait_for() { # LINE SECONDS: until the guest has reported LINE
	local deadline=$(($(date +%s) + $2))
	until grep -q "^$1" "$results"; do
		alive || return
		[ "$(date +%s)" -lt "$deadline" ] || return
		sleep 0.2
	done
}

guest_is_up() {
	wait_for ready 180
}

stop_guest() { # orderly; fails if it was not
	local i=0
	! alive || echo quit 1<> "$work/control.in"
	while alive && [ $i -lt 300 ]; do
		sleep 0.2
		i=$((i + 1))
	done
	! alive && wait "$qemu_pid" && grep -q '^bye' "$results" && ! grep -q '^error' "$results"
}

cleanup() {
	local i=0
	[ -z "$qemu_pid" ] || kill -9 "$qemu_pid" 2> /dev/null
	[ -z "$reader_pid" ] || kill "$reader_pid" 2> /dev/null
	while [ $i -lt "$nics" ]; do
		ip link del "vnat$i" 2> /dev/null
		ip link del "vnbr$i" 2> /dev/null
		i=$((i + 1))
	done
	rm -rf "$work"
}

# --- traffic --------------------------------------------------------------------------------------------------

# Once there has been an answer ping waits for others no longer than a second: who had no CPU for longer may try again.
ping_guest() { # INDEX: what ping says is in $work/client
	ping_once "$1" || ping_once "$1"
}

ping_once() { # INDEX
	alive && ping -c 5 -i 0.2 -W 10 "10.77.$1.2" > "$work/client" 2>&1 && grep -q ' 0% packet loss' "$work/client"
}

# send or receive, which must succeed, and which the guest must have reported on its serial port too, with the same
# hash where it made one. The client's line is in $work/client.
transfer() { # VERB INDEX BYTES SEED
	: > "$work/client"
	alive || return
	netcheck -t $transfer_limit "$1" "10.77.$2.2" "$3" "$4" > "$work/client" 2>&1 || return
	wait_for "$(sed 's/ seconds=.*//; /from-guest/s/ sha256=.*//' "$work/client")" 20
}

datagrams() { # INDEX COUNT
	: > "$work/client"
	alive && netcheck -t $transfer_limit udp "10.77.$1.2" "$2" "$(($1 * 100000))" > "$work/client" 2>&1
}

# The last client's result for people.
speed() {
	sed -n 's/.* bytes=\([0-9]*\) .*seconds=\(.*\)/\1 \2/p' "$work/client" |
		awk '{ printf "%.1f s, %.2f MB/s\n", $2, $1 / 1e6 / ($2 > 0 ? $2 : 0.01) }'
}

# --- the device -----------------------------------------------------------------------------------------------

# What the guest has negotiated for a NIC, from its sysfs: a character a bit, bit 0 first.
features_of() { # INDEX
	sed -n "s/^nic $1 .* features //p" "$results"
}

# The same as people write it, and as the device shows what it was set to.
word_of() { # BITS
	echo "$1" | awk '{
		for (i = length($1); i > 0; i -= 4) {
			digit = 0
			for (j = 0; j < 4; j++)
				digit = digit * 2 + substr($1, i - j, 1)
			word = word sprintf("%x", digit)
		}
		sub(/^0+/, "", word)
		print "0x" word
	}'
}

# Is the guest's mrg_rxbuf 15, event_idx 29, indirect_desc 28, VERSION_1 32 and RING_PACKED 34 what the NIC says, and
# what the device was told?
features_are() { # INDEX SPEC
	local features word version=1 packed=0
	! is_legacy "$2" || version=0
	! is_packed "$2" || packed=1
	features=$(features_of "$1")
	[ "$(bits "$features" 15 29 28 32 34)" = "$(echo "$2" | cut -c1-3)$version$packed" ] || return
	word=$(sed -n 's/^features:[[:space:]]*//p' "/proc/$qemu_pid/fdinfo/$(($1 + 3))")
	[ -n "$word" ] || [ "$device" = /dev/vhost-net ] || return
	[ -z "$word" ] || [ $((word >> 15 & 1))$((word >> 29 & 1))$((word >> 28 & 1))$((word >> 32 & 1))$((word >> 34 & 1)) = \
		"$(echo "$2" | cut -c1-3)$version$packed" ]
}

# Do the NIC and the device know that addresses are the IOMMU's, and does the guest let none of its memory be reached
# without it?
is_behind_iommu() { # INDEX
	local word
	[ "$(bits "$(features_of "$1")" 33)" = 1 ] && grep -qx "iommu $1 DMA" "$results" || return
	word=$(sed -n 's/^features:[[:space:]]*//p' "/proc/$qemu_pid/fdinfo/$(($1 + 3))")
	[ -z "$word" ] || [ $((word >> 33 & 1)) = 1 ]
}

bits() { # FEATURES NUMBER...
	local features=$1 bit
	shift
	for bit; do
		printf %s "$(echo "$features" | cut -c$((bit + 1)))"
	done
}

# The sum of a queue's counters whose names match, from the device's fdinfo; - where the device has none.
counter() { # INDEX QUEUE NAMES
	awk -v pattern="^$2[.]($3):$" '
		$1 ~ pattern { sum += $2; found = 1 }
		END { print found ? sum : "-" }' "/proc/$qemu_pid/fdinfo/$(($1 + 3))" 2> /dev/null
}

# Each worker's time in ticks, in the order in which they were made, which is that of the NICs. Workers are kernel
# threads up to 6.1, threads of their owner since.
worker_ticks() {
	local stat
	for stat in /proc/[0-9]*/stat /proc/"$qemu_pid"/task/*/stat; do
		cat "$stat" 2> /dev/null
	done | grep "(vhost-$qemu_pid)" | sort -n | sed 's/.*) //' | awk '{ print $12 + $13 }'
}

# Did at least this many bytes pass each way? The kernel's own device does not count: its worker has run, then.
served() { # INDEX BYTES
	local rx tx
	rx=$(counter "$1" rx bytes)
	tx=$(counter "$1" tx bytes)
	if [ "$rx" != - ]; then
		[ "$rx" -ge "$2" ] && [ "$tx" -ge "$2" ]
	else
		[ "$device" = /dev/vhost-net ] && [ "$(worker_ticks | sed -n "$(($1 + 1))p")" -gt 0 ]
	fi
}

# A row each queue. To be called while QEMU holds the descriptors.
table() { # SPEC...
	local i=0 queue spec
	printf '%-6s%-13s%-6s%9s%13s%10s%9s%9s%9s\n' nic 'm e i' queue frames bytes buffers kicks calls problems
	for spec; do
		for queue in rx tx; do
			printf '%-6s%-13s%-6s%9s%13s%10s%9s%9s%9s\n' "nic$i" \
				"$(echo "$spec" | sed 's/^\(.\)\(.\)\(.\).*/\1 \2 \3/')$(kind "$spec")" $queue \
				"$(counter $i $queue packets)" "$(counter $i $queue bytes)" "$(counter $i $queue buffers)" \
				"$(counter $i $queue kicks)" "$(counter $i $queue calls)" \
				"$(counter $i $queue 'drop_.*|ring_errors')"
		done
		i=$((i + 1))
	done
}
