// SPDX-License-Identifier: GPL-2.0-only
// The device IOTLB as its rules are written, and nothing else: a list by age, messages read byte by
// byte.  What Iotlb and what goes through read() and write() are held against.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "core/base/errno.hh"
#include "core/memory/iotlb.hh"
#include "host/user_memory.hh"

namespace vna::fuzz
{

class NaiveIotlb
{
public:
	using Entry = Iotlb::Entry;
	using Wide = unsigned __int128; // wraps nowhere

	// What write() of these bytes returns; notes in @gone what had to go.
	int write(std::span<const std::byte> bytes, std::vector<Entry> &gone)
	{
		if (bytes.size() < 40)
			return -einval;
		const u64 kind = number(bytes, 0, 4), type = number(bytes, 33, 1);
		const u64 iova = number(bytes, 8, 8), size = number(bytes, 16, 8);
		const u64 user = number(bytes, 24, 8);
		if (kind != 1 && kind != 2)
			return -einval;
		if (type == VNA_VHOST_IOTLB_UPDATE && !size)
			return -einval;
		if (!on)
			return -efault;
		if (type == VNA_VHOST_IOTLB_UPDATE)
			return update(iova, size, user, number(bytes, 32, 1) & access_rw, gone);
		if (type != VNA_VHOST_IOTLB_INVALIDATE)
			return -efault;
		// Nothing, or more than there is, stands for all.
		const bool all = !size || Wide{iova} + size > Wide{1} << 64;
		remove(all ? 0 : iova, all ? ~0ull : iova + (size - 1), gone);
		return 0;
	}
	void clear() { entries_.clear(); }
	// The oldest first.
	void set(std::vector<Entry> entries) { entries_ = std::move(entries); }

	[[nodiscard]] const Entry *find(u64 at) const
	{
		for (const Entry &e : entries_) {
			if (e.start <= at && at <= e.last)
				return &e;
		}
		return nullptr;
	}
	// Whether each of the bytes at user address @user is some entry's that allows @access.
	[[nodiscard]] bool grants(u64 user, u64 len, Access access) const
	{
		while (len) {
			const u64 n = granted(user, len, access);
			if (!n)
				return false;
			user += n;
			len -= n;
		}
		return true;
	}
	[[nodiscard]] const std::vector<Entry> &entries() const { return entries_; }

	bool on = false; // negotiated

private:
	static u64 number(std::span<const std::byte> bytes, std::size_t at, std::size_t len)
	{
		u64 value = 0;
		while (len--)
			value = value << 8 | std::to_integer<u64>(bytes[at + len]);
		return value;
	}
	int update(u64 iova, u64 size, u64 user, u64 access, std::vector<Entry> &gone)
	{
		if (Wide{iova} + size > Wide{1} << 64 || Wide{user} + size > Wide{1} << 64)
			return -efault;
		if (access && Wide{user} + size > host::UserMemory::end)
			return -efault;
		remove(iova, iova + (size - 1), gone);
		if (entries_.size() == Iotlb::capacity) {
			gone.push_back(entries_.front());
			entries_.erase(entries_.begin());
		}
		entries_.push_back({iova, iova + (size - 1), user, static_cast<Access>(access)});
		return 0;
	}
	void remove(u64 first, u64 last, std::vector<Entry> &gone)
	{
		std::erase_if(entries_, [&](const Entry &e) {
			const bool over = e.start <= last && first <= e.last;
			if (over)
				gone.push_back(e);
			return over;
		});
	}
	// How many bytes from @user on one entry has, at most @len.
	[[nodiscard]] u64 granted(u64 user, u64 len, Access access) const
	{
		for (const Entry &e : entries_) {
			const u64 bytes = e.last - e.start + 1;
			if (e.allows(access) && e.access && user - e.user < bytes)
				return std::min(len, bytes - (user - e.user));
		}
		return 0;
	}

	std::vector<Entry> entries_; // the oldest first
};

} // namespace vna::fuzz
