// SPDX-License-Identifier: GPL-2.0-only
#include "core/virtqueue/split.hh"

#include <array>
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
	if (vna_env_put_u16(at_.device + used_flags, 0) ||
	    vna_env_get_u16(&used, at_.device + used_idx))
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

// Reads the available index.  False: an error.
bool SplitQueue::look(u32 &available)
{
	u16 index;
	if (vna_env_get_u16(&index, at_.driver + avail_idx))
		return failed(RingError::ring_fault);
	if (static_cast<u16>(index - last_avail_) > size_)
		return failed(RingError::avail_index_jump);
	avail_ = index;
	available = static_cast<u16>(index - last_avail_);
	// Entries and descriptors are read after the index which covers them; pairs
	// with the driver's barrier before it moves the index (2.7.13.3.1).
	std::atomic_thread_fence(std::memory_order_acquire);
	return true;
}

u32 SplitQueue::fetch(BufferBatch &batch, u32 max)
{
	u32 available = static_cast<u16>(avail_ - last_avail_);
	if (available < max && !look(available))
		return 0;
	max = min(max, available);
	batch.set_out_of_room(false);

	std::array<u16, head_window> heads;
	u32 done = 0;
	while (done < max) {
		const u32 at = last_avail_ & (size_ - 1);
		const u32 n = min(max - done, size_ - at, head_window);
		if (vna_env_copy_from_user(heads.data(), at_.driver + avail_ring + 2ull * at,
					   2ull * n)) {
			if (!done)
				error_ = RingError::ring_fault;
			return done;
		}
		for (u32 i = 0; i < n; i++) {
			const RingError error = batch.full() ? RingError::too_many_segments :
							       chain(heads[i], batch);
			if (error == RingError::too_many_segments && batch.size()) {
				batch.set_out_of_room(true); // fits into an empty one
				return done;
			}
			if (error != RingError::none) {
				if (!done)
					error_ = error;
				return done;
			}
			last_avail_++;
			done++;
		}
	}
	return done;
}

void SplitQueue::discard(BufferBatch &batch, u32 n)
{
	batch.drop_back(n);
	last_avail_ -= static_cast<u16>(n);
}

// Copies descriptors from a table of @count at user addresses that @locate gives.
class SplitQueue::Table {
public:
	explicit Table(u32 count) : count_(count) {}

	// Copies descriptor @i, and those after it that @locate says lie in one run.
	// Each descriptor of a legal chain is copied once; a chain that jumps about
	// costs a copy a descriptor, and what was copied ahead is thrown away unread.
	template <class Locate> RingError get(u32 i, Descriptor &out, const Locate &locate)
	{
		if (i - first_ >= held_) { // also true for i < first_: unsigned
			u64 user;
			u32 n = min(window, count_ - i);
			const RingError error = locate(i, n, user);
			if (error != RingError::none)
				return error;
			held_ = 0;
			if (vna_env_copy_from_user(copy_.data(), user, n * sizeof(Descriptor)))
				return RingError::ring_fault;
			first_ = i;
			held_ = n;
		}
		out = copy_[i - first_];
		return RingError::none;
	}

private:
	u32 count_;
	u32 first_ = 0;
	u32 held_ = 0;
	std::array<Descriptor, window> copy_;
};

RingError SplitQueue::chain(u16 head, BufferBatch &batch)
{
	if (head >= size_)
		return RingError::head_out_of_ring;

	ChainBuilder builder(translate_, batch.room());
	Descriptor desc;
	u32 at = head;
	for (u32 walked = 1;; walked++) {
		if (walked > size_)
			return RingError::chain_too_long; // 2.7.5.3.1
		if (vna_env_copy_from_user(&desc, at_.desc + desc_bytes(at), sizeof desc))
			return RingError::ring_fault;
		RingError error;
		if (desc.indirect()) {
			if (!features_.has(VNA_VIRTIO_RING_F_INDIRECT_DESC))
				return RingError::indirect_not_negotiated; // 2.7.5.3.1
			if (desc.has_next())
				return RingError::indirect_with_next; // 2.7.5.3.1
			error = indirect(desc, builder);
		} else {
			error = builder.add(desc);
		}
		if (error != RingError::none)
			return error;
		if (!desc.has_next()) {
			batch.push(builder.finish(head, static_cast<u16>(walked), batch.mark()));
			return RingError::none;
		}
		if (desc.next >= size_)
			return RingError::next_out_of_table;
		at = desc.next;
	}
}

