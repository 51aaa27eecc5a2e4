/* SPDX-License-Identifier: GPL-2.0-only */
#include "bench_frame.hh"

#include "support/frame.hh"

#include <arpa/inet.h>
#include <cstring>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <net/ethernet.h>

namespace vna::bench
{

namespace
{

constexpr std::uint16_t nobodys_ethertype = 0x88b6; /* the other one for local experiments */
constexpr unsigned mss = 1448;

std::uint16_t ip_checksum(const iphdr &ip)
{
	std::uint16_t words[sizeof(ip) / 2];
	std::memcpy(words, &ip, sizeof(ip));
	std::uint32_t sum = 0;
	for (const std::uint16_t word : words)
		sum += word;
	sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

/* TCP over IPv4 in place of what make_frame() wrote behind the Ethernet header. */
void make_tcp(std::vector<std::byte> &frame, virtio_net_hdr &header)
{
	iphdr ip{};
	ip.version = 4;
	ip.ihl = 5;
	ip.tot_len = htons(static_cast<std::uint16_t>(frame.size() - vm::ethernet_header));
	ip.ttl = 64;
	ip.protocol = IPPROTO_TCP;
	ip.saddr = htonl(0xc0000201); /* TEST-NET-1 */
	ip.daddr = htonl(0xc0000202);
	ip.check = ip_checksum(ip);
	tcphdr tcp{};
	tcp.source = htons(7);
	tcp.dest = htons(7);
	tcp.doff = 5;
	tcp.ack = 1;
	tcp.window = 0xffff;
	std::memcpy(&frame[vm::ethernet_header], &ip, sizeof(ip));
	std::memcpy(&frame[vm::ethernet_header + sizeof(ip)], &tcp, sizeof(tcp));

	header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	header.hdr_len = vm::ethernet_header + sizeof(ip) + sizeof(tcp);
	header.gso_size = mss;
	header.csum_start = vm::ethernet_header + sizeof(ip);
	header.csum_offset = offsetof(tcphdr, check);
}

} /* namespace */

BenchFrame::BenchFrame(std::size_t size, unsigned slot) : bytes(vm::make_frame(size, slot))
{
	const bool tcp = size > ETH_FRAME_LEN;
	const std::uint16_t type = htons(tcp ? ETHERTYPE_IP : nobodys_ethertype);
	std::memcpy(&bytes[offsetof(ether_header, ether_type)], &type, sizeof(type));
	if (tcp)
		make_tcp(bytes, header);
}

} /* namespace vna::bench */
