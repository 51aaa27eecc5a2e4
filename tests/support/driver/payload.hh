/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes from a seed, so that a receiver which knows the seed can check every one of them.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace vna::driver
{

/* A small, fast generator (splitmix64): the same seed, the same numbers, on every host. */
class Random
{
public:
	explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

	constexpr std::uint64_t next()
	{
		std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
		return z ^ (z >> 31);
	}

	/* A number in [low, high]. */
	constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high)
	{
		return low + next() % (high - low + 1);
	}

private:
	std::uint64_t state_;
};

/* Fill bytes from the seed. */
void fill_payload(std::span<std::byte> bytes, std::uint64_t seed);

/* Index of the first byte that is not what fill_payload() wrote; nothing when all are. */
std::optional<std::size_t> check_payload(std::span<const std::byte> bytes, std::uint64_t seed);

} /* namespace vna::driver */
