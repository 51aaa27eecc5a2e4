/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hosts put between a guest's tap and the rest of the world: packet sockets that listen,
 * bridges, traffic control, VLAN devices, macvtaps. Frames are cloned, held, tagged and cut there;
 * every byte of what arrives is compared, and every buffer comes back.
 */
#include "ktap.hh"
#include "support/ip_frame.hh"
#include "support/mode.hh"
#include "support/netdev.hh"
#include "support/wire.hh"

#include <cstdlib>
#include <functional>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <map>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

/* More than a batch of the device has, several descriptors each. */
Traffic traffic_of(const Mode &mode)
{
	Traffic traffic;
	traffic.count = 100;
	traffic.batch = 50;
	traffic.largest = 9014;
	traffic.shape = Shape::three;
	traffic.receive_buffer = is_mergeable(mode) ? 600 : 0;
	return traffic;
}

/* A guest on tap vna0, or on any tap. */
Station guest(const Mode &mode)
{
	return {device_path, "vna0", mode, traffic_of(mode)};
}

Station peer_of(const Mode &mode, const std::string &name = "vna1")
{
	return {device_path, name, mode, other_way(traffic_of(mode))};
}

void command(const std::string &line)
{
	/* What the shell says is on standard error. */
	CHECK(!std::system(line.c_str()), "%s", line.c_str());
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

Link new_bridge(std::initializer_list<std::string> ports)
{
	Link bridge = Link::bridge("vnb0");
	for (const std::string &port : ports)
		set_master(port, "vnb0");
	set_up("vnb0");
	return bridge;
}

Link new_dummy()
{
	Link dummy = Link::dummy("vnd0");
	set_mtu("vnd0", 65521);
	set_up("vnd0");
	return dummy;
}

/* Buffers of these descriptors, each used once, for frames that are not make_frame()'s. */
class Inbox
{
public:
	Inbox(Rig &rig, const std::vector<std::uint32_t> &lengths, unsigned count) : rig_(rig)
	{
		for (unsigned i = 0; i < count; ++i) {
			auto chain = driver::allocate_chain(rig.memory, lengths, true);
			const auto token = rig.rx.ring().add(chain);
			CHECK(token);
			chains_[*token] = std::move(chain);
		}
		rig.rx.publish();
	}

	struct Frame {
		driver::NetHeader header;
		std::vector<std::byte> bytes;
	};

	Frame next()
	{
		Frame frame{};
		append(frame.bytes);
		const std::size_t size = rig_.header_size();
		CHECK(frame.bytes.size() >= size);
		std::memcpy(&frame.header, frame.bytes.data(), size);
		if (rig_.features() & feature::mrg_rxbuf)
			for (unsigned i = 1; i < frame.header.num_buffers; ++i)
				append(frame.bytes);
		frame.bytes.erase(frame.bytes.begin(),
				  frame.bytes.begin() + static_cast<std::ptrdiff_t>(size));
		return frame;
	}

private:
	void append(std::vector<std::byte> &bytes)
	{
		const driver::Used used = rig_.rx.wait_used();
		const std::size_t at = bytes.size();
		bytes.resize(at + used.len);
		CHECK_EQUAL(chain_read(rig_.memory, chains_.at(used.token),
				       std::span(bytes).subspan(at)),
			    used.len);
	}

	Rig &rig_;
	std::map<driver::Token, driver::Chain> chains_;
};

/* --- packet sockets --- */

/* Everything that passes a device in either direction, as tcpdump has it. */
struct Listener : PacketSocket {
	explicit Listener(const std::string &netdev) : PacketSocket(netdev, 0) {}

	struct Seen {
		bool from_guest;
		std::vector<std::byte> frame;
	};

	Seen next() const
	{
		pollfd ready{fd(), POLLIN, 0};
		CHECK(poll(&ready, 1, 20000) > 0, "the listener sees nothing");
		std::vector<std::byte> frame(70000);
		sockaddr_ll from{};
		socklen_t from_len = sizeof(from);
		const ssize_t len = recvfrom(fd(), frame.data(), frame.size(), 0,
					     reinterpret_cast<sockaddr *>(&from), &from_len);
		CHECK(len >= 0, "%s", std::strerror(errno));
		frame.resize(static_cast<std::size_t>(len));
		return {from.sll_pkttype != PACKET_OUTGOING, std::move(frame)};
	}
};

void a_listener_sees_every_frame(const Mode &mode)
{
	Station station = guest(mode);
	const PacketSocket far("vna0", test_ethertype);
	const Listener listener("vna0");
	const Traffic &traffic = station.traffic;
	transmit(station.rig, traffic, [&](std::size_t len, std::uint64_t seed) {
		const Listener::Seen seen = listener.next();
		CHECK(seen.from_guest);
		check_frame(seen.frame, len, seed);
		check_frame(far.receive(), len, seed);
	});
	station.receiver.run(far);
	const auto lengths = frame_lengths(traffic.count, traffic.largest, traffic.seed);
	for (unsigned i = 0; i < traffic.count; ++i) {
		const Listener::Seen seen = listener.next();
		CHECK(!seen.from_guest);
		check_frame(seen.frame, lengths[i], traffic.seed + i, guest_mac, far_mac);
	}
}

/* It holds what it has, drops what finds no room, and is closed with frames in it. */
void a_listener_that_never_reads_holds_nothing_up(const Mode &mode)
{
	Station station = guest(mode);
	const PacketSocket far("vna0", test_ethertype);
	{
		const Listener idle("vna0"), full("vna0");
		const int bytes = 4096;
		CHECK(!setsockopt(full.fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)));
		for (unsigned round = 0; round < 4; ++round) {
			transmit(station.rig, far, station.traffic);
			station.receiver.run(far);
		}
	}
	transmit(station.rig, far, station.traffic);
}

