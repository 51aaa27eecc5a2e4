// SPDX-License-Identifier: GPL-2.0-only
// A kernel and a machine whose answers are messages as the module sends them.
#pragma once

#include <deque>
#include <map>

#include "netlink_message.hh"
#include "system.hh"

namespace vhostctl::test {

using vhostd::test::NetlinkMessage;

class FakeSystem : public System {
public:
	// A guest on two queues of tap0 with traffic, and a device that is only open.
	FakeSystem();

	std::vector<vhostd::Device> devices() override;
	vhostd::Device device(std::uint32_t id) override;
	std::vector<vhostd::Queue> queues(std::optional<std::uint32_t> device) override;
	std::vector<vhostd::Statistics>
	queue_statistics(std::optional<std::uint32_t> device) override;
	std::vector<vhostd::Statistics>
	device_statistics(std::optional<std::uint32_t> device) override;
	void set(std::uint32_t device, const std::vector<vhostd::Setting> &settings) override;
	std::optional<vhostd::Event> event() override;
	std::string process(std::uint32_t pid) override;
	Machine machine(const std::vector<std::string> &interfaces,
			const std::vector<std::uint32_t> &owners) override;
	Clock::time_point now() override { return now_; }
	void sleep(std::chrono::nanoseconds duration) override;

	std::string owner = "qemu-system-x86", ifname = "tap0";
	bool loaded = true;
	Machine is; // interfaces of it are told if they are asked for
	std::deque<vhostd::Event> events;
	std::vector<std::string> settings; // what was set, as "1 rx_batch=32"
	std::uint64_t rate = 1000; // frames that are sent in a second
	bool stopped = false; // queue 1/1 broke a rule
	std::map<int, std::uint64_t> sending; // more counters of queue 1/1

	void event(const NetlinkMessage &message);

private:
	void check() const;

	Clock::time_point now_;
	std::uint64_t sent_ = 3000; // frames
};

} // namespace vhostctl::test
