/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tap_changes: what becomes of frames that a guest sends while their tap goes down, moves, is
 * deleted, or refuses some of them. Short frames and long ones go different ways to it, and
 * neither those who receive them nor the tap's counters may tell by which.
 */
#include "ktap.hh"
#include "support/counters.hh"
#include "support/netdev.hh"
#include "support/traffic.hh"
#include "support/wire.hh"

#include "driver/net_header.hh"

#include <climits>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <future>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

constexpr std::uint64_t formats[] = {feature::version_1 | feature::event_idx,
				     feature::version_1 | feature::event_idx | feature::packed};

constexpr std::size_t short_frame = 60, long_frame = 9014;

/* Short and long ones in turn, more than the device has in a batch. */
Traffic mixed()
{
	Traffic traffic;
	traffic.count = 100;
	traffic.batch = 50;
	traffic.largest = long_frame;
	return traffic;
}

/* Each frame is one batch, and is done with. */
void send(Rig &rig, std::size_t len, unsigned count, const driver::NetHeader &header = {})
{
	for (unsigned i = 0; i < count; ++i) {
		offer_frame(rig.memory, rig.tx,
			    std::as_bytes(std::span(&header, 1)).first(rig.header_size()),
			    make_frame(len, i));
		rig.tx.publish();
		rig.tx.wait_used();
	}
}

/* Short ones are the stack's, up or down; long ones are refused while it is down. */
void a_tap_goes_down_and_up(std::uint64_t features)
{
	Rig rig(device_path, {.features = features});
	Wire wire;
	rig.attach(wire.tap.fd());
	transmit(rig, wire.far, mixed());

	const auto packets = statistic("vna0", "rx_packets");
	const auto dropped = statistic("vna0", "rx_dropped");
	set_up("vna0", false);
	send(rig, long_frame, 3);
	CHECK_EQUAL(statistic("vna0", "rx_packets"), packets);
	CHECK_EQUAL(statistic("vna0", "rx_dropped"), dropped + 3);
	send(rig, short_frame, 5);
	CHECK_EQUAL(statistic("vna0", "rx_packets"), packets + 5);
	set_up("vna0");
	const PacketSocket far("vna0", test_ethertype);
	transmit(rig, far, mixed());
	CHECK_EQUAL(statistic("vna0", "rx_packets"), packets + 5 + mixed().count);
	rig.detach();
}

/* Those before and behind a refused frame keep their order. */
void false_headers_are_refused_and_counted(std::uint64_t features)
{
	Rig rig(device_path, {.features = features});
	Wire wire;
	rig.attach(wire.tap.fd());
	if (Counters(rig.device.fd()).empty())
		ktap::skip("vhost-net of 6.1 may send long frames ahead of short ones");

	driver::NetHeader good{}, checksum{}, segments{};
	/* The checksum would begin within the Ethernet header. */
	checksum.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	checksum.hdr.csum_start = 10;
	/* Segments of no bytes. */
	segments.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	const struct {
		std::size_t len;
		const driver::NetHeader &header;
		bool taken;
	} frames[] = {
		{short_frame, good, true},  {short_frame, checksum, false}, {long_frame, good, true},
		{short_frame, good, true},  {long_frame, segments, false},  {short_frame, good, true},
		{long_frame, good, true},   {long_frame, checksum, false},  {short_frame, good, true},
		{short_frame, good, true},  {short_frame, segments, false}, {long_frame, good, true},
	};
	std::uint64_t seed = 0, bytes = 0, taken = 0, refused = 0;
	for (const auto &frame : frames)
		offer_frame(rig.memory, rig.tx,
			    std::as_bytes(std::span(&frame.header, 1)).first(rig.header_size()),
			    make_frame(frame.len, seed++));
	rig.tx.publish();
	seed = 0;
	for (const auto &frame : frames) {
		if (frame.taken) {
			check_frame(wire.far.receive(), frame.len, seed);
			bytes += frame.len;
			++taken;
		} else {
			++refused;
		}
		++seed;
	}
	for (std::size_t i = 0; i < std::size(frames); ++i)
		rig.tx.wait_used();
	CHECK_EQUAL(statistic("vna0", "rx_packets"), taken);
	CHECK_EQUAL(statistic("vna0", "rx_bytes"), bytes);
	CHECK_EQUAL(statistic("vna0", "rx_dropped"), 0);
	CHECK_EQUAL(Counters(rig.device.fd()).at("tx.drop_header"), refused);
	rig.detach();
}

