// SPDX-License-Identifier: GPL-2.0-only
// The memory table as its rules are written, and nothing else: what RegionTable is held against.
#pragma once

#include <optional>
#include <vector>

#include "core/base/types.hh"
#include "core/control/vhost_abi.h"

namespace vna::fuzz
{

class NaiveRegions
{
public:
	using Given = vna_vhost_memory_region;

	NaiveRegions() = default;
	explicit NaiveRegions(std::vector<Given> given) : given_(std::move(given)) {}

	[[nodiscard]] static u64 last(const Given &g)
	{
		return g.guest_phys_addr + (g.memory_size - 1);
	}
	// The regions are taken: none is empty or wraps.
	[[nodiscard]] bool valid() const
	{
		for (const Given &g : given_) {
			if (!g.memory_size || last(g) < g.guest_phys_addr)
				return false;
		}
		return true;
	}
	// Which one holds @guest: the one that starts lowest, the first of those.
	[[nodiscard]] const Given *find(u64 guest) const
	{
		const Given *best = nullptr;
		for (const Given &g : given_) {
			if (guest < g.guest_phys_addr || guest > last(g))
				continue;
			if (!best || g.guest_phys_addr < best->guest_phys_addr)
				best = &g;
		}
		return best;
	}
	struct Run {
		u64 user, len;
	};
	// What is at @guest in one piece of user memory, at most @len > 0 bytes.
	[[nodiscard]] std::optional<Run> run(u64 guest, u64 len) const
	{
		const Given *g = find(guest);
		if (!g)
			return std::nullopt;
		const u64 beyond = last(*g) - guest;
		return Run{g->userspace_addr + (guest - g->guest_phys_addr),
			   len - 1 < beyond ? len : beyond + 1};
	}
	// Whether the bytes at user address @user are some region's.
	[[nodiscard]] bool owns(u64 user, u64 len) const
	{
		for (const Given &g : given_) {
			if (user - g.userspace_addr < g.memory_size &&
			    len <= g.memory_size - (user - g.userspace_addr))
				return true;
		}
		return false;
	}
	[[nodiscard]] const std::vector<Given> &given() const { return given_; }

private:
	std::vector<Given> given_;
};

} // namespace vna::fuzz
