// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/dirty_log.hh"

#include "core/base/algorithm.hh"
#include "core/base/env.hh"

namespace vna {

namespace {

constexpr u64 pages_per_byte = 8, pages_per_word = 64;

} // namespace

bool DirtyLog::covers(u64 base, u64 guest, u64 len)
{
	if (!len)
		return true;
	const u64 first = guest / page_bytes / pages_per_byte;
	const u64 last = (guest + (len - 1)) / page_bytes / pages_per_byte;
	return last >= first && base + first >= base &&
	       vna_env_user_ok(base + first, last - first + 1);
}

bool DirtyLog::covers(u64 base, const RegionTable &table)
{
	for (const Region &r : table.regions()) {
		if (!covers(base, r.start, r.last - r.start + 1))
			return false;
	}
	return true;
}

bool DirtyLog::note(u64 guest, u64 len)
{
	if (!base_ || !len)
		return true;
	const u64 last = (guest + (len - 1)) / page_bytes;
	for (u64 bit = guest / page_bytes; bit <= last;) {
		const u64 word = bit / pages_per_word, offset = bit % pages_per_word;
		const u64 n = min(last - bit + 1, pages_per_word - offset);
		const u64 bits = ~u64{0} >> (pages_per_word - n) << offset;
		bit += n;
		// What is written next lies most likely near what was written last.
		u32 i = count_;
		while (i && words_[i - 1] != word)
			i--;
		if (i) {
			bits_[i - 1] |= bits;
			continue;
		}
		if (count_ == capacity && !flush())
			return false;
		words_[count_] = word;
		bits_[count_++] = bits;
	}
	return true;
}

bool DirtyLog::note_user(const RegionTable &table, u64 user, u64 len)
{
	if (!base_ || !len)
		return true;
	return table.for_user(user, len, [&](u64 guest, u64 n) { return note(guest, n); });
}

bool DirtyLog::flush()
{
	if (!count_)
		return true;
	if (base_ && !set_bits())
		return false; // they are kept: the bitmap may be mended, or replaced
	for (u32 i = 0; i < count_ && base_; i++)
		written_ += count_bits(bits_[i]);
	count_ = 0;
	return true;
}

bool DirtyLog::set_bits() const
{
	const u64 skew = base_ % sizeof(u64) * pages_per_byte;
	const u64 base = base_ - base_ % sizeof(u64);
	if (!skew) [[likely]]
		return !vna_env_set_bits(base, words_.data(), bits_.data(), count_);
	// A bitmap need not begin with a word.
	for (u32 i = 0; i < count_; i++) {
		const u64 words[] = {words_[i], words_[i] + 1};
		const u64 bits[] = {bits_[i] << skew, bits_[i] >> (pages_per_word - skew)};
		if ((bits[0] && vna_env_set_bits(base, &words[0], &bits[0], 1)) ||
		    (bits[1] && vna_env_set_bits(base, &words[1], &bits[1], 1)))
			return false;
	}
	return true;
}

} // namespace vna
