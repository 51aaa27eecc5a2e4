#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# A nested guest that is migrated live from one vhost-net device to another, over and over. Runs inside the test VM.
#
#   migrate.sh [-n] [-v] NIC DEVICE DEVICE...
#
#     netcheck, ping           QEMU, its device and its tap: one for each DEVICE, the guest moves on
#         |                                    |
#      vnbr 10.77.0.1/24 --- vnmt0, vnmt1, …  guest 10.77.0.2/24
#
# On each way there is traffic in both directions, every byte of it checked. What would not be found that way, as it is
# overwritten soon, is a page that the device wrote, that nobody touches any more, and that the log does not have. So
# once QEMU has sent all memory, the guest receives a stream that stays where it came in (netcheck hold): only when the
# guest has moved it is read, and compared by SHA-256. In the end, with that traffic over, the guest moves once more,
# back to the first device, at rest: its rings are idle, and one connection waits.
#
# NIC is written as in guest/host.sh. Output is KTAP. -n is the proof that this finds faults: the devices are not told
# to log, and the test is that the stream is lost. -v shows the guest's reports and console.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"

held=$((1 << 20))  # bytes that rest
piece=$((1 << 19)) # bytes of each stream of the traffic
muted=no
verbose=no
while getopts nv option; do
	case $option in
	n) muted=yes ;;
	v) verbose=yes ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 3 ] || exit 2
spec=$1
shift

# --- QEMU and its monitor -------------------------------------------------------------------------------------

start_qemu() { # NUMBER DEVICE [ARG...]
	local number=$1 path=$2 preload=
	shift 2
	mkfifo "$work/control$number.in" "$work/control$number.out" "$work/monitor$number.in" \
		"$work/monitor$number.out" || return
	: > "$work/monitor$number"
	cat < "$work/control$number.out" >> "$results" &
	cat < "$work/monitor$number.out" > "$work/monitor$number" &
	ip tuntap add dev "vnmt$number" mode tap vnet_hdr || return
	ip link set "vnmt$number" master vnbr up || return
	[ $muted = no ] || preload=/guest/mute_log.so
	(
		exec 3<> "$path" || exit
		export LD_PRELOAD=$preload
		exec qemu-system-x86_64 -M pc,acpi=off -bios qboot.rom -accel tcg -cpu qemu64 -m 96M \
			-nodefaults -no-user-config -display none -vga none -no-reboot \
			-kernel /guest/vmlinux -initrd /guest/initramfs \
			-append "console=ttyS0 loglevel=5 panic=-1 reboot=t tsc=reliable restless " \
			-serial "file:$work/console$number" \
			-chardev "pipe,id=control,path=$work/control$number" -serial chardev:control \
			-chardev "pipe,id=monitor,path=$work/monitor$number" -mon chardev=monitor,mode=control \
			-netdev "tap,id=net0,ifname=vnmt$number,script=no,downscript=no,vhost=on,vhostfd=3" \
			-device "virtio-net-pci,netdev=net0,mac=52:54:00:76:6e:00,romfile=,$(properties)" "$@"
	) > "$work/qemu$number" 2>&1 < /dev/null &
	started_pid=$!
	tell "$number" qmp_capabilities > /dev/null
}

properties() {
	printf 'mrg_rxbuf=%s,event_idx=%s,indirect_desc=%s' \
		"$(option "$spec" 1)" "$(option "$spec" 2)" "$(option "$spec" 3)"
	if is_legacy "$spec"; then printf ,disable-modern=on; fi
	if is_packed "$spec"; then printf ,packed=on; fi
}

# A command of QEMU's monitor, and its answer, which carries the command's id.
tell() { # NUMBER COMMAND [ARGUMENTS]
	local id deadline=$(($(date +%s) + 60))
	read -r id < /proc/sys/kernel/random/uuid
	echo "{\"execute\": \"$2\", \"arguments\": ${3:-{\}}, \"id\": \"$id\"}" > "$work/monitor$1.in"
	until grep "$id" "$work/monitor$1"; do
		[ "$(date +%s)" -lt $deadline ] || return
		sleep 0.05
	done
	! grep "$id" "$work/monitor$1" | grep -q '"error"'
}

# How fast QEMU sends; and that the guest moves once what is left is less than a page, or as soon as may be.
hold_back() { # NUMBER BYTES-PER-SECOND
	tell "$1" migrate-set-parameters \
		"{\"max-bandwidth\": $2, \"avail-switchover-bandwidth\": 1000000, \"downtime-limit\": 1}" > /dev/null
}

