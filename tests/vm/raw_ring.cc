/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver by hand on raw rings:
 *
 *	TX: guest ring -> device -> backend's netdev -> packet socket
 *	RX: packet socket -> backend's netdev -> device -> guest ring
 *
 * Every byte of every frame is compared, and the driver waits only for interrupts that it asked
 * for: a notification lost on either side fails the test.
 */
#include "driver/net_header.hh"
#include "ktap.hh"
#include "support/counters.hh"
#include "support/live.hh"

#include <cstdint>
#include <exception>
#include <functional>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <thread>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

/* --- formats --- */

/* The ring's format: all tests pass on every one. */
struct Format {
	const char *prefix; /* of the tests' names */
	std::uint64_t bits;

	bool packed() const { return bits & feature::packed; }
	bool in_order() const { return bits & feature::in_order; }
	/* As modern drivers negotiate it, and whether legacy drivers know it. */
	std::uint64_t features() const { return bits | feature::version_1; }
	bool legacy() const { return !bits; }
};

constexpr Format formats[] = {
	{"", 0},
	{"in order: ", feature::in_order},
	{"packed: ", feature::packed},
	{"packed, in order: ", feature::packed | feature::in_order},
};

/* The suite as tests of one format see it. */
class Group
{
public:
	Group(ktap::Suite &suite, const Format &format) : format(format), suite_(suite) {}

	void add(const std::string &name, std::function<void()> body)
	{
		suite_.add(format.prefix + name, offered(std::move(body)));
	}
	void add_stricter(const std::string &name, const char *vhost_net,
			  std::function<void()> body)
	{
		suite_.add_stricter(format.prefix + name, vhost_net, offered(std::move(body)));
	}
	/*
	 * Whether a matrix does without this cell, for time's sake: order adds nothing to event
	 * index or flags, so one half has the one and the other half the other.
	 */
	bool without(unsigned cell, bool event_idx) const
	{
		return format.in_order() && (cell % 2 != 0) != event_idx;
	}
	/* A test that takes the features of modern drivers. */
	void add(const std::string &name, void (*body)(std::uint64_t))
	{
		add(name, [body, features = format.features()] { body(features); });
	}

	const Format &format;

private:
	/* Before anything is set up for nothing. */
	std::function<void()> offered(std::function<void()> body) const
	{
		return [body = std::move(body), bits = format.bits] {
			need_features(device_path, bits);
			body();
		};
	}

	ktap::Suite &suite_;
};

/* --- the matrix --- */

struct Case {
	std::uint64_t features;
	unsigned size = 256;
	std::uint16_t first_index = 0;
	bool first_wrap = true;
	bool tap_header = true;
	Traffic traffic{};
};

unsigned tap_header_size(const Case &c)
{
	return static_cast<unsigned>(driver::net_header_size(c.features));
}

void run_case(const Case &c, bool send, bool receive)
{
	const Wire wire("vna0", {.header = c.tap_header, .header_size = tap_header_size(c)});
	Rig rig(device_path, {.features = c.features,
			      .size = c.size,
			      .first_index = c.first_index,
			      .first_wrap = c.first_wrap});
	rig.attach(wire.tap.fd());
	if (send)
		transmit(rig, wire.far, c.traffic);
	if (receive)
		Receiver(rig, c.traffic).run(wire.far);
	rig.detach();
}

void transmits(const Case &c)
{
	run_case(c, true, false);
}

void receives(const Case &c)
{
	run_case(c, false, true);
}

void passes_both_ways(const Case &c)
{
	run_case(c, true, true);
}

constexpr Shape shapes[] = {Shape::one,	  Shape::header_alone, Shape::header_split,
			    Shape::three, Shape::seventeen,    Shape::straddle};

struct Layout {
	const char *name;
	driver::AddOptions options;
};

constexpr Layout direct = {"direct", {}};
constexpr Layout indirect = {"indirect", {.indirect = true}};
constexpr Layout mixed = {"direct then indirect", {.indirect = true, .direct_first = 1}};

