// SPDX-License-Identifier: GPL-2.0-only
// Descriptors of either format (virtio 1.2 sections 2.7.5 and 2.8.13), copies of
// them, and the segments that a chain of them makes.
#pragma once

#include <array>
#include <span>

#include "core/base/env.hh"
#include "core/memory/translator.hh"
#include "core/virtqueue/buffer.hh"
#include "core/virtqueue/ring_error.hh"

namespace vna {

// Flags that both formats have.
inline constexpr u16 desc_f_next = 1;
inline constexpr u16 desc_f_write = 2;
inline constexpr u16 desc_f_indirect = 4;

// Of the split ring, and of an indirect table with it.
struct SplitDescriptor {
	u64 addr; // guest-physical
	u32 len; // bytes
	u16 flags;
	u16 next;
};

// Of the packed ring, and of an indirect table with it.
struct PackedDescriptor {
	u64 addr; // guest-physical
	u32 len; // bytes
	u16 id;
	u16 flags;

	static constexpr u16 f_avail = 1 << 7;
	static constexpr u16 f_used = 1 << 15;
};
static_assert(sizeof(SplitDescriptor) == 16 && sizeof(PackedDescriptor) == 16);

// Descriptors of one table that were copied ahead, in one access.
template <class Desc> class DescriptorWindow {
public:
	static constexpr u32 capacity = 64;

	void forget() { held_ = 0; }
	[[nodiscard]] bool holds(u32 i) const { return i - first_ < held_; }
	// One that it holds.  Masked, as a guest's number is not to be trusted with
	// what a processor does before it knows that holds() was false.
	[[nodiscard]] const Desc &operator[](u32 i) const
	{
		return copy_[(i - first_) & (capacity - 1)];
	}
	// Copies up to @n <= capacity descriptors from @i on, by @copy(to, bytes).  Where some cannot be read that may not even be needed, the first
	// alone.  False: not that either.
	template <class Copy> [[nodiscard]] bool load(u32 i, u32 n, const Copy &copy)
	{
		held_ = 0;
		if (copy(copy_.data(), n * sizeof(Desc))) {
			n = 1;
			if (copy(copy_.data(), sizeof(Desc)))
				return false;
		}
		first_ = i;
		held_ = n;
		return true;
	}

	// For whoever fills it by other means: where to, and then that it holds
	// @n <= capacity from @i on.
	[[nodiscard]] Desc *data() { return copy_.data(); }
	void loaded(u32 i, u32 n)
	{
		first_ = i;
		held_ = n;
	}
	// How many it holds from @i on.
	[[nodiscard]] u32 held(u32 i) const { return holds(i) ? held_ - (i - first_) : 0; }

private:
	u32 first_ = 0;
	u32 held_ = 0;
	std::array<Desc, capacity> copy_;
};

// Why a run of the translator's came to nothing.
[[nodiscard]] inline RingError why(const Translator &translate)
{
	switch (translate.why()) {
	case Translator::Failure::denied:
		return RingError::access_denied;
	case Translator::Failure::missing:
		return RingError::untranslated;
	case Translator::Failure::unmapped:
		break;
	}
	return RingError::address_unmapped;
}

// Turns a chain's descriptors into segments, and checks the rules that hold for
// every chain, whatever the ring's format.  Small and by value, for the compiler
// to keep it in registers.
class ChainBuilder {
public:
	explicit ChainBuilder(std::span<Segment> room)
		: begin_(room.data()), at_(begin_), end_(begin_ + room.size())
	{
	}

	// Translates one descriptor which points to memory.
	[[nodiscard, gnu::always_inline]] RingError add(Translator &translate, u64 addr, u32 len,
							bool writable)
	{
		u64 user;
		const bool whole = at_ != end_ && translate.whole(addr, len, user);
		if (!whole) [[unlikely]] {
			const RingError error = check(addr, len);
			if (error != RingError::none)
				return error;
		}
		if (writable) {
			if (!writable_) {
				writable_ = at_;
				readable_bytes_ = bytes_;
			}
		} else if (writable_) {
			return RingError::readable_after_writable; // 2.7.4.2, 2.8.17
		}
		bytes_ += len;
		if (bytes_ > UINT32_MAX) // before it could wrap: each adds less than 2^32
			return RingError::chain_too_big; // 2.7.5.2
		if (whole) [[likely]] {
			*at_++ = {user, len};
			return RingError::none;
		}
		Segment *at = at_; // a member's address would keep it out of registers
		const RingError error = add_pieces(translate, addr, len, at, end_);
		at_ = at;
		return error;
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

	// Appends the chain, with @descs descriptors in the ring itself, to the batch
	// whose room it was given.
	[[gnu::always_inline]] void finish(BufferBatch &batch, u16 id, u32 descs) const
	{
		const Segment *split = writable_ ? writable_ : at_;
		const u64 readable = writable_ ? readable_bytes_ : bytes_;
		batch.push(id, static_cast<u16>(descs), static_cast<u16>(split - begin_),
			   static_cast<u16>(at_ - split), static_cast<u32>(readable),
			   static_cast<u32>(bytes_ - readable));
	}

private:
	// In several regions, or in none, or in another than the last.
	[[nodiscard, gnu::noinline]] static RingError
	add_pieces(Translator &translate, u64 addr, u32 len, Segment *&at, const Segment *end)
	{
		for (u64 left = len;;) {
			if (at == end)
				return RingError::too_many_segments;
			const u64 n = translate.run(addr, left, at->addr);
			if (!n)
				return why(translate);
			at++->len = n;
			left -= n;
			if (!left)
				return RingError::none;
			addr += n;
		}
	}

	Segment *begin_;
	Segment *at_; // the next one to be written
	const Segment *end_;
	Segment *writable_ = nullptr; // the first that is
	u64 bytes_ = 0;
	u64 readable_bytes_ = 0;
};

} // namespace vna
