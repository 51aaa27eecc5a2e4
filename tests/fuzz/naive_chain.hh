// SPDX-License-Identifier: GPL-2.0-only
// What a chain of descriptors is, read straight from memory that does not change meanwhile: one
// descriptor after the other, rule by rule (virtio 1.2 sections 2.7.5 and 2.8.5 to 2.8.7).
#pragma once

#include <vector>

#include "arena.hh"
#include "core/virtqueue/descriptor.hh"
#include "naive_regions.hh"

namespace vna::fuzz
{

struct NaiveChain {
	RingError error = RingError::none;
	u16 id = 0;
	u16 descs = 0;
	std::vector<Segment> readable, writable;
	u64 readable_len = 0, writable_len = 0;

	[[nodiscard]] std::size_t segments() const { return readable.size() + writable.size(); }
};

// A slot of a packed ring, and the wrap counter of whoever is there.
struct NaivePosition {
	u16 index = 0;
	bool wrap = true;

	bool operator==(const NaivePosition &) const = default;
	void step(u32 size)
	{
		if (++index == size) {
			index = 0;
			wrap = !wrap;
		}
	}
	void step_back(u32 size)
	{
		if (!index) {
			index = static_cast<u16>(size);
			wrap = !wrap;
		}
		index--;
	}
	[[nodiscard]] u16 bits() const { return static_cast<u16>(index | (wrap ? 0x8000 : 0)); }
	// 2.8.1.1: AVAIL differs from USED, and is the wrap counter.
	[[nodiscard]] bool available(u16 flags) const
	{
		return (flags >> 7 & 1) == (wrap ? 1 : 0) && (flags >> 15 & 1) == (wrap ? 0 : 1);
	}
};

class ChainReader
{
public:
	ChainReader(const Arena &arena, const NaiveRegions &regions, const Virtqueue::Setup &setup)
	    : arena_(arena), regions_(regions), size_(setup.size),
	      indirect_ok_(setup.features.has(VNA_VIRTIO_RING_F_INDIRECT_DESC)),
	      transmits_(setup.transmits)
	{
	}

	// The one at @head, or at @at, if it has at most @room segments.
	NaiveChain split(u16 head, std::size_t room);
	NaiveChain packed(NaivePosition at, std::size_t room);
	[[nodiscard]] u16 packed_flags(NaivePosition at) const
	{
		return arena_.get<u16>(Arena::desc, 16ull * at.index + 14);
	}

private:
	RingError add(u64 addr, u32 len, bool writable);
	// Copies entry @i of an indirect table at guest address @addr.
	template <class Desc> RingError entry(u64 addr, u32 i, Desc &to) const;
	static RingError table(u64 addr, u32 len);
	RingError split_table(u64 addr, u32 len);
	RingError packed_table(u64 addr, u32 len);

	const Arena &arena_;
	const NaiveRegions &regions_;
	const u32 size_;
	const bool indirect_ok_, transmits_;
	std::size_t room_ = 0;
	NaiveChain chain_;
};

} // namespace vna::fuzz
