#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# DPDK's testpmd on a vhost-net device, by its virtio-user driver: a driver of other authors, with packed rings and
# in-order use of its own. Runs inside the test VM.
#
#   dpdk.sh [-d DEVICE] [-n FRAMES] [-v] [PORT...]
#
#      roundtrip                      testpmd, which sends back what it receives, with the addresses swapped
#          |                             |
#        vnad0 ------- DEVICE -------- rings (net_virtio_user)
#
# A PORT is written as packed_vq, in_order and mrg_rxbuf in three digits, then :SIZE for a queue size other than 256.
# On each FRAMES frames make the round trip, then fewer one by one, some in a crowd larger than the rings, and others
# after a restart of the port; then testpmd makes frames itself. They are counted on the tap, by testpmd and by the
# device, and nowhere may one be missing or be there twice. Output is KTAP. -d /dev/vhost-net is the kernel's own back
# end, as the oracle. -v shows what testpmd says.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/guest/host.sh
. "$(dirname "$0")/guest/host.sh"
# shellcheck source=tests/vm/guest/testpmd.sh
. "$(dirname "$0")/guest/testpmd.sh"

frames=2500
verbose=no
while getopts d:n:v option; do
	case $option in
	d) device=$OPTARG ;;
	n) frames=$OPTARG ;;
	v) verbose=yes ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 000 001 010 011 100 101 110 111 111:200

lone=100  # each of these is alone on its way
crowd=600 # more than both rings hold
again=500 # after a restart
forwarded=$((frames + lone + crowd))
bursts=64 # of 32 frames
made=$((bursts * 32))
made_parts=60,500,900 # a descriptor each
made_length=1460

# --- the network ----------------------------------------------------------------------------------------------

make_tap() {
	ip tuntap add dev $tap mode tap vnet_hdr || return
	# Nothing but our own frames.
	[ ! -e /proc/sys/net/ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/$tap/disable_ipv6 || return
	ip link set $tap mtu 9000 up
}

# --- what the device shows ------------------------------------------------------------------------------------

fdinfo() {
	local fd
	for fd in /proc/"$pmd_pid"/fd/*; do
		[ "$(readlink "$fd")" != "$device" ] || cat "/proc/$pmd_pid/fdinfo/${fd##*/}"
	done
}

shown() { # NAMES: the sum of the numbers whose names match, or the word
	fdinfo | awk -v pattern="^($1):$" '
		$1 ~ pattern { if ($2 ~ /^[0-9]+$/) sum += $2; else word = $2 }
		END { print word != "" ? word : sum + 0 }'
}

# --- tests ----------------------------------------------------------------------------------------------------

# virtio-user drops what the device does not offer, and does not mind: RING_PACKED is bit 34, IN_ORDER 35, MRG_RXBUF
# 15, VERSION_1 32. What it told the device is in its log and in the device's fdinfo.
features_asked() { # SPEC
	local word
	word=$(sed -n 's/.*[^_]set features: \(0x[0-9a-f]*\).*/\1/p' "$work/testpmd" | tail -n 1)
	echo "# features $word"
	[ -n "$word" ] || return
	[ "$device" = /dev/vhost-net ] || [ "$(shown features)" = "$word" ] || return
	[ $((word >> 34 & 1))$((word >> 35 & 1))$((word >> 15 & 1))$((word >> 32 & 1)) = "$(echo "$1" | cut -c1-3)1" ]
}

round_trip() { # COUNT LARGEST WINDOW
	local status=0
	roundtrip $tap swap "$@" > "$work/roundtrip" 2>&1 || status=1
	diagnose "$work/roundtrip"
	return $status
}

# On the same descriptor, without a reset in between.
restart() { # SPEC
	tell "port stop 0" && tell "port start 0" && tell start && round_trip $again "$(largest "$1")" 128 && tell stop
}

