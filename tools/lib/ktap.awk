# SPDX-License-Identifier: GPL-2.0-only
#
# Reads one or more KTAP documents, one after the other, and says what they add up
# to: "PASSED FAILED SKIPPED". A document whose results are not those it planned
# counts as failed: silence is no pass.

function close_document() {
	if (open && seen != planned) {
		printf "# planned %d tests, saw %d\n", planned, seen > "/dev/stderr"
		failed++
	}
	open = 0
}

/^KTAP version|^TAP version/ { close_document(); open = 1; seen = 0; planned = -1; documents++; next }
/^1\.\.[0-9]+/ { planned = substr($1, 4) + 0; next }
/^ok [0-9]+/ { seen++; if (/# SKIP/) skipped++; else passed++; next }
/^not ok [0-9]+/ { seen++; failed++; next }
/^Bail out!/ { failed++; next }

END {
	close_document()
	if (!documents)
		failed++
	printf "%d %d %d\n", passed, failed, skipped
}
