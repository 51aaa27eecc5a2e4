/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tap and the far end of its wire:
 *
 *	guest ring <-> device under test <-> tap <-> packet socket
 */
#pragma once

#include "frame.hh"
#include "packet_socket.hh"
#include "tap.hh"

#include <string>

namespace vna::vm
{

struct Wire {
	explicit Wire(const std::string &name = "vna0", const TapOptions &options = {})
	    : tap(name, options), far(name, test_ethertype)
	{
	}

	Tap tap;
	PacketSocket far;
};

} /* namespace vna::vm */
