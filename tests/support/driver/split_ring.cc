/* SPDX-License-Identifier: GPL-2.0-only */
#include "split_ring.hh"

#include "barrier.hh"

namespace vna::driver
{

SplitRing::SplitRing(GuestMemory &memory, const SplitConfig &config)
    : table_(memory, config.size, config.region),
      indirect_(memory, config.size, config.indirect_entries, config.region),
      event_idx_(config.event_idx), in_order_(config.in_order), outstanding_(config.size),
      next_(config.size)
{
	reset(config.first_index);
}

void SplitRing::reset(std::uint16_t index)
{
	const unsigned size = table_.size();

	table_.clear();
	table_.set_used_idx(index);
	table_.set_avail_idx(index);
	/* The first needs_kick() must see the device's request: it has made none yet. */
	table_.set_avail_event(index);
	if (event_idx_)
		table_.set_used_event(index);

	for (unsigned i = 0; i < size; ++i)
		next_[i] = static_cast<std::uint16_t>((i + 1) % size);
	outstanding_.clear();
	/* In order, too, the first descriptor is that at offset 0, wherever the index starts. */
	free_head_ = 0;
	free_count_ = size;
	shown_ = next_token_;
	avail_ = published_ = kicked_ = last_used_ = index;
	batch_left_ = 0;
}

unsigned SplitRing::take_free()
{
	const unsigned index = free_head_;
	free_head_ = next_[index];
	--free_count_;
	return index;
}

void SplitRing::fill_indirect(unsigned index, std::span<const Segment> chain)
{
	auto *entry = static_cast<vring_desc *>(indirect_.user(index));
	for (std::size_t i = 0; i < chain.size(); ++i) {
		const bool more = i + 1 < chain.size();
		const unsigned flags = (chain[i].writable ? VRING_DESC_F_WRITE : 0u) |
				       (more ? VRING_DESC_F_NEXT : 0u);
		entry[i] = {chain[i].gpa, chain[i].len, static_cast<std::uint16_t>(flags),
			    static_cast<std::uint16_t>(more ? i + 1 : 0)};
	}
	/* §2.7.5.3.1: INDIRECT never with NEXT; the table's length in bytes. */
	table_.set_desc(index, indirect_.gpa(index),
			static_cast<std::uint32_t>(chain.size() * sizeof(vring_desc)),
			VRING_DESC_F_INDIRECT, 0);
}

std::optional<Token> SplitRing::add(std::span<const Segment> chain, const AddOptions &options)
{
	const std::size_t direct = options.indirect ? options.direct_first : chain.size();
	if (chain.empty() || direct > chain.size())
		return std::nullopt;
	const std::size_t in_table = chain.size() - direct;
	if (in_table > indirect_.entries() || (options.indirect && in_table == 0))
		return std::nullopt;
	const std::size_t needed = direct + (options.indirect ? 1 : 0);
	/* §2.7.5.3.1: no chain longer than the queue, an indirect table's entries included. */
	if (needed > free_count_ || chain.size() > table_.size())
		return std::nullopt;

	/* §2.7.13.1. NEXT goes with every descriptor but the last, table or not. */
	const unsigned head = free_head_;
	for (std::size_t i = 0; i < direct; ++i) {
		const unsigned index = take_free();
		const bool more = i + 1 < needed;
		const unsigned flags = (chain[i].writable ? VRING_DESC_F_WRITE : 0u) |
				       (more ? VRING_DESC_F_NEXT : 0u);
		table_.set_desc(index, chain[i].gpa, chain[i].len,
				static_cast<std::uint16_t>(flags), more ? next_[index] : 0);
	}
	if (options.indirect)
		fill_indirect(take_free(), chain.subspan(direct));

	std::uint32_t writable = 0;
	for (const Segment &segment : chain)
		writable += segment.writable ? segment.len : 0;
	outstanding_.add(head, {next_token_, static_cast<unsigned>(needed), writable});
	/* §2.7.13.2: the entry is invisible until the index moves in publish(). */
	table_.set_avail_entry(avail_++, static_cast<std::uint16_t>(head));
	return next_token_++;
}

unsigned SplitRing::publish()
{
	const auto count = static_cast<std::uint16_t>(avail_ - published_);
	published_ = avail_;
	shown_ = next_token_;
	/* §2.7.13.3. Release: the device that sees the index sees entries and descriptors. */
	table_.set_avail_idx(published_);
	return count;
}

bool SplitRing::needs_kick()
{
	/*
	 * §2.7.13.4.1: the index is out before the suppression words are read. Partner: the
	 * device's full barrier between asking for kicks and looking at avail->idx once more.
	 */
	full_barrier();
	const std::uint16_t before = kicked_;
	kicked_ = published_;
	if (before == published_)
		return false;
	if (event_idx_)
		return vring_need_event(table_.avail_event(), published_, before);
	return !(table_.used_flags() & VRING_USED_F_NO_NOTIFY);
}

bool SplitRing::has_used() const
{
	return table_.used_idx() != last_used_;
}

Used SplitRing::take(unsigned head, std::uint32_t len)
{
	const Outstanding::Buffer buffer = outstanding_.remove(head);
	/*
	 * The chain is still linked in next_: put it in front of the free list. In order the list
	 * is the table itself, round and round (§2.7.5), and the chain lies at its end already.
	 */
	if (!in_order_) {
		unsigned last = head;
		for (unsigned i = 1; i < buffer.descriptors; ++i)
			last = next_[last];
		next_[last] = static_cast<std::uint16_t>(free_head_);
		free_head_ = head;
	}
	free_count_ += buffer.descriptors;
	++last_used_;
	return {buffer.token, len, head};
}

std::optional<Used> SplitRing::collect()
{
	if (!batch_left_) {
		/* Acquire in used_idx(): the entry and the buffer are read after the index. */
		const auto ready = static_cast<std::uint16_t>(table_.used_idx() - last_used_);
		if (!ready)
			return std::nullopt;
		const vring_used_elem element = table_.used_entry(last_used_);
		const bool known = outstanding_.holds(element.id, shown_);
		batch_left_ = known && in_order_ ? outstanding_.through(element.id) : 1;
		/* §2.7.9: the index moves by the size of the batch. */
		if (!known || batch_left_ > ready) {
			batch_left_ = 0;
			++last_used_;
			return Used{no_token, element.len, element.id};
		}
		batch_len_ = element.len;
		if (!in_order_) {
			batch_left_ = 0;
			return take(element.id, batch_len_);
		}
	}
	/* §2.7.9: the buffers before the one that was named were used completely. */
	const unsigned head = outstanding_.first();
	return take(head, --batch_left_ ? outstanding_[head].writable : batch_len_);
}

bool SplitRing::enable_notifications(unsigned after)
{
	if (event_idx_)
		/* §2.7.7: a notification when the entry at this position is written. */
		table_.set_used_event(static_cast<std::uint16_t>(last_used_ + after - 1));
	else
		table_.set_avail_flags(0);
	/*
	 * §2.7.14: the request is out before the used index is read again. Partner: the
	 * device's full barrier between its store of used->idx and its read of the request.
	 */
	full_barrier();
	const auto ready = static_cast<std::uint16_t>(table_.used_idx() - last_used_);
	return ready < (event_idx_ ? after : 1);
}

void SplitRing::disable_notifications()
{
	if (event_idx_)
		/* §2.7.7: flags stay 0; a position just behind is a whole lap away. */
		table_.set_used_event(static_cast<std::uint16_t>(last_used_ - 1));
	else
		table_.set_avail_flags(VRING_AVAIL_F_NO_INTERRUPT);
}

} /* namespace vna::driver */
