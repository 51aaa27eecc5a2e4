// SPDX-License-Identifier: GPL-2.0-only
// What <algorithm> would give (g++ 12's does not compile freestanding), and an
// index that is safe to speculate with.
#pragma once

#include <concepts>

#include "core/base/types.hh"

namespace vna {

template <std::totally_ordered T> [[nodiscard]] constexpr T max(T a, T b)
{
	return b > a ? b : a;
}

template <std::totally_ordered T> [[nodiscard]] constexpr T min(T a, T b)
{
	return b < a ? b : a;
}

template <std::totally_ordered T, std::same_as<T>... Rest>
[[nodiscard]] constexpr T min(T a, T b, Rest... rest)
{
	return min(min(a, b), rest...);
}

// How many bits of @bits are set.  std::popcount() would call libgcc.
[[nodiscard]] constexpr u32 count_bits(u64 bits)
{
	bits -= bits >> 1 & 0x5555555555555555;
	bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return static_cast<u32>(bits * 0x0101010101010101 >> 56);
}

// @index < @count, also where the processor guessed that a check has passed that
// has not: 0 then.
[[nodiscard]] inline u32 index_nospec(u32 index, u32 count)
{
	// Hidden from the compiler, which would drop the mask after the check.
	asm volatile("" : "+r"(index));
	const long long below = static_cast<long long>(index) - count;
	return index & static_cast<u32>(below >> 63);
}

} // namespace vna
