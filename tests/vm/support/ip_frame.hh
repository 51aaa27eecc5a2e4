/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP and UDP over IPv4 and IPv6, with the checksums that a driver leaves to the device and the
 * segments that it leaves it to cut.
 */
#pragma once

#include "frame.hh"

#include "driver/net_header.hh"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vna::vm
{

/* UDP segmentation offload, newer than some headers: virtio 1.2 §5.1.6, and TUNSETOFFLOAD's. */
inline constexpr unsigned gso_udp_l4 = 5;
inline constexpr unsigned tun_f_uso4 = 0x20, tun_f_uso6 = 0x40;

struct IpFlow {
	bool udp;
	bool v6;
};

/* Bytes in front of the payload. */
std::size_t headers_of(IpFlow flow);

/*
 * A frame with this much payload, which follows from the seed. Its checksum is that of the
 * pseudo-header only, as a frame has it whose checksum is still to be made.
 */
std::vector<std::byte> make_ip_frame(IpFlow flow, std::size_t payload, std::uint64_t seed,
				     const Mac &to = far_mac, const Mac &from = guest_mac);

/* The header that says so; and segments of segment bytes, where that is not 0. */
driver::NetHeader header_for(IpFlow flow, std::size_t segment);

/* Fails the test unless the frame's lengths and checksums are right, all of them made. */
void check_ip_frame(std::span<const std::byte> frame, IpFlow flow);

} /* namespace vna::vm */
