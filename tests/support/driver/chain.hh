/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A buffer as the driver offers it: device-readable segments, then device-writable ones (virtio
 * 1.2 §2.6.4.2; the rings do not enforce the order, so that tests can break it).
 */
#pragma once

#include "guest_memory.hh"

#include <cstdint>
#include <span>
#include <vector>

namespace vna::driver
{

struct Segment {
	Gpa gpa;
	std::uint32_t len; /* bytes */
	bool writable;	   /* by the device */

	bool operator==(const Segment &) const = default;
};

using Chain = std::vector<Segment>;

/* Bytes in all segments. */
std::uint64_t chain_length(std::span<const Segment> chain);

/*
 * A chain with one segment for each length, every segment an allocation of its own from region,
 * gap bytes apart, so that a device which runs on past a segment reads the wrong bytes.
 */
Chain allocate_chain(GuestMemory &memory, std::span<const std::uint32_t> lengths, bool writable,
		     std::size_t region = 0, std::uint32_t gap = 16);

/* One buffer of len bytes at gpa cut in pieces of at most piece bytes, adjacent in memory. */
Chain cut(Gpa gpa, std::uint64_t len, std::uint32_t piece, bool writable);

/*
 * Copy bytes into, or the chain's first into.size() bytes out of, the segments in order. Returns
 * the number of bytes copied, less than asked where the chain is shorter. A
 * segment may cross into an adjacent region; it ends where no region follows.
 */
std::size_t chain_write(const GuestMemory &memory, std::span<const Segment> chain,
			std::span<const std::byte> bytes);
std::size_t chain_read(const GuestMemory &memory, std::span<const Segment> chain,
		       std::span<std::byte> into);

} /* namespace vna::driver */
