#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# vhostd_guests.sh [-v]: two nested guests, by `vhostctl run`, and DPDK's testpmd on ports of vhostd's at once; and what
# may happen to them: another tap on another bridge takes the place of the first one's, vhostd is killed. Runs inside
# the test VM. Output is KTAP; -v shows vhostd's log and the guests' consoles.
#
#      10.77.0.1, 10.77.1.1
#           vnbr0 ------------- veth ------------- vnbr1         roundtrip
#          /     \                                   |               |
#       web0     web1                              spare          packets
#         |        |                                                 |
#      guest 0   guest 1                                          testpmd

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"
# shellcheck source=tests/vm/guest/ports.sh
. "$(dirname "$0")/guest/ports.sh"
# shellcheck source=tests/vm/guest/testpmd.sh
. "$(dirname "$0")/guest/testpmd.sh"

verbose=no
[ "${1:-}" != -v ] || verbose=yes
megabytes=4
longer=24 # each of those that go on while something happens
frames=2500
port=011 # of testpmd
tap=packets

end_all() {
	[ -z "$pmd_pid" ] || kill -9 "$pmd_pid" 2> /dev/null
	end_guests_and_vhostd
}

show_all() {
	for file in "$base"/vhostd "$base"/[01]/console "$base"/[01]/qemu "$base"/[01]/results "$base"/dpdk/testpmd; do
		[ ! -f "$file" ] || tail -n 60 "$file" | sed "s,^,# ${file#"$base"/}: ,"
	done
}

give_up() {
	show_all
	bail_out "$1"
}

outcome() { # STATUS TEXT
	report "$1" "$2"
	if [ "$1" -eq 0 ]; then echo "# $(speed)"; else diagnose "$work/client"; fi
}

counted() { # INTERFACE rx|tx
	cat "/sys/class/net/$1/statistics/$2_packets"
}

# Until as many more frames have come out of a tap.
wait_for_frames() { # INTERFACE COUNT
	local enough deadline=$(($(date +%s) + 60))
	enough=$(($(counted "$1" rx) + $2))
	until [ "$(counted "$1" rx)" -ge $enough ]; do
		[ "$(date +%s)" -lt $deadline ] || { echo "# $1: no frames"; return 1; }
		sleep 0.1
	done
}

# One transfer from guest 0 after the other, until there is the file over.
it_sends() { # SEED
	until [ -e "$base/over" ]; do
		transfer receive 0 $((longer << 20)) "$1" || return
	done
}

# While it sends, and has begun, what else is to happen; then it goes on by way of TAP.
while_it_sends() { # SEED TAP DURING...
	local seed=$1 tap=$2 status=0 transfers
	shift 2
	of_guest 0
	rm -f "$base/over"
	it_sends "$seed" &
	transfers=$!
	wait_for_frames "$now_on" 100 && "$@" && wait_for_frames "$tap" 100 || status=1
	now_on=$tap
	# Or it would have proved nothing.
	kill -0 $transfers 2> /dev/null || { echo "# nothing was sent any more"; status=1; }
	touch "$base/over"
	wait $transfers && [ $status -eq 0 ]
}
now_on=web0

bound() { # PORT PLACE, as vhostctl port bind has it
	vhostctl port bind "$1" dev "$2" > "$base/swap" 2>&1 && return
	diagnose "$base/swap"
	return 1
}

vhostd_dies_and_returns() {
	kill -9 "$vhostd_pid" && start_vhostd
}

