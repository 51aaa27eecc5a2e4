// SPDX-License-Identifier: GPL-2.0-only
// The guest's memory table (VHOST_SET_MEM_TABLE): guest-physical to user
// addresses.  Immutable once made, but for a mark on what was ever looked up: see
// memory.hh, by which queues get at it.
#pragma once

#include <atomic>
#include <span>

#include "core/base/algorithm.hh"
#include "core/base/types.hh"
#include "core/control/vhost_abi.h"

namespace vna {

struct Region {
	u64 start; // guest-physical, inclusive
	u64 last; // guest-physical, inclusive: the table may end at 2^64 - 1
	u64 user; // user address of start
};

class RegionTable {
public:
	// Builds a table of @given.  Regions may overlap: the one that starts lower
	// wins, the earlier one of two with the same start, as in vhost.
	// -EFAULT: empty or wrapping region; -ENOMEM.
	static int make(std::span<const vna_vhost_memory_region> given, RegionTable *&out);
	static void destroy(RegionTable *table);

	// Whether every region lies within user space, as far as bounds go.
	[[nodiscard]] bool user_ok() const;
	[[nodiscard]] std::span<const Region> regions() const { return {first(), count_}; }
	// The region that holds @guest, or null.  O(log n).
	[[nodiscard]] const Region *find(u64 guest) const;

	// Calls @visit(guest, bytes) for all that is at [@user, @user + @len), @len > 0:
	// one user address may have several guest addresses.  False if @visit says so,
	// which ends it.  O(log n) for each that it finds.
	template <class Visit>
	[[nodiscard]] bool for_user(u64 user, u64 len, const Visit &visit) const
	{
		const u64 last = user + (len - 1);
		// A tree in an array: the root of a span is its middle.  Twice its depth, as a
		// span leaves two behind, one of which is looked at at once.
		struct Span {
			u32 begin, end;
		};
		Span todo[40];
		u32 n = 0;
		todo[n++] = {0, static_cast<u32>(count_)};
		while (n) {
			const Span span = todo[--n];
			if (span.begin == span.end)
				continue;
			const u32 middle = span.begin + (span.end - span.begin) / 2;
			const Alias &alias = aliases_[middle];
			if (alias.last_of_all < user)
				continue;
			todo[n++] = {span.begin, middle};
			if (alias.user > last)
				continue;
			todo[n++] = {middle + 1, span.end};
			if (alias.last < user)
				continue;
			const u64 from = alias.user < user ? user : alias.user;
			const u64 to = min(alias.last, last);
			if (!visit(alias.guest + (from - alias.user), to - from + 1))
				return false;
		}
		return true;
	}

	// Marks a region of the table as one that a queue translates by.  The mark is
	// set before whatever the caller looks at next: see Memory::publish().
	void note_use(const Region &region) const
	{
		auto &mark = used()[&region - first()];
		if (!mark.load(std::memory_order_seq_cst))
			mark.store(true, std::memory_order_seq_cst);
	}
	[[nodiscard]] bool is_used(const Region &region) const
	{
		return used()[&region - first()].load(std::memory_order_seq_cst);
	}
	// Whether this table has all of @region, of another, at the same addresses; the
	// regions that do are marked then.
	[[nodiscard]] bool keeps(const Region &region) const;

	// Given by Memory, which has each number once; 0 in a table that no Memory has.
	u64 generation = 0;
	RegionTable *next_retired = nullptr; // Memory's

private:
	explicit RegionTable(u32 count) : count_(count) {}
	using Mark = std::atomic<bool>;
	// A region, in the order of user addresses.
	struct Alias {
		u64 user; // inclusive
		u64 last; // user address, inclusive
		u64 guest; // address of user
		u64 last_of_all; // the highest last in the part of the tree that it is the root of
	};
	struct ByUser;
	static u64 plant(std::span<Alias> aliases);
	[[nodiscard]] static unsigned long size_of(u64 count)
	{
		return sizeof(RegionTable) +
		       count * (sizeof(Region) + sizeof(Alias) + sizeof(Mark));
	}
	// Behind all the regions that the table was made of, zeroed.
	[[nodiscard]] Mark *used() const { return used_; }
	[[nodiscard]] Region *first() { return reinterpret_cast<Region *>(this + 1); }
	[[nodiscard]] const Region *first() const
	{
		return reinterpret_cast<const Region *>(this + 1);
	}

	u64 count_; // the regions follow, sorted and disjoint; room for aliases; marks
	Alias *aliases_ = nullptr;
	Mark *used_ = nullptr;
};

} // namespace vna
