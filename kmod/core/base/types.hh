// SPDX-License-Identifier: GPL-2.0-only
// The integers of the field, and the one way to read a packed little-endian
// field: hosts of this module are little-endian (see the static_assert), and so
// are the guests it serves, legacy ones included.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace vna {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = unsigned long long; // as in the seam
using s32 = std::int32_t;

static_assert(std::endian::native == std::endian::little, "le16 … le64 are read as they are");
static_assert(sizeof(void *) == 8, "user addresses are 64 bits wide");

// A set of feature bits (virtio 1.2 section 2.2).
class Features {
public:
	static constexpr unsigned words = 2;

	constexpr Features() = default;
	constexpr explicit Features(u64 bits) : words_{bits, 0} {}
	constexpr explicit Features(const std::array<u64, words> &all) : words_(all) {}

	[[nodiscard]] constexpr bool has(unsigned bit) const
	{
		return words_[bit / 64] >> bit % 64 & 1;
	}
	// Bits 64 * @i to 64 * @i + 63; the first 64, which most calls know no more than.
	[[nodiscard]] constexpr u64 word(unsigned i) const { return words_[i]; }
	[[nodiscard]] constexpr u64 bits() const { return words_[0]; }
	// Whether every feature in *this is in @offered.
	[[nodiscard]] constexpr bool within(Features offered) const
	{
		return !(words_[0] & ~offered.words_[0]) && !(words_[1] & ~offered.words_[1]);
	}
	[[nodiscard]] constexpr bool operator==(const Features &) const = default;
	[[nodiscard]] constexpr Features operator|(Features other) const
	{
		return Features{{words_[0] | other.words_[0], words_[1] | other.words_[1]}};
	}

private:
	std::array<u64, words> words_{};
};

} // namespace vna
