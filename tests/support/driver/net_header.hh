/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The header before every frame (virtio 1.2 §5.1.6): 12 bytes with VERSION_1 or MRG_RXBUF, 10 in
 * a legacy device without.
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

/* Bytes of the header in front of a frame. */
constexpr std::size_t net_header_size(std::uint64_t features)
{
	return features & (feature_version_1 | feature_mrg_rxbuf) ? sizeof(virtio_net_hdr_mrg_rxbuf)
								  : sizeof(virtio_net_hdr);
}

} /* namespace vna::driver */
