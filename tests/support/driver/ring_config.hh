/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a driver's ring is made of, and the ring of the format that the features ask for.
 */
#pragma once

#include "driver_ring.hh"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace vna::driver
{

struct RingConfig {
	unsigned size = 256;		/* entries, at most 32768; of a split ring a power of two */
	bool event_idx = false;		/* VIRTIO_F_EVENT_IDX is negotiated */
	bool packed = false;		/* VIRTIO_F_RING_PACKED is: for make_ring() */
	bool in_order = false;		/* VIRTIO_F_IN_ORDER is */
	unsigned indirect_entries = 32; /* descriptors an indirect table may hold; 0: none */
	/* Where both indices start; in a packed ring below the size, with this wrap counter. */
	std::uint16_t first_index = 0;
	bool first_wrap = true;
	std::size_t region = 0; /* of the guest memory that holds ring and tables */
};

std::unique_ptr<DriverRing> make_ring(GuestMemory &memory, const RingConfig &config);

} /* namespace vna::driver */
