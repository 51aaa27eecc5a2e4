/* SPDX-License-Identifier: GPL-2.0-only */
#include "shape.hh"

namespace vna::vm
{

const char *name_of(Shape shape)
{
	switch (shape) {
	case Shape::one:
		return "one descriptor";
	case Shape::header_alone:
		return "header in its own descriptor";
	case Shape::header_split:
		return "header split 3-1-rest";
	case Shape::three:
		return "3 descriptors";
	case Shape::seventeen:
		return "17 descriptors";
	case Shape::straddle:
		return "one descriptor across two regions";
	}
	return "?";
}

std::vector<std::uint32_t> shape_lengths(Shape shape, std::size_t header, std::size_t len)
{
	std::vector<std::size_t> lengths;
	switch (shape) {
	case Shape::one:
	case Shape::straddle:
		lengths = {header + len};
		break;
	case Shape::header_alone:
		lengths = {header, len};
		break;
	case Shape::header_split:
		lengths = {3, 1, header - 4 + 2, len - 2};
		break;
	case Shape::three:
		lengths = {header + 1, (len - 1) / 2, len - 1 - (len - 1) / 2};
		break;
	case Shape::seventeen:
		lengths = {header};
		for (std::size_t piece = 0, left = len; left; ++piece) {
			/* Uneven on purpose: pieces of a sixteenth, one byte more or less. */
			std::size_t now = len / 16 + (piece % 3);
			if (piece == 15 || now == 0 || now > left)
				now = piece == 15 ? left : 1;
			lengths.push_back(now);
			left -= now;
		}
		break;
	}
	std::vector<std::uint32_t> pieces;
	for (const std::size_t length : lengths)
		if (length)
			pieces.push_back(static_cast<std::uint32_t>(length));
	return pieces;
}

driver::Chain make_chain(driver::GuestMemory &memory, Shape shape, std::size_t header,
			 std::size_t len, bool writable, driver::Gpa seam)
{
	if (shape == Shape::straddle) {
		/* One buffer at a time can lie on the seam: the header in front, or half of all. */
		const std::size_t before = len % 2 ? header : (header + len) / 2;
		return {{seam - before, static_cast<std::uint32_t>(header + len), writable}};
	}
	driver::Chain chain;
	/* Pieces alternate between the regions: a translation that is kept must be checked. */
	std::size_t region = 0;
	for (const std::uint32_t length : shape_lengths(shape, header, len)) {
		const driver::Chain piece = allocate_chain(memory, {{length}}, writable, region);
		chain.push_back(piece.front());
		region = 1 - region;
	}
	return chain;
}

} /* namespace vna::vm */
