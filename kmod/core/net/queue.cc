// SPDX-License-Identifier: GPL-2.0-only
#include "core/net/queue.hh"

namespace vna {

u32 Queue::fetch(u32 max, Weight &weight)
{
	const u32 before = batch.segments();
	const u32 n = ring().fetch(batch, max);
	if (n)
		counters.add(Count::batches);
	// A chain that did not fit was walked too.
	weight.add_segments((batch.out_of_room() ? BufferBatch::capacity : batch.segments()) -
			    before);
	return n;
}

bool Queue::flush()
{
	const u32 used = ring().shadowed();
	if (used)
		unsignalled_ = true;
	if (!unsignalled_) // but notifications may have failed to be switched
		return ring().error() == RingError::none;
	if (!ring().publish())
		return false;
	counters.add(Count::buffers, used);
	unsignalled_ = false;
	// Without an eventfd the driver's wish stays for the time when there is one.
	if (call && ring().should_signal()) {
		counters.add(Count::calls);
		vna_env_eventfd_signal(call.get());
	} else {
		counters.add(Count::calls_suppressed);
	}
	return ring().error() == RingError::none;
}

} // namespace vna
