// SPDX-License-Identifier: GPL-2.0-only
// A descriptor of the split ring or of an indirect table (virtio 1.2 section
// 2.7.5), and the segments that a chain of them makes.
#pragma once

#include <span>

#include "core/memory/region_table.hh"
#include "core/virtqueue/buffer.hh"
#include "core/virtqueue/ring_error.hh"

namespace vna {

struct Descriptor {
	u64 addr; // guest-physical
	u32 len; // bytes
	u16 flags;
	u16 next;

	static constexpr u16 f_next = 1;
	static constexpr u16 f_write = 2;
	static constexpr u16 f_indirect = 4;

	[[nodiscard]] bool has_next() const { return flags & f_next; }
	[[nodiscard]] bool writable() const { return flags & f_write; }
	[[nodiscard]] bool indirect() const { return flags & f_indirect; }
};
static_assert(sizeof(Descriptor) == 16);

// Turns a chain's descriptors into segments, and checks the rules that hold for
// every chain, whatever the ring's format.
class ChainBuilder {
public:
	ChainBuilder(Translator &translate, std::span<Segment> room)
		: translate_(translate), room_(room)
	{
	}

	// Translates one descriptor which points to memory.
	[[nodiscard]] RingError add(const Descriptor &desc)
	{
		const RingError error = check(desc.addr, desc.len);
		if (error != RingError::none)
			return error;
		if (!desc.writable() && writable_)
			return RingError::readable_after_writable; // 2.7.4.2
		u64 &total = desc.writable() ? writable_len_ : readable_len_;
		total += desc.len; // 64 bits: at most 65536 + 32768 additions of 2^32
		if (readable_len_ + writable_len_ > UINT32_MAX)
			return RingError::chain_too_big; // 2.7.5.2
		u16 &count = desc.writable() ? writable_ : readable_;
		for (u64 guest = desc.addr, left = desc.len; left;) {
			if (readable_ + writable_ == room_.size())
				return RingError::too_many_segments;
			Segment &s = room_[readable_ + writable_];
			s.len = translate_.run(guest, left, s.addr);
			if (!s.len)
				return RingError::address_unmapped;
			count++;
			guest += s.len;
			left -= s.len;
		}
		return RingError::none;
	}

	// The rules for any range of guest memory that a descriptor names.
	[[nodiscard]] static RingError check(u64 addr, u32 len)
	{
		if (!len)
			return RingError::zero_length;
		if (addr + (len - 1) < addr)
			return RingError::address_wrap;
		return RingError::none;
	}

	[[nodiscard]] Buffer finish(u16 id, u16 descs, u16 first) const
	{
		return {id, descs, first, readable_, writable_, static_cast<u32>(readable_len_),
			static_cast<u32>(writable_len_)};
	}

private:
	Translator &translate_;
	std::span<Segment> room_;
	u16 readable_ = 0;
	u16 writable_ = 0;
	u64 readable_len_ = 0;
	u64 writable_len_ = 0;
};

} // namespace vna
