# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Shared by the scripts that run in the VM: KTAP lines, and what a clean kernel log is.

test_number=0
failures=0

plan() { # NUMBER
	echo "KTAP version 1"
	echo "1..$1"
}

report() { # STATUS TEXT
	test_number=$((test_number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $test_number - $2"
	else
		echo "not ok $test_number - $2"
		failures=$((failures + 1))
	fi
}

skip() { # TEXT WHY
	report 0 "$1 # SKIP $2"
}

diagnose() { # a file's lines as KTAP diagnostics
	sed 's/^/# /' "$1"
}

bail_out() {
	echo "Bail out! $1"
	exit 1
}

bad_news='WARNING|BUG|Oops|Call Trace|general protection|page fault|blocked for more than|detected stall|Kernel panic'

# Taint may be O (out of tree, 4096) and E (unsigned, 8192) only.
kernel_log_clean() {
	bad=$(dmesg | grep -E "$bad_news")
	taint=$(($(cat /proc/sys/kernel/tainted) & ~(4096 | 8192)))
	[ -z "$bad" ] && [ $taint -eq 0 ]
	dirty=$?
	report $dirty "kernel log clean, taint only O and E"
	[ $dirty -eq 0 ] || { echo "$bad" | sed 's/^/# /'; echo "# tainted: $(cat /proc/sys/kernel/tainted)"; }
}
