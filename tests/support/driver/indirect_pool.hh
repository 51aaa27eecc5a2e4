/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Indirect tables in guest memory, one for each head a ring can have outstanding. Split and
 * packed descriptors are both 16 bytes, so one pool serves either.
 */
#pragma once

#include "guest_memory.hh"

namespace vna::driver
{

class IndirectPool
{
public:
	static constexpr unsigned entry_bytes = 16;

	/* tables tables of entries descriptors each; 0 entries: the ring has no indirect. */
	IndirectPool(GuestMemory &memory, unsigned tables, unsigned entries, std::size_t region = 0)
	    : memory_(memory), entries_(entries),
	      base_(memory.allocate(bytes(entries) * tables, entry_bytes, region))
	{
	}

	unsigned entries() const { return entries_; }

	/* Guest address of one table, and the same place in this process. */
	Gpa gpa(unsigned table) const { return base_ + bytes(entries_) * table; }
	void *user(unsigned table) const { return memory_.at(gpa(table), bytes(entries_)); }

private:
	static std::uint64_t bytes(unsigned entries)
	{
		return std::uint64_t{entry_bytes} * entries;
	}

	GuestMemory &memory_;
	unsigned entries_;
	Gpa base_;
};

} /* namespace vna::driver */
