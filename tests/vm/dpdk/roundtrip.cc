// SPDX-License-Identifier: GPL-2.0-only
//
// roundtrip: counted and checked frames, at the other end of the wire from DPDK's testpmd.
//
//   roundtrip NETDEV swap COUNT LARGEST WINDOW
//	sends COUNT frames of up to LARGEST bytes, at most WINDOW of them on their way at a time.
//	Each must come back, in order and unchanged, but for its addresses, which testpmd's
//	macswap has swapped.
//   roundtrip NETDEV burst COUNT LENGTH
//	receives COUNT frames of LENGTH bytes that testpmd's txonly made.
//
// Prints what passed. Status 1: what went wrong is on stderr.

#include "ktap.hh"
#include "support/frame.hh"
#include "support/packet_socket.hh"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace
{

using namespace vna::vm;

constexpr std::uint16_t ethertype_ipv4 = 0x0800;

unsigned number(std::string_view text)
{
	unsigned value = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
	CHECK(error == std::errc() && end == text.data() + text.size(), "%.*s is not a number",
	      static_cast<int>(text.size()), text.data());
	return value;
}

void report(unsigned frames, std::uint64_t bytes)
{
	std::printf("frames=%u bytes=%llu\n", frames, static_cast<unsigned long long>(bytes));
}

void swap(const std::string &netdev, unsigned count, std::size_t largest, unsigned window)
{
	const PacketSocket wire(netdev, test_ethertype);
	const std::vector<std::size_t> lengths = frame_lengths(count, largest, count);
	unsigned sent = 0;
	std::uint64_t bytes = 0;

	for (unsigned received = 0; received < count; ++received) {
		for (; sent < count && sent - received < window; ++sent)
			CHECK_ERRNO(wire.send(make_frame(lengths[sent], sent, guest_mac, far_mac)),
				    0);
		check_frame(wire.receive(), lengths[received], received, far_mac, guest_mac);
		bytes += lengths[received];
	}
	CHECK(!wire.try_receive(), "a frame more than was sent");
	report(count, bytes);
}

unsigned word(const std::vector<std::byte> &frame, std::size_t at)
{
	return std::to_integer<unsigned>(frame[at]) << 8 | std::to_integer<unsigned>(frame[at + 1]);
}

// An IPv4 header without options and with its checksum, as testpmd makes it. It sets no payload.
void check_made(const std::vector<std::byte> &frame, unsigned index, std::size_t length)
{
	constexpr std::size_t ip = ethernet_header, ip_header = 20;
	unsigned sum = 0;

	CHECK(frame.size() == length, "frame %u arrives as %zu bytes", index, frame.size());
	CHECK(word(frame, ip) >> 8 == 0x45, "frame %u is no IPv4 packet", index);
	CHECK(word(frame, ip + 2) == length - ip, "frame %u says that it has %u bytes", index,
	      word(frame, ip + 2));
	for (std::size_t at = ip; at < ip + ip_header; at += 2)
		sum += word(frame, at);
	CHECK((sum & 0xffff) + (sum >> 16) == 0xffff, "frame %u: checksum", index);
	CHECK(word(frame, ip + ip_header + 4) == length - ip - ip_header, "frame %u: UDP length",
	      index);
}

void burst(const std::string &netdev, unsigned count, std::size_t length)
{
	const PacketSocket wire(netdev, ethertype_ipv4);
	// Who starts testpmd's burst waits for this line.
	std::printf("ready\n");
	std::fflush(stdout);
	for (unsigned i = 0; i < count; ++i)
		check_made(wire.receive(), i, length);
	CHECK(!wire.try_receive(), "a frame more than was sent");
	report(count, std::uint64_t{count} * length);
}

void run(const std::vector<std::string> &args)
{
	if (args.size() == 5 && args[1] == "swap")
		swap(args[0], number(args[2]), number(args[3]), number(args[4]));
	else if (args.size() == 4 && args[1] == "burst")
		burst(args[0], number(args[2]), number(args[3]));
	else
		CHECK(false, "roundtrip NETDEV swap COUNT LARGEST WINDOW | burst COUNT LENGTH");
}

} // namespace

int main(int argc, char **argv)
{
	try {
		run(std::vector<std::string>(argv + 1, argv + argc));
	} catch (const ktap::Failure &failure) {
		std::fprintf(stderr, "%s\n", failure.what.c_str());
		return 1;
	}
	return 0;
}
