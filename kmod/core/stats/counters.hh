// SPDX-License-Identifier: GPL-2.0-only
// A queue's counters.  Who holds the queue's lock counts, and anyone may read at
// any time.
#pragma once

#include <array>
#include <atomic>

#include "core/base/types.hh"
#include "core/virtqueue/ring_error.hh"

namespace vna {

// X(name, when it moves and for which direction).  Frames' bytes are without the virtio-net header.
// The same names and words are in include/uapi/linux/vhost_net_alt.yaml, in this order; its header
// numbers them.  tests/build/netlink_spec.py compares.
#define VNA_COUNTERS(X)                                                                            \
	X(packets, "frames handed to the driver (rx) or to the backend (tx)")                      \
	X(bytes, "bytes of those frames (rx, tx)")                                                 \
	X(buffers, "buffers given back to the driver (rx, tx)")                                    \
	X(descriptors, "descriptors of the ring itself that these buffers took (rx, tx)")          \
	X(batches, "fetches that found at least one buffer (rx, tx)")                              \
	X(batch_1, "fetches that found 1 buffer (rx, tx)")                                         \
	X(batch_2, "fetches that found 2 or 3 buffers (rx, tx)")                                   \
	X(batch_4, "fetches that found 4 to 7 buffers (rx, tx)")                                   \
	X(batch_8, "fetches that found 8 to 15 buffers (rx, tx)")                                  \
	X(batch_16, "fetches that found 16 to 31 buffers (rx, tx)")                                \
	X(batch_32, "fetches that found 32 to 63 buffers (rx, tx)")                                \
	X(batch_64, "fetches that found 64 buffers (rx, tx)")                                      \
	X(kicks, "notifications from the driver (rx, tx)")                                         \
	X(kicks_suppressed, "fetches that found buffers with no notification since the last that did (rx, tx)") \
	X(calls, "interrupts sent to the driver (rx, tx)")                                         \
	X(calls_suppressed, "interrupts that the driver did not want, or had no eventfd for (rx, tx)") \
	X(requeues, "times the queue used up its weight and let others run (rx, tx)")              \
	X(no_buffers, "times frames waited because the driver had made no buffer available (rx)")  \
	X(no_room, "times the backend took no more frames (tx)")                                   \
	X(drop_short, "frames shorter than their header and 14 bytes (tx)")                        \
	X(drop_long, "frames longer than 64 KiB and a link header (tx)")                           \
	X(drop_header, "frames whose offload header the backend refused as false (tx)")            \
	X(drop_nomem, "frames lost for want of memory, or in a full queue of the host (tx)")       \
	X(drop_backend, "frames that the backend refused for another reason (tx), or lost (rx)")   \
	X(drop_buffer, "frames that did not fit into the driver's buffers (rx)")                   \
	X(zerocopy, "frames of those that were sent by reference to the driver's pages (tx)")      \
	X(zerocopy_copied, "frames of these whose pages the host copied on the way")               \
	X(zerocopy_orphaned, "frames of these that were given back while still in flight")         \
	X(copied_short, "frames that were copied as too short for that (tx)")                      \
	X(copied_backoff, "frames that were copied as the host had copied others of late (tx)")    \
	X(copied_slots, "frames that were copied as too many were in flight (tx)")                 \
	X(copied_pages, "frames that were copied as they lay in too many pages (tx)")              \
	X(copied_limit, "frames that were copied as the owner may lock no more memory (tx)")       \
	X(copied_fault, "frames that were copied as their memory cannot be referred to (tx)")      \
	X(polls, "looks at the queue when it had run dry, instead of waiting for an event (rx, tx)") \
	X(poll_hits, "times that such a look found something (rx, tx)")                            \
	X(poll_ns, "nanoseconds between running dry and the end of those looks (rx, tx)")          \
	X(iotlb_misses, "questions to the owner for a translation that the IOTLB lacks (rx, tx)")  \
	X(log_pages, "bits set in the log of written pages, one a page (rx, tx)")                  \
	X(ring_errors, "times the ring broke a rule and the queue stopped (rx, tx)")

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
	// A fetch that found @n buffers, 1 … 64.
	void add_batch(u32 n)
	{
		static_assert(static_cast<u8>(Count::batch_64) == static_cast<u8>(Count::batch_1) + 6);
		add(Count::batches);
		add(static_cast<Count>(static_cast<u8>(Count::batch_1) + std::bit_width(n) - 1));
	}
	// The ring broke a rule.
	void add(RingError rule)
	{
		add(Count::ring_errors);
		rules_[static_cast<u8>(rule)].fetch_add(1, std::memory_order_relaxed);
	}
	[[nodiscard]] u64 get(RingError rule) const
	{
		return rules_[static_cast<u8>(rule)].load(std::memory_order_relaxed);
	}
	[[nodiscard]] u64 get(Count which) const
	{
		return values_[static_cast<u8>(which)].load(std::memory_order_relaxed);
	}

private:
	std::array<std::atomic<u64>, count_names.size()> values_{};
	std::array<std::atomic<u64>, ring_error_texts.size()> rules_{}; // ring_errors, by rule
};

} // namespace vna
