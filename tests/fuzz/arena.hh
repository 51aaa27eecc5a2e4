// SPDX-License-Identifier: GPL-2.0-only
// The memory that a ring lies in: its three areas, exactly as long as the ring has them, and one
// for tables and buffers.  Behind the device's back it may change between any two accesses.
#pragma once

#include <array>
#include <vector>

#include "core/virtqueue/virtqueue.hh"
#include "host/fake_kernel.hh"
#include "input.hh"

namespace vna::fuzz
{

class Arena
{
public:
	enum Area : u8 { desc, driver, device, data, areas };
	static constexpr u32 max_ring = 1024; // entries
	static constexpr u32 data_bytes = 8192;
	// Addresses without memory: whoever accesses them gets a fault.
	static constexpr u64 nowhere = 0x500000000000, nowhere_bytes = 8ull << 30;

	explicit Arena(host::UserMemory &memory) : memory_(memory) {}

	// Empties all of it, for a ring whose areas are that long.
	void lay_out(const Virtqueue &ring);
	[[nodiscard]] RingAddresses addresses() const;
	[[nodiscard]] u64 user(Area area, u64 offset = 0) const;
	[[nodiscard]] u64 bytes(Area area) const { return bytes_[area]; }
	// Anything in one of them; the offset is brought into bounds.
	template <class T> [[nodiscard]] T get(Area area, u64 offset) const
	{
		T value;
		std::memcpy(&value, at(area, offset), sizeof value);
		return value;
	}
	template <class T> void put(Area area, u64 offset, T value)
	{
		if (offset + sizeof value <= bytes_[area])
			std::memcpy(at(area, offset), &value, sizeof value);
	}
	void put(Area area, u64 offset, std::span<const std::byte> from);
	// @len bytes at user address @user, if they are in the data area.
	[[nodiscard]] const std::byte *find(u64 user, u64 len) const;

	// What another processor does: after @accesses more of the core's, writes @from.
	struct Race {
		u32 accesses;
		Area area;
		u64 offset;
		u64 value;
		u8 len;
	};
	void race(const Race &race) { races_.push_back(race); }
	// Faults: the n-th access from now on, or all that touch a range.
	void fail_at(u32 n);
	void fault(Area area, u64 offset, u64 len);
	void heal();
	// Whether nothing of the kind is to be expected now.
	[[nodiscard]] bool quiet() const;

	// Before a call that may make @accesses at most.
	void limit(const char *call, u64 accesses);

private:
	[[nodiscard]] std::byte *at(Area area, u64 offset) const;
	void accessed();

	host::UserMemory &memory_;
	std::array<u64, areas> bytes_{};
	std::vector<Race> races_;
	bool faults_ = false;
	u64 fails_at_ = 0; // accesses() at which fail_at() has passed
	const char *call_ = "";
	u64 limit_ = ~u64{0}; // of accesses()
};

} // namespace vna::fuzz
