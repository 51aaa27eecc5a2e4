/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device that runs on a tap, and the question that follows every refused request: does it
 * still pass frames both ways?
 */
#pragma once

#include "traffic.hh"
#include "wire.hh"

#include <string>

namespace vna::vm
{

class Live
{
public:
	explicit Live(const std::string &device, const RigOptions &options = {},
		      const std::string &tap = "vna0", const TapOptions &tap_options = {})
	    : wire(tap, tap_options), rig(device, options), receiver(rig, {})
	{
		rig.attach(wire.tap.fd());
	}

	/* Frames out and frames in, every byte checked. */
	void pass(unsigned count = 3)
	{
		Traffic traffic;
		traffic.count = count;
		traffic.seed = seed_;
		transmit(rig, wire.far, traffic);
		seed_ += count;
		receiver.run(wire.far);
	}

	Wire wire;
	Rig rig;
	Receiver receiver;

private:
	std::uint64_t seed_ = 1000;
};

} /* namespace vna::vm */
