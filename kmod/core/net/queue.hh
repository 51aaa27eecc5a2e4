// SPDX-License-Identifier: GPL-2.0-only
// A virtqueue at work: the ring, the backend it is bound to, the eventfds, and
// the buffers that are between the two.  Everything but events is under the
// queue's lock.
#pragma once

#include <atomic>

#include "core/base/env.hh"
#include "core/net/framing.hh"
#include "core/net/poll.hh"
#include "core/net/weight.hh"
#include "core/net/zerocopy.hh"
#include "core/stats/counters.hh"
#include "core/virtqueue/ring.hh"

namespace vna {

// What a run of a queue ends with.
enum class Outcome : u8 {
	idle, // an event will tell when there is more
	dry, // nothing will: look at it
	more, // the weight is used up, or events may have been missed
	stopped, // the ring broke a rule: see Virtqueue::error()
};

class Queue {
public:
	Queue() = default;
	Queue(const Queue &) = delete;
	Queue &operator=(const Queue &) = delete;

	// The format is chosen when the queue is set up, not per descriptor.
	[[nodiscard]] Virtqueue &ring() { return ring_.get(); }
	[[nodiscard]] const Virtqueue &ring() const { return ring_.get(); }
	void set_features(Features features)
	{
		ring_.set_features(features);
		framing = Framing(features);
		logs_buffers = features.has(VNA_VHOST_F_LOG_ALL);
		show();
	}
	// As it was made; what was bound to it has been given back.
	void reset()
	{
		ring_.reset();
		framing = Framing();
		log.set_base(0);
		logs_buffers = waits = false;
		poll.reset();
		show();
	}
	// Writes down, for who shows it without the lock, how the ring is set up and how
	// far it has come.
	void show()
	{
		show_base();
		shown.size.store(ring().size(), std::memory_order_relaxed);
	}
	void show_base() { shown.base.store(ring().base(), std::memory_order_relaxed); }

	// Shows the driver what was completed and interrupts it if it wants that.
	// False: the ring failed.
	[[nodiscard]] bool flush();
	// Completes @buffer with @len bytes written; flush() tells the driver.
	void complete(const Buffer &buffer, u32 len)
	{
		descriptors_ += buffer.descs;
		ring().complete(buffer, len);
	}
	// Fetches up to @max buffers to the end of the batch.
	[[nodiscard]] u32 fetch(u32 max, Weight &weight);
	// Empties the batch: its first @completed buffers are done with, the others go
	// back to the ring.
	void discard(u32 completed)
	{
		ring().discard(batch, batch.size() - completed);
		batch.clear();
	}

	// A turn at the worker: the device's memory is held while it lasts.
	class Turn {
	public:
		explicit Turn(Queue &queue) : queue_(queue), ready_(queue.ring().begin_turn()) {}
		~Turn() { queue_.ring().end_turn(); }
		Turn(const Turn &) = delete;
		Turn &operator=(const Turn &) = delete;
		// Whether the ring can be reached.
		[[nodiscard]] bool ready() const { return ready_; }

	private:
		Queue &queue_;
		const bool ready_;
	};
	// Notes in the log what the backend has written to @done of the frames in filling.
	// False: the log failed, and so has the ring.
	[[nodiscard]] bool log_frames(u32 done);
	// Sets the bits of the log that are due.  False as log_frames().
	[[nodiscard]] bool flush_log()
	{
		if (log.flush()) [[likely]]
			return true;
		ring().fail(RingError::log_fault);
		return false;
	}

	vna_env *env = nullptr; // and the queue's number, for who traces
	u32 index = 0;
	BufferBatch batch;
	Counters counters;
	Memory::Reader memory;
	DirtyLog log;
	bool logs_buffers = false; // VHOST_F_LOG_ALL
	bool waits = false; // for a translation, which was asked for
	Framing framing;
	vna_backend *backend = nullptr; // null: the queue is off
	Kick kick;
	Eventfd call;
	Eventfd error;

	// Set when the ring broke a rule, until it is set up anew.  Written under the
	// lock, read by whoever shows the state.
	std::atomic<RingError> stopped_by{RingError::none};
	std::atomic<bool> running{false}; // backend != null, for the same reader
	struct {
		std::atomic<u32> size{1}, base{0};
	} shown; // see show()

	// Set while frames wait for buffers: more frames are no news then.  See
	// Device::event().
	std::atomic<bool> starved{false};

	// Whether to look for more when it runs dry: only after a turn that found
	// something, or a driver that kicks for nothing would hold the worker.
	Poll poll;
	bool poll_when_dry = false; // for this turn
	u64 turn_began = 0; // how many fetches had found some
	[[nodiscard]] bool found_some() const { return counters.get(Count::batches) != turn_began; }
	[[nodiscard]] bool polls() const { return poll_when_dry && found_some(); }
	// In a turn: whether a queue that ran dry isn't any more.
	[[nodiscard]] bool has_news()
	{
		// The receive queue waits for buffers only while it has frames.
		return ring().setup().transmits || next != taken ?
			       ring().has_news() :
			       vna_env_backend_has_frames(backend);
	}

	// Taken over from the settings when a turn begins, as are poll's and zerocopy's: buffers
	// fetched, frames handed over and used buffers shown at a time, 1 … VNA_MAX_BATCH.
	u32 batch_limit = VNA_MAX_BATCH;
	Weight weight_limit;
	u32 settings_seen = 0; // their version

	// Transmit: what one call to the backend carries, and how long the first buffer
	// of the last batch was.
	std::array<vna_tx_frame, VNA_MAX_BATCH> frames;
	u32 usual_len = 0;
	ZeroCopy zerocopy;

	// Receive: what one call to the backend fills, and in how many buffers each.
	std::array<vna_rx_frame, VNA_MAX_BATCH> filling;
	std::array<u16, VNA_MAX_BATCH> spans;

	// Receive: lengths of the frames the backend has taken, the next one's place.
	std::array<u32, VNA_MAX_BATCH> lens;
	u32 taken = 0;
	u32 next = 0;

private:
	void count_fetch(u32 n);
	void trace_flush(u32 used, u32 descriptors, bool sent);

	Ring ring_;
	u64 kicks_ = 0; // at the last fetch that found buffers
	u32 descriptors_ = 0; // of what is completed and not published
	bool unsignalled_ = false; // published something since the last interrupt decision
};

} // namespace vna
