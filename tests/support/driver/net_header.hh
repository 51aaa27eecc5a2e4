/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The header before every frame (virtio 1.2 §5.1.6): 12 bytes with VERSION_1 or MRG_RXBUF, 10 in
 * a legacy device without, 24 with the segmentation of UDP tunnels.
 */
#pragma once

#include "uapi.hh"

#include <cstddef>
#include <cstdint>

namespace vna::driver
{

using NetHeader = virtio_net_hdr_mrg_rxbuf;

/* Bits of the feature word that change the header's size. */
inline constexpr std::uint64_t feature_version_1 = 1ULL << 32;
inline constexpr std::uint64_t feature_mrg_rxbuf = 1ULL << VIRTIO_NET_F_MRG_RXBUF;

/* Bits from 64 on, as a word of their own: GUEST_UDP_TUNNEL_GSO 65, HOST_UDP_TUNNEL_GSO 67. */
inline constexpr std::uint64_t feature_64_guest_tunnel = 1ULL << (65 - 64);
inline constexpr std::uint64_t feature_64_host_tunnel = 1ULL << (67 - 64);

/* struct virtio_net_hdr_v1_hash_tunnel, which not all kernels' headers have. */
struct TunnelHeader {
	std::uint8_t flags = 0;
	std::uint8_t gso_type = 0;
	std::uint16_t hdr_len = 0;
	std::uint16_t gso_size = 0;
	std::uint16_t csum_start = 0;
	std::uint16_t csum_offset = 0;
	std::uint16_t num_buffers = 0;
	std::uint32_t hash_value = 0;
	std::uint16_t hash_report = 0;
	std::uint16_t padding = 0;
	std::uint16_t outer_th_offset = 0;
	std::uint16_t inner_nh_offset = 0;
};
static_assert(sizeof(TunnelHeader) == 24);

/* Bytes of the header in front of a frame; features_64 are those from bit 64 on. */
constexpr std::size_t net_header_size(std::uint64_t features, std::uint64_t features_64 = 0)
{
	if (features_64 & (feature_64_guest_tunnel | feature_64_host_tunnel))
		return sizeof(TunnelHeader);
	return features & (feature_version_1 | feature_mrg_rxbuf) ? sizeof(virtio_net_hdr_mrg_rxbuf)
								  : sizeof(virtio_net_hdr);
}

} /* namespace vna::driver */
