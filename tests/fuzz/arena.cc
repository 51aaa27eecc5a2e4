// SPDX-License-Identifier: GPL-2.0-only
#include "arena.hh"

#include <algorithm>

namespace vna::fuzz
{

namespace
{

// The longest that any ring needs, aligned as any format wants it.
alignas(4096) std::byte storage[Arena::areas][16 * Arena::max_ring];
static_assert(Arena::data_bytes <= sizeof storage[0]);

} // namespace

std::byte *Arena::at(Area area, u64 offset) const
{
	if (offset >= bytes_[area])
		host::trap("the fuzzer itself is beyond area %u", area);
	return storage[area] + offset;
}

u64 Arena::user(Area area, u64 offset) const
{
	return host::UserMemory::address_of(storage[area]) + offset;
}

RingAddresses Arena::addresses() const
{
	return {user(desc), user(driver), user(device)};
}

void Arena::lay_out(const Virtqueue &ring)
{
	bytes_ = {ring.desc_area().bytes, ring.driver_area().bytes, ring.device_area().bytes,
		  data_bytes};
	memory_ = host::UserMemory();
	for (u8 area = desc; area < areas; area++) {
		std::memset(storage[area], 0, bytes_[area]);
		memory_.allow(storage[area], bytes_[area]);
	}
	races_.clear();
	heal();
	for (const auto kind : {host::Access::read, host::Access::write})
		memory_.after(kind, 0, host::UserMemory::end,
			      [this](const host::Access &) { accessed(); });
}

void Arena::put(Area area, u64 offset, std::span<const std::byte> from)
{
	if (offset < bytes_[area])
		std::memcpy(at(area, offset), from.data(),
			    std::min<u64>(from.size(), bytes_[area] - offset));
}

const std::byte *Arena::find(u64 addr, u64 len) const
{
	const u64 offset = addr - user(data);
	return offset < bytes_[data] && len <= bytes_[data] - offset ? at(data, offset) : nullptr;
}

void Arena::fail_at(u32 n)
{
	memory_.fail_at(n);
	fails_at_ = memory_.accesses() + n;
}

void Arena::fault(Area area, u64 offset, u64 len)
{
	memory_.fault(user(area, offset), len);
	faults_ = true;
}

void Arena::heal()
{
	memory_.heal();
	memory_.fault(nowhere, nowhere_bytes);
	memory_.fail_at(0);
	faults_ = false;
	fails_at_ = 0;
}

bool Arena::quiet() const
{
	return races_.empty() && !faults_ && memory_.accesses() >= fails_at_;
}

void Arena::limit(const char *call, u64 accesses)
{
	call_ = call;
	limit_ = memory_.accesses() + accesses;
}

void Arena::accessed()
{
	if (memory_.accesses() > limit_)
		host::trap("%s makes too many accesses", call_);
	std::erase_if(races_, [this](Race &race) {
		if (race.accesses--)
			return false;
		put(race.area, race.offset,
		    std::as_bytes(std::span(&race.value, 1)).first(race.len));
		return true;
	});
}

} // namespace vna::fuzz
