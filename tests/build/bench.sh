#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench.sh [KERNEL]: the benchmark's report is right for figures that are known, and with KERNEL a short run of all of
# it leaves a report in which no row is empty. No figure is judged. KTAP.
set -uo pipefail
# shellcheck source=tools/vm/lib.sh
. "$(dirname "$0")/../../tools/vm/lib.sh"
cd "$vna_root" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failures=0

report() { # STATUS TEXT
	number=$((number + 1))
	if (($1 == 0)); then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failures=$((failures + 1))
	fi
}

# json FILE EXPRESSION: a condition on r, the report, and rows, its rows by key.
json() {
	python3 -c '
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    r = json.load(file)
rows = {row["key"]: row for row in r["rows"]}
sys.exit(not eval("(" + sys.argv[2] + ")"))' "$@"
}

drawn() { # FILE: well-formed, with a bar for each ratio at least
	python3 -c '
import sys, xml.dom.minidom
svg = xml.dom.minidom.parse(sys.argv[1]).documentElement
sys.exit(svg.tagName != "svg" or len(svg.getElementsByTagName("rect")) < 5)' "$1"
}

echo "KTAP version 1"
echo "1..$((4 + (${#} ? 3 : 0)))"

python3 tools/lib/bench_report.py "$work" tests/bench/report/figures
report $? "a report of known figures"
diff -u tests/bench/report/bench.md "$work/bench.md"
report $? "its table is the one expected"
json "$work/bench.json" '
r["schema"] == 1 and r["kernels"] == ["6.1", "7.2"] and len(r["figures"]) == 19
and rows["tx-64"]["kernels"]["6.1"] == {"ours": 1000, "theirs": 2000, "ratio": 0.5, "reached": "asked"}
and rows["tx-64"]["kernels"]["7.2"] == {"ours": 640, "theirs": 1600, "ratio": 0.4, "reached": "hoped"}
and rows["tx-gso-zerocopy"]["kernels"]["6.1"]["reached"] == "no"
and rows["tcp-rr"]["kernels"]["6.1"] == {"ours": 198, "theirs": 200, "ratio": 0.99, "reached": "no"}
and rows["rx-64"]["kernels"]["7.2"]["ratio"] is None
and r["idle_ms_a_second"]["6.1"]["ours"] == 2'
report $? "its JSON has every figure, and ratios to vhost-net's best ring"
drawn "$work/bench.svg"
report $? "its chart is well-formed"

if (($#)); then
	tools/bench --quick vm "$1" >"$work/out" 2>&1
	report $? "a short run of all of the benchmark"
	# What this module has no parameter for is not measured.
	lacking=()
	for name in zerocopy busypoll_us; do
		grep -qa "parmtype=$name:" "$vna_build/$1/vhost_net_alt.ko" || lacking+=("${name%%poll*}")
	done
	json "$vna_build/bench/bench.json" '
r["kernels"] == ["'"$1"'"] and
all(row["kernels"]["'"$1"'"]["ratio"] is not None for key, row in rows.items()
    if not any(word in key.replace("polling", "busy") for word in "'"${lacking[*]}"'".split()))'
	report $? "no row of its report is empty"
	drawn "$vna_build/bench/bench.svg"
	report $? "its chart is well-formed"
	((failures == 0)) || sed 's/^/# /' "$work/out"
fi
((failures == 0))
