// SPDX-License-Identifier: GPL-2.0-only
// The taps' queues that were handed out, one with each device: kept as well, so that a device
// which has been bound to another port can be bound back, while its client has the old tap's
// only queue open.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.hh"
#include "vhostd/supervisor.hh"

namespace vhostd {

class Handed
{
public:
	explicit Handed(Supervisor &supervisor) : supervisor_(supervisor) {}

	void keep(std::uint32_t device, const std::string &port, int tap);
	// What was stored by an earlier vhostd; false if it is none of that.
	bool restore(StoredFd &stored);
	// The queue of @port's tap that went out with @device, or -1.
	[[nodiscard]] int find(std::uint32_t device, const std::string &port) const;
	// Which port @device was handed out for, or nullptr.
	[[nodiscard]] const std::string *port_of(std::uint32_t device) const;
	// Lets go what went with devices that are not among @open any more.
	void keep_only(const std::vector<std::uint32_t> &open);
	// Whether a queue of @port's tap has been let go since this was asked: the supervisor's copy
	// of it is closed then, or soon.
	[[nodiscard]] bool settle(const std::string &port);
	[[nodiscard]] std::size_t count() const { return queues_.size(); }

private:
	struct Queue {
		std::string port;
		UniqueFd tap;
	};
	Supervisor &supervisor_;
	std::map<std::uint32_t, Queue> queues_; // by device
	std::set<std::string> let_go_;		// ports
};

} // namespace vhostd