let_go() { # NUMBER
	tell "$1" migrate-set-parameters "{\"max-bandwidth\": $((1 << 30)),
		\"avail-switchover-bandwidth\": $((1 << 30)), \"downtime-limit\": 20000}" > /dev/null
}

migration() { # NUMBER FIELD: of what QEMU says of its migration
	tell "$1" query-migrate | sed -n "s/.*\"$2\": \"\{0,1\}\([^\",}]*\).*/\1/p"
}

# True once the migration's FIELD is at least, or is, VALUE.
until_migration() { # NUMBER FIELD VALUE
	local deadline=$(($(date +%s) + 120)) is
	while :; do
		is=$(migration "$1" "$2")
		case $is in
		"$3") return ;;
		*[!0-9]* | '') ;;
		*) [ "$is" -lt "$3" ] || return 0 ;;
		esac
		[ "$(migration "$1" status)" != failed ] && [ "$(date +%s)" -lt $deadline ] || return 1
		sleep 0.2
	done
}

# --- traffic --------------------------------------------------------------------------------------------------

# Streams one after the other, to the guest or from it, until told to end. A line each in traffic-VERB.
keep_busy() { # VERB
	local seed=1
	until [ -e "$work/traffic-end" ]; do
		netcheck -t 120 "$1" 10.77.0.2 $piece $seed >> "$work/traffic-$1" 2>&1 ||
			echo "broken: $1 $seed" >> "$work/traffic-$1"
		seed=$((seed + 1))
	done
}

streams() { # how many have come to a good end, both ways
	cat "$work/traffic-send" "$work/traffic-receive" | grep -c sha256=
}

traffic_goes_on() { # a stream each way that began after the guest moved
	local verb before deadline=$(($(date +%s) + 90))
	for verb in send receive; do
		before=$(grep -c sha256= "$work/traffic-$verb")
		until [ "$(grep -c sha256= "$work/traffic-$verb")" -ge $((before + 2)) ]; do
			[ "$(date +%s)" -lt $deadline ] || return
			sleep 0.2
		done
		! grep -q broken "$work/traffic-$verb" || return
	done
}

# --- the move -------------------------------------------------------------------------------------------------

# A stream to the guest, from SEED, that stays where it came in until $work/go is there. Its netcheck is $holder.
hold_stream() { # SEED
	local i=0
	rm -f "$work/go"
	: > "$work/held"
	netcheck -t 240 hold 10.77.0.2 $held "$1" "$work/go" > "$work/held" 2>&1 &
	holder=$!
	until grep -q '^held' "$work/held"; do
		i=$((i + 1))
		[ $i -lt 600 ] && kill -0 $holder || return
		sleep 0.1
	done
}

