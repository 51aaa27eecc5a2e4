// SPDX-License-Identifier: GPL-2.0-only
// The device's IOTLB (VIRTIO_F_ACCESS_PLATFORM): what the owner has told of the
// guest's IOMMU.  Bounded: the entry that came first goes where one more comes.
// Whoever changes it holds the locks of all queues, whoever reads it that of one.
#pragma once

#include <array>

#include "core/base/types.hh"
#include "core/control/vhost_abi.h"

namespace vna {

// VHOST_ACCESS_*: what an entry allows, or a queue asks for.
using Access = u8;
inline constexpr Access access_none = 0;
inline constexpr Access access_ro = VNA_VHOST_ACCESS_RO;
inline constexpr Access access_wo = VNA_VHOST_ACCESS_WO;
inline constexpr Access access_rw = VNA_VHOST_ACCESS_RW;

class Iotlb {
public:
	// vhost's limit.
	static constexpr u32 capacity = 2048;

	struct Entry {
		u64 start; // I/O virtual address, inclusive
		u64 last; // inclusive
		u64 user; // user address of start
		Access access;

		[[nodiscard]] bool allows(Access wanted) const { return !(wanted & ~access); }
	};

	// -ENOMEM.
	static int make(Iotlb *&out);
	static void destroy(Iotlb *iotlb);

	// The entry that holds @at, or null.  O(log n).
	[[nodiscard]] const Entry *find(u64 at) const;
	[[nodiscard]] u32 size() const { return count_; }

	// Entries that overlap [@first, @last], whole: calls @gone(entry) for each.
	template <class Gone> void remove(u64 first, u64 last, const Gone &gone)
	{
		// They are neighbours.
		const u32 begin = behind(first);
		u32 end = begin;
		for (; end < count_ && at(end).start <= last; end++) {
			gone(at(end));
			release(order_[end]);
		}
		close(begin, end);
	}
	// Adds an entry, in place of those that it overlaps, and of the oldest one where
	// there is no room: calls @gone for each of those.
	template <class Gone> void add(const Entry &entry, const Gone &gone)
	{
		remove(entry.start, entry.last, gone);
		if (count_ == capacity) {
			const Entry oldest = slots_[oldest_].entry;
			remove(oldest.start, oldest.last, gone);
		}
		insert(entry);
	}

private:
	static constexpr u16 none = capacity;

	// In a list by age while in use, else of those that are free.
	struct Slot {
		Entry entry;
		u16 older, newer;
	};

	Iotlb();
	[[nodiscard]] const Entry &at(u32 i) const { return slots_[order_[i]].entry; }
	// The place of the first entry that ends at or after @address.
	[[nodiscard]] u32 behind(u64 address) const;
	void insert(const Entry &entry);
	void release(u16 slot);
	void close(u32 begin, u32 end);

	u32 count_ = 0;
	u16 oldest_ = none, newest_ = none, free_ = none;
	std::array<u16, capacity> order_; // slots in use, by address: they are disjoint
	std::array<Slot, capacity> slots_;
};

} // namespace vna
