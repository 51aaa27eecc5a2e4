#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# systemd.sh [ARG...]: vhostd under systemd, with the module; then what is left. Runs inside the test VM.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"

vhostd_service "$@"
status=$?

plan 3
systemctl stop vhostd
report $? "vhostd stops"
/sbin/rmmod vhost_net_alt
report $? "nothing holds the module any more"
kernel_log_clean
[ $failures -eq 0 ] && [ $status -eq 0 ]
