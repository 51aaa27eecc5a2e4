// SPDX-License-Identifier: GPL-2.0-only
// A machine of interfaces and devices that are only written down.
#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <system_error>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "netlink/error.hh"
#include "vhostd/host.hh"

namespace vhostd {

class FakeHost : public Host
{
public:
	std::map<std::string, Link> there;
	std::map<std::string, uid_t> users{{"vm1", 1001}, {"vm2", 1002}};
	std::map<std::uint32_t, unsigned> backends; // the ifindex of each open device; 0: none
	std::set<std::uint32_t> stubborn;	    // devices that refuse to be bound
	std::map<std::uint32_t, std::string> set_up_for;
	std::set<std::string> hidden_users; // taps in use whose carrier says that they are not
	unsigned intruders = 0; // who take a queue of a tap before it is vhostd's
	bool loaded = true;
	unsigned changes = 0;
	unsigned offloads = ~0u; // of every tap
	Framing framing;	 // of the last one that was opened

	Link &put(const std::string &name, const std::string &kind)
	{
		Link &link = there[name];
		link.index = ++last_index_;
		link.name = name;
		link.kind = kind;
		link.mtu = 1500;
		link.up = true;
		return link;
	}

	std::vector<Link> links() override
	{
		std::vector<Link> all;
		for (const auto &[name, link] : there)
			all.push_back(link);
		return all;
	}
	std::optional<Link> link(const std::string &name) override
	{
		const auto found = there.find(name);
		return found == there.end() ? std::nullopt : std::optional(found->second);
	}
	void change(const Link &link, const LinkChange &change) override
	{
		Link &to = there.at(link.name);
		if (change.mtu == 9999)
			throw NetlinkError(-7, link.name);
		to.mtu = change.mtu.value_or(to.mtu);
		if (change.mac)
			to.mac = change.mac;
		to.master = change.master.value_or(to.master);
		to.up = change.up.value_or(to.up);
		to.alias = change.alias.value_or(to.alias);
		changes++;
	}
	void remove(const Link &link) override { there.erase(link.name); }

	void make_tap(const Port &port, uid_t owner) override
	{
		if (hidden_users.contains(port.tap))
			throw std::system_error(EBUSY, std::generic_category(), port.tap);
		if (!there.contains(port.tap)) {
			Link &link = put(port.tap, "tun");
			link.up = false;
			link.tun = Tun{true, true, true, port.queues > 1, 0, {}};
		}
		there.at(port.tap).tun->owner = owner;
		there.at(port.tap).tun->queues += intruders;
	}
	std::vector<UniqueFd> open_tap(const Port &port, uid_t, unsigned count,
				       const Framing &as) override
	{
		Tun &tun = there.at(port.tap).tun.value();
		if (!tun.several_queues && tun.queues)
			throw std::system_error(EBUSY, std::generic_category(), port.tap);
		tun.queues += count;
		framing = as;
		std::vector<UniqueFd> queues;
		for (unsigned i = 0; i < count; i++)
			queues.emplace_back(eventfd(0, EFD_CLOEXEC));
		return queues;
	}
	unsigned tap_offloads(const std::string &) override { return offloads; }

	OpenDevice open_device() override
	{
		if (!loaded)
			throw NotLoaded();
		backends[++last_device_] = 0;
		return {UniqueFd(eventfd(0, EFD_CLOEXEC)), last_device_};
	}
	void set_up(std::uint32_t device, const Port &port) override
	{
		set_up_for[device] = port.name;
	}
	int header(std::uint32_t) override { return 10; }
	std::uint32_t bind(std::uint32_t device, int) override
	{
		if (stubborn.contains(device))
			throw std::system_error(EPROTO, std::generic_category());
		bound.push_back(device);
		return 2;
	}
	std::vector<std::uint32_t> devices() override
	{
		if (!loaded)
			throw NotLoaded();
		std::vector<std::uint32_t> ids;
		for (const auto &[id, index] : backends)
			ids.push_back(id);
		return ids;
	}
	std::vector<Serves> serving() override
	{
		if (!loaded)
			throw NotLoaded();
		std::vector<Serves> all;
		for (const auto &[id, index] : backends) {
			if (index)
				all.push_back({id, index});
		}
		return all;
	}
	std::optional<uid_t> user(const std::string &name) override
	{
		const auto found = users.find(name);
		return found == users.end() ? std::nullopt : std::optional(found->second);
	}

	std::vector<std::uint32_t> bound; // in their order

private:
	unsigned last_index_ = 0;
	std::uint32_t last_device_ = 0;
};

} // namespace vhostd
