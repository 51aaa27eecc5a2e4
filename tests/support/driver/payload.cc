/* SPDX-License-Identifier: GPL-2.0-only */
#include "payload.hh"

#include <algorithm>
#include <cstring>

namespace vna::driver
{

void fill_payload(std::span<std::byte> bytes, std::uint64_t seed)
{
	Random random(seed);
	for (std::size_t i = 0; i < bytes.size(); i += sizeof(std::uint64_t)) {
		const std::uint64_t word = random.next();
		std::memcpy(&bytes[i], &word, std::min(sizeof(word), bytes.size() - i));
	}
}

std::optional<std::size_t> check_payload(std::span<const std::byte> bytes, std::uint64_t seed)
{
	Random random(seed);
	for (std::size_t i = 0; i < bytes.size(); i += sizeof(std::uint64_t)) {
		const std::uint64_t word = random.next();
		const std::size_t len = std::min(sizeof(word), bytes.size() - i);
		if (!std::memcmp(&bytes[i], &word, len))
			continue;
		const auto *expected = reinterpret_cast<const std::byte *>(&word);
		for (std::size_t j = 0; j < len; ++j)
			if (bytes[i + j] != expected[j])
				return i + j;
	}
	return std::nullopt;
}

} /* namespace vna::driver */
