// SPDX-License-Identifier: GPL-2.0-only
// The guest's memory table (VHOST_SET_MEM_TABLE): guest-physical to user
// addresses.  Immutable once made, so a queue may hold on to it under its lock.
#pragma once

#include <span>

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
		if (!hit_ || guest < hit_->start || guest > hit_->last) {
			hit_ = table_ ? table_->find(guest) : nullptr;
			if (!hit_)
				return 0;
		}
		const u64 beyond = hit_->last - guest; // no +1: might be 2^64
		user = hit_->user + (guest - hit_->start);
		return len - 1 <= beyond ? len : beyond + 1;
	}

private:
	const RegionTable *table_ = nullptr;
	const Region *hit_ = nullptr;
};

} // namespace vna
