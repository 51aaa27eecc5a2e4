#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# trace_tools.sh: perf and bpftrace on the module's trace events, by the examples of docs/tracing.md, which is at /docs, as
# they stand there. What the tools say is held against what tracefs had of the same traffic. Runs inside the test VM.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/trace_lib.sh
. "$(dirname "$0")/trace_lib.sh"

said=/tmp/said

# One example: from the NUMBERth line of the page that begins with the tool's name to where its quotes close.
example() { # TOOL NUMBER
	awk -v tool="$1" -v want="$2" -v q="'" '
		/^```/ { code = $0 == "```sh" }
		code && index($0, tool " ") == 1 { on = ++n == want }
		on { print; quotes += gsub(q, q); if (quotes % 2 == 0) exit }' /docs/tracing.md > /tmp/example
	[ -s /tmp/example ] || bail_out "the page has no example $2 of $1"
}

until_true() { # COMMAND...: within a minute
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 1
		usleep 100000
	done
}

gone() { # PID
	! kill -0 "$1" 2> /dev/null
}

# As by Ctrl-C; and again, should that have come when nobody listened yet. Fails where it had to be killed.
finish() { # PID
	ended=1
	for _ in 1 2 3 4 5 6; do
		kill -INT "$1" 2> /dev/null
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			gone "$1" && ended=0 && break 2
			usleep 500000
		done
	done
	[ $ended -eq 0 ] || { echo "# it does not end"; kill -KILL "$1"; }
	wait "$1"
	return $ended
}

# perf counts for as long as "sleep" runs: that of the examples ends when the traffic has.
mkdir -p /tmp/bin
cat > /tmp/bin/sleep << 'END'
#!/bin/sh
: > /tmp/begun
while [ ! -e /tmp/done ]; do usleep 100000; done
END
chmod +x /tmp/bin/sleep

perf_of() { # NUMBER TEST: an example, and traffic while it counts
	example perf "$1"
	rm -f /tmp/begun /tmp/done
	echo > $tracing/trace
	PATH=/tmp/bin:$PATH sh /tmp/example > $said 2>&1 < /dev/null &
	until_true [ -e /tmp/begun ] || bail_out "perf does not begin: $(cat $said)"
	traffic "$2"
	: > /tmp/done
	wait $!
}

# bpftrace attaches its probes after it has said so: the traffic comes until they have seen some.
bpftrace_of() { # NUMBER TEST PATTERN
	example bpftrace "$1"
	# Not "sh example &": bpftrace is who must have the signal.
	sed "s/^bpftrace /exec &/" /tmp/example > /tmp/example.exec
	: > $said
	setsid sh /tmp/example.exec > $said 2>&1 < /dev/null &
	until_true grep -q '^Attach' $said || bail_out "bpftrace does not begin: $(cat $said)"
	for _ in 1 2 3; do
		traffic "$2"
	done
	finish $! && grep -qE "$3" $said
}

told() { # STATUS TEXT
	report "$1" "$2"
	[ "$1" -eq 0 ] || diagnose $said
}

load_with_events
cd /tmp || exit 1
echo 1 > $events/enable

plan 8
everything="statistics equal what was sent, to the packet"

perf_of 1 "$everything"
result=0
for event in vna_fetch vna_complete vna_signal; do
	have=$(awk -v event="vhost_net_alt:$event" '$2 == event { gsub(",", "", $1); print $1 }' $said)
	want=$(grep -c " $event: " $tracing/trace)
	[ "$want" -gt 0 ] && [ "$have" = "$want" ] && continue
	result=1
	echo "# $event: $have, not $want"
done
told $result "perf stat: as many of each event as tracefs has"

perf_of 2 "$everything"
have=$(grep -cE 'vhost_net_alt:vna_fetch: dev=[0-9]+ queue=[01] buffers=[0-9]+$' $said)
want=$(grep -c ' vna_fetch: ' $tracing/trace)
[ "$want" -gt 0 ] && [ "$have" = "$want" ]
told $? "perf record, perf script: each fetch in words"

# It goes on until it is told to end.
example perf 3
sed 's/^perf /exec &/' /tmp/example > /tmp/example.exec
setsid sh /tmp/example.exec > $said 2>&1 < /dev/null &
breaks() {
	traffic "a broken rule is told by name"
	grep -q 'vna_error(' $said
}
result=1
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	breaks && result=0 && break
done
finish $! && [ $result -eq 0 ] && grep -q 'vna_error(dev: [0-9]*, queue: 1, rule: "\?avail_index_jump' $said
told $? "perf trace: who breaks which rule, live"

bpftrace_of 1 "$everything" '^@\[[0-9]+, 1\]:' && grep -qE '^\[0, 8\) +[1-9]' $said
told $? "bpftrace: sizes of batches, by queue"
bpftrace_of 2 "frames in flight are counted with their pages" '^@us:' && grep -qE '^\[[0-9KM]+, [0-9KM]+\) +[1-9]' $said
told $? "bpftrace: for how long frames are held"
bpftrace_of 3 "$everything" '^@\[[0-9]+, [01]\]: ([0-9]|[1-9][0-9]|100)$'
told $? "bpftrace: the share of batches that interrupted the guest"

rmmod vhost_net_alt
report $? "nothing holds vhost_net_alt any more"
kernel_log_clean
[ $failures -eq 0 ]
