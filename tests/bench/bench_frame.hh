/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frames that are measured: of an ethertype that nobody takes up to 1514 bytes, above that TCP
 * as a guest with segmentation offload sends it. Each slot's differ in content.
 */
#pragma once

#include "driver/net_header.hh"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vna::bench
{

inline constexpr std::size_t gso_bytes = 65535;

struct BenchFrame {
	BenchFrame(std::size_t size, unsigned slot);

	virtio_net_hdr header{};
	std::vector<std::byte> bytes;
};

} /* namespace vna::bench */