/* --- bridges --- */

void a_bridge_leads_from_guest_to_guest(const Mode &mode)
{
	Station here = guest(mode), there = peer_of(mode);
	const Link bridge = new_bridge({"vna0", "vna1"});
	for (unsigned round = 0; round < 2; ++round) {
		carry(here, there);
		carry(there, here);
	}
	CHECK(!here.rig.rx.ring().has_used());
	CHECK(!there.rig.rx.ring().has_used());
}

void a_bridge_leads_to_a_veth(const Mode &mode)
{
	Station station = guest(mode);
	const Link pair = new_pair();
	const Link bridge = new_bridge({"vna0", "vnp0"});
	const PacketSocket far("vnp1", test_ethertype);
	for (unsigned round = 0; round < 2; ++round) {
		transmit(station.rig, far, station.traffic);
		station.receiver.run(far);
	}
}

/* A destination that the bridge does not know: a clone for each port, the frame for the last. */
void a_bridge_floods_clones_to_every_port(const Mode &mode)
{
	Station here = guest(mode), there = peer_of(mode), other = peer_of(mode, "vna2");
	const Link pair = new_pair();
	const Link dummy = new_dummy();
	const Link bridge = new_bridge({"vna0", "vna1", "vnp0", "vnd0", "vna2"});
	const PacketSocket far("vnp1", test_ethertype);
	there.receiver.offer();
	other.receiver.offer();
	transmit(here.rig, here.traffic, [&](std::size_t len, std::uint64_t seed) {
		check_frame(far.receive(), len, seed);
		there.receiver.expect(len, seed);
		other.receiver.expect(len, seed);
	});
	CHECK_EQUAL(statistic("vnd0", "tx_packets"), here.traffic.count);
}

/* --- traffic control --- */

void tc_redirects_from_guest_to_guest(const Mode &mode)
{
	Station here = guest(mode), there = peer_of(mode);
	const PacketSocket far("vna0", test_ethertype);
	for (const auto &[from, to] : {std::pair{"vna0", "vna1"}, std::pair{"vna1", "vna0"}}) {
		command(ktap::format("tc qdisc add dev %s clsact", from));
		command(ktap::format("tc filter add dev %s ingress matchall action mirred egress "
				     "redirect dev %s",
				     from, to));
	}
	carry(here, there);
	carry(there, here);
	CHECK(!far.try_receive());
}

/* The same frame three times over: whose buffer it is comes back once. */
void tc_mirrors_clones_to_guests(const Mode &mode)
{
	Station here = guest(mode), there = peer_of(mode);
	const Link pair = new_pair();
	const PacketSocket far("vna0", test_ethertype), copies("vnp1", test_ethertype);
	command("tc qdisc add dev vna0 clsact");
	command("tc filter add dev vna0 ingress matchall"
		" action mirred egress mirror dev vna1 pipe"
		" action mirred egress mirror dev vnp0");
	there.receiver.offer();
	transmit(here.rig, here.traffic, [&](std::size_t len, std::uint64_t seed) {
		check_frame(far.receive(), len, seed);
		check_frame(copies.receive(), len, seed);
		there.receiver.expect(len, seed);
	});
}