void add_shapes(Group &group)
{
	for (const bool event_idx : {false, true}) {
		unsigned cell = 0;
		for (const Shape shape : shapes) {
			for (const Layout &layout : {direct, indirect, mixed}) {
				const bool single = shape == Shape::one || shape == Shape::straddle;
				if (layout.options.direct_first &&
				    (single || group.format.packed()))
					continue;
				if (group.without(cell++, event_idx))
					continue;
				Case c{group.format.features() | feature::indirect};
				if (event_idx)
					c.features |= feature::event_idx;
				c.traffic.shape = shape;
				c.traffic.options = layout.options;
				c.traffic.count = 28;
				c.traffic.batch = 7;
				c.traffic.largest = largest_frame;
				const std::string how = std::string(name_of(shape)) + ", " +
							layout.name +
							(event_idx ? ", event index" : ", flags");
				group.add("TX to 64 KB: " + how, [c] { transmits(c); });
				group.add("RX to 64 KB: " + how, [c] { receives(c); });
			}
		}
	}
}

void add_mergeable(Group &group)
{
	struct Span {
		std::size_t buffer, largest;
	};
	for (const bool event_idx : {false, true}) {
		unsigned cell = 0;
		for (const Span span : {Span{128, 9014}, Span{1526, largest_frame},
					Span{4096, largest_frame}, Span{65548, largest_frame}}) {
			for (const Shape shape : {Shape::one, Shape::three}) {
				if (group.without(cell++, event_idx))
					continue;
				Case c{group.format.features() | feature::mrg_rxbuf |
				       feature::indirect};
				if (event_idx)
					c.features |= feature::event_idx;
				c.traffic.shape = shape;
				c.traffic.options.indirect = shape == Shape::three;
				c.traffic.count = 28;
				c.traffic.batch = 5;
				c.traffic.largest = span.largest;
				c.traffic.receive_buffer = span.buffer;
				group.add(
					"RX mergeable: frames to " + std::to_string(span.largest) +
						" over buffers of " + std::to_string(span.buffer) +
						", " + name_of(shape) +
						(event_idx ? ", event index" : ", flags"),
					[c] { receives(c); });
			}
		}
	}
}

void add_headers(Group &group)
{
	struct Header {
		const char *name;
		std::uint64_t features;
	};
	constexpr Header headers[] = {
		{"legacy, 10 bytes", 0},
		{"legacy mergeable, 12 bytes", feature::mrg_rxbuf},
		{"VERSION_1", feature::version_1},
		{"VERSION_1 mergeable", feature::version_1 | feature::mrg_rxbuf},
	};
	for (const Header &header : headers) {
		if (!group.format.legacy() && !(header.features & feature::version_1))
			continue;
		for (const bool own : {false, true}) {
			for (const Shape shape : {Shape::one, Shape::header_split}) {
				Case c{header.features | group.format.bits |
				       (own ? feature::device_header : 0)};
				c.tap_header = !own;
				c.traffic.shape = shape;
				c.traffic.count = 20;
				c.traffic.batch = 4;
				c.traffic.largest = 9014;
				group.add(std::string("both ways: header ") + header.name +
						  (own ? ", the tap has none" : ", the tap's") +
						  ", " + name_of(shape),
					  [c] { passes_both_ways(c); });
			}
		}
	}
}

std::vector<unsigned> sizes(const Format &format)
{
	if (format.packed())
		return {1, 3, 7, 100, 999, 32768};
	return {2, 16, 64, 512, 1024};
}

void add_sizes(Group &group)
{
	for (const unsigned size : sizes(group.format)) {
		for (const unsigned batch : {1u, 64u}) {
			Case c{group.format.features() | feature::event_idx, size};
			/* Twice around the ring, and more than fits at once. */
			c.traffic.count = std::min(2 * size + 10, 150u);
			c.traffic.batch = batch;
			c.traffic.largest = 300;
			group.add("both ways: ring of " + std::to_string(size) + ", batches of " +
					  std::to_string(batch),
				  [c] { passes_both_ways(c); });
		}
	}
	for (const bool event_idx : {false, true}) {
		Case c{group.format.features() | (event_idx ? feature::event_idx : 0)};
		c.traffic.count = 250;
		c.traffic.batch = 250;
		c.traffic.largest = 200;
		group.add(std::string("both ways: a batch of 250 at once, ") +
				  (event_idx ? "event index" : "flags"),
			  [c] { passes_both_ways(c); });
	}
}

