// SPDX-License-Identifier: GPL-2.0-only
// A port, as the administrator declares it: a tap that vhostd creates and keeps,
// where it is attached, and who may have its descriptors.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace vhostd {

// An Ethernet address.
using Mac = std::array<std::uint8_t, 6>;

// "52:54:00:12:34:56"; nothing for what is no address, or none of a station.
[[nodiscard]] std::optional<Mac> parse_mac(const std::string &text);
[[nodiscard]] std::string to_string(const Mac &mac);

// Whether transmit sends guest pages without copying them.
enum class ZeroCopy : std::uint8_t { off, on, automatic };
// Of ZeroCopy::automatic: from how many bytes on.  No frame that a wire carries as it is is as long
// (jumbo: 9000), only those that are segmented on the way.  Of these copying, which costs by the
// byte, outweighs what a reference costs a frame: a few pages pinned, and word of when they are free.
constexpr std::uint32_t automatic_zerocopy_bytes = 16 * 1024;
// As the module has it (the setting zerocopy): from how many bytes on; 0: never.
[[nodiscard]] std::uint32_t zerocopy_bytes(ZeroCopy zerocopy);

// What an idle queue does: waits for events, looks for a fixed time, or for as long
// as it pays.
struct Polling {
	bool adaptive = false;
	std::uint32_t microseconds = 0; // the limit where adaptive; 0: never polls

	bool operator==(const Polling &) const = default;
};

// The offloads that the guest may use, by the names of ethtool's features.
struct Offloads {
	bool checksum = true;
	bool tso = true; // TCP over IPv4 and IPv6, and with ECN
	bool uso = true; // UDP, where the kernel knows it

	bool operator==(const Offloads &) const = default;
};

struct Port {
	// Of a tap there may be 256, but one message carries 253 descriptors (SCM_MAX_FD).
	static constexpr unsigned max_queues = 126;
	static constexpr unsigned min_mtu = 68, max_mtu = 65535;

	std::string name;
	std::string owner; // a user's name or number
	std::string tap; // the port's name, unless said
	std::optional<std::string> bridge;
	std::optional<std::uint32_t> mtu; // bytes
	std::optional<Mac> mac; // of the tap, on the host's side
	unsigned queues = 1; // pairs
	Offloads offloads;
	std::optional<ZeroCopy> zerocopy; // the module's, unless said
	std::optional<Polling> polling; // the module's, unless said

	bool operator==(const Port &) const = default;
};

// Whether @name may be a port's: it is a file's and an interface's name too.
[[nodiscard]] bool port_name_ok(const std::string &name);
// Whether @name may be a network interface's (dev_valid_name()).
[[nodiscard]] bool interface_name_ok(const std::string &name);

} // namespace vhostd
