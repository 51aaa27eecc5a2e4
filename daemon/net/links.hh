// SPDX-License-Identifier: GPL-2.0-only
// The host's network interfaces, as far as ports need them, over rtnetlink.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "port/port.hh"

struct nl_sock;

namespace vhostd {

struct Link {
	unsigned index = 0;
	std::string name;
	std::string kind; // "tun", "bridge", … ; empty for hardware
	std::uint32_t mtu = 0;
	std::optional<Mac> mac;
	unsigned master = 0; // index of the bridge it belongs to; 0: none
	bool up = false;
};

// What is to be changed of a link: what is not set stays.
struct LinkChange {
	std::optional<std::uint32_t> mtu;
	std::optional<Mac> mac;
	std::optional<unsigned> master; // 0: out of its bridge
	std::optional<bool> up;

	[[nodiscard]] bool empty() const { return !mtu && !mac && !master && !up; }
};

// What @link lacks of what @port asks for; @bridge is the port's, if it is there.
[[nodiscard]] LinkChange missing(const Port &port, const Link &link,
				 const std::optional<Link> &bridge);

class Links {
public:
	// Throws NetlinkError, as the others do.
	Links();

	[[nodiscard]] std::optional<Link> find(const std::string &name);
	void change(const Link &link, const LinkChange &change);
	// Deletes a link (a tap whose owner is gone).
	void remove(const Link &link);

private:
	struct Free {
		void operator()(nl_sock *sock) const;
	};
	std::unique_ptr<nl_sock, Free> sock_;
};

} // namespace vhostd
