/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segmentation that is left to the other side, from guest to guest through the kernel:
 *
 *	TX ring -> device -> tap vna0 -> bridge -> tap vna1 -> device -> RX ring
 *
 * What the header says of a frame must arrive as it was sent: the taps read it into an skb on one
 * side and make it anew from that on the other. TCP, UDP, and both in a UDP tunnel, which needs a
 * header of 24 bytes and features from bit 64 on.
 */
#include "driver/net_header.hh"
#include "ktap.hh"
#include "support/counters.hh"
#include "support/live.hh"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <utility>

using namespace vna;
using namespace vna::vm;

/* What the headers of 6.1 do not have. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

namespace
{

std::string device_path;

constexpr std::uint8_t gso_tunnel_ipv4 = 0x20;
constexpr std::uint8_t gso_tunnel_ipv6 = 0x40;
constexpr std::uint8_t needs_csum = VIRTIO_NET_HDR_F_NEEDS_CSUM;
constexpr std::uint8_t tunnel_csum = 8;

constexpr unsigned tcp_offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
constexpr unsigned udp_offloads = tcp_offloads | TUN_F_USO4 | TUN_F_USO6;
constexpr unsigned tunnel_offloads =
	tcp_offloads | TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM;

/* Whether the kernel's taps know these. */
bool taps_take(unsigned offloads)
{
	const Tap tap("vna9");
	return !ioctl(tap.fd(), TUNSETOFFLOAD, offloads);
}

void need_taps(unsigned offloads)
{
	if (!taps_take(offloads))
		ktap::skip("the kernel's taps do not know these offloads");
}

/* --- frames --- */

using Header = driver::TunnelHeader;

/* A frame as it grows, header by header, and what the virtio header says of it. */
struct Packet {
	std::vector<std::byte> bytes;
	Header header{};

	std::size_t size() const { return bytes.size(); }
	void put(std::initializer_list<unsigned> more)
	{
		for (const unsigned byte : more)
			bytes.push_back(static_cast<std::byte>(byte));
	}
	void zeros(std::size_t n) { bytes.resize(bytes.size() + n); }

	void ethernet(bool ipv6)
	{
		for (const Mac &mac : {far_mac, guest_mac})
			for (const unsigned byte : mac)
				put({byte});
		put({ipv6 ? 0x86u : 0x08u, ipv6 ? 0xddu : 0x00u});
	}

	/* Followed by len bytes of this protocol. */
	void ip(bool ipv6, unsigned protocol, std::size_t len)
	{
		const auto total = static_cast<unsigned>(len);
		if (ipv6) {
			put({0x60, 0, 0, 0, total >> 8 & 0xff, total & 0xff, protocol, 64});
			for (const unsigned last : {1u, 2u}) {
				put({0x20, 0x01, 0x0d, 0xb8});
				zeros(11);
				put({last});
			}
			return;
		}
		const std::size_t at = size();
		const unsigned all = total + 20;
		put({0x45, 0, all >> 8 & 0xff, all & 0xff, 0, 1, 0x40, 0, 64, protocol, 0, 0, 192,
		     0, 2, 1, 192, 0, 2, 2});
		unsigned sum = 0;
		for (std::size_t i = at; i < size(); i += 2)
			sum += static_cast<unsigned>(bytes[i]) << 8 |
			       static_cast<unsigned>(bytes[i + 1]);
		sum = ~((sum & 0xffff) + (sum >> 16));
		bytes[at + 10] = static_cast<std::byte>(sum >> 8 & 0xff);
		bytes[at + 11] = static_cast<std::byte>(sum & 0xff);
	}

	void udp(unsigned port, std::size_t payload)
	{
		const auto len = static_cast<unsigned>(payload + 8);
		put({0x10, 0, port >> 8, port & 0xff, len >> 8 & 0xff, len & 0xff, 0, 0});
	}

	void tcp()
	{
		put({0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0});
	}

	void payload(std::size_t len)
	{
		const auto frame = make_frame(14 + len, len);
		bytes.insert(bytes.end(), frame.begin() + 14, frame.end());
	}

