#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# The kernel's own test of vhost-net, tools/virtio/vhost_net_test: each mix of what it knows (event index, indirect
# descriptors, delayed interrupts) on the kernel's device and on ours, which is to pass what that one passes. Runs
# inside the test VM.
#
# Not without VERSION_1: the test puts headers of 12 bytes before its frames whatever it negotiates, and stalls on any
# device.
#
#   vhost_net_test.sh [-n BUFFERS]

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

buffers=1000
while getopts n: option; do
	case $option in
	n) buffers=$OPTARG ;;
	*) exit 2 ;;
	esac
done
work=$(mktemp -d)

# Its receive test wants frames that it sent itself and no others on the tap.
[ ! -e /proc/sys/net/ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6

passes() { # DEVICE OPTION...
	local device=$1
	shift
	VHOST_DEVICE=$device timeout 60 vhost_net_test --buf-num "$buffers" "$@" > "$work/said" 2>&1
}

mix() { # OPTION...
	local name="vhost_net_test${*:+ $*}"
	if ! passes /dev/vhost-net "$@"; then
		sed 's/^/# vhost-net: /' "$work/said"
		report 0 "$name # SKIP fails on vhost-net"
		skipped=$((skipped + 1))
		return
	fi
	passes /dev/vhost-net-alt "$@"
	report $? "$name"
	diagnose "$work/said"
}

skipped=0
plan 11
modprobe -a tun vhost_net && insmod /lib/vhost_net_alt.ko || bail_out "the modules do not load"
for event in "" --no-event-idx; do
	for indirect in "" --no-indirect; do
		for delayed in "" --delayed-interrupt; do
			# shellcheck disable=SC2086 # none, or a word
			mix $event $indirect $delayed
		done
	done
done
[ $skipped -lt 8 ]
report $? "vhost-net passes some itself"
rmmod vhost_net_alt
report $? "nothing holds the module any more"
kernel_log_clean
echo "# $((test_number - failures)) passed, $failures failed"
[ $failures -eq 0 ]