# The guest is restless (see netcheck), so QEMU goes on sending what was written since until it may be slow in the end.
# All of memory has been sent once when the stream comes in; at rest it came in before.
move() { # FROM TO DEVICE [rest]
	local i=0
	start_qemu "$2" "$3" -incoming "unix:$work/migration$2" || return
	incoming_pid=$started_pid
	until [ -S "$work/migration$2" ]; do
		i=$((i + 1))
		[ $i -lt 300 ] || return
		sleep 0.1
	done
	[ $# -eq 3 ] || hold_stream "$2" || return
	# So slow that each pass takes some of QEMU's slices of 100 ms, in which the guest writes more.
	hold_back "$1" $((2 << 20)) || return
	tell "$1" migrate "{\"uri\": \"unix:$work/migration$2\"}" > /dev/null || return
	until_migration "$1" dirty-sync-count 2 || return
	hold_back "$1" 4096 || return
	passes=$(migration "$1" dirty-sync-count)
	[ $# -eq 4 ] || hold_stream "$2" || return
	# It moves only now.
	[ "$(migration "$1" status)" = active ] || return
	let_go "$1" || return
	until_migration "$1" status completed || return
	downtime=$(migration "$1" downtime)
	total=$(migration "$1" total-time)
	qemu_pid=$incoming_pid
	touch "$work/go"
	wait "$holder"
	held_status=$?
}

test_move() { # FROM TO DEVICE [rest]
	local what before status
	what="$(basename "$before_device") to $(basename "$3")${4:+, at rest}"
	before=$(streams)
	held_status=1
	move "$@"
	status=$?
	report $status "$what: the guest moves"
	if [ $status -ne 0 ]; then
		tail -n 2 "$work/monitor$1" "$work/held" | cut -c1-600 | sed 's/^/# /'
		sed 's/^/# qemu: /' "$work/qemu$1" "$work/qemu$2"
		return 1
	fi
	echo "# $passes passes over memory before it, down for $downtime ms of $total ms"
	if [ $muted = yes ]; then
		[ $held_status -ne 0 ]
		report $? "$what: unlogged, what came in and rests is lost"
		diagnose "$work/held"
		return
	fi
	report $held_status "$what: what came in and rests is there, SHA-256 equal"
	diagnose "$work/held"
	if [ $# -eq 3 ]; then
		traffic_goes_on
		report $? "$what: the connections go on, SHA-256 equal"
		echo "# $(($(streams) - before)) streams of $((piece >> 10)) KB"
	else
		transfer send 0 $((2 * piece)) 1001 && transfer receive 0 $((2 * piece)) 1002
		report $? "$what: a stream each way after it, SHA-256 equal"
		diagnose "$work/client"
	fi
	served 0 $((2 * piece))
	report $? "$what: served by $3"
	tell "$1" quit > /dev/null
	[ "$(counter 0 rx ring_errors)$(counter 0 tx ring_errors)" = 00 ] || [ "$3" = /dev/vhost-net ]
	report $? "$what: no ring stopped"
}

cleanup_migration() {
	exec 2> /dev/null # who was killed
	touch "$work/traffic-end"
	# All of them are children of this shell: QEMU, readers, traffic.
	# shellcheck disable=SC2046 # a list of numbers
	kill -9 $(jobs -p)
	wait
	ip link del vnbr
	rm -rf "$work"
}

give_up() {
	cat "$work"/console* 2> /dev/null | tail -n 40 | sed 's/^/# guest: /'
	cat "$work"/qemu[0-9]* 2> /dev/null | sed 's/^/# qemu: /'
	bail_out "$1"
}

trap cleanup_migration EXIT
trap 'exit 1' INT TERM
if [ $muted = yes ]; then plan $((1 + 2 * ($# - 1))); else plan $((5 + 5 * $#)); fi
for path; do
	device=$path
	load_module || give_up "the module of $device does not load"
done
modprobe bridge
: > "$results"
: > "$work/traffic-send"
: > "$work/traffic-receive"
ip link add vnbr type bridge mcast_snooping 0 || give_up "no bridge"
ip addr add 10.77.0.1/24 dev vnbr
ip link set vnbr up

start_qemu 0 "$1" || give_up "no QEMU"
qemu_pid=$started_pid
wait_for ready 400 || give_up "the guest did not come up"
device=$1
features_are 0 "$spec"
report $? "guest boots: $(describe "$spec")"
echo "# the guest has negotiated $(word_of "$(features_of 0)")"
keep_busy send &
sender=$!
keep_busy receive &
receiver=$!

at=0
first_device=$1
before_device=$1
shift
for device; do
	test_move $at $((at + 1)) "$device" || [ $muted = yes ] || give_up "it does not get there"
	at=$((at + 1))
	before_device=$device
done

touch "$work/traffic-end"
if [ $muted = no ]; then
	wait $sender $receiver
	! cat "$work/traffic-send" "$work/traffic-receive" | grep -v sha256= > "$work/broken"
	report $? "$(streams) streams, each whole"
	diagnose "$work/broken"
	device=$first_device
	test_move $at $((at + 1)) "$device" rest || give_up "it does not get there"
	at=$((at + 1))
	datagrams 0 200
	report $? "UDP, 200 datagrams and their answers"
	echo quit > "$work/control$at.in"
	wait "$qemu_pid" && grep -q '^bye' "$results" && ! grep -q '^error' "$results"
	report $? "guest powers off"
	cat "$work"/console* > "$work/consoles"
	! grep -qE "$bad_news|rror|nvalid|timed out|unexpected" "$work/consoles"
	status=$?
	kernel_log_clean
	[ $status -eq 0 ] || { failures=$((failures + 1)); echo "# the guest's log is not clean"; diagnose "$work/consoles"; }
fi
if [ $verbose = yes ]; then
	sed 's/^/# report: /' "$results"
	cat "$work"/console* | sed 's/^/# guest: /'
fi
[ $failures -eq 0 ]
