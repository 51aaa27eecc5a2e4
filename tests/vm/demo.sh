#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The demo, inside the VM: loads the module, boots a guest on it, lets the two talk, shows what passed.
#
#   demo.sh [-d DEVICE] [-m MB] [NIC...]      as guest.sh

# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"

megabytes=8
while getopts d:m: option; do
	case $option in
	d) device=$OPTARG ;;
	m) megabytes=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 111 000

say() {
	printf '\n== %s\n' "$*"
}

die() {
	echo "FAILED: $1"
	for log in client qemu console; do
		[ ! -s "$work/$log" ] || sed "s/^/$log: /" "$work/$log"
	done
	exit 1
}

now() { # seconds since boot
	cut -d. -f1 /proc/uptime
}

trap cleanup EXIT
trap 'exit 1' INT TERM

say "Linux $(uname -r): load the module"
load_module || die "the module of $device does not load"
[ -c "$device" ] || die "there is no $device"
ls -l "$device"

say "boot a guest, $# NICs on $device (QEMU in an emulated machine: half a minute)"
start=$(now)
start_guest "$@" || die "no taps"
guest_is_up || die "the guest did not come up"
echo "up after $(($(now) - start)) s"
index=0
for spec; do
	features_are $index "$spec" || die "nic$index did not negotiate what was asked"
	echo "nic$index: $(describe "$spec"): vnat$index 10.77.$index.1 <-> guest 10.77.$index.2"
	index=$((index + 1))
done

index=0
for spec; do
	say "nic$index: ping, TCP $megabytes MB each way checked by SHA-256, UDP"
	ping_guest $index || die "ping"
	sed -n '2,3p; /transmitted/p' "$work/client"
	transfer send $index $((megabytes << 20)) 1 || die "TCP to the guest"
	echo "TCP to the guest, SHA-256 equal: $(speed)"
	transfer receive $index $((megabytes << 20)) 2 || die "TCP from the guest"
	echo "TCP from the guest, SHA-256 equal: $(speed)"
	datagrams $index 300 || die "UDP"
	sed -n 's/udp sent=\(.*\) answered=\(.*\) bytes.*/UDP: \1 datagrams, \2 answers/p' "$work/client"
	served $index $((megabytes << 20)) || die "the traffic did not pass through $device"
	index=$((index + 1))
done
table "$@" > "$work/table"
! command -v vhostctl > /dev/null || vhostctl -s queue show > "$work/queues" || die "vhostctl"

say "the guest powers off"
stop_guest || die "the guest did not power off"
bad=$(dmesg | grep -cE 'WARNING|BUG|Oops|Call Trace')
echo "kernel log: $bad warnings"

say "what passed through $device (rx: to the guest; m e i: mrg_rxbuf, event_idx, indirect_desc)"
cat "$work/table"
if [ -e "$work/queues" ]; then
	say "vhostctl -s queue show, before the guest powered off"
	cat "$work/queues"
fi
[ "$bad" -eq 0 ]