/* Where the first lap ends at once, with either wrap counter. */
void add_starts(Group &group)
{
	const bool packed = group.format.packed();
	for (const bool event_idx : {false, true}) {
		for (const bool wrap : {true, false}) {
			if (!packed && !wrap)
				continue;
			Case c{group.format.features() | (event_idx ? feature::event_idx : 0)};
			c.first_index = packed ? 250 : 65500;
			c.first_wrap = wrap;
			c.traffic.count = 200;
			c.traffic.batch = 9;
			c.traffic.shape = Shape::three;
			const std::string name =
				std::string(packed ? "both ways: the ring's end comes soon, from "
						     "wrap counter " +
							     std::to_string(wrap)
						   : "both ways: indices wrap at 65536") +
				(event_idx ? ", event index" : ", flags");
			const auto test = [c] { passes_both_ways(c); };
			if (group.format.in_order())
				group.add_stricter(name, "looks for the first chain elsewhere",
						   test);
			else
				group.add(name, test);
		}
	}
}

/* --- notifications --- */

void no_interrupt_is_sent_where_the_driver_wants_none(std::uint64_t features)
{
	Live live(device_path, {.features = features});
	live.rig.tx.ring().disable_notifications();
	for (unsigned i = 0; i < 8; ++i) {
		offer_frame(live.rig, make_frame(100, i));
		live.rig.tx.publish();
		check_frame(live.wire.far.receive(), 100, i);
	}
	poll_used(live.rig.tx, 8);
	/* Detaching waits for the worker: an interrupt would have been sent by then. */
	live.rig.detach();
	CHECK_EQUAL(live.rig.tx.take_calls(), 0);
}

void notify_on_empty_interrupts_though_the_driver_wants_none(std::uint64_t features)
{
	Live live(device_path, {.features = features | feature::notify_on_empty});
	live.rig.tx.ring().disable_notifications();
	for (unsigned i = 0; i < 8; ++i) {
		offer_frame(live.rig, make_frame(100, i));
		live.rig.tx.publish();
		check_frame(live.wire.far.receive(), 100, i);
		CHECK(live.rig.tx.wait_call(), "the ring is empty and no interrupt comes");
		live.rig.tx.take_calls();
		poll_used(live.rig.tx, 1);
	}
}

void one_interrupt_comes_when_the_event_index_is_reached(std::uint64_t features)
{
	Live live(device_path, {.features = features | feature::event_idx});
	driver::DriverRing &ring = live.rig.tx.ring();
	/* The first interrupt after a start may come whatever the index says. */
	live.pass(1);
	for (unsigned round = 0; round < 4; ++round) {
		/* What the last round left has been read: count from here. */
		live.rig.tx.take_calls();
		CHECK(ring.enable_notifications(5));
		for (unsigned i = 0; i < 5; ++i) {
			offer_frame(live.rig, make_frame(100, i));
			live.rig.tx.publish();
			check_frame(live.wire.far.receive(), 100, i);
			if (i < 4)
				poll_used(live.rig.tx, 1);
		}
		CHECK(live.rig.tx.wait_call(), "no interrupt at the fifth buffer");
		poll_used(live.rig.tx, 1);
		/* Had one come earlier, the count would hold it. */
		CHECK_EQUAL(live.rig.tx.take_calls(), 1);
	}
}

void kicks_for_nothing_do_no_harm(std::uint64_t features)
{
	Live live(device_path, {.features = features});
	for (unsigned i = 0; i < 20; ++i) {
		live.rig.tx.kick();
		live.rig.rx.kick();
	}
	live.pass();
	live.rig.tx.kick();
	live.pass();
}

