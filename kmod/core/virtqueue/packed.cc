// SPDX-License-Identifier: GPL-2.0-only
#include "core/virtqueue/packed.hh"

#include <atomic>
#include <bit>

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
	const RingError before = error_;
	if (!put(at_.device + event_flags, event_f_enable)) {
		error_ = before;
		return false;
	}
	if (get_u16(&flags, slot(avail_.index) + desc_flags))
		return false;
	device_flags_ = event_f_enable;
	moved_valid_ = false;
	seen_ = avail_;
	return true;
}

void PackedQueue::set_base(u32 base)
{
	// The start of a ring as DPDK's virtio-user has it, which knows one half only.
	// The other meaning, that all descriptors are in use, no ring at rest has.
	constexpr u32 half_a_start = 0x8000;
	avail_ = Position::of(base);
	used_ = base == half_a_start ? avail_ : Position::of(base >> 16);
	seen_ = avail_;
}

// Has ring_ hold the descriptors from @at on that are available, up to @want of
// them and to the end of the ring.
RingError PackedQueue::look(Position at, u32 want)
{
	const u32 n = min(want, size() - at.index, ring_.capacity);
	// Each is read after the flags that make it available, and the rest of a list
	// after its first; pairs with the driver's barrier before it writes the flags
	// of that (2.8.21.1.1).
	const int found = copy_available(ring_.data(), slot(at.index), n, available_mask,
						 at.available());
	ring_.loaded(at.on_circle(size()), found < 0 ? 0 : static_cast<u32>(found));
	return found < 0 ? RingError::ring_fault : RingError::none;
}

// Turns up to @max chains from avail_ on into buffers, and moves avail_ behind
// them, that are what most are: one descriptor, at hand, in the region that was
// found last.  Returns how many; what is wrong with the next one, if anything is,
// chain() tells.
u32 PackedQueue::singles(BufferBatch &batch, u32 max)
{
	BufferBatch::Singles out(batch);
	const Translator::Window memory = setup_.translate.window();
	const u32 first = avail_.on_circle(size());
	const u32 n = min(max, out.room(), ring_.held(first));
	const u32 ring_size = size();
	const PackedDescriptor *const begin = &ring_[first], *const end = begin + n;
	const PackedDescriptor *desc = begin;
	for (; desc != end; desc++) {
		u64 user;
		if (desc->flags & (desc_f_indirect | desc_f_next) || desc->id >= ring_size ||
		    !memory.map(desc->addr, desc->len, user))
			break;
		out.push(desc->id, user, desc->len, desc->flags & desc_f_write);
	}
	out.commit();
	const u32 done = static_cast<u32>(desc - begin);
	avail_.advance(done, ring_size);
	return done;
}

u32 PackedQueue::fetch(BufferBatch &batch, u32 max)
{
	batch.set_out_of_room(false);
	ring_.forget();
	u32 done = 0;
	RingError error = RingError::none;
	while (done < max) {
		if (!ring_.holds(avail_.on_circle(size()))) {
			error = look(avail_, max - done);
			if (error != RingError::none || !ring_.holds(avail_.on_circle(size())))
				break;
		}
		const u16 flags = ring_[avail_.on_circle(size())].flags;
		const u32 served =
			flags & (desc_f_indirect | desc_f_next) ? 0 : singles(batch, max - done);
		if (!served)
			error = batch.full() ? RingError::too_many_segments : chain(batch);
		if (error != RingError::none)
			break;
		done += served ? served : 1;
	}
	seen_ = avail_;
	if (error == RingError::too_many_segments && batch.size())
		batch.set_out_of_room(true); // fits into an empty one
	else if (!done)
		ended(error);
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
	ChainBuilder builder(batch.room());
	Position at = avail_;
	for (u32 walked = 1;; walked++) {
		const PackedDescriptor &desc = ring_[at.on_circle(size())];
		if (desc.flags & desc_f_indirect) {
			if (!indirect_ok_)
				return RingError::indirect_not_negotiated; // 2.8.19
			if (desc.flags & desc_f_next || walked > 1)
				return RingError::indirect_with_next; // 2.8.19
			return indirect(desc, batch);
		}
		RingError error = builder.add(setup_.translate, desc.addr, desc.len,
					      desc.flags & desc_f_write);
		if (error != RingError::none)
			return error;
		at.advance(1, size());
		if (!(desc.flags & desc_f_next)) {
			if (desc.id >= size())
				return RingError::id_out_of_ring;
			builder.finish(batch, desc.id, walked);
			avail_ = at;
			return RingError::none;
		}
		if (walked == size())
			return RingError::chain_too_long; // 2.8.17
		if (!ring_.holds(at.on_circle(size()))) {
			error = look(at, chain_window);
			if (error != RingError::none)
				return error;
			// All flags of a list are right, and its first's are written last (2.8.6).
			if (!ring_.holds(at.on_circle(size())))
				return RingError::chain_vanished;
		}
	}
}