	/* From IP on, to be cut into segments of 1000 bytes of payload. */
	void segments(bool ipv6, bool udp_segments, std::size_t len)
	{
		const std::size_t transport = udp_segments ? 8 : 20;
		ip(ipv6, udp_segments ? 17 : 6, transport + len);
		header.flags = needs_csum;
		header.gso_type = udp_segments ? VIRTIO_NET_HDR_GSO_UDP_L4
				  : ipv6       ? VIRTIO_NET_HDR_GSO_TCPV6
					       : VIRTIO_NET_HDR_GSO_TCPV4;
		header.gso_size = 1000;
		header.csum_start = static_cast<std::uint16_t>(size());
		header.csum_offset = udp_segments ? 6 : 16;
		if (udp_segments)
			udp(0x2000, len);
		else
			tcp();
		header.hdr_len = static_cast<std::uint16_t>(size());
		payload(len);
	}
};

struct Kind {
	const char *name;
	bool ipv6;
	bool udp;
};

constexpr Kind kinds[] = {
	{"TCP over IPv4", false, false},
	{"TCP over IPv6", true, false},
	{"UDP over IPv4", false, true},
	{"UDP over IPv6", true, true},
};

constexpr std::size_t payloads[] = {1001, 8000, 50000};

Packet plain_packet(const Kind &kind, std::size_t len)
{
	Packet packet;
	packet.ethernet(kind.ipv6);
	packet.segments(kind.ipv6, kind.udp, len);
	return packet;
}

struct Tunnel {
	bool ipv6 = false;
	bool csum = false; /* of the outer UDP header too */
};

/* The same in VXLAN. */
Packet tunnel_packet(const Tunnel &tunnel, const Kind &kind, std::size_t len)
{
	Packet inner;
	inner.ethernet(kind.ipv6);
	inner.segments(kind.ipv6, kind.udp, len);

	Packet packet;
	packet.ethernet(tunnel.ipv6);
	packet.ip(tunnel.ipv6, 17, 8 + 8 + inner.size());
	const std::size_t outer_transport = packet.size();
	packet.udp(4789, 8 + inner.size());
	packet.put({0x08, 0, 0, 0, 0, 0, 7, 0});
	const std::size_t at = packet.size();
	packet.bytes.insert(packet.bytes.end(), inner.bytes.begin(), inner.bytes.end());

	const auto plus = [&](std::size_t n) { return static_cast<std::uint16_t>(at + n); };
	packet.header = inner.header;
	packet.header.flags |= tunnel.csum ? tunnel_csum : 0;
	packet.header.gso_type |= tunnel.ipv6 ? gso_tunnel_ipv6 : gso_tunnel_ipv4;
	packet.header.csum_start = plus(inner.header.csum_start);
	packet.header.hdr_len = plus(inner.header.hdr_len);
	packet.header.outer_th_offset = static_cast<std::uint16_t>(outer_transport);
	packet.header.inner_nh_offset = plus(14);
	return packet;
}

/* --- from guest to guest --- */

class Bridged
{
public:
	Bridged(const RigOptions &options, unsigned offloads)
	    : rig_(device_path, options), out_("vna0", tap_options(0)),
	      in_("vna1", tap_options(offloads)), bridge_(Link::bridge("vnabr"))
	{
		disable_ipv6("vnabr");
		set_up("vnabr");
		set_master("vna0", "vnabr");
		set_master("vna1", "vnabr");
		CHECK_ERRNO(rig_.device.set_backend(rx_queue, in_.fd()), 0);
		CHECK_ERRNO(rig_.device.set_backend(tx_queue, out_.fd()), 0);
	}

	void send(const Packet &packet)
	{
		const auto header = std::as_bytes(std::span(&packet.header, 1));
		offer_frame(rig_.memory, rig_.tx, header.first(rig_.header_size()), packet.bytes,
			    Shape::three);
		rig_.tx.publish();
		rig_.tx.wait_used();
	}

	/* The next that is to far_mac: the bridge has frames of its own. */
	Packet receive()
	{
		for (;;) {
			Packet packet = receive_any();
			if (packet.size() >= far_mac.size() &&
			    !std::memcmp(packet.bytes.data(), far_mac.data(), far_mac.size()))
				return packet;
		}
	}

	const VhostDevice &device() const { return rig_.device; }

private:
	TapOptions tap_options(unsigned offloads) const
	{
		return {.header_size = static_cast<unsigned>(rig_.header_size()),
			.offload = offloads};
	}

	bool mergeable() const { return rig_.features() & feature::mrg_rxbuf; }

	Packet receive_any()
	{
		offer();
		std::vector<std::byte> bytes;
		take(bytes);
		Packet packet;
		CHECK(bytes.size() >= rig_.header_size());
		std::memcpy(&packet.header, bytes.data(), rig_.header_size());
		const unsigned buffers = std::exchange(packet.header.num_buffers, std::uint16_t{0});
		/* vhost-net leaves the field 0 where buffers are not mergeable, up to 6.12. */
		CHECK(buffers <= 1 || mergeable(), "%u buffers", buffers);
		for (unsigned i = 1; i < buffers; ++i)
			take(bytes);
		packet.bytes.assign(bytes.begin() + static_cast<long>(rig_.header_size()),
				    bytes.end());
		return packet;
	}

