/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a header and a frame are cut into descriptors.
 */
#pragma once

#include "driver/chain.hh"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vna::vm
{

enum class Shape {
	one,	      /* header and frame in one descriptor */
	header_alone, /* header | frame */
	header_split, /* 3 bytes | 1 byte | rest of the header and 2 of the frame | rest */
	three,	      /* header and 1 byte | half of the rest | rest */
	seventeen,    /* header | 16 pieces of odd lengths, as few as the frame has bytes for */
	straddle,     /* one descriptor that crosses from one memory region to the next */
};

const char *name_of(Shape shape);

/* Lengths of the descriptors for a header and len bytes after it; none is 0. */
std::vector<std::uint32_t> shape_lengths(Shape shape, std::size_t header, std::size_t len);

/* The chain itself, every piece a place of its own in guest memory. seam: see Rig::seam(). */
driver::Chain make_chain(driver::GuestMemory &memory, Shape shape, std::size_t header,
			 std::size_t len, bool writable, driver::Gpa seam);

} /* namespace vna::vm */
