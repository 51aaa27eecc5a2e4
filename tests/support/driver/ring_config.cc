/* SPDX-License-Identifier: GPL-2.0-only */
#include "ring_config.hh"

#include "packed_ring.hh"
#include "split_ring.hh"

namespace vna::driver
{

std::unique_ptr<DriverRing> make_ring(GuestMemory &memory, const RingConfig &config)
{
	if (config.packed)
		return std::make_unique<PackedRing>(memory, config);
	return std::make_unique<SplitRing>(memory, config);
}

} /* namespace vna::driver */
