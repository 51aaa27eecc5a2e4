/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XDP programs where frames of a guest pass: on its own tap, as the device's batches and single
 * frames come in, and on a device from which frames are redirected into a tap, whose ring then
 * holds XDP frames in place of skbs. What a program drops no guest sees, and of what it lets pass
 * every byte arrives.
 */
#include "ktap.hh"
#include "support/counters.hh"
#include "support/mode.hh"
#include "support/netdev.hh"
#include "support/wire.hh"
#include "support/xdp.hh"

#include <atomic>
#include <functional>
#include <thread>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

/* One more than in the device's batch, and several descriptors each. */
Traffic traffic_of(const Mode &mode)
{
	Traffic traffic;
	traffic.count = 70;
	traffic.batch = 35;
	traffic.shape = Shape::three;
	/* Room in front of the longest frame for what a program puts there. */
	traffic.receive_buffer = is_mergeable(mode) ? 300 : 1514 + 256 + 12;
	return traffic;
}

/* A guest, and the socket at the other end of its tap. */
struct Bench {
	explicit Bench(const Mode &mode)
	    : station(device_path, "vna0", mode, traffic_of(mode)), far("vna0", test_ethertype)
	{
	}

	Station station;
	PacketSocket far;
};

/* Two guests, and nothing that leads from one to the other. */
struct TwoBench {
	explicit TwoBench(const Mode &mode)
	    : here(device_path, "vna0", mode, traffic_of(mode)),
	      there(device_path, "vna1", mode, other_way(traffic_of(mode)))
	{
	}

	Station here, there;
};

/* The guest's frames, as they are, go where arrived() looks for them. */
void check_sent(Rig &rig, const Traffic &traffic, const Arrival &arrives)
{
	transmit(rig, traffic, arrives);
}

Arrival at(Receiver &receiver)
{
	receiver.offer();
	return [&](std::size_t len, std::uint64_t seed) { receiver.expect(len, seed); };
}

Arrival at(const PacketSocket &far)
{
	return [&](std::size_t len, std::uint64_t seed) { check_frame(far.receive(), len, seed); };
}

/* Only those that drops_odd() leaves. */
Arrival even_ones(const Arrival &arrives)
{
	return [=](std::size_t len, std::uint64_t seed) {
		if (!xdp::is_dropped(make_frame(len, seed)))
			arrives(len, seed);
	};
}

/* --- a program on the guest's own tap --- */

void pass(const Mode &mode, xdp::Mode where)
{
	Bench bench(mode);
	const xdp::Program program("vna0", where, xdp::returns(XDP_PASS));
	bench.station.traffic.largest = 9014;
	check_sent(bench.station.rig, bench.station.traffic, at(bench.far));
	/* It is for what the guest sends: it does not see what comes in. */
	bench.station.receiver.run(bench.far);
}

void drop(const Mode &mode, xdp::Mode where)
{
	Bench bench(mode);
	const xdp::Program program("vna0", where, xdp::drops_odd(xdp::returns(XDP_PASS)));
	bench.station.traffic.largest = 9014;
	check_sent(bench.station.rig, bench.station.traffic, even_ones(at(bench.far)));
	CHECK(!bench.far.try_receive());
}

void drop_all(const Mode &mode, xdp::Mode where)
{
	Bench bench(mode);
	{
		const xdp::Program program("vna0", where, xdp::returns(XDP_DROP));
		check_sent(bench.station.rig, bench.station.traffic,
			   [](std::size_t, std::uint64_t) {});
		/* Nor is it for the other direction. */
		bench.station.receiver.run(bench.far);
	}
	CHECK(!bench.far.try_receive());
	check_sent(bench.station.rig, bench.station.traffic, at(bench.far));
}

void send_back(const Mode &mode, xdp::Mode where)
{
	Bench bench(mode);
	const xdp::Program program("vna0", where, xdp::drops_odd(xdp::returns(XDP_TX)));
	Receiver back(bench.station.rig, other_way(bench.station.traffic));
	check_sent(bench.station.rig, bench.station.traffic, even_ones(at(back)));
	CHECK(!bench.far.try_receive());
	CHECK(!bench.station.rig.rx.ring().has_used());
}

void redirect(const Mode &mode, xdp::Mode where)
{
	TwoBench bench(mode);
	const xdp::Program program("vna0", where, xdp::drops_odd(xdp::redirects_to("vna1")));
	check_sent(bench.here.rig, bench.here.traffic, even_ones(at(bench.there.receiver)));
	CHECK(!bench.there.rig.rx.ring().has_used());
}

