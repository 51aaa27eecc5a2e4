#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# programs.sh [-o OPTION]... DEVICE PROGRAM...: runs test programs on DEVICE, one KTAP document each, then looks at the
# kernel's log and whether the module can be unloaded. Runs inside the test VM. OPTION is for the device's module, as in
# zerocopy=1.
#
# On /dev/vhost-net, the oracle, a test that failed is run once more: that one's flakes are not ours to mend. On our own
# device once is enough.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

options=
while getopts o: option; do
	case $option in
	o) options="$options $OPTARG" ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
device=$1
shift

modprobe -a tun macvtap veth dummy bridge 8021q sch_ingress sch_netem cls_matchall cls_u32 act_mirred act_gact || bail_out "no network devices"
case $device in
/dev/vhost-net)
	name=vhost_net
	# shellcheck disable=SC2086 # a list of words
	modprobe vhost_net $options || bail_out "vhost_net does not load"
	modprobe vhost_scsi || bail_out "vhost_scsi does not load"
	;;
*)
	name=vhost_net_alt
	for need in $(modinfo -F depends /lib/vhost_net_alt.ko | tr , ' '); do
		modprobe "$need" || bail_out "$need does not load"
	done
	# shellcheck disable=SC2086
	insmod /lib/vhost_net_alt.ko $options || bail_out "the module does not load"
	;;
esac

# Passes on what the program prints, with ok for what passes the second time. Fails where a test failed twice, or the
# program did not come to its end (its status is 1 where it did, and tests failed).
twice() { # PROGRAM
	local first result=0 line name
	first=$(mktemp)
	"$1" --device "$device" > "$first"
	case $? in
	0) ;;
	1) grep -q '^not ok ' "$first" || result=1 ;;
	*) result=1 ;;
	esac
	while IFS= read -r line; do
		case $line in
		"not ok "*)
			name=${line#not ok * }
			if "$1" --device "$device" --only "$name" > "$first.again" && grep -q '^ok ' "$first.again"; then
				line="${line#not } # passed the second time"
			else
				result=1
			fi
			;;
		esac
		printf '%s\n' "$line"
	done < "$first"
	rm -f "$first" "$first.again"
	return $result
}

status=0
for program; do
	echo "# $program on $device$options"
	if [ "$device" = /dev/vhost-net ]; then
		twice "$program"
	else
		"$program" --device "$device"
	fi || status=1
done

plan 2
rmmod $name
report $? "nothing holds $name any more"
kernel_log_clean
[ $failures -eq 0 ] && [ $status -eq 0 ]
