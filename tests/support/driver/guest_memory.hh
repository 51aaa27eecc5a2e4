/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory as the driver sees it: regions of guest-physical addresses, each backed by its
 * own mapping of this process with an inaccessible page before and after it, so that a device
 * that runs past a region faults instead of reading its neighbour.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vna::driver
{

using Gpa = std::uint64_t;

/* One guest-physical range. base, size and user are multiples of the page size. */
struct Region {
	Gpa base;	    /* guest-physical address of the first byte */
	std::uint64_t size; /* bytes */
	std::byte *user;    /* the same byte in this process */
	std::uint64_t next; /* allocator: offset of the first byte never handed out */
};

class GuestMemory
{
public:
	GuestMemory() = default;
	~GuestMemory();
	GuestMemory(const GuestMemory &) = delete;
	GuestMemory &operator=(const GuestMemory &) = delete;

	/*
	 * Map a region of size bytes (rounded up to pages) at guest address base (page aligned).
	 * Returns its index. Regions may touch or overlap in guest addresses, never in user
	 * addresses; a look-up takes the first that matches. Aborts when mmap fails.
	 */
	std::size_t add_region(Gpa base, std::uint64_t size);

	std::span<const Region> regions() const { return regions_; }

	/* The len bytes at gpa, or nullptr unless one region holds them all. */
	std::byte *at(Gpa gpa, std::uint64_t len = 1) const;

	/*
	 * The longest run from gpa, at most len bytes, that lies in one region: what a device may
	 * access with one pointer. Empty where gpa is in no region.
	 */
	std::span<std::byte> run(Gpa gpa, std::uint64_t len) const;

	/* Guest address of a pointer into a region; nothing for any other pointer. */
	std::optional<Gpa> gpa_of(const void *user) const;

	/*
	 * Hand out len zeroed bytes aligned to align (a power of two) from one region. Nothing
	 * when the region is full. There is no free: mark() and release() give back everything
	 * allocated since, which is what a test wants between two cases.
	 */
	std::optional<Gpa> try_allocate(std::uint64_t len, std::uint64_t align = 16,
					std::size_t region = 0);

	/* As try_allocate, but aborts with a message: the arena's size is the test's own choice. */
	Gpa allocate(std::uint64_t len, std::uint64_t align = 16, std::size_t region = 0);

	std::uint64_t mark(std::size_t region = 0) const { return regions_[region].next; }
	void release(std::uint64_t mark, std::size_t region = 0) { regions_[region].next = mark; }

	/* An address that no region holds, at least a gigabyte past all of them. */
	Gpa unmapped() const;

	static std::uint64_t page_size();

private:
	std::vector<Region> regions_;
};

} /* namespace vna::driver */
