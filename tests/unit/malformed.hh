// SPDX-License-Identifier: GPL-2.0-only
// Rings that break one rule each.  The same lists are held against the ring alone and against a
// device, where the queue must stop and nothing else.
#pragma once

#include <vector>

#include "ring_bench.hh"

namespace vna
{

// What is written to: a driver's ring, its memory, and user memory to make faults in.
template <class Ring> struct MalformedTarget {
	Ring &ring;
	driver::GuestMemory &guest;
	host::UserMemory &memory;

	[[nodiscard]] u64 data(u64 len) const { return guest.allocate(len); }
	[[nodiscard]] u64 user(u64 gpa) const
	{
		return host::UserMemory::address_of(guest.at(gpa));
	}
	// An indirect table of these entries; returns its address.
	template <class Desc> [[nodiscard]] u64 place(const std::vector<Desc> &entries) const
	{
		const u64 bytes = entries.size() * sizeof(Desc);
		const u64 gpa = guest.allocate(bytes);
		std::memcpy(guest.at(gpa, bytes), entries.data(), bytes);
		return gpa;
	}
};

struct SplitTarget : MalformedTarget<driver::SplitRing> {
	// Descriptors from here on are free for a malformed chain.
	static constexpr u16 at = 8;
	void desc(unsigned i, u64 addr, u32 len, u16 flags = 0, u16 next = 0) const
	{
		ring.table().set_desc(i, addr, len, flags, next);
	}
	// An indirect table at descriptor @at of these entries.
	void table(const std::vector<SplitDescriptor> &entries) const;
	void expose(u16 head) const;
};

struct PackedTarget : MalformedTarget<driver::PackedRing> {
	// The @n-th slot behind what was made available properly.
	[[nodiscard]] driver::PackedPosition at(unsigned n) const
	{
		return ring.next_available().after(n, ring.size());
	}
	// Makes that slot available, whatever it says.
	void desc(unsigned n, u64 addr, u32 len, u16 flags = 0, u16 id = 2) const;
	void table(const std::vector<PackedDescriptor> &entries) const;
};

struct Malformed {
	const char *name;
	RingError error;
	// Whether the chains offered before are still delivered: not where the available ring
	// itself is what is wrong.
	bool delivers_before;
	u64 features_off; // what must not be negotiated for this to be wrong
	u64 features_on; // what must be
	// What the device finds when it asks whether to notify, not when it fetches.
	bool in_wish;

	using Split = void (*)(const SplitTarget &);
	using Packed = void (*)(const PackedTarget &);
	Malformed(const char *name, RingError error, bool before, u64 off, Split make)
	    : name(name), error(error), delivers_before(before), features_off(off), features_on(0),
	      in_wish(false), split_(make)
	{
	}
	Malformed(const char *name, RingError error, bool before, u64 off, Packed make, u64 on = 0,
		  bool in_wish = false)
	    : name(name), error(error), delivers_before(before), features_off(off),
	      features_on(on | feature(VNA_VIRTIO_F_RING_PACKED)), in_wish(in_wish), packed_(make)
	{
	}
	[[nodiscard]] u64 features(u64 otherwise) const
	{
		return (otherwise & ~features_off) | features_on;
	}
	void make(driver::DriverRing &ring, driver::GuestMemory &guest,
		  host::UserMemory &memory) const;

private:
	Split split_ = nullptr;
	Packed packed_ = nullptr;
};

extern const std::vector<Malformed> malformed_split_rings;
extern const std::vector<Malformed> malformed_packed_rings;
// All of both.
[[nodiscard]] std::vector<Malformed> malformed_rings();

inline void PrintTo(const Malformed &m, std::ostream *out)
{
	*out << m.name;
}

} // namespace vna
