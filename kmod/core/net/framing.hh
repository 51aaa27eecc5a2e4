// SPDX-License-Identifier: GPL-2.0-only
// How a frame lies in a buffer: which virtio-net header is in front of it, and
// who writes or reads that header (virtio 1.2 section 5.1.6).
#pragma once

#include "core/base/types.hh"
#include "core/control/vhost_abi.h"

namespace vna {

// struct virtio_net_hdr (10 bytes), with num_buffers behind it (12 bytes).
inline constexpr u32 net_header_bytes = 10;
inline constexpr u32 net_header_num_buffers = 10; // offset
inline constexpr u32 net_header_mrg_bytes = 12;
// With the hash and the offsets of a tunnel's headers behind that.
inline constexpr u32 net_header_tunnel_bytes = 24;
static_assert(net_header_tunnel_bytes == VNA_NET_HEADER_MAX);

inline constexpr u32 eth_header_bytes = 14;
// The longest frame taken: a GSO packet of 64 KiB behind a header with a VLAN tag.
inline constexpr u32 max_frame_bytes = 65536 + 18;

struct Framing {
	u32 header = net_header_bytes; // bytes of header in the driver's buffers
	bool own = false; // the header is ours: the backend knows none
	bool num_buffers = false; // the header has the field, and we set it
	bool mergeable = false; // a received frame may span buffers

	Framing() = default;
	explicit Framing(Features features)
		: own(features.has(VNA_VHOST_NET_F_VIRTIO_NET_HDR)),
		  mergeable(features.has(VNA_VIRTIO_NET_F_MRG_RXBUF))
	{
		// 5.1.6: without VERSION_1 num_buffers exists only if it was negotiated;
		// with it, it is always there, and 1 unless mergeable (5.1.6.4.1).
		num_buffers = mergeable || features.has(VNA_VIRTIO_F_VERSION_1);
		if (num_buffers)
			header = net_header_mrg_bytes;
		// Whatever else is negotiated, as vhost-net has it.
		if (features.has(VNA_VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO) ||
		    features.has(VNA_VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO))
			header = net_header_tunnel_bytes;
	}
};

} // namespace vna
