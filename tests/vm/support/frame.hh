/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ethernet frames whose every byte follows from their number.
 */
#pragma once

#include "netdev.hh"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vna::vm
{

/* IEEE 802's ethertype for local experiments: no protocol of the machine uses it. */
inline constexpr std::uint16_t test_ethertype = 0x88b5;

inline constexpr std::size_t ethernet_header = 14;
/* A 64 KB packet, as GSO has them, behind its Ethernet header. */
inline constexpr std::size_t largest_frame = 65521 + ethernet_header;

inline constexpr Mac guest_mac = {0x02, 0, 0, 0, 0, 0x01};
inline constexpr Mac far_mac = {0x02, 0, 0, 0, 0, 0x02};

/* Frame number seed: len bytes (14 or more), Ethernet header included. */
std::vector<std::byte> make_frame(std::size_t len, std::uint64_t seed, const Mac &to = far_mac,
				  const Mac &from = guest_mac);

/* Fails the test unless the frame is make_frame(len, seed, to, from). */
void check_frame(std::span<const std::byte> frame, std::size_t len, std::uint64_t seed,
		 const Mac &to = far_mac, const Mac &from = guest_mac);

/* Lengths to send, count of them: the edges (14, 59…61, 1514, 65535, …), then random ones. */
std::vector<std::size_t> frame_lengths(unsigned count, std::size_t largest, std::uint64_t seed);

} /* namespace vna::vm */
