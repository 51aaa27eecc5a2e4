// SPDX-License-Identifier: GPL-2.0-only
// vhostd as a whole: what it listens to, and what it does then.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "netlink/client.hh"
#include "vhostd/clients.hh"
#include "vhostd/handed.hh"
#include "vhostd/kernel_host.hh"
#include "vhostd/limited_log.hh"
#include "vhostd/loop.hh"
#include "vhostd/metrics_server.hh"
#include "vhostd/port_table.hh"
#include "vhostd/requests.hh"
#include "vhostd/supervisor.hh"

namespace vhostd {

struct Options {
	std::filesystem::path folder = "/etc/vhost-net-alt/ports.d";
	std::string socket = "/run/vhost-net-alt/vhostd.sock";
	std::string metrics; // a path, or HOST:PORT; empty: none
	std::string device = "/dev/vhost-net-alt";
};

class Daemon
{
public:
	// Throws std::system_error and NetlinkError where it cannot begin.
	Daemon(Loop &loop, const Options &options);

private:
	void reload();
	void keep();
	void keep_soon();
	void told_by_module();
	void tell_status(bool ready);
	[[nodiscard]] std::string metrics();

	Loop &loop_;
	UniqueFd lock_; // no other vhostd has this socket
	Supervisor supervisor_;
	KernelHost host_;
	PortTable ports_{host_};
	Handed handed_{supervisor_};
	LimitedLog log_; // of what guests, clients and scrapers cause
	Requests requests_;
	Listener module_;
	UniqueFd links_;
	std::optional<Clients> clients_;
	std::optional<MetricsServer> metrics_;
	Source hangup_, terminate_, interrupt_, on_module_, on_links_, soon_, regularly_;
	std::string status_; // as last told
	bool soon_is_set_ = false, restless_ = false;
};

} // namespace vhostd