/* What the filter sees: four bytes behind Ethernet's header, the first of them odd. */
bool is_matched(std::span<const std::byte> frame)
{
	return frame.size() >= ethernet_header + 4 &&
	       std::to_integer<unsigned>(frame[ethernet_header]) & 1;
}

void tc_drops_frames(const Mode &mode)
{
	Station station = guest(mode);
	const PacketSocket far("vna0", test_ethertype);
	command("tc qdisc add dev vna0 clsact");
	for (const char *way : {"ingress", "egress"})
		command(ktap::format("tc filter add dev vna0 %s protocol all u32 match u8 1 1 at 0 "
				     "action drop",
				     way));
	transmit(station.rig, station.traffic, [&](std::size_t len, std::uint64_t seed) {
		if (!is_matched(make_frame(len, seed)))
			check_frame(far.receive(), len, seed);
	});
	CHECK(!far.try_receive());

	station.receiver.offer();
	const auto lengths = frame_lengths(100, 9014, 1);
	for (std::size_t i = 0; i < lengths.size(); ++i) {
		const auto frame = make_frame(lengths[i], i, guest_mac, far_mac);
		/* A packet socket is told of the drop. */
		CHECK_ERRNO(far.send(frame), is_matched(frame) ? ENOBUFS : 0);
		if (!is_matched(frame))
			station.receiver.expect(lengths[i], i);
	}
	CHECK(!station.rig.rx.ring().has_used());
}

/* --- VLANs --- */

constexpr std::uint16_t vlan_id = 0x123;

std::vector<std::byte> tagged(std::vector<std::byte> frame, std::uint16_t ethertype)
{
	const std::byte tag[] = {std::byte(ethertype >> 8), std::byte(ethertype & 0xff),
				 std::byte(vlan_id >> 8), std::byte(vlan_id & 0xff)};
	frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
	return frame;
}

/*
 * The host's side is a VLAN device on the tap: the tag of what it sends is beside the frame, not
 * in it, and a guest expects it in its place. Descriptors end in the middle of it.
 */
void tags_come_and_go(const Mode &mode, std::uint16_t ethertype)
{
	Station station = guest(mode);
	Rig &rig = station.rig;
	const Link vlan = Link::vlan("vnv0", "vna0", ethertype, vlan_id);
	set_up("vnv0");
	const PacketSocket far("vnv0", test_ethertype);
	const auto lengths = frame_lengths(40, 1514, 1);
	const std::vector<std::byte> none(rig.header_size());

	const auto header = static_cast<std::uint32_t>(rig.header_size());
	Inbox inbox(rig, {header + 13, 2, is_mergeable(mode) ? 800u : 1600u},
		    is_mergeable(mode) ? 84 : 40);
	for (std::size_t i = 0; i < lengths.size(); ++i) {
		/* The host forgets what ends with its tag. */
		if (lengths[i] < ethernet_header + 2)
			continue;
		const auto frame = make_frame(lengths[i], i);
		offer_frame(rig.memory, rig.tx, none, tagged(frame, ethertype),
			    Shape::header_split);
		rig.tx.publish();
		check_frame(far.receive(), lengths[i], i);
		CHECK_EQUAL(rig.tx.wait_used().len, 0);
	}
	for (std::size_t i = 0; i < lengths.size(); ++i) {
		const auto frame = make_frame(lengths[i], i, guest_mac, far_mac);
		CHECK_ERRNO(far.send(frame), 0);
		CHECK(inbox.next().bytes == tagged(frame, ethertype), "frame %zu of %zu bytes", i,
		      lengths[i]);
	}
}

/* --- other backends --- */

void macvtaps_lead_from_guest_to_guest(const Mode &mode)
{
	const Link pair = new_pair();
	const Link uppers[] = {Link::macvtap("vnm0", "vnp0"), Link::macvtap("vnm1", "vnp0")};
	for (const Link &upper : uppers) {
		set_mtu(upper.name(), 65521);
		set_up(upper.name());
		wait_running(upper.name());
	}
	Traffic traffic = traffic_of(mode);
	traffic.guest = mac_of("vnm0");
	traffic.far = mac_of("vnm1");
	const TapOptions options{.header = mode.tap_header, .header_size = header_size(mode)};
	Station here(device_path, Tap::of_macvtap("vnm0", options), mode, traffic);
	Station there(device_path, Tap::of_macvtap("vnm1", options), mode, other_way(traffic));
	carry(here, there);
	carry(there, here);
}

