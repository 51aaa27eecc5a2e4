// SPDX-License-Identifier: GPL-2.0-only
// The machine itself.
#pragma once

#include <functional>
#include <memory>

#include "netlink/client.hh"
#include "vhostd/host.hh"

namespace vhostd {

class KernelHost : public Host
{
public:
	// @device: the module's character device.
	explicit KernelHost(std::string device) : device_(std::move(device)) {}

	std::vector<Link> links() override { return links_.all(); }
	std::optional<Link> link(const std::string &name) override { return links_.find(name); }
	void change(const Link &link, const LinkChange &change) override
	{
		links_.change(link, change);
	}
	void remove(const Link &link) override { links_.remove(link); }

	void make_tap(const Port &port, uid_t owner) override;
	std::vector<UniqueFd> open_tap(const Port &port, uid_t owner, unsigned count,
				       const Framing &framing) override;
	unsigned tap_offloads(const std::string &tap) override;

	OpenDevice open_device() override;
	void set_up(std::uint32_t device, const Port &port) override;
	int header(std::uint32_t device) override;
	std::uint32_t bind(std::uint32_t device, int tap) override;
	std::vector<std::uint32_t> devices() override;
	std::vector<Serves> serving() override;

	std::optional<uid_t> user(const std::string &name) override;

	// All that the module tells.
	[[nodiscard]] Snapshot snapshot();

private:
	// Asks the module, by a connection that outlives its being loaded anew.
	template <typename F> auto ask(F &&question);
	[[nodiscard]] UniqueFd open_node() const;

	std::string device_;
	Links links_;
	std::unique_ptr<Client> module_;
};

} // namespace vhostd
