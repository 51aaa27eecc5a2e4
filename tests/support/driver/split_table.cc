/* SPDX-License-Identifier: GPL-2.0-only */
#include "split_table.hh"

#include "barrier.hh"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace vna::driver
{

namespace
{

/* §2.7: bytes of each part, both rings with their event word. */
std::uint64_t desc_bytes(unsigned size)
{
	return sizeof(vring_desc) * size;
}

std::uint64_t avail_bytes(unsigned size)
{
	return 6 + 2ULL * size;
}

std::uint64_t used_bytes(unsigned size)
{
	return 6 + 8ULL * size;
}

} /* namespace */

SplitTable::SplitTable(GuestMemory &memory, unsigned size, std::size_t region) : size_(size)
{
	if (size == 0 || size > 32768 || (size & (size - 1))) {
		std::fprintf(stderr, "split ring: %u is no size for one\n", size);
		std::abort();
	}
	areas_.descriptor = memory.allocate(desc_bytes(size), 16, region);
	areas_.driver = memory.allocate(avail_bytes(size), 2, region);
	areas_.device = memory.allocate(used_bytes(size), 4, region);
	const auto part = [&](Gpa gpa, std::uint64_t len) {
		return static_cast<void *>(memory.at(gpa, len));
	};
	desc_ = static_cast<vring_desc *>(part(areas_.descriptor, desc_bytes(size)));
	avail_ = static_cast<vring_avail *>(part(areas_.driver, avail_bytes(size)));
	used_ = static_cast<vring_used *>(part(areas_.device, used_bytes(size)));
	used_event_ = static_cast<std::uint16_t *>(part(areas_.driver + 4 + 2ULL * size, 2));
	avail_event_ = static_cast<std::uint16_t *>(part(areas_.device + 4 + 8ULL * size, 2));
}

void SplitTable::clear()
{
	std::memset(static_cast<void *>(desc_), 0, desc_bytes(size_));
	std::memset(static_cast<void *>(avail_), 0, avail_bytes(size_));
	std::memset(static_cast<void *>(used_), 0, used_bytes(size_));
}

void SplitTable::set_desc(unsigned index, Gpa addr, std::uint32_t len, std::uint16_t flags,
			  std::uint16_t next)
{
	/* Atomic, as a device may copy more of the table than chains that it was shown. */
	vring_desc &desc = desc_[index];
	store_relaxed(desc.addr, static_cast<__virtio64>(addr));
	store_relaxed(desc.len, len);
	store_relaxed(desc.flags, flags);
	store_relaxed(desc.next, next);
}

std::uint16_t SplitTable::avail_flags() const
{
	return load_relaxed(avail_->flags);
}

std::uint16_t SplitTable::avail_idx() const
{
	return load_relaxed(avail_->idx);
}

std::uint16_t SplitTable::avail_entry(std::uint16_t position) const
{
	return load_relaxed(avail_->ring[slot(position)]);
}

std::uint16_t SplitTable::used_event() const
{
	return load_relaxed(*used_event_);
}

void SplitTable::set_avail_flags(std::uint16_t flags)
{
	store_relaxed(avail_->flags, flags);
}

void SplitTable::set_avail_idx(std::uint16_t idx)
{
	/* Partner: the device's acquire load of avail->idx before it reads the entries. */
	store_release(avail_->idx, idx);
}

void SplitTable::set_avail_entry(std::uint16_t position, std::uint16_t head)
{
	store_relaxed(avail_->ring[slot(position)], head);
}

void SplitTable::set_used_event(std::uint16_t event)
{
	store_relaxed(*used_event_, event);
}

std::uint16_t SplitTable::used_flags() const
{
	return load_relaxed(used_->flags);
}

std::uint16_t SplitTable::used_idx() const
{
	/* Partner: the device's release store of used->idx after entries and buffers. */
	return load_acquire(used_->idx);
}

vring_used_elem SplitTable::used_entry(std::uint16_t position) const
{
	return used_->ring[slot(position)];
}

std::uint16_t SplitTable::avail_event() const
{
	return load_relaxed(*avail_event_);
}

void SplitTable::set_used_flags(std::uint16_t flags)
{
	store_relaxed(used_->flags, flags);
}

void SplitTable::set_used_idx(std::uint16_t idx)
{
	store_release(used_->idx, idx);
}

void SplitTable::set_used_entry(std::uint16_t position, vring_used_elem element)
{
	used_->ring[slot(position)] = element;
}

void SplitTable::set_avail_event(std::uint16_t event)
{
	store_relaxed(*avail_event_, event);
}

} /* namespace vna::driver */