	/* Buffers for the largest frame. */
	void offer()
	{
		const std::uint32_t each = mergeable() ? 4096 : 66000;
		for (std::size_t room = each * offered_.size(); room < 66000; room += each) {
			offered_.push_back(driver::allocate_chain(rig_.memory, {{each}}, true));
			CHECK(rig_.rx.ring().add(offered_.back()));
		}
		rig_.rx.publish();
	}

	/* The next used buffer's bytes, appended; buffers are used as they were offered. */
	void take(std::vector<std::byte> &bytes)
	{
		const std::uint32_t len = rig_.rx.wait_used().len;
		bytes.resize(bytes.size() + len);
		chain_read(rig_.memory, offered_.front(), std::span(bytes).last(len));
		offered_.pop_front();
	}

	Rig rig_;
	Tap out_, in_;
	Link bridge_;
	std::deque<driver::Chain> offered_;
};

void check_same(const Packet &is, const Packet &expected)
{
	const Header &a = is.header, &b = expected.header;
	CHECK_EQUAL(a.flags, b.flags);
	CHECK_EQUAL(a.gso_type, b.gso_type);
	CHECK_EQUAL(a.gso_size, b.gso_size);
	CHECK_EQUAL(a.csum_start, b.csum_start);
	CHECK_EQUAL(a.csum_offset, b.csum_offset);
	/* A hint, of how much of the frame is in one piece on this side. */
	CHECK(a.hdr_len >= b.hdr_len || !b.gso_type, "hdr_len is %u", a.hdr_len);
	CHECK_EQUAL(a.outer_th_offset, b.outer_th_offset);
	CHECK_EQUAL(a.inner_nh_offset, b.inner_nh_offset);
	CHECK(!a.hash_value && !a.hash_report && !a.padding, "a hash that nobody asked for");
	CHECK(is.bytes == expected.bytes, "%zu bytes of %zu", is.size(), expected.size());
}

void passes(Bridged &bridged, const Packet &packet)
{
	bridged.send(packet);
	check_same(bridged.receive(), packet);
}

/* A frame without any header of interest follows: nothing is stuck or mixed up. */
void passes_plainly(Bridged &bridged)
{
	Packet packet;
	packet.bytes = make_frame(200, 7);
	passes(bridged, packet);
}

void segments_pass(const Kind &kind, std::uint64_t features)
{
	need_taps(kind.udp ? udp_offloads : tcp_offloads);
	Bridged bridged({.features = features}, kind.udp ? udp_offloads : tcp_offloads);
	for (const std::size_t len : payloads)
		passes(bridged, plain_packet(kind, len));
	passes_plainly(bridged);
}

/* --- tunnels --- */

/* Of word 1. */
std::uint64_t features_offered_from_64()
{
	const VhostDevice device(device_path);
	/* An unknown request is ENOTTY only to the owner. */
	CHECK_ERRNO(device.set_owner(), 0);
	std::uint64_t words[2] = {};
	/* And only if the count could be a queue's index. */
	if (ktap::is_oracle(device_path) &&
	    device.get_features_array(std::span(words, 1)) == ENOTTY)
		ktap::skip("oracle: knows no array of features");
	CHECK_ERRNO(device.get_features_array(words), 0);
	return words[1];
}

void tunnels_are_offered_where_taps_know_them()
{
	CHECK_EQUAL(features_offered_from_64(),
		    taps_take(tunnel_offloads) ? feature::word_1_tunnels : 0);
}

RigOptions tunnel_options(std::uint64_t features, std::uint64_t which = feature::word_1_tunnels)
{
	if (!features_offered_from_64())
		ktap::skip("the kernel's taps know no tunnels");
	return {.features = features, .features_64 = which};
}

void tunnels_pass(const Tunnel &tunnel, std::uint64_t features)
{
	Bridged bridged(tunnel_options(features), udp_offloads | tunnel_offloads);
	for (const Kind &kind : kinds) {
		for (const std::size_t len : payloads)
			passes(bridged, tunnel_packet(tunnel, kind, len));
		passes(bridged, plain_packet(kind, 8000));
	}
	passes_plainly(bridged);
}

