// SPDX-License-Identifier: GPL-2.0-only
// A queue's counters.  Who holds the queue's lock counts, and anyone may read at
// any time.
#pragma once

#include <array>
#include <atomic>

#include "core/base/types.hh"

namespace vna {

// X(name, when it moves).  Frames' bytes are without the virtio-net header.
#define VNA_COUNTERS(X)                                                                            \
	X(packets, "frames handed to the backend (tx) or to the driver (rx)")                      \
	X(bytes, "bytes of those frames")                                                          \
	X(buffers, "buffers given back to the driver")                                             \
	X(batches, "fetches that found at least one buffer")                                       \
	X(kicks, "notifications from the driver")                                                  \
	X(calls, "interrupts sent to the driver")                                                  \
	X(calls_suppressed, "interrupts that the driver did not want, or had no eventfd for")                             \
	X(requeues, "times the queue used up its weight and let others run")                       \
	X(no_buffers, "times frames waited because the driver had made no buffer available")       \
	X(no_room, "times the backend took no more frames (tx)")                                   \
	X(drop_short, "frames shorter than their header and 14 bytes (tx)")                        \
	X(drop_long, "frames longer than 64 KiB and a link header (tx)")                           \
	X(drop_header, "frames whose offload header the backend refused as false (tx)")            \
	X(drop_nomem, "frames lost for want of memory, or in a full queue of the host (tx)")       \
	X(drop_backend, "frames that the backend refused for another reason, or lost (rx)")        \
	X(drop_buffer, "frames that did not fit into the driver's buffers (rx)")                   \
	X(zerocopy, "frames of those that were sent by reference to the driver's pages (tx)")      \
	X(zerocopy_copied, "frames of these whose pages the host copied on the way")               \
	X(zerocopy_orphaned, "frames of these that were given back while still in flight")         \
	X(copied_short, "frames that were copied as too short for that")                           \
	X(copied_backoff, "frames that were copied as the host had copied others of late")         \
	X(copied_slots, "frames that were copied as too many were in flight")                      \
	X(copied_pages, "frames that were copied as they lay in too many pages")                   \
	X(copied_limit, "frames that were copied as the owner may lock no more memory")            \
	X(copied_fault, "frames that were copied as their memory cannot be referred to")           \
	X(polls, "looks at the queue when it had run dry, instead of waiting for an event")        \
	X(poll_hits, "times that such a look found something")                                     \
	X(poll_ns, "nanoseconds between running dry and the end of those looks")                   \
	X(ring_errors, "times the ring broke a rule and the queue stopped")

enum class Count : u8 {
#define VNA_X(name, when) name,
	VNA_COUNTERS(VNA_X)
#undef VNA_X
};

inline constexpr auto count_names = std::to_array<const char *>({
#define VNA_X(name, when) #name,
	VNA_COUNTERS(VNA_X)
#undef VNA_X
});

class Counters {
public:
	void add(Count which, u64 n = 1)
	{
		auto &c = values_[static_cast<u8>(which)];
		// One writer at a time: no locked instruction is needed.
		c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
	}
	// For what is counted without the queue's lock: never mixed with add().
	void add_unlocked(Count which)
	{
		values_[static_cast<u8>(which)].fetch_add(1, std::memory_order_relaxed);
	}
	[[nodiscard]] u64 get(Count which) const
	{
		return values_[static_cast<u8>(which)].load(std::memory_order_relaxed);
	}

private:
	std::array<std::atomic<u64>, count_names.size()> values_{};
};

} // namespace vna
