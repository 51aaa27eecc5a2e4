#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The module by itself: what it is, what it makes, and that it goes without a trace. Runs inside the test VM.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

module=${1:-/lib/vhost_net_alt.ko}
device=/dev/vhost-net-alt
rounds=100

loaded() {
	grep -q '^vhost_net_alt ' /proc/modules
}

load() { # and back, once, with a descriptor opened meanwhile
	insmod "$module" 2>/dev/null || modprobe_needs || return 1
	[ -c $device ] || return 1
	exec 9<>$device || return 1
	# A descriptor that is open keeps the module.
	! rmmod vhost_net_alt 2>/dev/null || return 1
	exec 9>&-
	rmmod vhost_net_alt && ! loaded && [ ! -e $device ]
}

# insmod loads no dependencies: those are modules of the kernel's own.
modprobe_needs() {
	for need in $(modinfo -F depends "$module" | tr , ' '); do
		modprobe "$need" || return 1
	done
	insmod "$module"
}

plan 9

[ "$(modinfo -F license "$module")" = GPL ]
report $? "licence is GPL"
[ "$(modinfo -F retpoline "$module")" = Y ]
report $? "built with retpolines"

modprobe_needs && loaded
report $? "loads"
[ "$(stat -c '%a %F' $device)" = "600 character special file" ]
report $? "$device is a character device of mode 0600"
[ "$(cat /sys/module/vhost_net_alt/parameters/max_mem_regions)" -ge 64 ]
report $? "max_mem_regions is at least 64"
rmmod vhost_net_alt

# Out of range, for either direction; what insmod says is the kernel's EINVAL.
status=0
for batch in rx_batch=0 rx_batch=65 tx_batch=0 tx_batch=65; do
	case $(insmod "$module" $batch 2>&1) in
	*"Invalid parameters"* | *"nvalid argument"*) ;;
	*) status=1; echo "# $batch" ;;
	esac
	! loaded || { status=1; echo "# $batch loads"; rmmod vhost_net_alt; }
done
report $status "a batch is 1 to 64, or the module does not load"
insmod "$module" rx_batch=1 tx_batch=1 && loaded
report $? "a batch of one is one"
rmmod vhost_net_alt

status=0
for i in $(seq $rounds); do
	load || { status=1; echo "# round $i"; break; }
done
report $status "loads and unloads $rounds times, held by an open descriptor each time"

kernel_log_clean
[ $failures -eq 0 ]
