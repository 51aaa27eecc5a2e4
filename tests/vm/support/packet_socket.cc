/* SPDX-License-Identifier: GPL-2.0-only */
#include "packet_socket.hh"

#include "ktap.hh"
#include "netdev.hh"

#include <arpa/inet.h>
#include <cstring>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace vna::vm
{

PacketSocket::PacketSocket(const std::string &netdev, std::uint16_t ethertype, bool header)
    /* No protocol until it is bound, or it would collect from every device. */
    : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
{
	CHECK(fd_.get() >= 0, "packet socket: %s", std::strerror(errno));
	if (header) {
		const int on = 1;
		CHECK(!setsockopt(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)));
	}
	/* A whole batch of frames must fit, or what is lost would look like the device's fault. */
	const int bytes = 64 << 20;
	CHECK(!setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)));
	CHECK(!setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)));

	sockaddr_ll address{};
	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ethertype ? ethertype : ETH_P_ALL);
	address.sll_ifindex = index_of(netdev);
	CHECK(!bind(fd_.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), "%s: %s",
	      netdev.c_str(), std::strerror(errno));
}

int PacketSocket::send(std::span<const std::byte> frame) const
{
	return ::send(fd_.get(), frame.data(), frame.size(), 0) < 0 ? errno : 0;
}

int PacketSocket::send(const virtio_net_hdr &header, std::span<const std::byte> frame) const
{
	const iovec parts[] = {
		{const_cast<virtio_net_hdr *>(&header), sizeof(header)},
		{const_cast<std::byte *>(frame.data()), frame.size()},
	};
	return writev(fd_.get(), parts, 2) < 0 ? errno : 0;
}

std::optional<std::vector<std::byte>> PacketSocket::wait_for(int milliseconds) const
{
	std::vector<std::byte> frame(70000);
	for (;;) {
		pollfd ready{fd_.get(), POLLIN, 0};
		if (poll(&ready, 1, milliseconds) <= 0)
			return std::nullopt;
		sockaddr_ll from{};
		socklen_t from_len = sizeof(from);
		const ssize_t len = recvfrom(fd_.get(), frame.data(), frame.size(), 0,
					     reinterpret_cast<sockaddr *>(&from), &from_len);
		/* ENETDOWN is reported once when the netdev goes down; the socket lives on. */
		if (len < 0)
			return std::nullopt;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		frame.resize(static_cast<std::size_t>(len));
		return frame;
	}
}

std::vector<std::byte> PacketSocket::receive() const
{
	auto frame = wait_for(static_cast<int>(std::chrono::milliseconds(patience).count()));
	CHECK(frame, "no frame reached the far end");
	return std::move(*frame);
}

std::optional<std::vector<std::byte>> PacketSocket::try_receive() const
{
	return wait_for(0);
}

} /* namespace vna::vm */
