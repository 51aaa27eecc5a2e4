// SPDX-License-Identifier: GPL-2.0-only
#include "naive_chain.hh"

namespace vna::fuzz
{

namespace
{

constexpr u16 f_next = 1, f_write = 2, f_indirect = 4;

bool wraps(u64 addr, u64 len)
{
	return addr + (len - 1) < addr;
}

} // namespace

RingError ChainReader::add(u64 addr, u32 len, bool writable)
{
	if (!len)
		return RingError::zero_length;
	if (wraps(addr, len))
		return RingError::address_wrap;
	if (!writable && !chain_.writable.empty())
		return RingError::readable_after_writable;
	(writable ? chain_.writable_len : chain_.readable_len) += len;
	if (chain_.readable_len + chain_.writable_len > 0xffffffff)
		return RingError::chain_too_big;
	for (u64 left = len; left;) {
		if (chain_.segments() == room_)
			return RingError::too_many_segments;
		const auto run = regions_.run(addr, left);
		if (!run)
			return RingError::address_unmapped;
		(writable ? chain_.writable : chain_.readable).push_back({run->user, run->len});
		addr += run->len;
		left -= run->len;
	}
	return RingError::none;
}

RingError ChainReader::table(u64 addr, u32 len)
{
	if (!len || len % 16 || len / 16 > 65536)
		return RingError::indirect_size;
	return wraps(addr, len) ? RingError::address_wrap : RingError::none;
}

template <class Desc> RingError ChainReader::entry(u64 addr, u32 i, Desc &to) const
{
	const auto run = regions_.run(addr + 16ull * i, sizeof to);
	if (!run || run->len < sizeof to) // of two regions: not accepted
		return RingError::address_unmapped;
	const std::byte *from = arena_.find(run->user, sizeof to);
	if (!from)
		return RingError::ring_fault;
	std::memcpy(&to, from, sizeof to);
	return RingError::none;
}

RingError ChainReader::split_table(u64 addr, u32 len)
{
	RingError error = table(addr, len);
	u32 at = 0;
	for (u32 walked = 1; error == RingError::none; walked++) {
		SplitDescriptor desc;
		error = entry(addr, at, desc);
		if (error != RingError::none)
			break;
		if (desc.flags & f_indirect)
			return RingError::indirect_nested;
		error = add(desc.addr, desc.len, desc.flags & f_write);
		if (error != RingError::none || !(desc.flags & f_next))
			break;
		at = desc.next;
		if (at >= len / 16)
			return RingError::next_out_of_table;
		if (walked == len / 16)
			return RingError::chain_too_long;
	}
	return error;
}

RingError ChainReader::packed_table(u64 addr, u32 len)
{
	RingError error = table(addr, len);
	for (u32 i = 0; error == RingError::none && i < len / 16; i++) {
		PackedDescriptor desc;
		error = entry(addr, i, desc);
		// On a transmit queue the flag is ignored: DPDK's driver leaves it set.
		if (error == RingError::none)
			error = add(desc.addr, desc.len, desc.flags & f_write && !transmits_);
	}
	return error;
}

NaiveChain ChainReader::split(u16 head, std::size_t room)
{
	chain_ = {};
	chain_.id = head;
	room_ = room;
	RingError &error = chain_.error;
	if (head >= size_) {
		error = RingError::head_out_of_ring;
		return chain_;
	}
	for (u32 at = head;;) {
		const auto desc = arena_.get<SplitDescriptor>(Arena::desc, 16ull * at);
		chain_.descs++;
		if (desc.flags & f_indirect) {
			if (!indirect_ok_)
				error = RingError::indirect_not_negotiated;
			else if (desc.flags & f_next)
				error = RingError::indirect_with_next;
			else
				error = split_table(desc.addr, desc.len);
		} else {
			error = add(desc.addr, desc.len, desc.flags & f_write);
		}
		if (error != RingError::none || !(desc.flags & f_next))
			return chain_;
		at = desc.next;
		if (at >= size_)
			error = RingError::next_out_of_table;
		else if (chain_.descs == size_)
			error = RingError::chain_too_long;
		if (error != RingError::none)
			return chain_;
	}
}

NaiveChain ChainReader::packed(NaivePosition at, std::size_t room)
{
	chain_ = {};
	room_ = room;
	RingError &error = chain_.error;
	for (;;) {
		const auto desc = arena_.get<PackedDescriptor>(Arena::desc, 16ull * at.index);
		if (!at.available(desc.flags)) {
			error = RingError::chain_vanished;
			return chain_;
		}
		chain_.descs++;
		if (desc.flags & f_indirect) {
			if (!indirect_ok_)
				error = RingError::indirect_not_negotiated;
			else if (desc.flags & f_next || chain_.descs > 1)
				error = RingError::indirect_with_next;
			else
				error = packed_table(desc.addr, desc.len);
		} else {
			error = add(desc.addr, desc.len, desc.flags & f_write);
		}
		if (error != RingError::none)
			return chain_;
		if (!(desc.flags & f_next)) {
			chain_.id = desc.id;
			if (desc.id >= size_)
				error = RingError::id_out_of_ring;
			return chain_;
		}
		if (chain_.descs == size_) {
			error = RingError::chain_too_long;
			return chain_;
		}
		at.step(size_);
	}
}

} // namespace vna::fuzz