void frames_wait_for_buffers(std::uint64_t features)
{
	/* Both orders of who comes first; each time the driver kicks only when asked. */
	for (const std::uint64_t events : {std::uint64_t{0}, feature::event_idx}) {
		const Wire wire;
		Rig rig(device_path, {.features = features | events, .size = 16});
		rig.attach(wire.tap.fd());
		Receiver receiver(rig, {});
		for (unsigned i = 0; i < 50; ++i)
			CHECK_ERRNO(wire.far.send(make_frame(100, i, guest_mac, far_mac)), 0);
		receiver.offer();
		for (unsigned i = 0; i < 50; ++i)
			receiver.expect(100, i);
		receiver.run(wire.far);
	}
}

void mergeable_frames_wait_for_enough_buffers(std::uint64_t features)
{
	const Wire wire;
	Rig rig(device_path, {.features = features | feature::mrg_rxbuf});
	rig.attach(wire.tap.fd());
	/* 5000 bytes need five buffers of 1024: four are too few, and must all be there later. */
	CHECK_ERRNO(wire.far.send(make_frame(5000, 1, guest_mac, far_mac)), 0);
	std::vector<driver::Chain> chains;
	for (unsigned i = 0; i < 5; ++i) {
		chains.push_back(driver::allocate_chain(rig.memory, {{1024}}, true));
		CHECK(rig.rx.ring().add(chains.back()));
		rig.rx.publish();
	}
	std::vector<std::byte> bytes;
	for (unsigned i = 0; i < 5; ++i) {
		const driver::Used used = rig.rx.wait_used();
		CHECK_EQUAL(used.token, i);
		CHECK_EQUAL(used.len, i < 4 ? 1024 : 5000 + 12 - 4 * 1024);
		bytes.resize(bytes.size() + used.len);
		chain_read(rig.memory, chains[i], std::span(bytes).last(used.len));
	}
	CHECK(bytes[10] == std::byte{5}, "num_buffers");
	check_frame(std::span(bytes).subspan(12), 5000, 1, guest_mac, far_mac);
}

void a_frame_longer_than_its_buffer_is_dropped(std::uint64_t features)
{
	Live live(device_path, {.features = features});
	live.pass();
	const bool counts = !Counters(live.rig.device.fd()).empty();
	/* Live's buffers hold 1514 bytes. */
	CHECK_ERRNO(live.wire.far.send(make_frame(1515, 1, guest_mac, far_mac)), 0);
	CHECK_ERRNO(live.wire.far.send(make_frame(9000, 2, guest_mac, far_mac)), 0);
	live.pass();
	if (counts)
		CHECK_EQUAL(Counters(live.rig.device.fd()).at("rx.drop_buffer"), 2);
}

void num_buffers_is_one_where_buffers_are_not_mergeable(std::uint64_t features)
{
	Live live(device_path, {.features = features});
	const driver::Chain chain = driver::allocate_chain(live.rig.memory, {{1526}}, true);
	const std::vector<std::byte> dirt(1526, std::byte{0xee});
	chain_write(live.rig.memory, chain, dirt);
	CHECK(live.rig.rx.ring().add(chain));
	live.rig.rx.publish();
	CHECK_ERRNO(live.wire.far.send(make_frame(60, 1, guest_mac, far_mac)), 0);
	CHECK_EQUAL(live.rig.rx.wait_used().len, 72);
	std::byte bytes[12];
	chain_read(live.rig.memory, chain, bytes);
	CHECK(bytes[10] == std::byte{1} && bytes[11] == std::byte{0}, "num_buffers is %d",
	      static_cast<int>(bytes[10]) | static_cast<int>(bytes[11]) << 8);
}