/* Every frame as one of the device's sendmsg() and recvmsg() calls. */
void packet_sockets_lead_from_guest_to_guest(const Mode &mode)
{
	const Link pair = new_pair();
	const PacketSocket sockets[] = {{"vnp0", test_ethertype, mode.tap_header},
					{"vnp1", test_ethertype, mode.tap_header}};
	const Traffic traffic = traffic_of(mode);
	Rig here(device_path, {.features = mode.features});
	Rig there(device_path, {.features = mode.features});
	here.attach(sockets[0].fd());
	there.attach(sockets[1].fd());
	Receiver back(here, traffic), receiver(there, other_way(traffic));
	back.offer();
	receiver.offer();
	transmit(here, traffic,
		 [&](std::size_t len, std::uint64_t seed) { receiver.expect(len, seed); });
	transmit(there, other_way(traffic),
		 [&](std::size_t len, std::uint64_t seed) { back.expect(len, seed); });
}

/* --- checksums and segments --- */

void need_udp_segments()
{
	const Tap tap("vna0");
	if (ioctl(tap.fd(), TUNSETOFFLOAD, TUN_F_CSUM | tun_f_uso4 | tun_f_uso6))
		ktap::skip("this kernel's taps know no UDP segmentation");
}

constexpr unsigned all_offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
constexpr std::size_t segment = 1400;

/* Of frames of these flows, those that are one segment have their checksum to be made only. */
constexpr std::size_t payloads[] = {1, 1000, 1401, 8000, 60000};

std::size_t segment_of(std::size_t payload)
{
	return payload > segment ? segment : 0;
}

Inbox inbox_for(Rig &rig)
{
	if (rig.features() & feature::mrg_rxbuf)
		return Inbox(rig, {100, 1426}, 80);
	return Inbox(rig, {100, 65500}, 60);
}

