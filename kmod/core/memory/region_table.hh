// SPDX-License-Identifier: GPL-2.0-only
// The guest's memory table (VHOST_SET_MEM_TABLE): guest-physical to user
// addresses.  Immutable once made, so a queue may hold on to it under its lock.
#pragma once

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

private:
	explicit RegionTable(u32 count) : count_(count) {}
	[[nodiscard]] Region *first() { return reinterpret_cast<Region *>(this + 1); }
	[[nodiscard]] const Region *first() const
	{
		return reinterpret_cast<const Region *>(this + 1);
	}

	u64 count_; // the regions follow, sorted and disjoint
};

// Translates for one queue; remembers the region that it found last.
class Translator {
public:
	Translator() = default;
	explicit Translator(const RegionTable *table) : table_(table) {}

	// The longest run of user memory at guest address @guest, at most @len > 0
	// bytes: its address in @user, its length as the result, 0 if the address is
	// not in the table.  [@guest, @guest + @len) must not wrap.
	[[nodiscard]] u64 run(u64 guest, u64 len, u64 &user)
	{
		if (guest - window_.start >= window_.bytes && !find(guest))
			return 0;
		const u64 offset = guest - window_.start;
		user = window_.user + offset;
		return min(len, window_.bytes - offset);
	}
	// The user address of [@guest, @guest + @len), which may be anything.  False:
	// not all in the region found last, empty, or wrapping.
	[[nodiscard]] bool whole(u64 guest, u64 len, u64 &user) const
	{
		return window_.map(guest, len, user);
	}

	// The region found last, empty at first: none spans 2^64 bytes.
	struct Window {
		u64 start = 0;
		u64 bytes = 0;
		u64 user = 0;
		// As whole().
		[[nodiscard]] bool map(u64 guest, u64 len, u64 &at) const
		{
			const u64 offset = guest - start;
			if (offset >= bytes || len - 1 >= bytes - offset)
				return false;
			at = user + offset;
			return true;
		}
	};
	[[nodiscard]] const Window &window() const { return window_; }

private:
	[[nodiscard]] bool find(u64 guest);

	const RegionTable *table_ = nullptr;
	Window window_;
};

} // namespace vna
