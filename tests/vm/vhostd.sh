#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# vhostd.sh [ARG...]: vhostd and its clients, with the module; then what is left. Runs inside the test VM.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

modprobe -a tun tap bridge || bail_out "no network devices"
insmod /lib/vhost_net_alt.ko || bail_out "the module does not load"
vhostd_clients --device /dev/vhost-net-alt "$@"
status=$?

plan 2
rmmod vhost_net_alt
report $? "nothing holds the module any more"
kernel_log_clean
[ $failures -eq 0 ] && [ $status -eq 0 ]
