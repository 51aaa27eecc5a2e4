/* SPDX-License-Identifier: GPL-2.0-only */
#include "ip_frame.hh"

#include "driver/payload.hh"
#include "ktap.hh"

#include <algorithm>
#include <netinet/in.h>

namespace vna::vm
{

namespace
{

constexpr std::size_t ip_at = ethernet_header;

std::size_t ip_header(IpFlow flow)
{
	return flow.v6 ? 40 : 20;
}

std::size_t transport_header(IpFlow flow)
{
	return flow.udp ? 8 : 20;
}

std::size_t transport_at(IpFlow flow)
{
	return ip_at + ip_header(flow);
}

std::size_t checksum_offset(IpFlow flow)
{
	return flow.udp ? 6 : 16;
}

void put(std::span<std::byte> at, std::initializer_list<unsigned> bytes)
{
	std::transform(bytes.begin(), bytes.end(), at.begin(),
		       [](unsigned byte) { return static_cast<std::byte>(byte); });
}

void put16(std::span<std::byte> at, std::size_t value)
{
	put(at, {static_cast<unsigned>(value >> 8), static_cast<unsigned>(value & 0xff)});
}

unsigned get16(std::span<const std::byte> at)
{
	return std::to_integer<unsigned>(at[0]) << 8 | std::to_integer<unsigned>(at[1]);
}

/* RFC 1071: the sum that a checksum is the complement of. */
std::uint32_t sum(std::span<const std::byte> bytes, std::uint32_t so_far = 0)
{
	std::uint64_t total = so_far;
	for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
		total += get16(bytes.subspan(i));
	if (bytes.size() % 2)
		total += std::to_integer<unsigned>(bytes.back()) << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return static_cast<std::uint32_t>(total);
}

std::uint32_t pseudo_header_sum(std::span<const std::byte> frame, IpFlow flow)
{
	const std::size_t addresses = flow.v6 ? 32 : 8;
	std::byte rest[4];
	put16(rest, frame.size() - transport_at(flow));
	put16(std::span(rest).subspan(2), flow.udp ? IPPROTO_UDP : IPPROTO_TCP);
	return sum(rest, sum(frame.subspan(transport_at(flow) - addresses, addresses)));
}

} /* namespace */

std::size_t headers_of(IpFlow flow)
{
	return transport_at(flow) + transport_header(flow);
}

std::vector<std::byte> make_ip_frame(IpFlow flow, std::size_t payload, std::uint64_t seed,
				     const Mac &to, const Mac &from)
{
	std::vector<std::byte> frame = make_frame(headers_of(flow) + payload, seed, to, from);
	const std::span all(frame);
	driver::fill_payload(all.subspan(headers_of(flow)), seed);

	const auto ip = all.subspan(ip_at), transport = all.subspan(transport_at(flow));
	const unsigned protocol = flow.udp ? IPPROTO_UDP : IPPROTO_TCP;
	if (flow.v6) {
		put16(all.subspan(12), 0x86dd);
		put(ip, {0x60, 0, 0, 0, 0, 0, protocol, 64});
		put16(ip.subspan(4), transport.size());
		for (const std::size_t address : {std::size_t{8}, std::size_t{24}}) {
			std::fill_n(ip.begin() + static_cast<std::ptrdiff_t>(address), 16,
				    std::byte{0});
			put(ip.subspan(address), {0xfd, 0, 0, static_cast<unsigned>(address)});
		}
	} else {
		put16(all.subspan(12), 0x0800);
		put(ip,
		    {0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2});
		put16(ip.subspan(2), ip.size());
		put16(ip.subspan(10), 0xffff & ~sum(ip.first(20)));
	}

	put(transport, {0x10, 0, 0x20, 0, 0, 0, 0, 0});
	if (flow.udp)
		put16(transport.subspan(4), transport.size());
	else
		put(transport.subspan(4),
		    {0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0});
	put16(transport.subspan(checksum_offset(flow)), pseudo_header_sum(frame, flow));
	return frame;
}

driver::NetHeader header_for(IpFlow flow, std::size_t segment)
{
	driver::NetHeader header{};
	header.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header.hdr.csum_start = static_cast<std::uint16_t>(transport_at(flow));
	header.hdr.csum_offset = static_cast<std::uint16_t>(checksum_offset(flow));
	if (segment) {
		header.hdr.gso_type =
			static_cast<std::uint8_t>(flow.udp  ? gso_udp_l4
						  : flow.v6 ? VIRTIO_NET_HDR_GSO_TCPV6
							    : VIRTIO_NET_HDR_GSO_TCPV4);
		header.hdr.hdr_len = static_cast<std::uint16_t>(headers_of(flow));
		header.hdr.gso_size = static_cast<std::uint16_t>(segment);
	}
	return header;
}

void check_ip_frame(std::span<const std::byte> frame, IpFlow flow)
{
	CHECK(frame.size() > headers_of(flow), "%zu bytes", frame.size());
	const auto ip = frame.subspan(ip_at), transport = frame.subspan(transport_at(flow));
	if (flow.v6) {
		CHECK_EQUAL(get16(ip.subspan(4)), transport.size());
	} else {
		CHECK_EQUAL(get16(ip.subspan(2)), ip.size());
		CHECK_EQUAL(sum(ip.first(20)), 0xffff);
	}
	if (flow.udp)
		CHECK_EQUAL(get16(transport.subspan(4)), transport.size());
	CHECK_EQUAL(sum(transport, pseudo_header_sum(frame, flow)), 0xffff);
}

} /* namespace vna::vm */
