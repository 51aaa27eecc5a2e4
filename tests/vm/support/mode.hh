/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest on a tap of its own, for tests of what lies between two of them.
 */
#pragma once

#include "tap.hh"
#include "traffic.hh"

#include "driver/net_header.hh"

#include <string>

namespace vna::vm
{

/* What a driver negotiates, and whether the tap or the device has the header. */
struct Mode {
	const char *name;
	std::uint64_t features;
	bool tap_header = true;
};

inline constexpr Mode modes[] = {
	{"split", feature::version_1 | feature::event_idx},
	{"split, mergeable", feature::version_1 | feature::mrg_rxbuf | feature::indirect},
	{"split, in order, mergeable",
	 feature::version_1 | feature::mrg_rxbuf | feature::in_order | feature::event_idx},
	{"split, legacy, a header of 10", 0},
	{"split, the device's header", feature::version_1 | feature::device_header, false},
	{"packed", feature::version_1 | feature::packed | feature::event_idx},
	{"packed, mergeable, the device's header",
	 feature::version_1 | feature::packed | feature::mrg_rxbuf | feature::device_header, false},
	{"packed, in order, mergeable", feature::version_1 | feature::packed | feature::in_order |
						feature::mrg_rxbuf | feature::event_idx},
};

inline bool is_mergeable(const Mode &mode)
{
	return mode.features & feature::mrg_rxbuf;
}

inline unsigned header_size(const Mode &mode)
{
	return static_cast<unsigned>(driver::net_header_size(mode.features));
}

/* Its frames go from traffic.guest to traffic.far, and what it receives is from there. */
struct Station {
	Station(const std::string &device, const std::string &tap_name, const Mode &mode,
		const Traffic &traffic, unsigned offload = 0)
	    : Station(device,
		      Tap(tap_name, {.header = mode.tap_header,
				     .header_size = header_size(mode),
				     .offload = offload}),
		      mode, traffic)
	{
	}

	Station(const std::string &device, Tap own_tap, const Mode &mode, const Traffic &traffic)
	    : tap(std::move(own_tap)), rig(device, {.features = mode.features}), traffic(traffic),
	      receiver(rig, traffic)
	{
		rig.attach(tap.fd());
	}

	Tap tap;
	Rig rig;
	Traffic traffic;
	Receiver receiver;
};

/* What the one at the other end has. */
inline Traffic other_way(Traffic traffic)
{
	std::swap(traffic.guest, traffic.far);
	return traffic;
}

/* From one to the other: every frame, every byte, in order. */
inline void carry(Station &from, Station &to)
{
	to.receiver.offer();
	transmit(from.rig, from.traffic,
		 [&](std::size_t len, std::uint64_t seed) { to.receiver.expect(len, seed); });
}

} /* namespace vna::vm */
