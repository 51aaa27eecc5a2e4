/* SPDX-License-Identifier: GPL-2.0-only */
#include "packed_ring.hh"

#include "barrier.hh"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace vna::driver
{

PackedRing::PackedRing(GuestMemory &memory, const RingConfig &config)
    : table_(memory, config.size, config.region),
      indirect_(memory, config.size, config.indirect_entries, config.region),
      event_idx_(config.event_idx), in_order_(config.in_order), outstanding_(config.size)
{
	reset({config.first_index, config.first_wrap});
}

void PackedRing::reset(PackedPosition start)
{
	const unsigned size = table_.size();

	if (start.index >= size) {
		std::fprintf(stderr, "packed ring: no slot %u in %u\n", start.index, size);
		std::abort();
	}
	/*
	 * As the laps before would have left it: the slots before start were used with its wrap
	 * counter, the others with the opposite one, which for the very first lap is zeroes.
	 */
	table_.clear();
	for (unsigned i = 0; i < size; ++i)
		table_.set_flags(i, packed_used(i < start.index ? start.wrap : !start.wrap));

	outstanding_.clear();
	free_ids_.clear();
	for (unsigned id = size; id--;)
		free_ids_.push_back(static_cast<std::uint16_t>(id));
	free_count_ = size;
	published_ = next_token_;
	avail_ = used_ = start;
	pending_.reset();
	exposed_ = 0;
	batch_left_ = 0;
}

/* Everything but the flags of the chain's first descriptor, which it returns (§2.8.6). */
std::uint16_t PackedRing::write(std::span<const Segment> chain, std::uint16_t id)
{
	std::uint16_t first = 0;
	PackedPosition at = avail_;
	for (std::size_t i = 0; i < chain.size(); ++i) {
		const bool more = i + 1 < chain.size();
		const auto flags = static_cast<std::uint16_t>(
			(chain[i].writable ? VRING_DESC_F_WRITE : 0u) |
			(more ? VRING_DESC_F_NEXT : 0u) | packed_available(at.wrap));
		/* The id counts in the last descriptor only; in the others it is a trap. */
		table_.set_desc(at.index, chain[i].gpa, chain[i].len,
				more ? static_cast<std::uint16_t>(~id) : id);
		if (i)
			table_.set_flags(at.index, flags);
		else
			first = flags;
		at = at.after(1, table_.size());
	}
	return first;
}

std::uint16_t PackedRing::write_indirect(std::span<const Segment> chain, std::uint16_t id)
{
	/* §2.8.7: WRITE is the only flag in a table, and the order is that of the entries. */
	auto *entry = static_cast<vring_packed_desc *>(indirect_.user(id));
	for (std::size_t i = 0; i < chain.size(); ++i)
		entry[i] = {chain[i].gpa, chain[i].len, 0,
			    static_cast<__le16>(chain[i].writable ? VRING_DESC_F_WRITE : 0)};
	table_.set_desc(avail_.index, indirect_.gpa(id),
			static_cast<std::uint32_t>(chain.size() * sizeof *entry), id);
	return VRING_DESC_F_INDIRECT | packed_available(avail_.wrap);
}

std::optional<Token> PackedRing::add(std::span<const Segment> chain, const AddOptions &options)
{
	if (chain.empty() || (options.indirect && options.direct_first))
		return std::nullopt;
	if (options.indirect && chain.size() > indirect_.entries())
		return std::nullopt;
	/* §2.8.17: no list longer than the queue, an indirect table's included. */
	const auto needed = static_cast<unsigned>(options.indirect ? 1 : chain.size());
	if (needed > free_count_ || chain.size() > table_.size())
		return std::nullopt;

	/* No fewer ids than slots: there is one. */
	const std::uint16_t id = free_ids_.back();
	free_ids_.pop_back();
	const std::uint16_t flags = options.indirect ? write_indirect(chain, id) : write(chain, id);

	/*
	 * §2.8.21.1: the device sees nothing before the flags of the first descriptor added since
	 * the last publish(): those of the others may be written now.
	 */
	if (pending_)
		table_.set_flags(avail_.index, flags);
	else
		pending_ = {avail_.index, flags, 0};
	pending_->descriptors += needed;
	avail_ = avail_.after(needed, table_.size());
	free_count_ -= needed;

	std::uint32_t writable = 0;
	for (const Segment &segment : chain)
		writable += segment.writable ? segment.len : 0;
	outstanding_.add(id, {next_token_, needed, writable});
	return next_token_++;
}

unsigned PackedRing::publish()
{
	const auto count = static_cast<unsigned>(next_token_ - published_);
	published_ = next_token_;
	if (pending_) {
		table_.set_flags(pending_->index, pending_->flags);
		exposed_ = std::min(exposed_ + pending_->descriptors, 2 * table_.size());
		pending_.reset();
	}
	return count;
}

bool PackedRing::needs_kick()
{
	/*
	 * §2.8.21.2: the flags are out before the suppression structure is read. Partner: the
	 * device's full barrier between asking for kicks and looking at the next slot once more.
	 */
	full_barrier();
	const unsigned exposed = exposed_;
	exposed_ = 0;
	if (!exposed)
		return false;
	const std::uint16_t flags = table_.device_flags();
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !event_idx_)
		return true;

	/* How far back the slot asked for lies: one of those now exposed, or not (§2.8.10). */
	const std::uint16_t event = table_.device_off_wrap();
	const unsigned size = table_.size(), offset = event & 0x7fff;
	if (offset >= size)
		return true; /* the device is at fault; a kick never is */
	const auto place = [&](unsigned index, bool wrap) { return index + (wrap ? 0 : size); };
	const unsigned back =
		place(avail_.index, avail_.wrap) + 2 * size - place(offset, event >> 15);
	/* 0 is the slot to be filled next, or two laps back. */
	return (back + 2 * size - 1) % (2 * size) < exposed;
}

