// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/iotlb.hh"

#include "core/base/env.hh"

namespace vna {

Iotlb::Iotlb()
{
	for (u32 i = capacity; i-- > 0;) {
		slots_[i].newer = free_;
		free_ = static_cast<u16>(i);
	}
}

int Iotlb::make(Iotlb *&out)
{
	void *mem = vna_env_alloc(sizeof(Iotlb));
	if (!mem)
		return -enomem;
	out = new (mem) Iotlb;
	return 0;
}

void Iotlb::destroy(Iotlb *iotlb)
{
	vna_env_free(iotlb);
}

u32 Iotlb::behind(u64 address) const
{
	u32 low = 0, high = count_;
	while (low < high) {
		const u32 mid = low + (high - low) / 2;
		if (at(mid).last < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const Iotlb::Entry *Iotlb::find(u64 address) const
{
	const u32 i = behind(address);
	return i < count_ && at(i).start <= address ? &at(i) : nullptr;
}

void Iotlb::insert(const Entry &entry)
{
	const u16 slot = free_;
	Slot &s = slots_[slot];
	free_ = s.newer;
	s = {entry, newest_, none};
	(newest_ == none ? oldest_ : slots_[newest_].newer) = slot;
	newest_ = slot;

	const u32 place = behind(entry.start);
	for (u32 i = count_; i > place; i--)
		order_[i] = order_[i - 1];
	order_[place] = slot;
	count_++;
}

void Iotlb::release(u16 slot)
{
	Slot &s = slots_[slot];
	(s.older == none ? oldest_ : slots_[s.older].newer) = s.newer;
	(s.newer == none ? newest_ : slots_[s.newer].older) = s.older;
	s.newer = free_;
	free_ = slot;
}

void Iotlb::close(u32 begin, u32 end)
{
	if (begin == end)
		return;
	for (u32 i = end; i < count_; i++)
		order_[begin + (i - end)] = order_[i];
	count_ -= end - begin;
}

} // namespace vna
