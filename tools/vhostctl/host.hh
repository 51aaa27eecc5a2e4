// SPDX-License-Identifier: GPL-2.0-only
// This machine.
#pragma once

#include <memory>

#include "system.hh"

namespace vhostctl {

// The kernel is asked when the first command of it is: run and port need none.
class Host final : public System {
public:
	// @socket: vhostd's.
	explicit Host(std::string socket) : socket_(std::move(socket)) {}

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
	Clock::time_point now() override { return Clock::now(); }
	void sleep(std::chrono::nanoseconds duration) override;

private:
	vhostd::Client &client();

	std::string socket_;
	std::unique_ptr<vhostd::Client> client_;
	std::unique_ptr<vhostd::Listener> listener_;
};

} // namespace vhostctl