void counters_tell_what_passed(std::uint64_t features)
{
	Live live(device_path, {.features = features});
	live.pass(7);
	const auto lengths = frame_lengths(7, 1514, 1000);
	std::uint64_t sent = 0;
	for (const std::size_t len : lengths)
		sent += len;
	/* What the receiver ran had seed 1, but the same edges. */
	live.rig.detach();
	const Counters counters(live.rig.device.fd());
	CHECK_EQUAL(counters.at("tx.packets"), 7);
	CHECK_EQUAL(counters.at("tx.buffers"), 7);
	CHECK_EQUAL(counters.at("tx.bytes"), sent);
	CHECK_EQUAL(counters.at("rx.packets"), 8);
	CHECK(counters.at("tx.kicks") >= 1);
	CHECK(counters.at("tx.calls") >= 1);
	CHECK_EQUAL(counters.at("tx.ring_errors"), 0);
	CHECK_EQUAL(counters.at("tx.drop_short"), 0);
}

/* --- both ways at once --- */

/* Run in two threads; what fails in the other is thrown here. */
template <typename Here, typename There> void at_once(Here here, There there)
{
	std::exception_ptr failed;
	std::thread other([&] {
		try {
			there();
		} catch (...) {
			failed = std::current_exception();
		}
	});
	try {
		here();
	} catch (...) {
		other.join();
		throw;
	}
	other.join();
	if (failed)
		std::rethrow_exception(failed);
}

void both_queues_are_busy_at_once(std::uint64_t features)
{
	const Wire wire;
	Rig rig(device_path, {.features = features});
	rig.attach(wire.tap.fd());
	Traffic traffic;
	traffic.count = 400;
	traffic.batch = 16;
	Receiver receiver(rig, traffic);
	/* All receive buffers are allocated before the other thread allocates its own. */
	receiver.offer();
	at_once([&] { transmit(rig, wire.far, traffic); }, [&] { receiver.run(wire.far); });
}

/* One with rings of this format, the other with plain ones. */
void two_devices_are_busy_at_once(std::uint64_t features)
{
	Live one(device_path, {.features = features}, "vna0"), other(device_path, {}, "vna1");
	const auto traffic = [](Live &live) {
		for (unsigned i = 0; i < 10; ++i)
			live.pass(10);
	};
	at_once([&] { traffic(one); }, [&] { traffic(other); });
}

/* --- offloads --- */

/* A TCP segment that GSO is to cut: Ethernet, IPv4 and TCP headers, then payload. */
std::vector<std::byte> make_tcp(std::size_t payload, const Mac &to, const Mac &from)
{
	std::vector<std::byte> frame = make_frame(14 + 40 + payload, 42, to, from);
	const auto put = [&](std::size_t at, std::initializer_list<unsigned> bytes) {
		for (const unsigned byte : bytes)
			frame[at++] = static_cast<std::byte>(byte);
	};
	const auto total = static_cast<unsigned>(40 + payload);
	put(12, {0x08, 0x00});
	put(14, {0x45, 0, total >> 8, total & 0xff, 0, 1, 0x40, 0, 64, 6, 0, 0});
	put(26, {192, 0, 2, 1, 192, 0, 2, 2});
	put(34, {0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0});
	return frame;
}

driver::NetHeader tcp_header()
{
	driver::NetHeader header{};
	header.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	header.hdr.hdr_len = 54;
	header.hdr.gso_size = 1448;
	header.hdr.csum_start = 34;
	header.hdr.csum_offset = 16;
	return header;
}

