// SPDX-License-Identifier: GPL-2.0-only
// An indirect table in guest memory (virtio 1.2 sections 2.7.5.3 and 2.8.7),
// copied in one access unless it is long or lies in several regions.
#pragma once

#include "core/base/algorithm.hh"
#include "core/virtqueue/descriptor.hh"

namespace vna {

template <class Desc> class IndirectTable {
public:
	// vhost's limit, and all that a split descriptor's next can name.
	static constexpr u32 max_entries = 65536;

	// Names the table that a descriptor refers to: @len bytes at guest address
	// @addr.  Its own WRITE flag is ignored (2.7.5.3.2, 2.8.7).
	[[nodiscard]] RingError open(Translator &translate, u64 addr, u32 len)
	{
		if (!len || len % sizeof(Desc) || len / sizeof(Desc) > max_entries)
			return RingError::indirect_size;
		window_.forget();
		translate_ = &translate;
		addr_ = addr;
		count_ = len / sizeof(Desc);
		ahead_ = window_.capacity;
		return ChainBuilder::check(addr, len);
	}
	[[nodiscard]] u32 count() const { return count_; }

	// Entry @i < count().  Each one of a legal chain is copied once; a chain that
	// jumps about costs a copy an entry, and what was copied ahead is thrown away
	// unread.
	[[nodiscard]] RingError get(u32 i, const Desc *&out)
	{
		if (!window_.holds(i)) {
			const RingError error = load(i);
			if (error != RingError::none)
				return error;
		}
		out = &window_[i];
		return RingError::none;
	}

private:
	[[nodiscard]] RingError load(u32 i)
	{
		// Runs end where a region ends; an entry that straddles two regions has no
		// single user address.  vhost reads those piecewise; no guest has one, as
		// regions end on pages and tables are 16-byte aligned.
		const u32 want = min(ahead_, count_ - i);
		u64 user;
		const u64 run = translate_->run_to_read(addr_ + i * sizeof(Desc),
							want * sizeof(Desc), user);
		const u32 n = static_cast<u32>(run / sizeof(Desc));
		if (!n)
			return run ? RingError::address_unmapped : why(*translate_);
		// Whoever comes back for more may jump to and fro: less of it then.
		ahead_ = 16;
		const auto copy = [&](void *to, u64 len) {
			return vna_env_copy_from_user(to, user, len);
		};
		return window_.load(i, n, copy) ? RingError::none : RingError::ring_fault;
	}

	Translator *translate_ = nullptr;
	u64 addr_ = 0; // guest-physical
	u32 count_ = 0; // entries
	u32 ahead_ = 0; // how many to copy at a time
	DescriptorWindow<Desc> window_;
};

} // namespace vna
