// SPDX-License-Identifier: GPL-2.0-only
// A virtqueue at work: the ring, the backend it is bound to, the eventfds, and
// the buffers that are between the two.  Everything but events is under the
// queue's lock.
#pragma once

#include <atomic>

#include "core/base/env.hh"
#include "core/net/framing.hh"
#include "core/net/weight.hh"
#include "core/stats/counters.hh"
#include "core/virtqueue/ring.hh"

namespace vna {

// What a run of a queue ends with.
enum class Outcome : u8 {
	idle, // an event will tell when there is more
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
	}
	// As it was made; what was bound to it has been given back.
	void reset()
	{
		ring_.reset();
		framing = Framing();
	}

	// Shows the driver what was completed and interrupts it if it wants that.
	// False: the ring failed.
	[[nodiscard]] bool flush();
	// Completes @buffer with @len bytes written; flush() tells the driver.
	void complete(const Buffer &buffer, u32 len) { ring().complete(buffer, len); }
	// Fetches up to @max buffers to the end of the batch.
	[[nodiscard]] u32 fetch(u32 max, Weight &weight);
	// Empties the batch: its first @completed buffers are done with, the others go
	// back to the ring.
	void discard(u32 completed)
	{
		ring().discard(batch, batch.size() - completed);
		batch.clear();
	}

	BufferBatch batch;
	Counters counters;
	Framing framing;
	vna_backend *backend = nullptr; // null: the queue is off
	Kick kick;
	Eventfd call;
	Eventfd error;

	// Set when the ring broke a rule, until it is set up anew.  Written under the
	// lock, read by whoever shows the state.
	std::atomic<RingError> stopped_by{RingError::none};
	std::atomic<bool> running{false}; // backend != null, for the same reader

	// Set while frames wait for buffers: more frames are no news then.  See
	// Device::event().
	std::atomic<bool> starved{false};

	// Buffers fetched, frames handed over and used buffers shown at a time: 1 …
	// VNA_MAX_BATCH, fixed for the queue's life.
	u32 batch_limit = VNA_MAX_BATCH;

	// Transmit: what one call to the backend carries.
	std::array<vna_tx_frame, VNA_MAX_BATCH> frames;

	// Receive: what one call to the backend fills, and in how many buffers each.
	std::array<vna_rx_frame, VNA_MAX_BATCH> filling;
	std::array<u16, VNA_MAX_BATCH> spans;

	// Receive: lengths of the frames the backend has taken, the next one's place.
	std::array<u32, VNA_MAX_BATCH> lens;
	u32 taken = 0;
	u32 next = 0;

private:
	Ring ring_;
	bool unsignalled_ = false; // published something since the last interrupt decision
};

} // namespace vna