/* A network namespace, for as long as the object is there. */
class Namespace
{
public:
	Namespace()
	{
		std::thread([this] {
			if (!unshare(CLONE_NEWNET))
				fd_.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
		}).join();
		CHECK(fd_.get() >= 0);
	}

	std::string path() const { return ktap::format("/proc/%d/fd/%d", getpid(), fd_.get()); }

	/* Does something in there. */
	void run(const std::function<void()> &what) const
	{
		std::async(std::launch::async, [&] {
			CHECK(!setns(fd_.get(), CLONE_NEWNET), "%s", std::strerror(errno));
			what();
		}).get();
	}

private:
	UniqueFd fd_;
};

void a_tap_is_renamed_and_moves(std::uint64_t features)
{
	Rig rig(device_path, {.features = features});
	Wire wire;
	rig.attach(wire.tap.fd());
	transmit(rig, wire.far, mixed());

	set_up("vna0", false);
	CHECK(!std::system("ip link set vna0 name vna7"));
	set_up("vna7");
	transmit(rig, PacketSocket("vna7", test_ethertype), mixed());

	const Namespace elsewhere;
	const std::string move = "ip link set vna7 netns " + elsewhere.path();
	CHECK(!std::system(move.c_str()), "%s", move.c_str());
	/* Another one of that name, here: it has nothing to do with this guest's frames. */
	const Tap other("vna7");
	elsewhere.run([&] {
		set_up("vna7");
		transmit(rig, PacketSocket("vna7", test_ethertype), mixed());
	});
	CHECK_EQUAL(statistic("vna7", "rx_packets"), 0);
	rig.detach();
}

void a_tap_is_deleted_and_made_again(std::uint64_t features)
{
	Rig rig(device_path, {.features = features});
	Wire wire;
	rig.attach(wire.tap.fd());
	if (Counters(rig.device.fd()).empty())
		ktap::skip("vhost-net calls it an error of the ring");
	transmit(rig, wire.far, mixed());

	delete_link("vna0");
	send(rig, short_frame, 3);
	send(rig, long_frame, 3);
	if (const Counters counters(rig.device.fd()); !counters.empty())
		CHECK_EQUAL(counters.at("tx.drop_backend"), 6);

	wire.tap.make_again();
	const PacketSocket far("vna0", test_ethertype);
	transmit(rig, far, mixed());
	CHECK_EQUAL(statistic("vna0", "rx_packets"), mixed().count);
	rig.detach();
}

void a_tap_has_several_queues(std::uint64_t features)
{
	const TapOptions options{.multi_queue = true};
	Rig rig(device_path, {.features = features}), second(device_path, {.features = features});
	Wire wire("vna0", options);
	const Tap tap("vna0", options);
	rig.attach(wire.tap.fd());
	second.attach(tap.fd());
	transmit(rig, wire.far, mixed());
	transmit(second, wire.far, mixed());
	/* One that is detached still sends. */
	tap.attach(false);
	transmit(second, wire.far, mixed());
	tap.attach(true);
	transmit(second, wire.far, mixed());
	CHECK_EQUAL(statistic("vna0", "rx_packets"), 4 * mixed().count);
	rig.detach();
	second.detach();
}

/* With a limit a frame is charged to the tap until somebody has it. */
void a_limit_comes_and_goes(std::uint64_t features)
{
	Rig rig(device_path, {.features = features});
	Wire wire;
	rig.attach(wire.tap.fd());
	for (const int limit : {1 << 20, INT_MAX, 1 << 20, INT_MAX}) {
		CHECK(!ioctl(wire.tap.fd(), TUNSETSNDBUF, &limit));
		transmit(rig, wire.far, mixed());
	}
	rig.detach();
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	for (const std::uint64_t features : formats) {
		const auto add = [&](const std::string &name, void (*test)(std::uint64_t)) {
			const char *format = features & feature::packed ? "packed: " : "split: ";
			suite.add(format + name, [=] { test(features); });
		};
		add("a tap goes down and up", a_tap_goes_down_and_up);
		add("false headers are refused and counted", false_headers_are_refused_and_counted);
		add("a tap is renamed and moves", a_tap_is_renamed_and_moves);
		add("a tap is deleted and made again", a_tap_is_deleted_and_made_again);
		add("a tap has several queues", a_tap_has_several_queues);
		add("a limit comes and goes", a_limit_comes_and_goes);
	}
	return suite.run();
}
