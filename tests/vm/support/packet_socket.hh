/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The far end of the wire: an AF_PACKET socket on the netdev that the device's frames come out of.
 */
#pragma once

#include "driver/uapi.hh"
#include "unique_fd.hh"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vna::vm
{

/* A generous bound on anything the tests wait for, also under emulation: a watchdog, no figure. */
inline constexpr std::chrono::seconds patience{20};

class PacketSocket
{
public:
	/*
	 * Bound to the netdev and one ethertype, so that nobody else's frames come in; 0 binds to
	 * all. With header, frames carry a virtio_net_hdr of 10 bytes (PACKET_VNET_HDR).
	 */
	PacketSocket(const std::string &netdev, std::uint16_t ethertype, bool header = false);

	int fd() const { return fd_.get(); }

	/* Send one frame. Returns 0 or the errno. */
	int send(std::span<const std::byte> frame) const;
	int send(const virtio_net_hdr &header, std::span<const std::byte> frame) const;

	/* The next frame that arrived at the netdev; fails the test after patience. */
	std::vector<std::byte> receive() const;
	/* The next frame where one is there already. */
	std::optional<std::vector<std::byte>> try_receive() const;

private:
	std::optional<std::vector<std::byte>> wait_for(int milliseconds) const;

	UniqueFd fd_;
};

} /* namespace vna::vm */
