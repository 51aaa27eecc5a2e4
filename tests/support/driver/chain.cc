/* SPDX-License-Identifier: GPL-2.0-only */
#include "chain.hh"

#include <algorithm>
#include <cstring>

namespace vna::driver
{

std::uint64_t chain_length(std::span<const Segment> chain)
{
	std::uint64_t sum = 0;
	for (const Segment &segment : chain)
		sum += segment.len;
	return sum;
}

Chain allocate_chain(GuestMemory &memory, std::span<const std::uint32_t> lengths, bool writable,
		     std::size_t region, std::uint32_t gap)
{
	Chain chain;
	for (const std::uint32_t len : lengths) {
		chain.push_back({memory.allocate(len, 1, region), len, writable});
		memory.allocate(gap, 1, region);
	}
	return chain;
}

Chain cut(Gpa gpa, std::uint64_t len, std::uint32_t piece, bool writable)
{
	Chain chain;
	while (len) {
		const auto now = static_cast<std::uint32_t>(std::min<std::uint64_t>(len, piece));
		chain.push_back({gpa, now, writable});
		gpa += now;
		len -= now;
	}
	return chain;
}

namespace
{

/* Call copy(pointer into guest memory, offset in the buffer, bytes) for each run of the chain. */
template <typename Copy>
std::size_t walk(const GuestMemory &memory, std::span<const Segment> chain, std::size_t total,
		 Copy copy)
{
	std::size_t done = 0;
	for (const Segment &segment : chain) {
		std::uint64_t offset = 0;
		while (offset < segment.len && done < total) {
			const auto want =
				std::min<std::uint64_t>(segment.len - offset, total - done);
			const auto run = memory.run(segment.gpa + offset, want);
			if (run.empty())
				return done;
			copy(run.data(), done, run.size());
			offset += run.size();
			done += run.size();
		}
	}
	return done;
}

} /* namespace */

std::size_t chain_write(const GuestMemory &memory, std::span<const Segment> chain,
			std::span<const std::byte> bytes)
{
	return walk(memory, chain, bytes.size(), [&](std::byte *guest, auto at, auto len) {
		std::memcpy(guest, bytes.data() + at, len);
	});
}

std::size_t chain_read(const GuestMemory &memory, std::span<const Segment> chain,
		       std::span<std::byte> into)
{
	return walk(memory, chain, into.size(), [&](std::byte *guest, auto at, auto len) {
		std::memcpy(into.data() + at, guest, len);
	});
}

} /* namespace vna::driver */
