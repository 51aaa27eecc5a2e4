#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A nested guest's TCP through virtio-net, a NIC on each device, which take turns. Runs inside the test VM.
#
#   guest_bench.sh [-b BYTES] [-c COUNT] [-n RUNS] DEVICE...
#
# A line a run: device=PATH test=stream-to|stream-from|rr value=X; bytes a second to or from the guest, or questions and
# answers a second, one at a time. A first run of each is left out.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"

# By TCG on every kernel: figures are to be comparable.
choose_accel() { :; }

bytes=4194304
count=300
runs=5
while getopts b:c:n: option; do
	case $option in
	b) bytes=$OPTARG ;;
	c) count=$OPTARG ;;
	n) runs=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

give_up() {
	echo "$1"
	[ ! -f "$work/qemu" ] || cat "$work/qemu"
	[ ! -f "$work/console" ] || tail -n 20 "$work/console"
	exit 1
}

one_run() { # INDEX TEST
	alive || return
	case $2 in
	stream-to) netcheck -t $transfer_limit pour "10.77.$1.2" "$bytes" ;;
	stream-from) netcheck -t $transfer_limit draw "10.77.$1.2" "$bytes" ;;
	rr) netcheck -t $transfer_limit rr "10.77.$1.2" "$count" ;;
	esac
}

trap cleanup EXIT
sleep 1 # what the boot has left to do would be counted
specs=
for device; do
	load_module || give_up "the module of $device does not load"
	specs="$specs 111@$device"
done
# shellcheck disable=SC2086 # a list of words
start_guest $specs || give_up "no taps"
guest_is_up || give_up "the guest did not come up"

for test in stream-to stream-from rr; do
	run=0
	while [ $run -le "$runs" ]; do
		index=0
		for device; do
			value=$(one_run $index $test) || give_up "$test on $device failed: $value"
			[ $run -eq 0 ] || echo "device=$device test=$test value=$value"
			index=$((index + 1))
		done
		run=$((run + 1))
	done
done
stop_guest || give_up "the guest does not power off"