// All entries of the table that @ref, the descriptor at avail_, names are the
// chain; WRITE is their only flag (2.8.7).  A transmit queue ignores it: DPDK's
// driver leaves it set, now in one entry and now in another, in the tables that it
// transmits.
RingError PackedQueue::indirect(const PackedDescriptor &ref, BufferBatch &batch)
{
	const u16 writable = setup_.transmits ? 0 : desc_f_write;
	ChainBuilder builder(batch.room());
	RingError error = indirect_.open(setup_.translate, ref.addr, ref.len);
	for (u32 i = 0; error == RingError::none && i < indirect_.count(); i++) {
		const PackedDescriptor *desc;
		error = indirect_.get(i, desc);
		if (error == RingError::none)
			error = builder.add(setup_.translate, desc->addr, desc->len,
					    desc->flags & writable);
	}
	if (error == RingError::none && ref.id >= size())
		error = RingError::id_out_of_ring;
	if (error != RingError::none)
		return error;
	builder.finish(batch, ref.id, 1);
	avail_.advance(1, size());
	return RingError::none;
}

// The last half of a used descriptor, one aligned word: the driver that sees the
// flags sees all of it.
u64 PackedQueue::used_word(const UsedBuffer &used, u16 flags)
{
	// 2.8.3: WRITE says that something was written, without it len means nothing.
	if (used.len)
		flags |= desc_f_write;
	// UsedBuffer has the id first, the descriptor the length.
	return std::rotl(std::bit_cast<std::uint64_t>(used), 32) | static_cast<u64>(flags) << 48;
}

// Writes used descriptors for the shadow's buffers from the second on, whose
// place is @at.
bool PackedQueue::write_used(Position at)
{
	const UsedBuffer *used = shadow_.data() + 1, *const end = shadow_.data() + shadowed_;
	const u16 *slots = slots_.data() + 1;
	const u32 ring_size = size();
	u32 index = at.index;
	u16 flags = at.used();
	while (used != end) {
		const u32 n = min(static_cast<u32>(end - used), words_per_write);
		u32 *place = places_.data();
		u64 *word = words_.data();
		for (const UsedBuffer *last = used + n; used != last; used++) {
			*place++ = sizeof(PackedDescriptor) * index;
			*word++ = used_word(*used, flags);
			index += *slots++;
			if (index >= ring_size) {
				index -= ring_size;
				flags ^= available_mask;
			}
		}
		if (!put(slot(0) + desc_len_id_flags,
			 sizeof(PackedDescriptor) * ring_size - desc_len_id_flags,
			 std::span(places_).first(n), std::span(words_).first(n)))
			return false;
	}
	return true;
}

bool PackedQueue::publish()
{
	if (!shadowed_)
		return true;
	const bool one = one_for_all();
	if (!one) {
		Position second = used_;
		second.advance(slots_[0], size());
		if (!write_used(second))
			return false;
	}
	// The first one comes last, as the driver looks no further than it (2.8.2,
	// 2.8.9), and after what was written to the buffers; pairs with the driver's
	// barrier after it has read the flags.  In order it may stand for all (2.8.8).
	std::atomic_thread_fence(std::memory_order_release);
	if (!put(slot(used_.index) + desc_len_id_flags,
		 used_word(shadow_[one ? shadowed_ - 1 : 0], used_.used())))
		return false;
	u32 moved = 0;
	for (const u16 n : std::span(slots_).first(shadowed_))
		moved += n;
	// More than the ring holds only if the driver has offered what is in use.
	for (u32 left = moved; left;) {
		const u32 n = min(left, size());
		used_.advance(n, size());
		left -= n;
	}
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
	if (get_u16(&flags, at_.driver + event_flags))
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
	if (get_u16(&position, at_.driver + event_position))
		return !failed(RingError::ring_fault);
	const Position event = Position::of(position);
	if (event.index >= size())
		return !failed(RingError::event_out_of_ring);
	// Was the event's slot among the last @moved before used_?
	const u32 circle = 2 * size();
	return (used_.on_circle(size()) + circle - 1 - event.on_circle(size())) % circle < moved;
}

bool PackedQueue::set_device_event(u16 flags)
{
	if (device_flags_ == flags)
		return true;
	device_flags_ = flags;
	return put(at_.device + event_flags, flags);
}

bool PackedQueue::enable_notify()
{
	// seen_, not avail_: whoever enables has looked at everything before seen_, and
	// may have left buffers there because they were too few for a frame.  The
	// driver is to tell of what comes after those.
	if (event_idx_) {
		if (!put(at_.device + event_position, static_cast<u16>(seen_.bits())))
			return false;
		// The position is there before the flags that make it count.
		std::atomic_thread_fence(std::memory_order_release);
	}
	if (!set_device_event(event_idx_ ? event_f_desc : event_f_enable))
		return false;
	// The wish is visible before the ring is read again; pairs with the driver's
	// barrier between making available and reading the wish (2.8.21.2).
	std::atomic_thread_fence(std::memory_order_seq_cst);
	u16 flags;
	if (get_u16(&flags, slot(seen_.index) + desc_flags))
		return failed(RingError::ring_fault);
	return (flags & available_mask) == seen_.available();
}

bool PackedQueue::has_news()
{
	u16 flags;
	return get_u16(&flags, slot(seen_.index) + desc_flags) ||
	       (flags & available_mask) == seen_.available();
}

void PackedQueue::disable_notify()
{
	(void)set_device_event(event_f_disable);
}

} // namespace vna
