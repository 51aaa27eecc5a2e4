#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# vm.sh frames|rates [KEY=VALUE...]: loads both devices' modules, as each part of the benchmark wants them, and runs
# path-bench or rate-bench. Runs inside the test VM; tools/bench boots it.

theirs=/dev/vhost-net
ours=/dev/vhost-net-alt

has_parameter() {
	modinfo -F parm /lib/vhost_net_alt.ko | grep -q "^$1:"
}

load() { # PARAMETER-OF-VHOST_NET PARAMETER-OF-OURS
	[ ! -d /sys/module/vhost_net_alt ] || rmmod vhost_net_alt || exit
	[ ! -d /sys/module/vhost_net ] || rmmod vhost_net || exit
	# shellcheck disable=SC2086 # none, or one
	modprobe vhost_net $1 && insmod /lib/vhost_net_alt.ko $2 || exit
}

frames() {
	load '' ''
	path-bench "$@" $theirs $ours || exit
	path-bench to=bridge way=tx ring=split bytes=64 batch=64 "$@" $theirs $ours || exit
	path-bench to=bridge way=tx ring=split bytes=65535 batch=64 "$@" $theirs $ours || exit
	if has_parameter zerocopy; then load experimental_zcopytx=1 zerocopy=16384; else load experimental_zcopytx=1 ''; fi
	path-bench to=bridge way=tx ring=split bytes=64 batch=64 "$@" $theirs $ours || exit
	path-bench to=bridge way=tx ring=split bytes=65535 batch=64 "$@" $theirs $ours || exit
}

rates() {
	load '' ''
	rate-bench "$@" $theirs $ours || exit
	! has_parameter busypoll_us || {
		load '' busypoll_us=50
		rate-bench batch=1 "$@" $theirs $ours || exit
	}
}

modprobe -a tun tap vhost bridge dummy || exit
# What the boot has left to do would be counted.
sleep 1
"$@"
