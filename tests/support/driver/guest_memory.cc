/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest_memory.hh"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace vna::driver
{

namespace
{

std::uint64_t round_up(std::uint64_t value, std::uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

} /* namespace */

std::uint64_t GuestMemory::page_size()
{
	static const auto size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
	return size;
}

GuestMemory::~GuestMemory()
{
	const std::uint64_t page = page_size();
	for (const Region &region : regions_)
		munmap(region.user - page, region.size + 2 * page);
}

std::size_t GuestMemory::add_region(Gpa base, std::uint64_t size)
{
	const std::uint64_t page = page_size();
	size = round_up(size, page);

	/* Reserve with both guards, then open the middle. */
	void *whole = mmap(nullptr, size + 2 * page, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (whole == MAP_FAILED) {
		std::perror("guest memory: mmap");
		std::abort();
	}
	auto *user = static_cast<std::byte *>(whole) + page;
	if (mprotect(user, size, PROT_READ | PROT_WRITE)) {
		std::perror("guest memory: mprotect");
		std::abort();
	}
	regions_.push_back({base, size, user, 0});
	return regions_.size() - 1;
}

std::span<std::byte> GuestMemory::run(Gpa gpa, std::uint64_t len) const
{
	for (const Region &region : regions_) {
		/* Differences, not sums: gpa + len may wrap, these cannot. */
		if (gpa < region.base || gpa - region.base >= region.size)
			continue;
		const std::uint64_t offset = gpa - region.base;
		return {region.user + offset, std::min(len, region.size - offset)};
	}
	return {};
}

std::byte *GuestMemory::at(Gpa gpa, std::uint64_t len) const
{
	const std::span<std::byte> found = run(gpa, len);
	return found.size() == len ? found.data() : nullptr;
}

std::optional<Gpa> GuestMemory::gpa_of(const void *user) const
{
	const auto address = reinterpret_cast<std::uintptr_t>(user);
	for (const Region &region : regions_) {
		const auto start = reinterpret_cast<std::uintptr_t>(region.user);
		if (address >= start && address - start < region.size)
			return region.base + (address - start);
	}
	return std::nullopt;
}

std::optional<Gpa> GuestMemory::try_allocate(std::uint64_t len, std::uint64_t align,
					     std::size_t index)
{
	Region &region = regions_[index];
	const std::uint64_t start = round_up(region.base + region.next, align) - region.base;
	if (start > region.size || len > region.size - start)
		return std::nullopt;
	region.next = start + len;
	std::memset(region.user + start, 0, len);
	return region.base + start;
}

Gpa GuestMemory::allocate(std::uint64_t len, std::uint64_t align, std::size_t index)
{
	const std::optional<Gpa> gpa = try_allocate(len, align, index);
	if (!gpa) {
		std::fprintf(stderr, "guest memory: region %zu has no %llu bytes left\n", index,
			     static_cast<unsigned long long>(len));
		std::abort();
	}
	return *gpa;
}

Gpa GuestMemory::unmapped() const
{
	constexpr Gpa gigabyte = 1ULL << 30;
	Gpa end = 0;
	for (const Region &region : regions_)
		end = std::max(end, region.base + region.size);
	return round_up(end, gigabyte) + gigabyte;
}

} /* namespace vna::driver */
