/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traffic both ways of which nothing may be lost, whatever the test does meanwhile.
 */
#pragma once

#include "lifecycle_traffic.hh"

namespace vna::vm {

/* A tap and who is at its far end. */
struct TapEnd {
	TapEnd(const std::string &name, std::uint8_t source) : tap(name), far(name, source) {}

	Tap tap;
	FarEnd far;
};

struct Lossless {
	static constexpr std::uint8_t source = 2;

	explicit Lossless(const std::string &device,
			  const RigOptions &options = { .features = feature::version_1 |
								    feature::event_idx })
		: guest(device, guest_mac, options), end("vna0", source)
	{
		guest.rig.attach(end.tap.fd());
		guest.reader.start();
		end.far.sink.start();
		guest.sender.start_lossless([this] { return end.far.sink.received(); });
		end.far.source.start_lossless(guest.reader);
	}
	/* Each looks at what the other has received. */
	~Lossless()
	{
		end.far.source.halt();
		guest.sender.halt();
	}

	/* To the last frame. */
	void finish()
	{
		guest.sender.finish();
		end.far.source.finish();
		guest.reader.reach(source, end.far.source.sent());
		guest.reader.abandon();
		end.far.sink.finish();
		CHECK_EQUAL(end.far.sink.received(), guest.sender.sent());
	}

	Guest guest;
	TapEnd end;
};

} /* namespace vna::vm */
