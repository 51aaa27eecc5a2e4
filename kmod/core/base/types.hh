// SPDX-License-Identifier: GPL-2.0-only
// The integers of the field, and the one way to read a packed little-endian
// field: hosts of this module are little-endian (see the static_assert), and so
// are the guests it serves, legacy ones included.
#pragma once

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
	constexpr Features() = default;
	constexpr explicit Features(u64 bits) : bits_(bits) {}

	[[nodiscard]] constexpr bool has(unsigned bit) const { return bits_ >> bit & 1; }
	[[nodiscard]] constexpr u64 bits() const { return bits_; }
	// Whether every feature in *this is in @offered.
	[[nodiscard]] constexpr bool within(Features offered) const
	{
		return !(bits_ & ~offered.bits_);
	}

private:
	u64 bits_ = 0;
};

} // namespace vna
