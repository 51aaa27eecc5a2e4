// SPDX-License-Identifier: GPL-2.0-only
// What a queue has written to the guest's memory, for a migration: a bit a page of
// 4 KiB in the owner's bitmap (VHOST_SET_LOG_BASE), by guest-physical address.
//
// Bits are gathered and set together: once a batch, before the driver is shown the
// buffers, and once more at the end of a turn for what was written to the ring.
#pragma once

#include <array>
#include <utility>

#include "core/memory/region_table.hh"

namespace vna {

class DirtyLog {
public:
	static constexpr u64 page_bytes = 4096;

	// Whether the bits of [@guest, @guest + @len) lie in user space as far as bounds
	// go, in a bitmap at @base.
	[[nodiscard]] static bool covers(u64 base, u64 guest, u64 len);
	// The same for all of a table.
	[[nodiscard]] static bool covers(u64 base, const RegionTable &table);

	// 0: there is no bitmap, and nothing is noted.
	void set_base(u64 base) { base_ = base; }

	// Notes that [@guest, @guest + @len) was written.  False: flush() failed.
	[[nodiscard]] bool note(u64 guest, u64 len);
	// The same by user address: all that @table has there.  What it has not is no
	// memory of the guest's.
	[[nodiscard]] bool note_user(const RegionTable &table, u64 user, u64 len);
	// Sets the bits that were noted.  False: the bitmap is not writable.
	[[nodiscard]] bool flush();
	// How many bits were set since the last call.
	[[nodiscard]] u64 take_written() { return std::exchange(written_, 0); }

private:
	static constexpr u32 capacity = 32;

	[[nodiscard]] bool set_bits() const;

	u64 base_ = 0;
	u32 count_ = 0;
	u64 written_ = 0;
	// Words of 64 pages each, by the number of the first of them over 64.
	std::array<u64, capacity> words_;
	std::array<u64, capacity> bits_;
};

} // namespace vna
