// SPDX-License-Identifier: GPL-2.0-only
#include "core/virtqueue/split.hh"

#include <atomic>

#include "core/base/algorithm.hh"
#include "core/base/env.hh"

namespace vna {

namespace {

// Offsets in the available and used rings (2.7.6, 2.7.8).
constexpr u64 avail_flags = 0, avail_idx = 2, avail_ring = 4;
constexpr u64 used_flags = 0, used_idx = 2, used_ring = 4;
constexpr u16 avail_f_no_interrupt = 1;
constexpr u16 used_f_no_notify = 1;

// Whether moving from @old to @now passes @event (2.7.7.2): the driver asked to
// be told when the entry @event has been used.
constexpr bool need_event(u16 event, u16 now, u16 old)
{
	return static_cast<u16>(now - event - 1) < static_cast<u16>(now - old);
}

} // namespace

bool SplitQueue::start()
{
	u16 used;
	const RingError before = error_;
	if (!put(at_.device + used_flags, u16{0})) {
		error_ = before;
		return false;
	}
	if (get_u16(&used, at_.device + used_idx))
		return false;
	last_used_ = used;
	used_flags_ = 0;
	signalled_valid_ = false;
	avail_ = last_avail_;
	return true;
}

void SplitQueue::set_base(u32 base)
{
	last_avail_ = static_cast<u16>(base);
	avail_ = last_avail_;
}

// Reads the available index.
RingError SplitQueue::look()
{
	u16 index;
	if (get_u16(&index, at_.driver + avail_idx))
		return RingError::ring_fault;
	if (static_cast<u16>(index - last_avail_) > size())
		return RingError::avail_index_jump;
	avail_ = index;
	// Entries and descriptors are read after the index which covers them; pairs
	// with the driver's barrier before it moves the index (2.7.13.3.1).
	std::atomic_thread_fence(std::memory_order_acquire);
	return RingError::none;
}

u32 SplitQueue::fetch(BufferBatch &batch, u32 max)
{
	batch.set_out_of_room(false);
	RingError looked = RingError::none;
	if (static_cast<u16>(avail_ - last_avail_) < max)
		looked = look();
	max = min<u32>(max, static_cast<u16>(avail_ - last_avail_));
	if (!max) { // else those come first that the index covered before
		if (looked != RingError::none)
			error_ = looked;
		return 0;
	}

	// What was copied before the index moved may have changed since.
	table_.forget();
	u32 done = 0;
	RingError error = RingError::none;
	while (done < max && error == RingError::none) {
		const u32 at = slot(last_avail_);
		const u32 n = min(max - done, size() - at, head_window);
		if (copy_ring(heads_.data(), at_.driver + avail_ring + 2ull * at, 2ull * n)) {
			error = RingError::ring_fault;
			break;
		}
		for (u32 i = 0; i < n && error == RingError::none;) {
			const auto heads = std::span(heads_).subspan(i, n - i);
			if (!table_.holds(heads[0]))
				error = bring(heads, batch);
			u32 served = is_single(heads[0]) ? singles(heads, batch) : 0;
			if (!served && error == RingError::none) {
				error = chain(heads[0], batch);
				served = error == RingError::none;
			}
			last_avail_ += static_cast<u16>(served);
			done += served;
			i += served;
		}
	}
	if (error == RingError::too_many_segments && batch.size())
		batch.set_out_of_room(true); // fits into an empty one
	else if (!done)
		ended(error);
	return done;
}

void SplitQueue::discard(BufferBatch &batch, u32 n)
{
	batch.drop_back(n);
	last_avail_ -= static_cast<u16>(n);
}

// Copies the descriptor of the first of @heads, and with it those of as many of
// the next ones as lie close together: a driver's free list hands them out in
// runs, up or down, so the last one tells of those between.
RingError SplitQueue::copy_ahead(std::span<const u16> heads)
{
	const u32 first = heads[0];
	for (u32 n = static_cast<u32>(heads.size()); n > 1; n /= 2) {
		const u32 last = heads[n - 1];
		const u32 low = min(first, last), high = first ^ last ^ low;
		// Not where most of what is copied would be for nothing.
		if (high - low >= min(4 * n, table_.capacity) || high >= size())
			continue;
		// Upwards the last chain goes on, most likely as far as those before.
		const u32 tail = last > first ? (high - low) / (n - 1) : 1;
		if (copy(low, min(high - low + tail, size() - low, table_.capacity)) &&
		    table_.holds(first))
			return RingError::none;
		break;
	}
	return copy(first, 1) ? RingError::none : RingError::ring_fault;
}

// Turns as many of @heads into buffers as are what most are: one descriptor, at
// hand, in the region that was found last.  Returns how many; what is wrong with
// the next one, if anything is, chain() tells.
u32 SplitQueue::singles(std::span<const u16> heads, BufferBatch &batch)
{
	BufferBatch::Singles out(batch);
	const Translator::Window memory = setup_.translate.window();
	const u32 n = min(static_cast<u32>(heads.size()), out.room());
	u32 i = 0;
	for (; i < n && table_.holds(heads[i]); i++) {
		const SplitDescriptor &desc = table_[heads[i]];
		u64 user;
		if (desc.flags & (desc_f_indirect | desc_f_next) ||
		    !memory.map(desc.addr, desc.len, user))
			break;
		out.push(heads[i], user, desc.len, desc.flags & desc_f_write);
	}
	out.commit();
	return i;
}

// Has table_ hold the descriptor of the first of @heads.
RingError SplitQueue::bring(std::span<const u16> heads, const BufferBatch &batch)
{
	if (heads[0] >= size())
		return RingError::head_out_of_ring;
	if (batch.full()) // to no avail then
		return RingError::too_many_segments;
	return copy_ahead(heads);
}

// Turns the chain at @head, whose first descriptor table_ holds, into a buffer.
RingError SplitQueue::chain(u16 head, BufferBatch &batch)
{
	if (batch.full())
		return RingError::too_many_segments;
	ChainBuilder builder(batch.room());
	u32 at = head;
	for (u32 walked = 1;; walked++) {
		const SplitDescriptor &desc = table_[at];
		if (desc.flags & desc_f_indirect) {
			if (!indirect_ok_)
				return RingError::indirect_not_negotiated; // 2.7.5.3.1
			if (desc.flags & desc_f_next)
				return RingError::indirect_with_next; // 2.7.5.3.1
			return indirect(desc, builder, head, walked, batch);
		}
		const RingError error = builder.add(setup_.translate, desc.addr, desc.len,
						    desc.flags & desc_f_write);
		if (error != RingError::none)
			return error;
		if (!(desc.flags & desc_f_next)) {
			builder.finish(batch, head, walked);
			return RingError::none;
		}
		at = desc.next;
		if (at >= size())
			return RingError::next_out_of_table;
		if (walked == size())
			return RingError::chain_too_long; // 2.7.5.3.1
		if (!table_.holds(at) && !copy(at, min(chain_window, size() - at)))
			return RingError::ring_fault;
	}
}

// Ends the chain with what the table of its last descriptor, @ref, has.  A builder
// by value can stay in registers.
RingError SplitQueue::indirect(const SplitDescriptor &ref, ChainBuilder builder, u16 head,
			       u32 walked, BufferBatch &batch)
{
	RingError error = indirect_.open(setup_.translate, ref.addr, ref.len);
	u32 at = 0;
	for (u32 entries = 1; error == RingError::none; entries++) {
		const SplitDescriptor *desc;
		error = indirect_.get(at, desc);
		if (error != RingError::none)
			break;
		if (desc->flags & desc_f_indirect)
			return RingError::indirect_nested; // 2.7.5.3.1
		error = builder.add(setup_.translate, desc->addr, desc->len,
				    desc->flags & desc_f_write);
		if (error != RingError::none)
			break;
		if (!(desc->flags & desc_f_next)) {
			builder.finish(batch, head, walked);
			return RingError::none;
		}
		at = desc->next;
		if (at >= indirect_.count())
			return RingError::next_out_of_table;
		if (entries == indirect_.count())
			return RingError::chain_too_long;
	}
	return error;
}

bool SplitQueue::publish()
{
	if (!shadowed_)
		return true;
	std::span<const UsedBuffer> used = std::span(shadow_).first(shadowed_);
	if (one_for_all())
		used = used.last(1); // at the place of the first (2.7.9)
	u16 at = last_used_;
	while (!used.empty()) {
		const auto run = used.first(min<std::size_t>(used.size(), size() - slot(at)));
		if (!put(at_.device + used_ring + sizeof(UsedBuffer) * slot(at), run))
			return false;
		at += static_cast<u16>(run.size());
		used = used.subspan(run.size());
	}
	const u16 old = last_used_;
	const u16 now = static_cast<u16>(old + shadowed_);
	// The index moves after the entries it covers, and what was written to the
	// buffers (2.7.8.2); pairs with the driver's barrier after it reads the index.
	std::atomic_thread_fence(std::memory_order_release);
	if (!put(at_.device + used_idx, now))
		return false;
	last_used_ = now;
	published();
	// After 2^16 entries without a decision the distance to the last one is
	// ambiguous: the next decision is to signal.
	if (static_cast<u16>(last_used_ - signalled_) < static_cast<u16>(last_used_ - old))
		signalled_valid_ = false;
	return true;
}

bool SplitQueue::should_signal()
{
	// The used index is visible before the driver's wish is read; pairs with the
	// driver's barrier between its wish and its last look at the used index
	// (2.7.14).  Without it, both could miss each other.
	std::atomic_thread_fence(std::memory_order_seq_cst);
	u16 wish;
	if (setup_.features.has(VNA_VIRTIO_F_NOTIFY_ON_EMPTY) && avail_ == last_avail_) {
		// Not look(): enable_notify() is to find what fetch() has not seen.
		if (get_u16(&wish, at_.driver + avail_idx)) {
			error_ = RingError::ring_fault;
			return true;
		}
		if (wish == last_avail_)
			return true;
	}
	if (!event_idx_) {
		if (get_u16(&wish, at_.driver + avail_flags)) {
			error_ = RingError::ring_fault;
			return true;
		}
		return !(wish & avail_f_no_interrupt);
	}
	const u16 old = signalled_;
	const bool valid = signalled_valid_;
	signalled_ = last_used_;
	signalled_valid_ = true;
	if (get_u16(&wish, at_.driver + avail_ring + 2ull * size())) {
		error_ = RingError::ring_fault;
		return true;
	}
	return !valid || need_event(wish, last_used_, old);
}

bool SplitQueue::set_used_flags()
{
	return put(at_.device + used_flags, used_flags_);
}

bool SplitQueue::set_avail_event(u16 index)
{
	return put(at_.device + used_ring + 8ull * size(), index);
}

bool SplitQueue::enable_notify()
{
	// avail_, not last_avail_: whoever enables has looked at everything before
	// avail_, and may have left buffers there because they were too few for a
	// frame.  The driver is to tell of what comes after those.
	if (event_idx_) {
		if (!set_avail_event(avail_))
			return false;
	} else if (used_flags_ & used_f_no_notify) {
		used_flags_ = 0;
		if (!set_used_flags())
			return false;
	}
	// The wish is visible before the index is read again; pairs with the driver's
	// barrier between moving the index and reading the wish (2.7.13.4.1).
	std::atomic_thread_fence(std::memory_order_seq_cst);
	u16 index;
	if (get_u16(&index, at_.driver + avail_idx))
		return failed(RingError::ring_fault);
	return index != avail_;
}

bool SplitQueue::has_news()
{
	u16 index;
	return get_u16(&index, at_.driver + avail_idx) || index != avail_;
}

void SplitQueue::disable_notify()
{
	// With the event index an old wish fades by itself, and flags must be 0
	// (2.7.10.2).
	if (event_idx_ || (used_flags_ & used_f_no_notify))
		return;
	used_flags_ |= used_f_no_notify;
	(void)set_used_flags();
}

} // namespace vna
