# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
# Trace events and traffic that makes some, for scripts that run in the VM.

tracing=/sys/kernel/tracing
events=$tracing/events/vhost_net_alt

traffic() { # TEST: one of the program netlink's
	netlink --device /dev/vhost-net-alt --only "$1" > /tmp/traffic || bail_out "traffic: $(cat /tmp/traffic)"
	grep -q '^ok 1' /tmp/traffic || bail_out "no test is called $1"
}

load_with_events() {
	modprobe -a tun dummy bridge sch_netem || bail_out "no network devices"
	for need in $(modinfo -F depends /lib/vhost_net_alt.ko | tr , ' '); do
		modprobe "$need" || bail_out "$need does not load"
	done
	insmod /lib/vhost_net_alt.ko || bail_out "the module does not load"
	mount -t tracefs tracefs $tracing 2> /dev/null
	[ -d $events ] || bail_out "there are no events"
}