void frames_pass_behind_the_long_header(std::uint64_t features, bool tap_header)
{
	for (const std::uint64_t which : {feature::word_1_guest_tunnel,
					  feature::word_1_host_tunnel, feature::word_1_tunnels}) {
		const RigOptions options = tunnel_options(features, which);
		const Wire wire("vna0", {.header = tap_header, .header_size = 24});
		Rig rig(device_path, options);
		rig.attach(wire.tap.fd());
		const Traffic traffic{.count = 40,
				      .largest = largest_frame,
				      .batch = 5,
				      .shape = Shape::header_split};
		transmit(rig, wire.far, traffic);
		Receiver(rig, traffic).run(wire.far);
	}
}

/* What a tap cannot take is not passed on as it is: the kernel cuts it before. */
void tunnels_are_cut_for_a_tap_that_does_not_take_them()
{
	Bridged bridged(tunnel_options(feature::version_1), 0);
	constexpr std::size_t len = 5000, each = 1000;
	const Packet packet = tunnel_packet({}, kinds[0], len);
	bridged.send(packet);
	for (std::size_t i = 0; i < len / each; ++i) {
		const Packet part = bridged.receive();
		CHECK_EQUAL(part.header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		CHECK_EQUAL(part.size(), packet.size() - len + each);
		const auto from = packet.bytes.end() - static_cast<long>(len - i * each);
		CHECK(std::equal(part.bytes.end() - each, part.bytes.end(), from), "part %zu", i);
	}
	passes_plainly(bridged);
}

void false_tunnel_headers_are_dropped_by_the_tap()
{
	Bridged bridged(tunnel_options(feature::version_1), udp_offloads | tunnel_offloads);
	const Packet good = tunnel_packet({}, kinds[0], 8000);
	const auto with = [&](auto field, auto value) {
		Packet packet = good;
		packet.header.*field = value;
		return packet;
	};
	const std::uint8_t type = good.header.gso_type;
	const Packet bad[] = {
		with(&Header::flags, std::uint8_t{0}),
		with(&Header::gso_type, std::uint8_t{gso_tunnel_ipv4}),
		with(&Header::gso_type, static_cast<std::uint8_t>(type | gso_tunnel_ipv6)),
		with(&Header::gso_size, std::uint16_t{0}),
		with(&Header::outer_th_offset, std::uint16_t{33}),
		with(&Header::outer_th_offset, std::uint16_t{65535}),
		with(&Header::inner_nh_offset, std::uint16_t{41}),
		with(&Header::inner_nh_offset, std::uint16_t{65535}),
		with(&Header::csum_start, std::uint16_t{65535}),
		with(&Header::csum_start, std::uint16_t{0}),
	};
	for (const Packet &packet : bad)
		bridged.send(packet);
	/* The next that comes is the next good one. */
	passes(bridged, good);
	const Counters counters(bridged.device().fd());
	if (!counters.empty())
		CHECK_EQUAL(counters.at("tx.drop_header"), std::size(bad));
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();

	for (const std::uint64_t features :
	     {feature::version_1, feature::version_1 | feature::mrg_rxbuf,
	      feature::version_1 | feature::mrg_rxbuf | feature::packed}) {
		const std::string how =
			features & feature::packed     ? ", mergeable, packed"
			: features & feature::mrg_rxbuf ? ", mergeable"
							: "";
		for (const Kind &kind : kinds)
			suite.add("segments from guest to guest: " + std::string(kind.name) + how,
				  [=] { segments_pass(kind, features); });
		for (const bool ipv6 : {false, true}) {
			for (const bool csum : {false, true})
				suite.add("UDP tunnels from guest to guest: over IPv" +
						  std::string(ipv6 ? "6" : "4") +
						  (csum ? ", checksum" : "") + how,
					  [=] { tunnels_pass({ipv6, csum}, features); });
		}
		suite.add("header of 24 bytes: both ways" + how,
			  [=] { frames_pass_behind_the_long_header(features, true); });
	}
	suite.add("header of 24 bytes: both ways, the device's own", [] {
		frames_pass_behind_the_long_header(feature::version_1 | feature::device_header,
						   false);
	});
	suite.add("features: UDP tunnels are offered where taps know them, only there",
		  tunnels_are_offered_where_taps_know_them);
	suite.add("UDP tunnels: cut for a tap that does not take them",
		  tunnels_are_cut_for_a_tap_that_does_not_take_them);
	suite.add("UDP tunnels: false headers are dropped, the next frame passes",
		  false_tunnel_headers_are_dropped_by_the_tap);
	return suite.run();
}
