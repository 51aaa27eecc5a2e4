// SPDX-License-Identifier: GPL-2.0-only
// The calls of the device, and what each is held against.
#include "ring_world.hh"

#include <algorithm>
#include <iterator>

namespace vna::fuzz
{

using host::trap;

namespace
{

// Of all the errors, those that a ring of this format may have.  What a queue's direction forbids
// is no matter of the ring.
bool possible(RingError error, bool packed)
{
	switch (error) {
	case RingError::avail_index_jump:
	case RingError::head_out_of_ring:
	case RingError::next_out_of_table:
	case RingError::indirect_nested:
		return !packed;
	case RingError::id_out_of_ring:
	case RingError::chain_vanished:
	case RingError::event_flags:
	case RingError::event_out_of_ring:
		return packed;
	case RingError::writable_on_transmit:
	case RingError::readable_on_receive:
		return false;
	default:
		return true;
	}
}

// The most accesses that a fetch may make: each descriptor of a chain ends in a segment or is the
// last of its chain, and one chain more may turn out too long.
constexpr u64 descriptors = 2 * BufferBatch::capacity + 8;
constexpr u64 split_accesses = 4; // to find one, at worst
constexpr u64 packed_accesses = 64 + 2;

} // namespace

void RingWorld::check_error(const char *call, bool failed) const
{
	const RingError error = queue().error();
	if ((error != RingError::none) != failed)
		trap("%s: the result says %s, and the error is %s", call,
		     failed ? "failed" : "well", vna::describe(error).name);
	if (!possible(error, packed_))
		trap("%s: a %s ring has error %s", call, packed_ ? "packed" : "split",
		     vna::describe(error).name);
	check_base();
	if (queue().shadowed() != shadow_.size())
		trap("%s: %u buffers are shadowed, not %zu", call, queue().shadowed(),
		     shadow_.size());
}

void RingWorld::check_base() const
{
	const u32 expected = packed_ ? avail_at_.bits() | u32{used_at_.bits()} << 16 : avail_;
	if (queue().base() != expected)
		trap("the base is %#x, not %#x", queue().base(), expected);
}

// Starts the ring: @anew at another base, or again after an error.
void RingWorld::start(bool anew)
{
	const RingError before = queue().error();
	if (anew) {
		u32 base = in_.word();
		if (packed_) {
			// Both halves; or the start with the lower one alone, as virtio-user has it.
			avail_at_ = {static_cast<u16>((base & 0x7fff) % size_), base >> 15 != 0};
			used_at_ = avail_at_;
			base = avail_at_.bits();
			if (in_.chance()) {
				used_at_.index = static_cast<u16>(in_.word() % size_);
				used_at_.wrap = in_.chance();
			}
			base |= u32{used_at_.bits()} << 16;
			if (base == 0x8000)
				used_at_ = avail_at_;
			driver_at_ = avail_at_;
		} else {
			avail_ = static_cast<u16>(base);
			arena_.put(Arena::driver, 2, avail_); // as the driver begins, too
		}
		queue().forget();
		shadow_.clear();
		receives_ = false;
		queue().set_base(base);
		if (!queue().set_up_ok())
			trap("base %#x is not accepted", base);
	}
	batch_.clear();
	completed_.clear();
	queue().clear_error();

	const bool quiet = arena_.quiet();
	arena_.limit("start", 2);
	if (!queue().start()) {
		if (quiet)
			trap("start: a ring that is there is not accessible");
		check_error("start", false);
		queue().fail(before == RingError::none ? RingError::ring_fault : before);
		return;
	}
	check_error("start", false);
	used_known_ = quiet;
	used_ = packed_ ? 0 : arena_.get<u16>(Arena::device, 2);
	looked_ = avail_;
	look_known_ = true;
	seen_at_ = avail_at_;
	decided_ = false;
	decision_known_ = true;
	since_ = 0;
	slots_.clear();
	device_area_ours_ = quiet;
}

void RingWorld::check_buffer(u32 i)
{
	const Buffer &b = batch_[i];
	const u32 first = i ? batch_[i - 1].first + batch_[i - 1].readable + batch_[i - 1].writable :
			      0;
	if (b.first != first || !(b.readable + b.writable))
		trap("buffer %u begins at segment %u, not %u", i, b.first, first);
	if (b.id >= size_ || !b.descs || b.descs > size_)
		trap("buffer %u has id %u and %u descriptors", i, b.id, b.descs);
	u64 readable = 0, writable = 0;
	const auto segs = batch_.segments(b);
	for (std::size_t s = 0; s < segs.size(); s++) {
		if (!segs[s].len)
			trap("segment %zu of buffer %u is empty", s, i);
		(s < b.readable ? readable : writable) += segs[s].len;
	}
	if (readable != b.readable_len || writable != b.writable_len)
		trap("buffer %u has %u + %u bytes, not what its segments have", i, b.readable_len,
		     b.writable_len);
}

void RingWorld::expect_buffer(u32 i, const NaiveChain &chain)
{
	const Buffer &b = batch_[i];
	if (b.id != chain.id || b.descs != chain.descs || b.readable != chain.readable.size() ||
	    b.writable != chain.writable.size())
		trap("buffer %u is %u: %u descriptors, %u + %u segments; not %u: %u, %zu + %zu", i,
		     b.id, b.descs, b.readable, b.writable, chain.id, chain.descs,
		     chain.readable.size(), chain.writable.size());
	const auto segs = batch_.segments(b);
	for (std::size_t s = 0; s < segs.size(); s++) {
		const bool readable = s < chain.readable.size();
		const Segment &expected = readable ? chain.readable[s] :
						     chain.writable[s - chain.readable.size()];
		if (segs[s].addr != expected.addr || segs[s].len != expected.len)
			trap("segment %zu of buffer %u is another", s, i);
	}
}

// What a fetch of @max is to find, in a ring that does not change meanwhile.
RingWorld::Found RingWorld::find(u32 max)
{
	Found found;
	found.looked = looked_;
	ChainReader reader(arena_, regions_, queue().setup());
	u32 available = static_cast<u16>(looked_ - avail_);
	if (!packed_ && available < max) {
		const u32 now = static_cast<u16>(avail_index() - avail_);
		if (now > size_ && !available) {
			found.error = RingError::avail_index_jump;
			return found;
		}
		if (now <= size_) { // else those come first that the index covered before
			available = now;
			found.looked = avail_index();
		}
	}
	u32 room = BufferBatch::capacity - batch_.segments();
	NaivePosition at = avail_at_;
	for (u32 i = 0; i < max; i++) {
		NaiveChain chain;
		if (packed_) {
			if (!at.available(reader.packed_flags(at)))
				break;
			chain = reader.packed(at, room);
		} else {
			if (i == available)
				break;
			const u64 slot = static_cast<u16>(avail_ + i) % size_;
			chain = reader.split(arena_.get<u16>(Arena::driver, 4 + 2 * slot), room);
		}
		// A full batch has room for none, whatever it is.
		if (batch_.size() + i == BufferBatch::capacity &&
		    chain.error != RingError::head_out_of_ring)
			chain.error = RingError::too_many_segments;
		if (chain.error == RingError::too_many_segments && batch_.size() + i) {
			found.out_of_room = true;
			break;
		}
		if (chain.error != RingError::none) {
			if (!i)
				found.error = chain.error;
			break;
		}
		for (u32 n = chain.descs; n; n--)
			at.step(size_);
		room -= static_cast<u32>(chain.segments());
		found.chains.push_back(std::move(chain));
	}
	return found;
}

void RingWorld::fetch()
{
	const u8 how = in_.byte();
	const u32 max = how < 0xc0 ? how % 16 + 1 : how < 0xe0 ? BufferBatch::capacity : ~0u;
	const bool known = arena_.quiet() && look_known_;
	Found found;
	if (known)
		found = find(max);

	const u32 before = batch_.size();
	arena_.limit("fetch", 64 + descriptors * (packed_ ? packed_accesses : split_accesses));
	const u32 got = queue().fetch(batch_, max);
	if (got > max || batch_.size() != before + got || batch_.size() > BufferBatch::capacity ||
	    batch_.segments() > BufferBatch::capacity)
		trap("fetch(%u) got %u, the batch has %u of %u segments", max, got, batch_.size(),
		     batch_.segments());
	for (u32 i = before; i < batch_.size(); i++) {
		check_buffer(i);
		for (const Segment &s : batch_.segments(batch_[i])) {
			if (!regions_.owns(s.addr, s.len))
				trap("buffer %u has memory that is not in the table", i);
		}
		completed_.push_back(false);
		avail_++;
		for (u32 n = batch_[i].descs; n; n--)
			avail_at_.step(size_);
	}
	seen_at_ = avail_at_;
	if (failed() && got)
		trap("fetch: %u buffers and an error", got);
	check_error("fetch", failed());
	look_known_ = known;
	if (known) {
		looked_ = found.looked;
		if (queue().error() != found.error)
			trap("fetch: %s, not %s", vna::describe(queue().error()).name,
			     vna::describe(found.error).name);
		if (got != found.chains.size())
			trap("fetch got %u, not %zu", got, found.chains.size());
		if (!failed() && batch_.out_of_room() != found.out_of_room)
			trap("fetch: the batch says that it is out of room: %d",
			     batch_.out_of_room());
		for (u32 i = 0; i < got; i++)
			expect_buffer(before + i, found.chains[i]);
	}
}

void RingWorld::discard()
{
	u32 n = 0;
	while (n < batch_.size() && !completed_[batch_.size() - 1 - n])
		n++;
	n = in_.below(n + 1);
	for (u32 i = batch_.size() - n; i < batch_.size(); i++) {
		avail_--;
		for (u32 d = batch_[i].descs; d; d--)
			avail_at_.step_back(size_);
	}
	arena_.limit("discard", 0);
	queue().discard(batch_, n);
	completed_.resize(batch_.size());
	check_error("discard", false);
}

void RingWorld::complete()
{
	std::vector<u32> left;
	for (u32 i = 0; i < batch_.size(); i++) {
		if (!completed_[i])
			left.push_back(i);
	}
	if (left.empty())
		return;
	const bool in_order = features_.has(VNA_VIRTIO_F_IN_ORDER);
	for (u32 n = 1 + in_.below(8); n && !left.empty(); n--) {
		if (shadow_.size() == Virtqueue::max_shadow)
			break;
		const u32 which = in_order ? 0 : in_.below(static_cast<u32>(left.size()));
		const u32 i = left[which];
		left.erase(left.begin() + which);
		const Buffer &b = batch_[i];
		const u32 len = b.writable ? static_cast<u32>(in_.number()) : 0;
		queue().complete(b, len);
		shadow_.push_back({b.id, b.descs, len});
		receives_ |= b.writable != 0;
		completed_[i] = true;
	}
	check_error("complete", false);

	// What net code does with a batch when its first ones are done with.
	u32 front = 0;
	while (front < batch_.size() && completed_[front])
		front++;
	if (front && (front == batch_.size() || in_.chance())) {
		std::vector<Buffer> rest;
		std::vector<Segment> pieces;
		for (u32 i = front; i < batch_.size(); i++) {
			rest.push_back(batch_[i]);
			std::ranges::copy(batch_.segments(batch_[i]), std::back_inserter(pieces));
		}
		batch_.drop_front(front);
		completed_.erase(completed_.begin(), completed_.begin() + front);
		for (u32 i = 0, s = 0; i < batch_.size(); i++) {
			check_buffer(i);
			for (const Segment &seg : batch_.segments(batch_[i])) {
				if (batch_[i].id != rest[i].id || seg.addr != pieces[s++].addr)
					trap("drop_front() has mixed up the batch");
			}
		}
	}
}

void RingWorld::publish()
{
	const bool quiet = arena_.quiet();
	const auto count = static_cast<u32>(shadow_.size());
	arena_.limit("publish", count ? (packed_ ? count : count / size_ + 2) + 1 : 0);
	const bool ok = queue().publish();
	if (!ok) {
		if (quiet)
			trap("publish: the ring is there, but it fails");
		return check_error("publish", true);
	}
	if (quiet && used_known_)
		check_published(count);
	since_ += count;
	used_ += static_cast<u16>(count);
	for (const Completed &c : shadow_) {
		for (u32 n = c.descs; n; n--) {
			slots_.push_back(used_at_);
			used_at_.step(size_);
			if (slots_.size() > 2 * size_)
				slots_.pop_front();
		}
	}
	shadow_.clear();
	receives_ = false;
	check_error("publish", false);
}

// Before used_ moves: @count entries from there on, or one for all.
void RingWorld::check_published(u32 count)
{
	const bool one = features_.has(VNA_VIRTIO_F_IN_ORDER) && !receives_;
	u32 slots = 0;
	for (const Completed &c : shadow_)
		slots += c.descs;
	// Only a driver that offers what is in use already gets them over each other.
	if (!count || (packed_ ? slots : count) > size_)
		return;
	NaivePosition at = used_at_;
	for (u32 i = 0; i < count; i++) {
		const Completed &c = one ? shadow_.back() : shadow_[i];
		if (!packed_) {
			const u64 slot = 4 + 8ull * (static_cast<u16>(used_ + i) % size_);
			if (arena_.get<u32>(Arena::device, slot) != c.id ||
			    arena_.get<u32>(Arena::device, slot + 4) != c.len)
				trap("used entry %u is not that of id %u", i, c.id);
		} else {
			const auto desc =
				arena_.get<PackedDescriptor>(Arena::desc, 16ull * at.index);
			const u16 flags = (at.wrap ? 0x8080 : 0) | (c.len ? 2 : 0);
			if (desc.id != c.id || desc.len != c.len || desc.flags != flags)
				trap("used descriptor %u is not that of id %u", at.index, c.id);
			for (u32 n = c.descs; n; n--)
				at.step(size_);
		}
		if (one)
			break;
	}
	const u16 now = static_cast<u16>(used_ + count);
	if (!packed_ && arena_.get<u16>(Arena::device, 2) != now)
		trap("the used index is %u, not %u", arena_.get<u16>(Arena::device, 2), now);
}

// What should_signal() is to say of a ring that does not change meanwhile; @error if it breaks a
// rule.
bool RingWorld::signal_wanted(RingError &error, bool &decides)
{
	error = RingError::none;
	decides = event_idx_ || packed_;
	if (packed_) {
		const u16 flags = arena_.get<u16>(Arena::driver, 2) & 3;
		const u16 event = arena_.get<u16>(Arena::driver, 0);
		if (flags < 2)
			return !flags;
		if (flags == 3 || !event_idx_) {
			error = RingError::event_flags;
			return true;
		}
		if ((event & 0x7fff) >= size_) {
			error = RingError::event_out_of_ring;
			return true;
		}
		const NaivePosition asked{static_cast<u16>(event & 0x7fff), event >> 15 != 0};
		return !decided_ || std::ranges::find(slots_, asked) != slots_.end();
	}
	if (features_.has(VNA_VIRTIO_F_NOTIFY_ON_EMPTY) && looked_ == avail_ &&
	    avail_index() == avail_) {
		decides = false;
		return true;
	}
	if (!event_idx_)
		return !(arena_.get<u16>(Arena::driver, 0) & 1);
	const u16 event = arena_.get<u16>(Arena::driver, 4 + 2ull * size_);
	const u16 ago = static_cast<u16>(event - static_cast<u16>(used_ - since_));
	return !decided_ || since_ > 0xffff || ago < since_;
}

void RingWorld::should_signal()
{
	const bool known = arena_.quiet() && decision_known_ && (packed_ || used_known_) &&
			   (look_known_ || !features_.has(VNA_VIRTIO_F_NOTIFY_ON_EMPTY));
	RingError error;
	bool decides;
	const bool wanted = signal_wanted(error, decides);
	arena_.limit("should_signal", 2);
	const bool signal = queue().should_signal();
	if (failed() && !signal)
		trap("should_signal: an error, and no one is told");
	check_error("should_signal", failed());
	if (known && queue().error() != error)
		trap("should_signal: %s, not %s", vna::describe(queue().error()).name,
		     vna::describe(error).name);
	if (known && signal != wanted)
		trap("should_signal says %d", signal);
	if (!known)
		decision_known_ &= packed_; // there each call decides
	if (packed_ || (known && decides)) {
		decided_ = true;
		since_ = 0;
		slots_.clear();
	}
}

void RingWorld::enable_notify()
{
	const bool known = arena_.quiet() && (packed_ || look_known_);
	const ChainReader reader(arena_, regions_, queue().setup());
	arena_.limit("enable_notify", 3);
	const bool more = queue().enable_notify();
	if (failed() && more)
		trap("enable_notify: an error, and yet more to do");
	check_error("enable_notify", failed());
	if (!known)
		return;
	if (failed())
		trap("enable_notify: the ring is there, but it fails");
	const bool expected = packed_ ? seen_at_.available(reader.packed_flags(seen_at_)) :
					avail_index() != looked_;
	if (more != expected)
		trap("enable_notify says that there is %s", more ? "more" : "no more");
	// What the driver is to do next is what it tells of.
	if (packed_ && event_idx_ && arena_.get<u16>(Arena::device, 0) != seen_at_.bits())
		trap("enable_notify asks for %#x, not %#x", arena_.get<u16>(Arena::device, 0),
		     seen_at_.bits());
	if (!packed_ && event_idx_ && arena_.get<u16>(Arena::device, 4 + 8ull * size_) != looked_)
		trap("enable_notify asks for %u, not %u",
		     arena_.get<u16>(Arena::device, 4 + 8ull * size_), looked_);
	const u16 flags = arena_.get<u16>(Arena::device, packed_ ? 2 : 0);
	if (device_area_ours_ && flags != (packed_ && event_idx_ ? 2 : 0))
		trap("enable_notify leaves flags of %u", flags);
}

void RingWorld::disable_notify()
{
	const bool quiet = arena_.quiet();
	arena_.limit("disable_notify", 1);
	queue().disable_notify();
	check_error("disable_notify", failed());
	if (quiet && failed())
		trap("disable_notify: the ring is there, but it fails");
	const u16 flags = arena_.get<u16>(Arena::device, packed_ ? 2 : 0);
	if (quiet && device_area_ours_ && (packed_ || !event_idx_) && flags != 1)
		trap("disable_notify leaves flags of %u", flags);
}

} // namespace vna::fuzz
