// SPDX-License-Identifier: GPL-2.0-only
// The host's network interfaces, as far as ports need them, over rtnetlink.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "port/port.hh"

struct nl_msg;
struct nl_sock;

namespace vhostd {

// What is special about a tun device (tun_fill_info()).
struct Tun {
	bool tap = false; // not IP without Ethernet
	bool header = false; // virtio-net's (IFF_VNET_HDR), and no other (IFF_NO_PI)
	bool persistent = false;
	bool several_queues = false; // IFF_MULTI_QUEUE
	unsigned queues = 0; // that are open, enabled or not; of one without several, by its carrier
	std::optional<uid_t> owner; // who may attach (TUNSETOWNER); nobody's: anyone
};

struct Link {
	unsigned index = 0;
	std::string name;
	std::string kind; // "tun", "bridge", … ; empty for hardware
	std::string alias; // a text of the administrator's, or of ours
	std::optional<Tun> tun;
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
	std::optional<std::string> alias;

	[[nodiscard]] bool empty() const { return !mtu && !mac && !master && !up && !alias; }
};

// By its alias a tap is known as vhostd's, to a vhostd that is started later, too.
[[nodiscard]] std::string alias_of(const std::string &port);
// The name of the port whose tap @link was made for; nothing if it is none of ours.
[[nodiscard]] std::optional<std::string> made_for(const Link &link);

// What @link lacks of what @port asks for; @bridge is the port's, if it is there.
[[nodiscard]] LinkChange missing(const Port &port, const Link &link, const Link *bridge);

class Links {
public:
	// Throws NetlinkError, as the others do.
	Links();

	[[nodiscard]] std::optional<Link> find(const std::string &name);
	[[nodiscard]] std::vector<Link> all();
	void change(const Link &link, const LinkChange &change);
	// Deletes a link (a tap whose owner is gone).
	void remove(const Link &link);

private:
	// What the kernel answers to @request.
	[[nodiscard]] std::vector<Link> ask(nl_msg *request);

	struct Free {
		void operator()(nl_sock *sock) const;
	};
	std::unique_ptr<nl_sock, Free> sock_;
};

} // namespace vhostd
