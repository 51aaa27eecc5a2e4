// SPDX-License-Identifier: GPL-2.0-only
// Frames that are sent by reference to the driver's pages, not copied.  Their
// buffers are given back when the last user of the pages has let go: in whatever
// order that happens or, with VIRTIO_F_IN_ORDER, in the ring's.
#pragma once

#include <array>
#include <atomic>

#include "core/base/env.hh"
#include "core/virtqueue/buffer.hh"

namespace vna {

class Queue;

// A transmit queue's, under the queue's lock but for what is said.
class ZeroCopy {
public:
	ZeroCopy() = default;
	ZeroCopy(const ZeroCopy &) = delete;
	ZeroCopy &operator=(const ZeroCopy &) = delete;

	// Gets ready, for the owner who calls, on a ring of @size entries.  If there is no
	// memory for that, all frames are copied.
	void open(vna_env *env, u32 queue, u32 size);
	// From how many bytes on frames go by reference; 0: none does.
	void set_min(u32 bytes)
	{
		wanted_min_ = !bytes ? never : bytes < least ? least : bytes;
		min_ = refers_ ? wanted_min_ : never;
	}
	// Which backend frames go to from now on; null: none.  Those in flight do not
	// depend on it.
	void use(const vna_backend *backend);
	// Waits for frames in flight, but not for long, and lets go of those that are
	// still there.  @complete: all of their buffers are given back and shown.
	void close(Queue &q, bool complete);

	// Whether a frame with @len bytes of buffer may be worth it.  Hot.
	[[nodiscard]] bool suits(u32 len) const { return len >= min_; }
	[[nodiscard]] bool possible() const { return min_ != never; }
	// Whether to send the next frame that suits by reference: counts why not.
	[[nodiscard]] bool choose(Queue &q);
	// Sends it, from @buffer.  0: it is given back later.  Else as
	// vna_env_backend_send_reference().
	[[nodiscard]] int send(Queue &q, const Buffer &buffer, const vna_tx_frame &frame);

	// Whether buffers that are done with have to wait for others.
	[[nodiscard]] bool holds_back() const { return waiting_; }
	// Gives @buffer back after those.  There is room().
	void wait(const Buffer &buffer) { enqueue({buffer.id, buffer.descs, no_slot}); }
	// How many buffers may be fetched.
	[[nodiscard]] u32 room() const { return capacity_ - waiting_; }

	[[nodiscard]] bool any() const { return in_flight_ | waiting_; }
	// Gives back the buffers of frames that have landed, and flushes the queue where
	// they are many.  False: the ring failed.
	[[nodiscard]] bool reap(Queue &q);

	// Between these two the worker looks for landed frames by itself.
	void begin(Queue &q);
	// Looks once more.  False: the ring failed.  @more: some have landed.
	[[nodiscard]] bool end(Queue &q, bool &more);
	// The same, but looks no more: the ring has failed.
	void rest() { looking_.store(false, std::memory_order_relaxed); }
	// Whether a landed frame is news.  In any context.
	[[nodiscard]] bool is_news() const
	{
		// Its bit is set before this is read: pairs with end().
		std::atomic_thread_fence(std::memory_order_seq_cst);
		return !looking_.load(std::memory_order_relaxed);
	}

private:
	static constexpr u32 never = 0xffffffff;
	// What the glue asks of a frame.
	static constexpr u32 least = 512;
	static constexpr u8 no_slot = 0xff;
	static constexpr u32 no_bound = 1u << 31;
	// How long frames in flight may hold up who changes the queue.
	static constexpr u32 close_ms = 500;
	// Frames that are copied before it is tried again: after the first failure, and
	// at most.
	static constexpr u32 first_backoff = 16;
	static constexpr u32 last_backoff = 1024;

	struct Waiting {
		u16 id;
		u16 descs;
		u8 slot; // no_slot: done with
	};

	void enqueue(const Waiting &w)
	{
		line_[(first_ + waiting_++) & (capacity_ - 1)] = w;
	}
	[[nodiscard]] u64 free_slots() const { return ~(in_flight_ | landed_); }
	void line_up(u32 slot);
	void give_back(Queue &q, const Waiting &w);
	[[nodiscard]] bool release(Queue &q);
	[[nodiscard]] bool take_back(Queue &q, u64 slots);
	void learn(Queue &q, u64 landed, u64 copied);

	vna_inflight *slots_ = nullptr;
	u32 min_ = never; // bytes of a frame with its header
	u32 wanted_min_ = never; // the same, if the backend allows
	bool refers_ = false; // the backend, and there are slots
	u32 limit_ = 0; // frames in flight
	u64 in_flight_ = 0; // slots, a bit each
	std::array<Waiting, VNA_MAX_IN_FLIGHT> held_; // what they hold

	// In order: what is to be given back, from the next on; a circle.
	Waiting *line_ = nullptr;
	u32 capacity_ = no_bound; // a power of two
	u32 first_ = 0;
	u32 waiting_ = 0;
	u64 lined_up_ = 0; // slots that are in it
	u64 landed_ = 0; // of those, whose frames are done with

	u32 backoff_ = 0; // frames; 0: all goes well
	u32 skip_ = 0; // of them, still to be copied

	std::atomic<bool> looking_{false};
};

} // namespace vna
