// SPDX-License-Identifier: GPL-2.0-only
#include "core/net/queue.hh"

#include "core/base/algorithm.hh"

namespace vna {

// Once a turn at least: a call of its own would cost as much as it does.
[[gnu::always_inline]] inline void Queue::count_fetch(u32 n)
{
	counters.add_batch(n);
	const u64 kicks = counters.get(Count::kicks);
	if (kicks == kicks_)
		counters.add(Count::kicks_suppressed);
	kicks_ = kicks;
	if (vna_env_traced) [[unlikely]]
		vna_env_trace_fetch(env, index, n);
}

u32 Queue::fetch(u32 max, Weight &weight)
{
	const u32 before = batch.segments();
	const u32 n = ring().fetch(batch, max);
	if (n)
		count_fetch(n);
	// A chain that did not fit was walked too.
	weight.add_segments((batch.out_of_room() ? BufferBatch::capacity : batch.segments()) -
			    before);
	return n;
}

// Out of the way of those who do not trace.
[[gnu::cold, gnu::noinline]] void Queue::trace_flush(u32 used, u32 descriptors, bool sent)
{
	if (used)
		vna_env_trace_complete(env, index, used, descriptors);
	vna_env_trace_signal(env, index, sent);
}

bool Queue::flush()
{
	const u32 used = ring().shadowed();
	if (used)
		unsignalled_ = true;
	if (!unsignalled_) // but notifications may have failed to be switched
		return ring().error() == RingError::none;
	// What was written to buffers is in the log before the driver may look at it.
	if (!flush_log() || !ring().publish())
		return false;
	const u32 descriptors = std::exchange(descriptors_, 0);
	counters.add(Count::buffers, used);
	counters.add(Count::descriptors, descriptors);
	unsignalled_ = false;
	// Without an eventfd the driver's wish stays for the time when there is one.
	const bool wanted = call && ring().should_signal();
	if (wanted) {
		counters.add(Count::calls);
		vna_env_eventfd_signal(call.get());
	} else {
		counters.add(Count::calls_suppressed);
	}
	if (vna_env_traced) [[unlikely]]
		trace_flush(used, descriptors, wanted);
	return ring().error() == RingError::none;
}

bool Queue::log_frames(u32 done)
{
	const RegionTable *table = ring().setup().translate.table();
	for (u32 i = 0; i < done && table; i++) {
		const vna_rx_frame &frame = filling[i];
		// What was not as announced may be written as far as there is room.
		u64 left = frame.result == static_cast<s32>(frame.len) ? frame.len : UINT64_MAX;
		for (const Segment &seg : std::span(frame.segs, frame.nsegs)) {
			const u64 n = min<u64>(seg.len, left);
			if (!log.note_user(*table, seg.addr, n)) {
				ring().fail(RingError::log_fault);
				return false;
			}
			left -= n;
		}
	}
	return true;
}

} // namespace vna
