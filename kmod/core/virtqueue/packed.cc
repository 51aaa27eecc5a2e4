// SPDX-License-Identifier: GPL-2.0-only
#include "core/virtqueue/packed.hh"

#include <atomic>

#include "core/base/algorithm.hh"
#include "core/base/env.hh"

namespace vna {

namespace {

// Offsets in a descriptor (2.8.13) and in event suppression (2.8.14).
constexpr u64 desc_len_id_flags = 8, desc_flags = 14;
constexpr u64 event_position = 0, event_flags = 2;
constexpr u16 event_flags_mask = 3; // the others are reserved
constexpr u16 event_f_enable = 0;
constexpr u16 event_f_disable = 1;
constexpr u16 event_f_desc = 2;

} // namespace

bool PackedQueue::start()
{
	// Also finds out whether the ring is there at all.
	u16 flags;
	if (vna_env_put_u16(setup_.at.device + event_flags, event_f_enable) ||
	    vna_env_get_u16(&flags, slot(avail_.index) + desc_flags))
		return false;
	device_flags_ = event_f_enable;
	moved_valid_ = false;
	seen_ = avail_;
	return true;
}

void PackedQueue::set_base(u32 base)
{
	avail_ = Position::of(base);
	used_ = base >> 16 ? Position::of(base >> 16) : avail_;
	seen_ = avail_;
}

// Has ring_ hold the descriptors from @at on that are available, up to @want of
// them and to the end of the ring.
RingError PackedQueue::look(Position at, u32 want)
{
	const u32 n = min(want, size() - at.index, ring_.capacity);
	if (vna_env_gather_u16(flags_.data(), slot(at.index) + desc_flags, sizeof(PackedDescriptor),
			       n))
		return RingError::ring_fault;
	u32 found = 0;
	while (found < n && (flags_[found] & available_mask) == at.available())
		found++;
	if (!found) {
		ring_.forget();
		return RingError::none;
	}
	// A descriptor is read after the flags that make it available; pairs with the
	// driver's barrier before it writes those of a chain's first (2.8.20.1.1).
	std::atomic_thread_fence(std::memory_order_acquire);
	// The flags come with the rest once more: these are the ones that count, and
	// chain() looks whether they still say so.
	return ring_.load(slot(at.index), at.index, found) ? RingError::none :
							      RingError::ring_fault;
}

u32 PackedQueue::fetch(BufferBatch &batch, u32 max)
{
	batch.set_out_of_room(false);
	ring_.forget();
	u32 done = 0;
	RingError error = RingError::none;
	while (done < max) {
		if (!ring_.holds(avail_.index)) {
			error = look(avail_, max - done);
			if (error != RingError::none || !ring_.holds(avail_.index))
				break;
		}
		error = batch.full() ? RingError::too_many_segments : chain(batch);
		if (error != RingError::none)
			break;
		done++;
	}
	seen_ = avail_;
	if (error == RingError::too_many_segments && batch.size())
		batch.set_out_of_room(true); // fits into an empty one
	else if (error != RingError::none && !done)
		error_ = error;
	return done;
}

void PackedQueue::discard(BufferBatch &batch, u32 n)
{
	for (u32 i = batch.size() - n; i < batch.size(); i++)
		avail_.retreat(batch[i].descs, size());
	batch.drop_back(n);
}

// Turns the chain at avail_, whose first descriptor ring_ holds, into a buffer,
// and moves avail_ behind it.
RingError PackedQueue::chain(BufferBatch &batch)
{
	ChainBuilder builder(setup_.translate, batch.room());
	Position at = avail_;
	for (u32 walked = 1;; walked++) {
		const PackedDescriptor &desc = ring_[at.index];
		// All flags are set correctly in all of a list (2.8.6).
		if ((desc.flags & available_mask) != at.available())
			return RingError::chain_vanished;
		RingError error;
		if (desc.flags & desc_f_indirect) {
			if (!indirect_ok_)
				return RingError::indirect_not_negotiated; // 2.8.19
			if (desc.flags & desc_f_next || walked > 1)
				return RingError::indirect_with_next; // 2.8.19
			error = indirect(desc, builder);
		} else {
			error = builder.add(desc.addr, desc.len, desc.flags & desc_f_write);
		}
		if (error != RingError::none)
			return error;
		at.advance(1, size());
		if (!(desc.flags & desc_f_next)) {
			if (desc.id >= size())
				return RingError::id_out_of_ring;
			batch.push(builder.finish(desc.id, static_cast<u16>(walked), batch.mark()));
			avail_ = at;
			return RingError::none;
		}
		if (walked == size())
			return RingError::chain_too_long; // 2.8.17
		if (!ring_.holds(at.index)) {
			error = look(at, ring_.capacity);
			if (error != RingError::none)
				return error;
			// The list's first is made available last (2.8.6).
			if (!ring_.holds(at.index))
				return RingError::chain_vanished;
		}
	}
}

// All of the table's entries are the chain; WRITE is their only flag (2.8.7).
RingError PackedQueue::indirect(const PackedDescriptor &ref, ChainBuilder &builder)
{
	RingError error = indirect_.open(setup_.translate, ref.addr, ref.len);
	for (u32 i = 0; error == RingError::none && i < indirect_.count(); i++) {
		const PackedDescriptor *desc;
		error = indirect_.get(i, desc);
		if (error == RingError::none)
			error = builder.add(desc->addr, desc->len, desc->flags & desc_f_write);
	}
	return error;
}

// Length, id and flags are one aligned word: the driver that sees the flags sees
// all of it.
bool PackedQueue::write_used(Position at, const UsedBuffer &used)
{
	// 2.8.3: WRITE says that something was written, without it len means nothing.
	const u16 flags = at.used() | (used.len ? desc_f_write : 0);
	return put(slot(at.index) + desc_len_id_flags,
		   used.len | static_cast<u64>(used.id) << 32 | static_cast<u64>(flags) << 48);
}

bool PackedQueue::publish()
{
	if (!shadowed_)
		return true;
	const bool one = one_for_all();
	Position at = used_;
	u32 moved = 0;
	for (u32 i = 0; i < shadowed_; i++) {
		if (i && !one && !write_used(at, shadow_[i]))
			return false;
		at.advance(slots_[i], size());
		moved += slots_[i];
	}
	// The first one comes last, as the driver looks no further than it (2.8.2,
	// 2.8.11), and after what was written to the buffers; pairs with the driver's
	// barrier after it has read the flags.  In order it may stand for all (2.8.9).
	std::atomic_thread_fence(std::memory_order_release);
	if (!write_used(used_, shadow_[one ? shadowed_ - 1 : 0]))
		return false;
	used_ = at;
	moved_ = min(moved_ + moved, 2 * size());
	published();
	return true;
}

bool PackedQueue::should_signal()
{
	// The used descriptors are visible before the driver's wish is read; pairs
	// with the driver's barrier between its wish and its last look at the ring
	// (2.8.22).  Without it, both could miss each other.
	std::atomic_thread_fence(std::memory_order_seq_cst);
	const u32 moved = moved_valid_ ? moved_ : 2 * size();
	moved_ = 0;
	moved_valid_ = true;
	u16 flags, position;
	if (vna_env_get_u16(&flags, setup_.at.driver + event_flags))
		return !failed(RingError::ring_fault);
	switch (flags & event_flags_mask) {
	case event_f_enable:
		return true;
	case event_f_disable:
		return false;
	case event_f_desc:
		if (event_idx_)
			break;
		[[fallthrough]];
	default:
		return !failed(RingError::event_flags); // 2.8.10
	}
	// The position was written before the flags that make it count.
	std::atomic_thread_fence(std::memory_order_acquire);
	if (vna_env_get_u16(&position, setup_.at.driver + event_position))
		return !failed(RingError::ring_fault);
	const Position event = Position::of(position);
	if (event.index >= size())
		return !failed(RingError::event_out_of_ring);
	// Both on a circle of two rounds, one for each value of the wrap counter: was
	// the event's slot among the last @moved before used_?
	const u32 circle = 2 * size();
	const u32 now = used_.index + (used_.wrap ? size() : 0);
	const u32 asked = event.index + (event.wrap ? size() : 0);
	return (now + circle - 1 - asked) % circle < moved;
}

bool PackedQueue::set_device_event(u16 flags)
{
	if (device_flags_ == flags)
		return true;
	device_flags_ = flags;
	return put(setup_.at.device + event_flags, flags);
}

bool PackedQueue::enable_notify()
{
	// seen_, not avail_: whoever enables has looked at everything before seen_, and
	// may have left buffers there because they were too few for a frame.  The
	// driver is to tell of what comes after those.
	if (event_idx_) {
		if (!put(setup_.at.device + event_position, static_cast<u16>(seen_.bits())))
			return false;
		// The position is there before the flags that make it count.
		std::atomic_thread_fence(std::memory_order_release);
	}
	if (!set_device_event(event_idx_ ? event_f_desc : event_f_enable))
		return false;
	// The wish is visible before the ring is read again; pairs with the driver's
	// barrier between making available and reading the wish (2.8.21.1).
	std::atomic_thread_fence(std::memory_order_seq_cst);
	u16 flags;
	if (vna_env_get_u16(&flags, slot(seen_.index) + desc_flags))
		return failed(RingError::ring_fault);
	return (flags & available_mask) == seen_.available();
}

void PackedQueue::disable_notify()
{
	(void)set_device_event(event_f_disable);
}

} // namespace vna