// The table's own WRITE flag is ignored (2.7.5.3.2).
RingError SplitQueue::indirect(const Descriptor &ref, ChainBuilder &builder)
{
	if (!ref.len || ref.len % sizeof(Descriptor) || ref.len / sizeof(Descriptor) > 65536)
		return RingError::indirect_size;
	const RingError error = ChainBuilder::check(ref.addr, ref.len);
	if (error != RingError::none)
		return error;
	const u32 count = ref.len / sizeof(Descriptor);

	// Guest-physical runs end where a region ends; a descriptor that straddles two
	// regions has no single user address.  vhost reads those piecewise; no guest
	// has one, as regions end on pages and tables are 16-byte aligned.
	const auto locate = [&](u32 i, u32 &n, u64 &user) {
		const u64 run = translate_.run(ref.addr + i * sizeof(Descriptor),
					       n * sizeof(Descriptor), user);
		n = static_cast<u32>(run / sizeof(Descriptor));
		return n ? RingError::none : RingError::address_unmapped;
	};

	Table table(count);
	Descriptor desc;
	u32 at = 0;
	for (u32 walked = 1;; walked++) {
		if (walked > count)
			return RingError::chain_too_long;
		RingError e = table.get(at, desc, locate);
		if (e != RingError::none)
			return e;
		if (desc.indirect())
			return RingError::indirect_nested; // 2.7.5.3.1
		e = builder.add(desc);
		if (e != RingError::none)
			return e;
		if (!desc.has_next())
			return RingError::none;
		if (desc.next >= count)
			return RingError::next_out_of_table;
		at = desc.next;
	}
}

bool SplitQueue::publish()
{
	for (u32 done = 0; done < shadowed_;) {
		const u32 at = (last_used_ + done) & (size_ - 1);
		const u32 n = min(shadowed_ - done, size_ - at);
		if (vna_env_copy_to_user(at_.device + used_ring + sizeof(UsedBuffer) * at,
					 shadow_.data() + done, sizeof(UsedBuffer) * n))
			return failed(RingError::ring_fault);
		done += n;
	}
	if (!shadowed_)
		return true;
	const u16 old = last_used_;
	const u16 now = static_cast<u16>(old + shadowed_);
	// The index moves after the entries it covers, and what was written to the
	// buffers (2.7.8.2); pairs with the driver's barrier after it reads the index.
	std::atomic_thread_fence(std::memory_order_release);
	if (vna_env_put_u16(at_.device + used_idx, now))
		return failed(RingError::ring_fault);
	last_used_ = now;
	shadowed_ = 0;
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
	if (features_.has(VNA_VIRTIO_F_NOTIFY_ON_EMPTY) && avail_ == last_avail_) {
		// Not look(): enable_notify() is to find what fetch() has not seen.
		if (vna_env_get_u16(&wish, at_.driver + avail_idx)) {
			error_ = RingError::ring_fault;
			return true;
		}
		if (wish == last_avail_)
			return true;
	}
	if (!event_idx()) {
		if (vna_env_get_u16(&wish, at_.driver + avail_flags)) {
			error_ = RingError::ring_fault;
			return true;
		}
		return !(wish & avail_f_no_interrupt);
	}
	const u16 old = signalled_;
	const bool valid = signalled_valid_;
	signalled_ = last_used_;
	signalled_valid_ = true;
	if (vna_env_get_u16(&wish, at_.driver + avail_ring + 2ull * size_)) {
		error_ = RingError::ring_fault;
		return true;
	}
	return !valid || need_event(wish, last_used_, old);
}

bool SplitQueue::set_used_flags()
{
	return !vna_env_put_u16(at_.device + used_flags, used_flags_) ||
	       failed(RingError::ring_fault);
}

bool SplitQueue::set_avail_event(u16 index)
{
	return !vna_env_put_u16(at_.device + used_ring + 8ull * size_, index) ||
	       failed(RingError::ring_fault);
}

bool SplitQueue::enable_notify()
{
	// avail_, not last_avail_: whoever enables has looked at everything before
	// avail_, and may have left buffers there because they were too few for a
	// frame.  The driver is to tell of what comes after those.
	if (event_idx()) {
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
	if (vna_env_get_u16(&index, at_.driver + avail_idx))
		return failed(RingError::ring_fault);
	return index != avail_;
}

void SplitQueue::disable_notify()
{
	// With the event index an old wish fades by itself, and flags must be 0
	// (2.7.10.2).
	if (event_idx() || (used_flags_ & used_f_no_notify))
		return;
	used_flags_ |= used_f_no_notify;
	(void)set_used_flags();
}

} // namespace vna