testpmd_sends() {
	local receiver status=0
	tell "set txpkts $made_parts" || return
	roundtrip $tap burst $made $made_length > "$work/roundtrip" 2>&1 &
	receiver=$!
	until grep -q ready "$work/roundtrip" || ! kill -0 $receiver 2> /dev/null; do
		sleep 0.05
	done
	tell "start tx_first $bursts" || status=1
	wait $receiver || status=1
	tell stop || status=1
	grep -v ready "$work/roundtrip" | sed 's/^/# /'
	return $status
}

# The device counts a moment after the frame is there.
device_counted() { # RX TX
	local deadline=$(($(date +%s) + 20))
	until [ "$(shown rx.packets)" -ge "$1" ] && [ "$(shown tx.packets)" -ge "$2" ]; do
		[ "$(date +%s)" -lt $deadline ] || break
		sleep 0.1
	done
	fdinfo > "$work/fdinfo"
	echo "# rx.packets $(shown rx.packets) rx.buffers $(shown rx.buffers) rx.no_buffers $(shown rx.no_buffers)" \
		"tx.packets $(shown tx.packets) tx.kicks $(shown tx.kicks)"
	[ "$(shown rx.packets) $(shown tx.packets)" = "$1 $2" ] &&
		[ "$(shown '[rt]x.drop_.*|[rt]x.ring_errors')" = 0 ] &&
		[ "$(shown rx.state) $(shown tx.state)" = "running running" ]
}

# A line each time testpmd was stopped: received, sent, and dropped of both.
testpmd_counted() {
	awk '/Forward statistics for port 0/ { ours = 1 }
		ours && /RX-packets:/ { received = $2; dropped = $4 }
		ours && /TX-packets:/ { print received, $2, dropped + $4; ours = 0 }' "$work/testpmd" > "$work/counted"
	printf '%s\n' "$forwarded $forwarded 0" "$again $again 0" "0 $made 0" | cmp -s - "$work/counted"
}

tests_each=7
test_port() { # SPEC
	local port start before=$failures
	port="testpmd $(describe_port "$1")"
	start=$(cut -d. -f1 /proc/uptime)

	start_testpmd "$1"
	report $? "$port: starts"
	features_asked "$1"
	report $? "$port: features as asked"
	round_trip "$frames" "$(largest "$1")" 128 && round_trip $lone 128 1 && round_trip $crowd "$(largest "$1")" $crowd &&
		tell stop
	report $? "$port: $forwarded frames there and back, every byte right"
	restart "$1"
	report $? "$port: $again more after a restart"
	testpmd_sends
	report $? "$port: $made frames that testpmd makes"
	if [ "$device" = /dev/vhost-net ]; then
		report 0 "$port: the device counted them all # SKIP $device does not count"
	else
		device_counted $((forwarded + again)) $((forwarded + again + made))
		report $? "$port: the device counted them all"
	fi
	quit_testpmd && testpmd_counted
	report $? "$port: testpmd counted them all, and ends orderly"
	[ $verbose = yes ] || [ $failures -gt $before ] && sed 's/^/# testpmd: /' "$work/testpmd"
	[ $failures -eq $before ] || cat "$work/fdinfo" "$work/counted" 2> /dev/null | sed 's/^/# /'
	echo "# in $(($(cut -d. -f1 /proc/uptime) - start)) s"
}

trap '' PIPE # a testpmd that died fails its tests
trap '[ -z "$pmd_pid" ] || kill -9 "$pmd_pid"; rm -rf "$work"' EXIT
plan $(($# * tests_each + 2))
prepare_machine || bail_out "the machine is not as DPDK wants it"
load_module || bail_out "the module of $device does not load"
[ -c "$device" ] || bail_out "there is no $device"
make_tap || bail_out "no tap"

for spec; do
	test_port "$spec"
done

ip link del $tap
case $device in
/dev/vhost-net) rmmod vhost_net ;;
*) rmmod vhost_net_alt ;;
esac
report $? "nothing holds the module any more"
kernel_log_clean
echo "# $((test_number - failures)) passed, $failures failed"
[ $failures -eq 0 ]
