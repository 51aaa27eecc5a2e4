// SPDX-License-Identifier: GPL-2.0-only
// Translates a guest's addresses for one queue, by the memory table or, where
// there is one, by the IOTLB; remembers the piece of memory that it found last.
#pragma once

#include "core/base/algorithm.hh"
#include "core/memory/iotlb.hh"
#include "core/memory/memory.hh"

namespace vna {

class Translator {
public:
	Translator() = default;
	// By one table, or by the one that is published.
	explicit Translator(const RegionTable *table) : table_(table) {}
	explicit Translator(Memory::Reader *reader) : reader_(reader) {}

	// By @iotlb from now on, for buffers that the device has @access to; null: by
	// the table again.
	void set_iotlb(const Iotlb *iotlb, Access access)
	{
		iotlb_ = iotlb;
		access_ = access;
		window_ = Window();
	}
	[[nodiscard]] const Iotlb *iotlb() const { return iotlb_; }

	// A turn: where the table is the published one, all that follows is within one.
	void begin()
	{
		if (reader_)
			adopt(reader_->enter());
	}
	void end()
	{
		if (!reader_)
			return;
		table_ = nullptr;
		reader_->leave();
	}
	[[nodiscard]] Memory::Reader *reader() const { return reader_; }
	// During a turn; may be null.
	[[nodiscard]] const RegionTable *table() const { return table_; }

	// The longest run of user memory at guest address @guest, at most @len > 0
	// bytes: its address in @user, its length as the result, 0 if there is none: see
	// why().  [@guest, @guest + @len) must not wrap.
	[[nodiscard]] u64 run(u64 guest, u64 len, u64 &user)
	{
		if (guest - window_.start >= window_.bytes && !find(guest))
			return 0;
		const u64 offset = guest - window_.start;
		user = window_.user + offset;
		return min(len, window_.bytes - offset);
	}
	// The same where the device only reads, whatever its buffers are for.
	[[nodiscard]] u64 run_to_read(u64 guest, u64 len, u64 &user)
	{
		return iotlb_ ? run_by_iotlb(guest, len, access_ro, user) :
				run(guest, len, user);
	}
	// With an IOTLB, for any @access.
	[[nodiscard]] u64 run_by_iotlb(u64 at, u64 len, Access access, u64 &user);
	// The user address of [@guest, @guest + @len), which may be anything.  False:
	// not all in the region found last, empty, or wrapping.
	[[nodiscard]] bool whole(u64 guest, u64 len, u64 &user) const
	{
		return window_.map(guest, len, user);
	}

	// What made a run fail, as a RingError: here the address is in no table, or ...
	enum class Failure : u8 { unmapped, denied, missing };
	[[nodiscard]] Failure why() const { return why_; }
	// ... may be told of later: where, and what for.
	struct Miss {
		u64 at;
		Access access;
	};
	[[nodiscard]] const Miss &miss() const { return miss_; }
	void miss(u64 at, Access access)
	{
		why_ = Failure::missing;
		miss_ = {at, access};
	}

	// An entry of the IOTLB has gone.
	void forget(const Iotlb::Entry &gone)
	{
		if (window_.bytes && gone.start <= window_.start + (window_.bytes - 1) &&
		    window_.start <= gone.last)
			window_ = Window();
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
	[[nodiscard]] const Iotlb::Entry *look_up(u64 at, Access access);
	[[nodiscard]] bool find(u64 guest);
	void adopt(const RegionTable *table)
	{
		table_ = table;
		if (generation_ != (table ? table->generation : 0)) [[unlikely]]
			review();
	}
	void review();

	Memory::Reader *reader_ = nullptr;
	const RegionTable *table_ = nullptr; // with a reader, during a turn
	const Iotlb *iotlb_ = nullptr;
	u64 generation_ = 0; // of the table that the window is known to agree with
	Window window_;
	Access access_ = access_none; // of buffers, by the IOTLB
	Failure why_ = Failure::unmapped;
	Miss miss_{};
};

} // namespace vna