# What a port's queues and its tap have counted: rx packets, tx packets, of either, as the guest sees it.
counts() { # PORT
	local before after queues tries=30
	# Of one moment: nothing came for a second before, as both count a moment after, nor in between.
	while [ $((tries -= 1)) -ge 0 ]; do
		before="$(counted "$1" tx) $(counted "$1" rx)"
		sleep 1
		queues=$(vhostctl -j -s queue show "$1" | tr ',{' '\n\n' | awk -F: '
			/^"type"/ { type = $2 }
			/^"packets"/ { packets[type] = $2 + 0 }
			END { print packets["\"rx\""], packets["\"tx\""] }')
		after="$(counted "$1" tx) $(counted "$1" rx)"
		[ "$before" != "$after" ] || break
	done
	echo "$queues $after"
}

# QEMU has read some frame that had come before the guest was up: what counts is what came after.
remember() {
	local name
	for name in web0 web1 packets; do
		counts $name > "$base/counts-$name"
	done
}

# What TCP has to say at its end may still be on its way.
equals_the_tap() { # PORT [RX TX]: by so many
	local tries=10
	until equal_now "$@" > "$base/equal" || [ $((tries -= 1)) -eq 0 ]; do
		:
	done
	cat "$base/equal"
	[ $tries -gt 0 ]
}

equal_now() { # PORT [RX TX]
	counts "$1" | cat "$base/counts-$1" - | awk -v rx="${2:-0}" -v tx="${3:-0}" '
		NR == 1 { split($0, before) }
		END {
			printf "# queues: %d %d, tap: %d %d\n", $1 - before[1], $2 - before[2], $3 - before[3], $4 - before[4]
			exit !(NR == 2 && NF == 4 && $1 - before[1] == $3 - before[3] && $2 - before[2] == $4 - before[4] &&
				$1 > before[1] && $2 > before[2] && (!rx || $1 - before[1] == rx) && (!tx || $2 - before[2] == tx))
		}'
}

start_dpdk() {
	work=$base/dpdk
	mkdir "$work" && prepare_machine && start_testpmd $port
}

# One way to guest 0, the other from guest 1, and frames through testpmd.
all_at_once() {
	local first second third status=0
	(of_guest 0; transfer send 0 $((megabytes << 20)) 5; status=$?; diagnose "$work/client"; exit $status) &
	first=$!
	(of_guest 1; transfer receive 1 $((megabytes << 20)) 6; status=$?; diagnose "$work/client"; exit $status) &
	second=$!
	roundtrip $tap swap $frames "$(largest $port)" 128 > "$base/roundtrip" 2>&1 || status=1
	diagnose "$base/roundtrip"
	wait $first || status=1
	wait $second && [ $status -eq 0 ]
}

ports_are_free() {
	for _ in $(seq 50); do
		[ -n "$(vhostctl -j port show | tr ',{' '\n\n' | grep '"queues_in_use": *[1-9]')" ] || return 0
		sleep 0.1
	done
	return 1
}

trap end_all EXIT
trap 'exit 1' INT TERM
modprobe -a bridge veth || bail_out "no network devices"
load_module || bail_out "the module does not load"
ip link add vnbr0 type bridge mcast_snooping 0 && ip link add vnbr1 type bridge mcast_snooping 0 &&
	ip link add vnj0 type veth peer name vnj1 && ip link set vnj0 master vnbr0 && ip link set vnj1 master vnbr1 ||
	bail_out "no bridges"
for link in vnbr0 vnbr1 vnj0 vnj1; do
	ip link set $link up
done
ip addr add 10.77.0.1/24 dev vnbr0 && ip addr add 10.77.1.1/24 dev vnbr0
declare_port web0 'bridge = "vnbr0"'
declare_port web1 'bridge = "vnbr0"'
declare_port spare 'bridge = "vnbr1"'
declare_port packets 'mtu = 9000'
start_vhostd || give_up "vhostd does not answer"
# Nothing but our own frames.
[ ! -e /proc/sys/net/ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/packets/disable_ipv6

plan 18
start_port_guest 0 && start_port_guest 1
for number in 0 1; do
	of_guest $number
	guest_is_up || give_up "guest $number did not come up"
	# A guest that waits for a CPU is not to be given up by ARP.
	ip neigh replace 10.77.$number.2 lladdr 52:54:00:76:6e:0$number dev vnbr0 nud permanent
done
report 0 "two guests on vhostd's ports are up"
start_dpdk || give_up "testpmd does not start"
report 0 "testpmd on another is up"
remember
all_at_once
report $? "all at once: TCP to guest 0 and from guest 1, SHA-256 equal; $frames frames through testpmd, every byte right"
for number in 0 1; do
	equals_the_tap web$number
	report $? "guest $number: the queues' packets are the tap's"
done
equals_the_tap packets $frames $frames
report $? "testpmd: the queues' packets are the tap's, and those that were sent"
work=$base/dpdk
tell stop && quit_testpmd
report $? "testpmd ends orderly"
for number in 0 1; do
	of_guest $number
	transfer send $number $((megabytes << 20)) $((number * 2 + 1)) &&
		transfer receive $number $((megabytes << 20)) $((number * 2 + 2))
	outcome $? "guest $number: TCP $megabytes MB to it and back, SHA-256 equal"
done
while_it_sends 11 spare bound spare web0
outcome $? "a tap on another bridge takes the first one's place during a transfer, SHA-256 equal"
while_it_sends 12 web0 bound web0 spare
outcome $? "and the other way round"
while_it_sends 13 web0 vhostd_dies_and_returns
outcome $? "vhostd is killed and started again during a transfer, SHA-256 equal"
while_it_sends 14 spare bound spare web0
outcome $? "the new one puts the other tap in its place, SHA-256 equal"
vhostctl -s queue show > "$base/queues" 2>&1
report $? "vhostctl -s queue show"
diagnose "$base/queues"
[ $verbose = no ] || show_all
status=0
for number in 0 1; do
	of_guest $number
	stop_guest || status=1
done
report $status "guests power off"
ports_are_free
report $? "their ports are free"
kill "$vhostd_pid" && wait "$vhostd_pid" && rmmod vhost_net_alt
report $? "vhostd ends, and nothing holds the module any more"
vhostd_pid=
[ $failures -eq 0 ] || show_all
kernel_log_clean
[ $failures -eq 0 ]
