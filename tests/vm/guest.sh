#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A nested Linux guest whose NICs are served by a vhost-net device. Runs inside the test VM.
#
#   guest.sh [-d DEVICE] [-m MB] [-u DATAGRAMS] [-o OPTION]... [-b] [-i] [-v] [NIC...]
#
# guest/host.sh has the topology and says how a NIC is written. -m is the size of a TCP transfer. Output is KTAP,
# then a table of what passed through which queue. -d /dev/vhost-net is the kernel's own back end, as the oracle.
# -o is an option of the device's module, as in zerocopy=2000; where it says zerocopy, frames must have gone that way.
# -b puts a bridge between each NIC's tap and the host, -i an IOMMU between each NIC and the guest's memory. -v shows
# the guest's reports and console.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"

megabytes=64
count=500
verbose=no
while getopts d:m:u:o:biv option; do
	case $option in
	d) device=$OPTARG ;;
	m) megabytes=$OPTARG ;;
	u) count=$OPTARG ;;
	o) module_options="$module_options $OPTARG" ;;
	b) bridged=yes ;;
	i) iommu=yes ;;
	v) verbose=yes ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 111 100 010 001 000 111L 111P:32 100P:32 010P:32 001P:32 000P:32

give_up() {
	[ ! -f "$work/console" ] || tail -n 40 "$work/console" | sed 's/^/# guest: /'
	[ ! -f "$work/qemu" ] || sed 's/^/# qemu: /' "$work/qemu"
	bail_out "$1"
}

now() { # seconds since boot
	cut -d' ' -f1 /proc/uptime
}

elapsed() { # START
	awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f s", b - a }'
}

# The client's result, or its complaint, under a test's line.
outcome() { # STATUS TEXT
	report "$1" "$2"
	if [ "$1" -eq 0 ]; then echo "# $(speed)"; else diagnose "$work/client"; fi
}

size_of() { # SPEC: bytes
	case $1 in
	*:*) echo $((${1##*:} << 20)) ;;
	*) echo $((megabytes << 20)) ;;
	esac
}

test_nic() { # INDEX SPEC
	local nic size
	nic="guest nic$1 $(describe "$2")"
	size=$(size_of "$2")

	features_are "$1" "$2"
	report $? "$nic: features as asked"
	echo "# the guest has negotiated $(word_of "$(features_of "$1")")"
	ping_guest "$1"
	report $? "$nic: ping"
	transfer send "$1" "$size" $(($1 * 2 + 1))
	outcome $? "$nic: TCP $((size >> 20)) MB host to guest, SHA-256 equal"
	transfer receive "$1" "$size" $(($1 * 2 + 2))
	outcome $? "$nic: TCP $((size >> 20)) MB guest to host, SHA-256 equal"
	datagrams "$1" "$count"
	outcome $? "$nic: UDP, $count datagrams and their answers"
	served "$1" "$size" && by_reference "$1"
	report $? "$nic: served by $device$module_options"
}

all_behind_iommu() {
	local i=0
	while [ $i -lt "$nics" ]; do
		is_behind_iommu $i || return
		i=$((i + 1))
	done
}

# Did frames go without being copied, where they were to?
by_reference() { # INDEX
	case $module_options in
	*zerocopy=*) [ "$(counter "$1" tx zerocopy)" -gt 0 ] ;;
	esac
}

test_both_ways() { # INDEX
	local bytes=$(((megabytes < 4 ? megabytes : 4) << 20)) status=0 sender
	: > "$work/sender"
	if alive; then
		netcheck -t $transfer_limit send "10.77.$1.2" $bytes 101 > "$work/sender" 2>&1 &
		sender=$!
		transfer receive "$1" $bytes 102 || status=1
		wait $sender || status=1
	else
		status=1
	fi
	report $status "guest nic$1: TCP $((bytes >> 20)) MB each way at once, SHA-256 equal"
	[ $status -eq 0 ] || cat "$work/sender" "$work/client" | sed 's/^/# /'
}

nothing_lost() { # nor did a ring stop
	local i=0 queue status=0
	while [ $i -lt "$nics" ]; do
		for queue in rx tx; do
			[ "$(counter $i $queue 'drop_.*|ring_errors')" = 0 ] || status=1
		done
		i=$((i + 1))
	done
	return $status
}

test_power_off() {
	stop_guest
	report $? "guest powers off"
	[ ! -s "$work/qemu" ] || diagnose "$work/qemu"
	grep '^error' "$results" | sed 's/^/# /'
}

guest_log_clean() {
	! grep -qE "$bad_news|rror|nvalid|timed out|unexpected" "$work/console"
	status=$?
	report $status "the guest's kernel log is clean"
	[ $status -eq 0 ] || diagnose "$work/console"
}

trap cleanup EXIT
trap 'exit 1' INT TERM
# One NIC for each kind of ring, the first of all NICs and the first with packed rings behind it.
first_packed=0
index=0
for spec; do
	[ $first_packed -gt 0 ] || ! is_packed "$spec" || first_packed=$index
	index=$((index + 1))
done
behind=0
[ $iommu = no ] || behind=1
plan $((6 + $# * 6 + (first_packed > 0) + behind))
load_module || give_up "the module of $device does not load"
[ -c "$device" ] || give_up "there is no $device"

start=$(now)
start_guest "$@" || give_up "no taps"
guest_is_up || give_up "the guest did not come up"
report 0 "guest boots"
echo "# in $(elapsed "$start")"

if [ $iommu = yes ]; then
	all_behind_iommu
	report $? "each NIC behind an IOMMU"
fi
index=0
for spec; do
	test_nic $index "$spec"
	index=$((index + 1))
done
test_both_ways 0
[ $first_packed -eq 0 ] || test_both_ways $first_packed
if [ "$device" = /dev/vhost-net ]; then
	report 0 "nothing dropped, no ring stopped # SKIP $device does not count"
else
	nothing_lost
	report $? "nothing dropped, no ring stopped"
fi
table "$@" > "$work/table"
echo "# the workers' ticks: $(worker_ticks | tr '\n' ' ')"
test_power_off
guest_log_clean
kernel_log_clean

if [ $verbose = yes ]; then
	sed 's/^/# report: /' "$results"
	sed 's/^/# guest: /' "$work/console"
fi
echo "#"
echo "# What passed through $device (rx: to the guest; m e i: mrg_rxbuf, event_idx, indirect_desc)"
diagnose "$work/table"
echo "# $((test_number - failures)) passed, $failures failed, $(elapsed "$start")"
[ $failures -eq 0 ]
