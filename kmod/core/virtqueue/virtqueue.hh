// SPDX-License-Identifier: GPL-2.0-only
// The device's side of a virtqueue, whatever its format.  Net code knows this
// interface only; a format implements the virtual part.
//
// All calls are made with the queue's lock held and in the owner's address
// space.  A call that fails has recorded the error: see error().
#pragma once

#include <array>

#include "core/memory/region_table.hh"
#include "core/virtqueue/buffer.hh"
#include "core/virtqueue/ring_error.hh"

namespace vna {

// Where a ring's three areas are, as user addresses (virtio 1.2 section 2.6).
struct RingAddresses {
	u64 desc = 0; // descriptor area
	u64 driver = 0; // driver area: the available ring
	u64 device = 0; // device area: the used ring
};

// A used buffer that the driver has not been told of yet.
struct UsedBuffer {
	u32 id;
	u32 len; // bytes written
};

class Virtqueue {
public:
	Virtqueue(const Virtqueue &) = delete;
	Virtqueue &operator=(const Virtqueue &) = delete;

	// The most buffers that may be completed and not yet published: those of any
	// one frame, as the driver must not see a part of it.
	static constexpr u32 max_shadow = BufferBatch::capacity;

	// Reads what the ring says of the device's own progress and lets the driver
	// notify.  To be called when the queue starts, or starts again after an error:
	// what was completed and could not be published then is kept.  False: the ring
	// is not accessible, and nothing has changed.
	[[nodiscard]] virtual bool start() = 0;

	// Appends up to @max chains to @batch and returns how many: 0 if the driver
	// has made none available.  A chain for which @batch has no room is left, and
	// @batch is out_of_room().  At a malformed chain fetching ends, and it stays
	// where it is: those before it are returned without an error, so that they
	// are served whatever delays them, and the next call, which finds it first,
	// returns 0 with an error() that names the rule.
	[[nodiscard]] virtual u32 fetch(BufferBatch &batch, u32 max) = 0;

	// Takes the last @n fetched and not completed buffers back: they'll be
	// fetched again.  They must be the last of the ones in @batch.
	virtual void discard(BufferBatch &batch, u32 n) = 0;

	// Notes that @buffer was used, @len bytes of it written (2.7.8).  The driver
	// sees it after publish(); shadowed() must be below max_shadow.
	void complete(const Buffer &buffer, u32 len) { shadow_[shadowed_++] = {buffer.id, len}; }
	// How many are completed and not published.
	[[nodiscard]] u32 shadowed() const { return shadowed_; }
	// Drops those: the driver will set the ring up anew.
	void forget() { shadowed_ = 0; }

	// Shows the driver all that was completed.
	[[nodiscard]] virtual bool publish() = 0;

	// Whether the driver is to be notified of what was published since the last
	// call (2.7.7); to be called after publish().
	[[nodiscard]] virtual bool should_signal() = 0;

	// Asks for notifications and looks at the ring once more (2.7.10).  True if
	// the driver has made buffers available since fetch() last looked: it may not
	// notify of those.  On an error false, as no wait is worth while.
	[[nodiscard]] virtual bool enable_notify() = 0;
	// Says that notifications are not needed.
	virtual void disable_notify() = 0;

	// VHOST_GET/SET_VRING_BASE's number.
	[[nodiscard]] virtual u32 base() const = 0;
	virtual void set_base(u32 base) = 0;

	[[nodiscard]] RingError error() const { return error_; }
	void fail(RingError error) { error_ = error; }
	void clear_error() { error_ = RingError::none; }

	// Set-up, while the queue is stopped or under its lock.
	void set_size(u32 size) { size_ = size; }
	[[nodiscard]] u32 size() const { return size_; }
	void set_addresses(const RingAddresses &at) { at_ = at; }
	[[nodiscard]] const RingAddresses &addresses() const { return at_; }
	void set_memory(const RegionTable *table) { translate_ = Translator(table); }
	void set_features(Features features) { features_ = features; }
	// As it was made.
	void reset()
	{
		size_ = 1;
		at_ = {};
		features_ = Features();
		translate_ = Translator();
		error_ = RingError::none;
		shadowed_ = 0;
		set_base(0);
	}

protected:
	Virtqueue() = default;
	~Virtqueue() = default;

	bool failed(RingError error)
	{
		error_ = error;
		return false;
	}

	RingAddresses at_;
	u32 size_ = 1; // as vhost_vq_reset() has it
	Features features_;
	Translator translate_;
	RingError error_ = RingError::none;
	u32 shadowed_ = 0;
	std::array<UsedBuffer, max_shadow> shadow_;
};

} // namespace vna
