// SPDX-License-Identifier: GPL-2.0-only
// The client's side of vhostd's socket: docs/vhostd-protocol.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/unique_fd.hh"
#include "ipc/channel.hh"
#include "ipc/refused.hh"
#include "port/port.hh"

namespace vhostd {

inline constexpr const char *default_socket = "/run/vhost-net-alt/vhostd.sock";

// A port as it was handed over, with all that a driver or a VMM needs.
struct OpenPort {
	std::string port, tap;
	unsigned ifindex = 0;
	std::vector<std::uint32_t> devices; // their ids, in the order of device_fds
	std::vector<UniqueFd> device_fds;
	std::vector<UniqueFd> tap_fds; // as many
	unsigned header = 0;	       // bytes of the virtio-net header
	Offloads offloads;
	std::optional<std::uint32_t> mtu;
	std::optional<Mac> host_mac;
};

// Every call is one request and waits for its reply.  All throw Refused;
// ChannelError for a reply that makes no sense, or none; std::system_error.
class DaemonClient
{
public:
	// Connects.  Throws std::system_error: ENOENT or ECONNREFUSED if no daemon is there.
	explicit DaemonClient(const std::string &socket = default_socket)
	    : channel_(Channel::connect(socket))
	{
	}
	explicit DaemonClient(Channel channel) : channel_(std::move(channel)) {}

	[[nodiscard]] nlohmann::json status();
	// Ports as the protocol's PORT: all, by name, or the one.
	[[nodiscard]] std::vector<nlohmann::json> ports();
	[[nodiscard]] nlohmann::json port(const std::string &name);
	[[nodiscard]] OpenPort open(const std::string &name);
	// Returns how many frames went back to the old taps.
	std::uint32_t bind(const std::string &name, const std::vector<std::uint32_t> &devices);
	// @config: the keys of a port's file.  Returns the port as it became.
	nlohmann::json add(const std::string &name, const nlohmann::json &config);
	void remove(const std::string &name, bool force = false);
	// Returns what was wrong with files.
	std::vector<std::string> reload();

	// Sends @request and returns the reply, which is one of success.
	[[nodiscard]] Message ask(const nlohmann::json &request);

private:
	Channel channel_;
};

} // namespace vhostd
