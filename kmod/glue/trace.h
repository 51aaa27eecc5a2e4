/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events of the system vhost_net_alt: docs/tracing.md.  @dev is the device's
 * id, @queue its queue's number: 0 the guest receives, 1 it sends.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vhost_net_alt

#if !defined(VNA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VNA_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#ifndef VNA_TRACE_ONCE
#define VNA_TRACE_ONCE

/* What becomes of a frame that goes by reference. */
enum vna_trace_zerocopy {
	VNA_TRACE_SENT, /* handed over, its pages are held */
	VNA_TRACE_REFUSED, /* it was not taken */
	VNA_TRACE_LANDED, /* the last user of its pages has let go */
	VNA_TRACE_COPIED, /* the same, and the host had copied them on the way */
};

#define VNA_TRACE_RULE 32 /* bytes of a rule's name */

/* Of the events that the core tells of: see vna_env_traced. */
int vna_trace_begin(void);
void vna_trace_end(void);

#endif

TRACE_DEFINE_ENUM(VNA_TRACE_SENT);
TRACE_DEFINE_ENUM(VNA_TRACE_REFUSED);
TRACE_DEFINE_ENUM(VNA_TRACE_LANDED);
TRACE_DEFINE_ENUM(VNA_TRACE_COPIED);

/* Buffers that a look at the ring has found; never none. */
TRACE_EVENT_FN(vna_fetch,
	TP_PROTO(u32 dev, u32 queue, u32 buffers),
	TP_ARGS(dev, queue, buffers),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(u32, buffers)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->buffers = buffers;
	),
	TP_printk("dev=%u queue=%u buffers=%u", __entry->dev, __entry->queue, __entry->buffers),
	vna_trace_begin, vna_trace_end
);

/* Used buffers that the driver was shown, and what they took of the ring itself. */
TRACE_EVENT_FN(vna_complete,
	TP_PROTO(u32 dev, u32 queue, u32 buffers, u32 descriptors),
	TP_ARGS(dev, queue, buffers, descriptors),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(u32, buffers)
		__field(u32, descriptors)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->buffers = buffers;
		__entry->descriptors = descriptors;
	),
	TP_printk("dev=%u queue=%u buffers=%u descriptors=%u", __entry->dev, __entry->queue,
		  __entry->buffers, __entry->descriptors),
	vna_trace_begin, vna_trace_end
);

/* Whether the driver was interrupted then, or did not want that. */
TRACE_EVENT_FN(vna_signal,
	TP_PROTO(u32 dev, u32 queue, bool sent),
	TP_ARGS(dev, queue, sent),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(bool, sent)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->sent = sent;
	),
	TP_printk("dev=%u queue=%u sent=%u", __entry->dev, __entry->queue, __entry->sent),
	vna_trace_begin, vna_trace_end
);

/* A step of a frame that goes by reference, in its slot. */
TRACE_EVENT(vna_zerocopy,
	TP_PROTO(u32 dev, u32 queue, u32 slot, u32 state, u32 pages),
	TP_ARGS(dev, queue, slot, state, pages),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(u32, slot)
		__field(u32, state)
		__field(u32, pages)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		__entry->slot = slot;
		__entry->state = state;
		__entry->pages = pages;
	),
	TP_printk("dev=%u queue=%u slot=%u state=%s pages=%u", __entry->dev, __entry->queue,
		  __entry->slot,
		  __print_symbolic(__entry->state, {VNA_TRACE_SENT, "sent"},
				   {VNA_TRACE_REFUSED, "refused"}, {VNA_TRACE_LANDED, "landed"},
				   {VNA_TRACE_COPIED, "copied"}),
		  __entry->pages)
);

/* A ring broke @rule, and its queue was stopped. */
TRACE_EVENT(vna_error,
	TP_PROTO(u32 dev, u32 queue, const char *rule),
	TP_ARGS(dev, queue, rule),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__array(char, rule, VNA_TRACE_RULE)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->queue = queue;
		strscpy(__entry->rule, rule, VNA_TRACE_RULE);
	),
	TP_printk("dev=%u queue=%u rule=%s", __entry->dev, __entry->queue, __entry->rule)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH glue
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