void redirect_by_map(const Mode &mode, xdp::Mode where)
{
	TwoBench bench(mode);
	const UniqueFd map = xdp::devmap_of("vna1");
	const xdp::Program program("vna0", where, xdp::redirects_by(map.get()));
	check_sent(bench.here.rig, bench.here.traffic, at(bench.there.receiver));
	CHECK(!bench.there.rig.rx.ring().has_used());
}

/* --- programs that move a frame's beginning --- */

/* The frame is what is left when so many bytes are gone: a header and zeros. */
std::vector<std::byte> without_front(std::vector<std::byte> frame, unsigned bytes)
{
	CHECK(frame.size() > bytes);
	std::vector<std::byte> front = make_frame(ethernet_header, 0);
	front.resize(bytes);
	CHECK(std::equal(front.begin(), front.end(), frame.begin()), "what was put in front");
	return {frame.begin() + bytes, frame.end()};
}

void grow(const Mode &mode, xdp::Mode where, unsigned bytes)
{
	Bench bench(mode);
	const xdp::Program program("vna0", where,
				   xdp::puts_in_front(bytes, xdp::returns(XDP_PASS)));
	check_sent(bench.station.rig, bench.station.traffic,
		   [&](std::size_t len, std::uint64_t seed) {
			   check_frame(without_front(bench.far.receive(), bytes), len, seed);
		   });
}

/* Into another guest's ring: the XDP frame there is longer than the one that was sent. */
void grow_and_redirect(const Mode &mode, xdp::Mode where, unsigned bytes)
{
	TwoBench bench(mode);
	const xdp::Program there("vna0", where,
				 xdp::puts_in_front(bytes, xdp::redirects_to("vna1")));
	Rig &rig = bench.there.rig;
	const auto chain = driver::allocate_chain(rig.memory, {{2048}}, true);
	check_sent(
		bench.here.rig,
		[&] {
			Traffic one_by_one = bench.here.traffic;
			one_by_one.batch = 1;
			return one_by_one;
		}(),
		[&](std::size_t len, std::uint64_t seed) {
			CHECK(rig.rx.ring().add(chain));
			rig.rx.publish();
			const driver::Used used = rig.rx.wait_used();
			CHECK_EQUAL(used.len, rig.header_size() + bytes + len);
			std::vector<std::byte> frame(used.len);
			chain_read(rig.memory, chain, frame);
			frame.erase(frame.begin(),
				    frame.begin() + static_cast<std::ptrdiff_t>(rig.header_size()));
			check_frame(without_front(frame, bytes), len, seed);
		});
}

void shrink(const Mode &mode, xdp::Mode where, unsigned bytes)
{
	Bench bench(mode);
	Rig &rig = bench.station.rig;
	const xdp::Program program("vna0", where,
				   xdp::takes_from_front(bytes, xdp::returns(XDP_PASS)));
	const std::vector<std::byte> none(rig.header_size());
	const auto lengths = frame_lengths(40, 1500, 1);
	for (std::size_t i = 0; i < lengths.size(); ++i) {
		auto frame = make_frame(ethernet_header, 0);
		frame.resize(bytes);
		const auto inner = make_frame(lengths[i], i);
		frame.insert(frame.end(), inner.begin(), inner.end());
		offer_frame(rig.memory, rig.tx, none, frame, Shape::header_alone);
	}
	rig.tx.publish();
	for (std::size_t i = 0; i < lengths.size(); ++i) {
		check_frame(bench.far.receive(), lengths[i], i);
		rig.tx.wait_used();
	}
}

/* --- a program on another device --- */

/* far's frames come out of veth's end vnp0, whose program puts them into the guest's tap. */
void redirect_from_veth(const Mode &mode, xdp::Mode where)
{
	const Link pair = Link::veth("vnp0", "vnp1");
	for (const char *end : {"vnp0", "vnp1"})
		set_up(end);
	for (const char *end : {"vnp0", "vnp1"})
		wait_running(end);
	const PacketSocket far("vnp1", test_ethertype);
	Station station(device_path, "vna0", mode, traffic_of(mode));
	const xdp::Program program("vnp0", where, xdp::drops_odd(xdp::redirects_to("vna0")));

	station.receiver.offer();
	const auto lengths = frame_lengths(70, 1514, 1);
	for (std::size_t i = 0; i < lengths.size(); ++i) {
		const auto frame = make_frame(lengths[i], i, guest_mac, far_mac);
		CHECK_ERRNO(far.send(frame), 0);
		if (!xdp::is_dropped(frame))
			station.receiver.expect(lengths[i], i);
	}
	CHECK(!station.rig.rx.ring().has_used());
}

