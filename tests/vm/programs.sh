#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# programs.sh DEVICE PROGRAM...: runs test programs on DEVICE, one KTAP document each, then looks at the kernel's log
# and whether the module can be unloaded. Runs inside the test VM.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

device=$1
shift

modprobe -a tun macvtap veth dummy || bail_out "no network devices"
case $device in
/dev/vhost-net)
	name=vhost_net
	modprobe vhost_net || bail_out "vhost_net does not load"
	;;
*)
	name=vhost_net_alt
	for need in $(modinfo -F depends /lib/vhost_net_alt.ko | tr , ' '); do
		modprobe "$need" || bail_out "$need does not load"
	done
	insmod /lib/vhost_net_alt.ko || bail_out "the module does not load"
	;;
esac

status=0
for program; do
	echo "# $program on $device"
	"$program" --device "$device" || status=1
done

plan 2
rmmod $name
report $? "nothing holds $name any more"
kernel_log_clean
[ $failures -eq 0 ] && [ $status -eq 0 ]
