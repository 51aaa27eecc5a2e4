// SPDX-License-Identifier: GPL-2.0-only
// The devices that there are, by number.  Whoever calls keeps others out.
#pragma once

#include "core/base/types.hh"

namespace vna {

// A list in ascending order: ids are given in that order, so a new device goes to
// its end, and who dumps all of them goes from one to the next.
class Registry {
public:
	struct Entry {
		u32 id = 0; // 0: not in the list
		Entry *prev = nullptr;
		Entry *next = nullptr;
	};

	constexpr Registry() = default;
	// @given: the id that was given last.
	constexpr explicit Registry(u32 given) : given_(given) {}
	Registry(const Registry &) = delete;
	Registry &operator=(const Registry &) = delete;

	// Gives @entry the next id that no device has.  One that was given back comes
	// again only after all others: who has noted it finds no other device by it.
	// False: all are taken.
	[[nodiscard]] bool add(Entry &entry);
	void remove(Entry &entry);
	// The device with this id or the next higher one, or null.
	[[nodiscard]] Entry *at_or_after(u32 id) const;
	// As if @given had been given last.
	void restart_at(u32 given) { given_ = given; }
	// Another number after each change.
	[[nodiscard]] u32 generation() const { return generation_; }

private:
	Entry *first_ = nullptr;
	Entry *last_ = nullptr;
	u32 given_ = 0; // last
	u32 generation_ = 1; // netlink takes 0 for none
};

} // namespace vna
