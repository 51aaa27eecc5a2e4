#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The demo, inside the VM: loads the module, starts vhostd, boots two guests on its ports, lets host and guests talk,
# gives one of them another tap meanwhile, shows what passed.
#
#   demo.sh [-m MB]     -m: the size of a TCP transfer

# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"
# shellcheck source=tests/vm/guest/ports.sh
. "$(dirname "$0")/guest/ports.sh"

megabytes=8
while getopts m: option; do
	case $option in
	m) megabytes=$OPTARG ;;
	*) exit 2 ;;
	esac
done

say() {
	printf '\n== %s\n' "$*"
}

show() { # COMMAND...: its line, and what it says
	echo "\$ $*"
	"$@"
}

die() {
	echo "FAILED: $1"
	for log in "$base"/vhostd "$work"/client "$work"/qemu "$work"/console; do
		[ ! -s "$log" ] || sed "s/^/${log##*/}: /" "$log"
	done
	exit 1
}

now() { # seconds since boot
	cut -d. -f1 /proc/uptime
}

trap end_guests_and_vhostd EXIT
trap 'exit 1' INT TERM

say "Linux $(uname -r): the module, a bridge, and vhostd with three ports"
modprobe bridge && load_module || die "the module does not load"
ls -l "$device"
ip link add vnbr0 type bridge mcast_snooping 0 && ip link set vnbr0 up && ip addr add 10.77.0.1/24 dev vnbr0 &&
	ip addr add 10.77.1.1/24 dev vnbr0 || die "no bridge"
for port in web0 web1 spare; do
	declare_port $port 'bridge = "vnbr0"'
done
show cat /etc/vhost-net-alt/ports.d/web0.toml
start_vhostd || die "vhostd does not answer"
show vhostctl port show

say "two guests, the second with packed rings (QEMU in an emulated machine)"
echo '$ vhostctl run --port web0 -- qemu-system-x86_64 ...'
echo '$ vhostctl run --port web1 --device virtio-net-pci,packed=on -- qemu-system-x86_64 ...'
start=$(now)
start_port_guest 0 && start_port_guest 1 ,packed=on || die "vhostctl run"
for number in 0 1; do
	of_guest $number
	guest_is_up || die "guest $number did not come up"
done
echo "up after $(($(now) - start)) s"

for number in 0 1; do
	say "guest $number: ping, TCP $megabytes MB each way checked by SHA-256, UDP"
	of_guest $number
	ping_guest $number || die "ping"
	sed -n '2,3p; /transmitted/p' "$work/client"
	transfer send $number $((megabytes << 20)) 1 || die "TCP to the guest"
	echo "TCP to the guest, SHA-256 equal: $(speed)"
	transfer receive $number $((megabytes << 20)) 2 || die "TCP from the guest"
	echo "TCP from the guest, SHA-256 equal: $(speed)"
	datagrams $number 300 || die "UDP"
	sed -n 's/udp sent=\(.*\) answered=\(.*\) bytes.*/UDP: \1 datagrams, \2 answers/p' "$work/client"
done

say "guest 0 gets another tap while it sends; it notices nothing"
of_guest 0
transfer receive 0 $((megabytes << 20)) 3 &
transfer=$!
show vhostctl port bind spare dev web0 || die "vhostctl port bind"
wait $transfer || die "TCP over the swap of taps"
echo "TCP from the guest, SHA-256 equal: $(speed)"
vhostctl -s queue show > "$base/queues" || die "vhostctl"

say "the guests power off"
for number in 0 1; do
	of_guest $number
	stop_guest || die "guest $number did not power off"
done
kill "$vhostd_pid" && wait "$vhostd_pid" || die "vhostd does not end"
vhostd_pid=
bad=$(dmesg | grep -cE 'WARNING|BUG|Oops|Call Trace')
echo "kernel log: $bad warnings"

say "what passed through $device, before they did (rx: to the guest)"
echo '$ vhostctl -s queue show'
cat "$base/queues"
[ "$bad" -eq 0 ]