void check_tcp_header(const virtio_net_hdr &is)
{
	const virtio_net_hdr expected = tcp_header().hdr;
	CHECK_EQUAL(is.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	CHECK_EQUAL(is.gso_type, expected.gso_type);
	CHECK_EQUAL(is.gso_size, expected.gso_size);
	CHECK_EQUAL(is.csum_start, expected.csum_start);
	CHECK_EQUAL(is.csum_offset, expected.csum_offset);
	CHECK(is.hdr_len >= expected.hdr_len);
}

constexpr std::size_t tcp_payloads[] = {1449, 8000, 65000};

void a_gso_frame_is_sent_with_its_header(std::uint64_t features, Shape shape)
{
	const Wire wire;
	const PacketSocket far("vna0", ETH_P_IP, true);
	Rig rig(device_path, {.features = features});
	rig.attach(wire.tap.fd());
	const driver::NetHeader header = tcp_header();
	for (const std::size_t payload : tcp_payloads) {
		const auto frame = make_tcp(payload, far_mac, guest_mac);
		offer_frame(rig.memory, rig.tx, std::as_bytes(std::span(&header, 1)), frame, shape);
		rig.tx.publish();
		const auto bytes = far.receive();
		virtio_net_hdr arrived;
		CHECK(bytes.size() == sizeof(arrived) + frame.size(), "%zu bytes", bytes.size());
		std::memcpy(&arrived, bytes.data(), sizeof(arrived));
		check_tcp_header(arrived);
		CHECK(std::equal(frame.begin(), frame.end(), bytes.begin() + sizeof(arrived)));
		rig.tx.wait_used();
	}
}

void a_gso_frame_is_received_with_its_header(std::uint64_t features)
{
	const Wire wire("vna0", {.offload = TUN_F_CSUM | TUN_F_TSO4});
	const PacketSocket far("vna0", ETH_P_IP, true);
	Rig rig(device_path, {.features = features});
	rig.attach(wire.tap.fd());
	const bool mergeable = features & feature::mrg_rxbuf;
	const std::uint32_t each = mergeable ? 4096 : 65548;
	for (const std::size_t payload : tcp_payloads) {
		const auto frame = make_tcp(payload, guest_mac, far_mac);
		const std::size_t total = 12 + frame.size();
		driver::Chain chain;
		for (std::size_t room = 0; room < total; room += each) {
			chain.push_back(driver::allocate_chain(rig.memory, {{each}}, true)[0]);
			CHECK(rig.rx.ring().add(std::span(chain).last(1)));
		}
		rig.rx.publish();
		CHECK_ERRNO(far.send(tcp_header().hdr, frame), 0);
		std::size_t got = 0;
		for (std::size_t i = 0; i < chain.size(); ++i)
			got += rig.rx.wait_used().len;
		CHECK_EQUAL(got, total);
		std::vector<std::byte> bytes(total);
		chain_read(rig.memory, chain, bytes);
		driver::NetHeader arrived;
		std::memcpy(&arrived, bytes.data(), sizeof(arrived));
		check_tcp_header(arrived.hdr);
		if (mergeable)
			CHECK_EQUAL(arrived.num_buffers, chain.size());
		CHECK(std::equal(frame.begin(), frame.end(), bytes.begin() + 12));
	}
}

/* --- other backends --- */

Traffic backend_traffic()
{
	Traffic traffic;
	traffic.count = 30;
	traffic.batch = 6;
	traffic.shape = Shape::three;
	return traffic;
}

/* A veth pair, up, long frames allowed. */
Link new_pair()
{
	Link pair = Link::veth("vnp0", "vnp1");
	for (const char *end : {"vnp0", "vnp1"}) {
		set_mtu(end, 65521);
		set_up(end);
	}
	for (const char *end : {"vnp0", "vnp1"})
		wait_running(end);
	return pair;
}

void packet_sockets_pass_frames(std::uint64_t features, bool socket_header)
{
	const Link pair = new_pair();
	const PacketSocket backend("vnp0", test_ethertype, socket_header);
	const PacketSocket far("vnp1", test_ethertype);
	Rig rig(device_path, {.features = features});
	rig.attach(backend.fd());
	Traffic traffic = backend_traffic();
	traffic.largest = largest_frame;
	transmit(rig, far, traffic);
	Receiver(rig, traffic).run(far);
	rig.detach();
}

void macvtaps_pass_frames(std::uint64_t features)
{
	const Link pair = new_pair();
	const Link upper = Link::macvtap("vnm0", "vnp0");
	set_mtu("vnm0", 65521);
	set_up("vnm0");
	wait_running("vnm0");
	const Tap tap = Tap::of_macvtap(
		"vnm0", {.header_size = static_cast<unsigned>(driver::net_header_size(features))});
	const PacketSocket far("vnp1", test_ethertype);
	Rig rig(device_path, {.features = features});
	rig.attach(tap.fd());
	Traffic traffic = backend_traffic();
	traffic.guest = mac_of("vnm0");
	traffic.largest = largest_frame;
	transmit(rig, far, traffic);
	Receiver(rig, traffic).run(far);
	rig.detach();
}

void add_notifications(Group &group)
{
	group.add("TX: no interrupt where the driver wants none",
		  no_interrupt_is_sent_where_the_driver_wants_none);
	/* A legacy feature: drivers of packed rings do not know it. */
	if (!group.format.packed())
		group.add("TX: NOTIFY_ON_EMPTY interrupts though the driver wants none",
			  notify_on_empty_interrupts_though_the_driver_wants_none);
	group.add("TX: one interrupt, when the event index is reached",
		  one_interrupt_comes_when_the_event_index_is_reached);
	group.add("kicks for nothing do no harm", kicks_for_nothing_do_no_harm);
	group.add("RX: frames wait for buffers and none is lost", frames_wait_for_buffers);
	group.add("RX: a frame waits until its buffers suffice",
		  mergeable_frames_wait_for_enough_buffers);
	group.add("RX: a frame longer than its buffer is dropped, the next arrives",
		  a_frame_longer_than_its_buffer_is_dropped);

	const std::uint64_t features = group.format.features();
	group.add_stricter("RX: num_buffers is 1 with VERSION_1 and no mergeable buffers",
			   "leaves the field as it was", [features] {
				   num_buffers_is_one_where_buffers_are_not_mergeable(features);
			   });
	group.add_stricter("counters: tell what passed", "has no counters",
			   [features] { counters_tell_what_passed(features); });
}

void add_both_busy(Group &group)
{
	const std::uint64_t features = group.format.features();
	group.add("both queues busy at once, flags", both_queues_are_busy_at_once);
	group.add("both queues busy at once, event index",
		  [features] { both_queues_are_busy_at_once(features | feature::event_idx); });
	group.add("both queues busy at once, event index, mergeable", [features] {
		both_queues_are_busy_at_once(features | feature::event_idx | feature::mrg_rxbuf);
	});
	group.add("two devices busy at once", two_devices_are_busy_at_once);
}

void add_offloads(Group &group)
{
	const std::uint64_t features = group.format.features();
	for (const Shape shape : {Shape::one, Shape::header_split, Shape::seventeen})
		group.add(std::string("TX: a GSO frame keeps its header, ") + name_of(shape),
			  [=] { a_gso_frame_is_sent_with_its_header(features, shape); });
	group.add("RX: a GSO frame keeps its header", a_gso_frame_is_received_with_its_header);
	group.add("RX: a GSO frame keeps its header, mergeable", [features] {
		a_gso_frame_is_received_with_its_header(features | feature::mrg_rxbuf);
	});
}

void add_backends(Group &group)
{
	const std::uint64_t features = group.format.features();
	group.add("packet socket: both ways, the device's header, VERSION_1", [features] {
		packet_sockets_pass_frames(features | feature::device_header, false);
	});
	group.add("packet socket: both ways, the device's header, mergeable", [features] {
		packet_sockets_pass_frames(features | feature::device_header | feature::mrg_rxbuf |
						   feature::event_idx,
					   false);
	});
	group.add("macvtap: both ways, VERSION_1", macvtaps_pass_frames);
	group.add("macvtap: both ways, mergeable, event index", [features] {
		macvtaps_pass_frames(features | feature::mrg_rxbuf | feature::event_idx);
	});
	if (!group.format.legacy())
		return;
	group.add("packet socket: both ways, the device's header, legacy",
		  [] { packet_sockets_pass_frames(feature::device_header, false); });
	group.add("packet socket: both ways, the socket's header, legacy",
		  [] { packet_sockets_pass_frames(0, true); });
	group.add("macvtap: both ways, legacy", [] { macvtaps_pass_frames(0); });
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();

	for (const Format &format : formats) {
		Group group(suite, format);
		add_shapes(group);
		add_mergeable(group);
		add_headers(group);
		add_sizes(group);
		add_starts(group);
		add_notifications(group);
		add_both_busy(group);
		add_offloads(group);
		add_backends(group);
	}
	return suite.run();
}
