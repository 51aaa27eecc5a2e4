// SPDX-License-Identifier: GPL-2.0-only
// What commands look at and act on: the kernel, and a little of the machine around it.  Tests
// have one of their own.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/features.hh"
#include "netlink/client.hh"

namespace vhostctl {

// What doctor asks of the machine.
struct Machine {
	struct Node { // /dev/vhost-net-alt
		std::string owner, group, mode; // "root", "kvm", "660"
		bool usable = false; // to whoever runs this
	};
	struct Interface {
		bool up = false;
		std::uint32_t mtu = 0;
		vhostd::TapOffloads offloads; // of a tap
		unsigned queues = 0; // of a tap: that its users have open
		std::string master; // its bridge, or empty
		std::uint32_t master_mtu = 0;
	};
	std::optional<Node> node;
	bool administrator = false; // CAP_NET_ADMIN
	std::string daemon; // why vhostd does not answer, or empty
	std::map<std::string, Interface> interfaces; // by name, of those that were asked for
	std::map<std::uint32_t, std::uint64_t> memlock; // owners' RLIMIT_MEMLOCK, where it is known
};

class System {
public:
	using Clock = std::chrono::system_clock;

	virtual ~System() = default;

	// As vhostd::Client has them, with its exceptions.
	virtual std::vector<vhostd::Device> devices() = 0;
	virtual vhostd::Device device(std::uint32_t id) = 0;
	virtual std::vector<vhostd::Queue> queues(std::optional<std::uint32_t> device) = 0;
	virtual std::vector<vhostd::Statistics>
	queue_statistics(std::optional<std::uint32_t> device) = 0;
	virtual std::vector<vhostd::Statistics>
	device_statistics(std::optional<std::uint32_t> device) = 0;
	virtual void set(std::uint32_t device, const std::vector<vhostd::Setting> &settings) = 0;
	// The next event, waited for; nothing at the end, which only a test's has.
	virtual std::optional<vhostd::Event> event() = 0;

	// What a process is called, or "".
	virtual std::string process(std::uint32_t pid) = 0;
	// What of the machine concerns @interfaces and @owners.
	virtual Machine machine(const std::vector<std::string> &interfaces,
				const std::vector<std::uint32_t> &owners) = 0;
	virtual Clock::time_point now() = 0;
	virtual void sleep(std::chrono::nanoseconds duration) = 0;

	[[nodiscard]] vhostd::Snapshot snapshot()
	{
		return {devices(), queues({}), queue_statistics({})};
	}
};

} // namespace vhostctl
