/* SPDX-License-Identifier: GPL-2.0-only */
#include "packed_table.hh"

#include "barrier.hh"

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace vna::driver
{

namespace
{

/* len, id and flags as the word of 8 bytes that a device stores. */
using UsedWord [[gnu::may_alias]] = std::uint64_t;
static_assert(sizeof(PackedUsed) == sizeof(UsedWord) &&
	      offsetof(vring_packed_desc, len) == sizeof(UsedWord) &&
	      sizeof(vring_packed_desc) == 2 * sizeof(UsedWord));

UsedWord *used_word(vring_packed_desc &desc)
{
	return reinterpret_cast<UsedWord *>(&desc.len);
}

std::uint64_t desc_bytes(unsigned size)
{
	return sizeof(vring_packed_desc) * size;
}

} /* namespace */

PackedPosition PackedPosition::after(unsigned n, unsigned size) const
{
	const unsigned sum = index + n;
	const bool wrapped = sum >= size;
	return {static_cast<std::uint16_t>(wrapped ? sum - size : sum), wrap != wrapped};
}

PackedTable::PackedTable(GuestMemory &memory, unsigned size, std::size_t region) : size_(size)
{
	if (size == 0 || size > 32768) {
		std::fprintf(stderr, "packed ring: %u is no size for one\n", size);
		std::abort();
	}
	/* §2.8.10.1 */
	areas_.descriptor = memory.allocate(desc_bytes(size), 16, region);
	areas_.driver = memory.allocate(sizeof(vring_packed_desc_event), 4, region);
	areas_.device = memory.allocate(sizeof(vring_packed_desc_event), 4, region);
	const auto part = [&](Gpa gpa, std::uint64_t len) {
		return static_cast<void *>(memory.at(gpa, len));
	};
	desc_ = static_cast<vring_packed_desc *>(part(areas_.descriptor, desc_bytes(size)));
	driver_ = static_cast<vring_packed_desc_event *>(part(areas_.driver, sizeof *driver_));
	device_ = static_cast<vring_packed_desc_event *>(part(areas_.device, sizeof *device_));
}

void PackedTable::clear()
{
	std::memset(static_cast<void *>(desc_), 0, desc_bytes(size_));
	*driver_ = {};
	*device_ = {};
}

void PackedTable::set_desc(unsigned index, Gpa addr, std::uint32_t len, std::uint16_t id)
{
	/* Atomic, as a device may copy more of the ring than it finds available. */
	store_relaxed(desc_[index].addr, static_cast<__le64>(addr));
	store_relaxed(desc_[index].len, len);
	store_relaxed(desc_[index].id, id);
}

std::uint16_t PackedTable::flags(unsigned index) const
{
	/* Partner: the device's release store of what it used. */
	return load_acquire(desc_[index].flags);
}

void PackedTable::set_flags(unsigned index, std::uint16_t flags)
{
	/* Partner: the device's acquire load of the flags before it reads the descriptor. */
	store_release(desc_[index].flags, flags);
}

PackedUsed PackedTable::used(unsigned index) const
{
	/*
	 * The flags say whether the rest is there; they come first. The whole word is acquired
	 * too, for ThreadSanitizer, which takes a load for the partner of a store to the same
	 * address only: a device stores all 8 bytes at once, set_flags() the last two.
	 */
	const std::uint16_t flags = this->flags(index);
	auto rest = std::bit_cast<PackedUsed>(
		__atomic_load_n(used_word(desc_[index]), __ATOMIC_ACQUIRE));
	rest.flags = flags;
	return rest;
}

void PackedTable::set_used(unsigned index, const PackedUsed &used)
{
	__atomic_store_n(used_word(desc_[index]), std::bit_cast<std::uint64_t>(used),
			 __ATOMIC_RELEASE);
}

std::uint16_t PackedTable::driver_off_wrap() const
{
	return load_relaxed(driver_->off_wrap);
}

std::uint16_t PackedTable::driver_flags() const
{
	return load_acquire(driver_->flags);
}

void PackedTable::set_driver_off_wrap(std::uint16_t off_wrap)
{
	store_relaxed(driver_->off_wrap, off_wrap);
}

void PackedTable::set_driver_flags(std::uint16_t flags)
{
	/* Partner: the device's read of the flags before that of the position. */
	store_release(driver_->flags, flags);
}

std::uint16_t PackedTable::device_off_wrap() const
{
	return load_relaxed(device_->off_wrap);
}

std::uint16_t PackedTable::device_flags() const
{
	/* Partner: the device's store of the flags after that of the position. */
	return load_acquire(device_->flags);
}

void PackedTable::set_device_off_wrap(std::uint16_t off_wrap)
{
	store_relaxed(device_->off_wrap, off_wrap);
}

void PackedTable::set_device_flags(std::uint16_t flags)
{
	store_release(device_->flags, flags);
}

} /* namespace vna::driver */