/* How many buffers, at most limit, collect() would return. */
unsigned PackedRing::ready(unsigned limit) const
{
	unsigned count = 0;
	PackedPosition at = used_;
	unsigned id = outstanding_.first();
	for (; count < std::min(limit, batch_left_); ++count) {
		at = at.after(outstanding_[id].descriptors, table_.size());
		id = outstanding_.next(id);
	}
	/* What was not published is not the device's: those slots say what the last lap left. */
	const unsigned shown =
		outstanding_.count() - static_cast<unsigned>(next_token_ - published_);
	limit = std::min(limit, shown);
	while (count < limit) {
		const PackedUsed used = table_.used(at.index);
		if (!is_packed_used(used.flags, at.wrap))
			break;
		if (!outstanding_.holds(used.id, published_))
			return count + 1; /* collect() reports the fault */
		unsigned skip = outstanding_[used.id].descriptors;
		if (in_order_) {
			/* The batch from the first that this walk has not passed, to that id. */
			const Token last = outstanding_[used.id].token;
			for (skip = 0; id != outstanding_.ids() && outstanding_[id].token <= last;
			     id = outstanding_.next(id)) {
				skip += outstanding_[id].descriptors;
				++count;
			}
			if (!skip)
				return count + 1; /* passed before: a fault again */
		} else {
			++count;
		}
		at = at.after(skip, table_.size());
	}
	return std::min(count, limit);
}

Used PackedRing::take(unsigned id, std::uint32_t len)
{
	const Outstanding::Buffer buffer = outstanding_.remove(id);
	free_ids_.push_back(static_cast<std::uint16_t>(id));
	free_count_ += buffer.descriptors;
	/* §2.8.6: the device, too, skips the whole list. */
	used_ = used_.after(buffer.descriptors, table_.size());
	return {buffer.token, len, id};
}

std::optional<Used> PackedRing::collect()
{
	if (!batch_left_) {
		if (!has_used())
			return std::nullopt;
		/* Acquire in used(): the buffer is read after the flags. */
		const PackedUsed used = table_.used(used_.index);
		/* §2.8.4: without WRITE the length is reserved. */
		batch_len_ = used.flags & VRING_DESC_F_WRITE ? used.len : 0;
		if (!outstanding_.holds(used.id, published_)) {
			used_ = used_.after(1, table_.size());
			return Used{no_token, batch_len_, used.id};
		}
		if (!in_order_)
			return take(used.id, batch_len_);
		batch_left_ = outstanding_.through(used.id);
	}
	/* §2.8.8: the buffers before the one that was named were used completely. */
	const unsigned id = outstanding_.first();
	return take(id, --batch_left_ ? outstanding_[id].writable : batch_len_);
}

/* The slot of the descriptor that the device writes after so many more buffers. */
PackedPosition PackedRing::used_after(unsigned buffers) const
{
	PackedPosition at = used_;
	unsigned id = outstanding_.first();
	for (; buffers; --buffers) {
		const bool known = id != outstanding_.ids();
		at = at.after(known ? outstanding_[id].descriptors : 1, table_.size());
		if (known)
			id = outstanding_.next(id);
	}
	return at;
}

bool PackedRing::enable_notifications(unsigned after)
{
	if (event_idx_) {
		table_.set_driver_off_wrap(used_after(after - 1).encoded());
		table_.set_driver_flags(VRING_PACKED_EVENT_FLAG_DESC);
	} else {
		table_.set_driver_flags(VRING_PACKED_EVENT_FLAG_ENABLE);
	}
	/*
	 * §2.8.22: the request is out before the next slot is read again. Partner: the device's
	 * full barrier between what it wrote there and its read of the request.
	 */
	full_barrier();
	const unsigned enough = event_idx_ ? after : 1;
	return ready(enough) < enough;
}

void PackedRing::disable_notifications()
{
	table_.set_driver_flags(VRING_PACKED_EVENT_FLAG_DISABLE);
}

} /* namespace vna::driver */
