/* SPDX-License-Identifier: GPL-2.0-only */
#include "frame.hh"

#include "driver/payload.hh"
#include "ktap.hh"

#include <algorithm>
#include <cstring>

namespace vna::vm
{

std::vector<std::byte> make_frame(std::size_t len, std::uint64_t seed, const Mac &to,
				  const Mac &from)
{
	std::vector<std::byte> frame(len);
	CHECK(len >= ethernet_header);
	std::memcpy(&frame[0], to.data(), to.size());
	std::memcpy(&frame[6], from.data(), from.size());
	frame[12] = std::byte{test_ethertype >> 8};
	frame[13] = std::byte{test_ethertype & 0xff};
	driver::fill_payload(std::span(frame).subspan(ethernet_header), seed);
	return frame;
}

void check_frame(std::span<const std::byte> frame, std::size_t len, std::uint64_t seed,
		 const Mac &to, const Mac &from)
{
	const std::vector<std::byte> expected = make_frame(len, seed, to, from);
	const auto differs =
		std::mismatch(expected.begin(), expected.end(), frame.begin(), frame.end());
	CHECK(frame.size() == len && differs.first == expected.end(),
	      "frame %llu of %zu bytes arrives as %zu bytes, the first wrong at %td",
	      static_cast<unsigned long long>(seed), len, frame.size(),
	      differs.first - expected.begin());
}

std::vector<std::size_t> frame_lengths(unsigned count, std::size_t largest, std::uint64_t seed)
{
	/* 128: vhost's good copy length; 3776 and 4096: a page less what an skb needs. */
	static constexpr std::size_t edges[] = {14,    15,    16,    59,	   60,	 61,   64,
						127,   128,   129,   255,	   256,	 1500, 1514,
						1515,  2048,  3776,  4095,	   4096, 4097, 9014,
						16385, 32768, 65000, largest_frame};
	driver::Random random(seed);
	std::vector<std::size_t> lengths;
	for (const std::size_t edge : edges)
		if (edge <= largest && lengths.size() < count)
			lengths.push_back(edge);
	while (lengths.size() < count) {
		/* Three in four are small, as traffic is. */
		const std::size_t top =
			random.next() % 4 ? std::min<std::size_t>(largest, 1514) : largest;
		lengths.push_back(random.between(ethernet_header, top));
	}
	return lengths;
}

} /* namespace vna::vm */
