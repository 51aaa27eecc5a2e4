#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# trace.sh: trace events, by the examples of docs/tracing.md, which is at /docs: what they tell of traffic whose packets the
# program netlink counts, of frames in flight and of a ring that breaks a rule. Runs inside the test VM.

# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/vm/trace_lib.sh
. "$(dirname "$0")/trace_lib.sh"

example() { # NUMBER: of the page's shell lines
	awk -v want="$1" '/^```sh/ { on = ++n == want; next } /^```/ { on = 0 } on' /docs/tracing.md > /tmp/example
	sh -e /tmp/example
}

# The sum of a field over the events of a queue, or with no field their number.
total() { # EVENT QUEUE [FIELD]
	grep " $1: " $tracing/trace | grep "queue=$2 " |
		awk -v field="$3=" '{
			if (field == "=") sum++
			for (i = 1; i <= NF; i++) if (field != "=" && index($i, field) == 1) sum += substr($i, length(field) + 1)
		} END { print sum + 0 }'
}

equals() { # TEXT WANT HAVE
	[ "$2" -eq "$3" ]
	report $? "$1"
	[ "$2" -eq "$3" ] || echo "# $3, not $2"
}

load_with_events

plan 18

example 1
report $? "events are switched on"
# It sends 300 frames of one descriptor each and receives 40.
sent=300 received=40
traffic "statistics equal what was sent, to the packet"
equals "buffers shown, sent" $sent "$(total vna_complete 1 buffers)"
equals "buffers shown, received" $received "$(total vna_complete 0 buffers)"
equals "descriptors shown" $sent "$(total vna_complete 1 descriptors)"
equals "buffers found" $sent "$(total vna_fetch 1 buffers)"
equals "each that is shown is followed by a decision" "$(total vna_complete 1)" "$(total vna_signal 1)"
[ "$(total vna_signal 1 sent)" -gt 0 ] && [ "$(total vna_signal 1 sent)" -le "$(total vna_signal 1)" ]
report $? "interrupts are among these"
[ "$(example 2 | grep -c 'dev=[1-9][0-9]* queue=[01] buffers=')" -eq 2 ] &&
	example 2 | grep -q "queue=1 buffers=$sent$"
report $? "the page's sum is the same"

example 3
report $? "a histogram is begun"
traffic "statistics equal what was sent, to the packet"
example 4 > /tmp/hist
grep -qE "queue: +1 .*buffers: +$sent  *descriptors: +$sent" /tmp/hist
report $? "the histogram's sum is the same"
grep -qE "queue: +1 .*buffers: +$sent  *descriptors: +$sent" /tmp/hist || diagnose /tmp/hist
echo > $tracing/trace
example 5
report $? "a filter is set"
traffic "statistics equal what was sent, to the packet"
[ "$(total vna_fetch 0)" -eq 0 ] && ! grep ' vna_fetch: ' $tracing/trace | grep -qE 'buffers=[1-7]( |$)'
report $? "what it leaves out is not there"

echo > $tracing/trace
traffic "frames in flight are counted with their pages"
by_reference=$(grep -c ' vna_zerocopy: .*queue=1 .*state=sent pages=[45]$' $tracing/trace)
[ "$by_reference" -ge 5 ]
report $? "frames that went by reference"
equals "and landed" "$by_reference" "$(grep -cE ' vna_zerocopy: .*state=(landed|copied) ' $tracing/trace)"
traffic "a broken rule is told by name"
equals "a broken rule, by name" 1 "$(grep -c ' vna_error: dev=[0-9]* queue=1 rule=avail_index_jump$' $tracing/trace)"

example 6 && echo > $tracing/trace
traffic "statistics equal what was sent, to the packet"
equals "nothing is told when they are off" 0 "$(grep -c vna_ $tracing/trace)"
rmmod vhost_net_alt
report $? "nothing holds vhost_net_alt any more"
kernel_log_clean
[ $failures -eq 0 ]