/* XDP frames and skbs take turns in one ring; who reads them must tell which is which. */
void frames_of_both_kinds(const Mode &mode)
{
	TwoBench bench(mode);
	const PacketSocket far("vna1", test_ethertype);
	const xdp::Program program("vna0", xdp::Mode::driver, xdp::redirects_to("vna1"));
	Station &there = bench.there;
	there.receiver.offer();
	const auto length_of = [](std::uint64_t seed) { return 60 + seed * 20; };
	std::uint64_t sent = 0, received = 0;
	for (unsigned round = 0; round < 30; ++round) {
		offer_frame(bench.here.rig, make_frame(length_of(sent), sent));
		++sent;
		bench.here.rig.tx.publish();
		bench.here.rig.tx.wait_used();
		CHECK_ERRNO(far.send(make_frame(length_of(sent), sent)), 0);
		++sent;
		/* As they come, and two of each kind at a time. */
		if (round < 10 || round % 2)
			for (; received < sent; ++received)
				there.receiver.expect(length_of(received), received);
	}
}

/* --- programs that come and go --- */

void attach_under_traffic(const Mode &mode)
{
	Bench bench(mode);
	std::atomic<bool> stop = false;
	std::atomic<unsigned> rounds = 0;
	std::string failed;
	std::thread hand([&] {
		try {
			for (; !stop; ++rounds) {
				const xdp::Program program(
					"vna0", rounds % 2 ? xdp::Mode::driver : xdp::Mode::generic,
					xdp::returns(XDP_PASS));
			}
		} catch (const ktap::Failure &failure) {
			failed = failure.what;
		}
	});
	try {
		while (rounds < 12 && failed.empty())
			check_sent(bench.station.rig, bench.station.traffic, at(bench.far));
	} catch (...) {
		stop = true;
		hand.join();
		throw;
	}
	stop = true;
	hand.join();
	CHECK(failed.empty(), "%s", failed.c_str());
}

/* Those that count tell of a dropped frame as of any other: it was the tap's by then. */
void counters_of_dropped_frames()
{
	Bench bench(modes[0]);
	const xdp::Program program("vna0", xdp::Mode::driver, xdp::returns(XDP_DROP));
	check_sent(bench.station.rig, bench.station.traffic, [](std::size_t, std::uint64_t) {});
	bench.station.rig.detach();
	const Counters counters(bench.station.rig.device.fd());
	CHECK_EQUAL(counters.at("tx.packets"), bench.station.traffic.count);
	CHECK_EQUAL(counters.at("tx.buffers"), bench.station.traffic.count);
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();

	for (const Mode &mode : modes) {
		const auto add = [&](const std::string &name, std::function<void()> body) {
			suite.add(std::string(mode.name) + ": " + name, std::move(body));
		};
		for (const xdp::Mode where : {xdp::Mode::driver, xdp::Mode::generic}) {
			const std::string by =
				where == xdp::Mode::driver ? "driver: " : "generic: ";
			add(by + "pass, every frame arrives", [=] { pass(mode, where); });
			add(by + "drop, every other arrives", [=] { drop(mode, where); });
			add(by + "drop all, and none once it is gone",
			    [=] { drop_all(mode, where); });
			add(by + "tx, back to the guest", [=] { send_back(mode, where); });
			add(by + "redirect into another guest's tap",
			    [=] { redirect(mode, where); });
			add(by + "redirect by a devmap", [=] { redirect_by_map(mode, where); });
			add(by + "14 bytes put in front", [=] { grow(mode, where, 14); });
			add(by + "200 bytes put in front", [=] { grow(mode, where, 200); });
			add(by + "200 bytes put in front, redirect",
			    [=] { grow_and_redirect(mode, where, 200); });
			add(by + "18 bytes taken off the front", [=] { shrink(mode, where, 18); });
			add(by + "on a veth, redirect into the guest's tap",
			    [=] { redirect_from_veth(mode, where); });
		}
		add("XDP frames and skbs in one ring", [=] { frames_of_both_kinds(mode); });
	}
	/* A program that comes or goes waits for RCU twice: not in every mode. */
	for (const Mode &mode : {modes[1], modes[5]})
		suite.add(std::string(mode.name) + ": programs come and go under traffic",
			  [=] { attach_under_traffic(mode); });
	suite.add_stricter("counters: what a program dropped was sent", "shows no counters",
			   counters_of_dropped_frames);
	return suite.run();
}
