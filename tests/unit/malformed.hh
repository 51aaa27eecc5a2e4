// SPDX-License-Identifier: GPL-2.0-only
// Rings that break one rule each.  The same list is held against the ring alone and against a
// device, where the queue must stop and nothing else.
#pragma once

#include <vector>

#include "ring_bench.hh"

namespace vna
{

struct Malformed {
	const char *name;
	RingError error;
	// Whether the chains offered before are still delivered: not where the available ring
	// itself is what is wrong.
	bool delivers_before;
	u64 features_off; // what must not be negotiated for this to be wrong

	// What is written to: a driver's ring, its memory, and user memory to make faults in.
	struct Target {
		driver::SplitRing &ring;
		driver::GuestMemory &guest;
		host::UserMemory &memory;

		// Descriptors from here on are free for a malformed chain.
		static constexpr u16 at = 8;
		[[nodiscard]] u64 data(u64 len) const { return guest.allocate(len); }
		void desc(unsigned i, u64 addr, u32 len, u16 flags = 0, u16 next = 0) const
		{
			ring.table().set_desc(i, addr, len, flags, next);
		}
		// An indirect table at descriptor @at of these entries.
		void table(const std::vector<SplitDescriptor> &entries) const;
		void expose(u16 head) const;
		[[nodiscard]] u64 user(u64 gpa) const
		{
			return host::UserMemory::address_of(guest.at(gpa));
		}
	};
	void (*make)(const Target &);
};

extern const std::vector<Malformed> malformed_rings;

inline void PrintTo(const Malformed &m, std::ostream *out)
{
	*out << m.name;
}

} // namespace vna