/* To a guest that takes both: it is as if the two guests were one. */
void metadata_goes_from_guest_to_guest(const Mode &mode, IpFlow flow)
{
	if (flow.udp)
		need_udp_segments();
	const unsigned offload = all_offloads | (flow.udp ? tun_f_uso4 | tun_f_uso6 : 0);
	Station here = guest(mode);
	Station there(device_path, "vna1", mode, other_way(traffic_of(mode)), offload);
	const Link bridge = new_bridge({"vna0", "vna1"});
	Inbox inbox = inbox_for(there.rig);
	for (const std::size_t payload : payloads) {
		const auto frame = make_ip_frame(flow, payload, payload);
		const auto header = header_for(flow, segment_of(payload));
		offer_frame(here.rig.memory, here.rig.tx,
			    std::as_bytes(std::span(&header, 1)).first(here.rig.header_size()),
			    frame, Shape::three);
		here.rig.tx.publish();
		const Inbox::Frame arrived = inbox.next();
		CHECK(arrived.bytes == frame, "%zu bytes of payload", payload);
		const virtio_net_hdr &is = arrived.header.hdr, &was = header.hdr;
		CHECK_EQUAL(is.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		CHECK_EQUAL(is.csum_start, was.csum_start);
		CHECK_EQUAL(is.csum_offset, was.csum_offset);
		CHECK_EQUAL(is.gso_type, was.gso_type);
		CHECK_EQUAL(is.gso_size, was.gso_size);
		CHECK(is.hdr_len >= was.hdr_len);
		here.rig.tx.wait_used();
	}
}

/* To a guest that takes neither: it gets segments, with nothing left to do. */
void segments_go_from_guest_to_guest(const Mode &mode, IpFlow flow)
{
	if (flow.udp)
		need_udp_segments();
	Station here = guest(mode), there = peer_of(mode);
	const Link bridge = new_bridge({"vna0", "vna1"});
	Inbox inbox = inbox_for(there.rig);
	const std::size_t headers = headers_of(flow);
	for (const std::size_t payload : payloads) {
		const auto frame = make_ip_frame(flow, payload, payload);
		const auto header = header_for(flow, segment_of(payload));
		offer_frame(here.rig.memory, here.rig.tx,
			    std::as_bytes(std::span(&header, 1)).first(here.rig.header_size()),
			    frame, Shape::seventeen);
		here.rig.tx.publish();
		for (std::size_t at = 0; at < payload; at += segment) {
			const Inbox::Frame arrived = inbox.next();
			CHECK_EQUAL(arrived.header.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
			CHECK_EQUAL(arrived.header.hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
			check_ip_frame(arrived.bytes, flow);
			const std::size_t size = std::min(segment, payload - at);
			CHECK_EQUAL(arrived.bytes.size(), headers + size);
			CHECK(std::equal(arrived.bytes.begin() +
						 static_cast<std::ptrdiff_t>(headers),
					 arrived.bytes.end(),
					 frame.begin() + static_cast<std::ptrdiff_t>(headers + at)),
			      "segment at %zu of %zu", at, payload);
		}
		here.rig.tx.wait_used();
	}
	CHECK(!there.rig.rx.ring().has_used());
}

/* --- the tap's own counters --- */

void the_taps_counters_tell_what_passed(const Mode &mode)
{
	Station station = guest(mode);
	const PacketSocket far("vna0", test_ethertype);
	const Traffic &traffic = station.traffic;
	transmit(station.rig, far, traffic);
	station.receiver.run(far);
	std::uint64_t bytes = 0;
	for (const std::size_t len : frame_lengths(traffic.count, traffic.largest, traffic.seed))
		bytes += len;
	station.rig.detach();
	for (const std::string way : {"rx_", "tx_"}) {
		CHECK_EQUAL(statistic("vna0", way + "packets"), traffic.count);
		CHECK_EQUAL(statistic("vna0", way + "bytes"), bytes);
		CHECK_EQUAL(statistic("vna0", way + "errors"), 0);
		CHECK_EQUAL(statistic("vna0", way + "dropped"), 0);
	}
}

/* What finds no room while the guest has no buffers is the tap's loss, and counted there. */
void the_tap_counts_what_finds_no_room(const Mode &mode)
{
	Station station = guest(mode);
	const PacketSocket far("vna0", test_ethertype);
	constexpr unsigned count = 1200;
	for (unsigned i = 0; i < count; ++i)
		(void)far.send(make_frame(60, i, guest_mac, far_mac));
	const std::uint64_t dropped = statistic("vna0", "tx_dropped");
	CHECK(dropped > 0 && dropped <= 200, "%llu of %u frames are dropped",
	      static_cast<unsigned long long>(dropped), count);
	station.receiver.offer();
	for (unsigned i = 0; i < count - dropped; ++i)
		station.receiver.expect(60, i);
	CHECK(!station.rig.rx.ring().has_used());
	CHECK_EQUAL(statistic("vna0", "tx_packets"), count - dropped);
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();

	for (const Mode &mode : modes) {
		const auto add = [&](const std::string &name, void (*test)(const Mode &)) {
			suite.add(std::string(mode.name) + ": " + name, [=] { test(mode); });
		};
		add("packet socket: sees every frame, both ways", a_listener_sees_every_frame);
		add("packet socket: one that never reads holds nothing up",
		    a_listener_that_never_reads_holds_nothing_up);
		add("bridge: from guest to guest, both ways", a_bridge_leads_from_guest_to_guest);
		add("bridge: to a veth, both ways", a_bridge_leads_to_a_veth);
		add("bridge: floods clones to guests, veth and dummy",
		    a_bridge_floods_clones_to_every_port);
		add("tc: redirect from guest to guest, both ways",
		    tc_redirects_from_guest_to_guest);
		add("tc: mirror to a guest and a veth", tc_mirrors_clones_to_guests);
		add("tc: drop, both ways", tc_drops_frames);
		for (const std::uint16_t ethertype : {ETH_P_8021Q, ETH_P_8021AD})
			suite.add(
				ktap::format("%s: VLAN tag %04x, both ways", mode.name, ethertype),
				[=] { tags_come_and_go(mode, ethertype); });
		add("macvtap: from guest to guest, both ways", macvtaps_lead_from_guest_to_guest);
		/* Whose header it is decides: packet sockets know one of 10 bytes. */
		if (!mode.tap_header || header_size(mode) == 10)
			add("packet sockets: from guest to guest, both ways",
			    packet_sockets_lead_from_guest_to_guest);
		add("counters: the tap tells what passed", the_taps_counters_tell_what_passed);
		add("counters: the tap tells what found no room",
		    the_tap_counts_what_finds_no_room);
		if (!mode.tap_header)
			continue;
		for (const bool udp : {false, true}) {
			for (const bool v6 : {false, true}) {
				const IpFlow flow{udp, v6};
				const std::string name =
					ktap::format("%s: %s over IPv%d: ", mode.name,
						     udp ? "UDP" : "TCP", v6 ? 6 : 4);
				suite.add(name + "checksum and segment size stay what they were",
					  [=] { metadata_goes_from_guest_to_guest(mode, flow); });
				suite.add(name + "a guest that takes neither gets segments",
					  [=] { segments_go_from_guest_to_guest(mode, flow); });
			}
		}
	}
	return suite.run();
}
