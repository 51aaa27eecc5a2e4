// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/port_table.hh"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <spdlog/spdlog.h>

#include "ipc/refused.hh"
#include "netlink/error.hh"

namespace vhostd {

namespace {

// What stands between a port and what is declared.
struct Problem {
	PortState state;
	std::string text;
};

// Whether a tap has what @port needs that is chosen when it is made.
bool fits(const Tun &tun, const Port &port)
{
	return tun.header && tun.several_queues == (port.queues > 1);
}

// Whether others than the port's owner may attach to its tap, which is free: it was made by someone
// else, or who had a queue gave it to himself.
bool anyones(const Link &link, uid_t owner)
{
	return link.tun->owner != owner && !link.tun->queues;
}

// Whether @link may be taken for @port's tap.
void check_whose(const Link &link, const Port &port)
{
	if (!link.tun || !link.tun->tap)
		throw Problem{PortState::broken, port.tap + " is another interface's name"};
	if (made_for(link))
		return;
	if (!link.alias.empty())
		throw Problem{PortState::broken, port.tap + " is another's tap: " + link.alias};
	if (link.tun->queues)
		throw Problem{PortState::broken, port.tap + " is another's tap, and in use"};
	if (!fits(*link.tun, port))
		throw Problem{PortState::broken,
			      port.tap + " is another's tap, made for other uses"};
}

} // namespace

std::string_view to_string(PortState state)
{
	return state == PortState::ready     ? "ready"
	       : state == PortState::waiting ? "waiting"
					     : "broken";
}

std::vector<std::string> PortTable::declare(Ports found)
{
	Map next;
	std::map<std::string, std::string> taps; // and whose they are
	for (const auto &name : found.refused) {
		if (const auto old = ports_.find(name); old != ports_.end()) {
			taps[old->second.port.tap] = name;
			next[name] = old->second;
		}
	}
	for (Port &port : found.ports) {
		// Both may name the same tap only if the other is one that stayed.
		if (const auto [other, is_free] = taps.try_emplace(port.tap, port.name); !is_free) {
			found.errors.push_back(
				port.name + ": tap " + port.tap +
				" is another port's, whose file has an error: " + other->second);
			continue;
		}
		KeptPort &kept = next[port.name];
		if (const auto old = ports_.find(port.name); old != ports_.end())
			kept = old->second;
		kept.uid = host_.user(port.owner);
		kept.port = std::move(port);
	}
	ports_ = std::move(next);
	return std::move(found.errors);
}

const KeptPort &PortTable::add(const Port &port)
{
	if (ports_.contains(port.name))
		throw Refused(EEXIST, port.name + ": there is such a port already");
	for (const auto &[name, other] : ports_) {
		if (other.port.tap == port.tap)
			throw Refused(EEXIST, port.name + ": tap " + port.tap +
						      " is another port's: " + name);
	}
	ports_[port.name] = {port, host_.user(port.owner), PortState::waiting, {}, {}};
	const KeptPort &kept = refresh(port.name);
	if (kept.state == PortState::broken) {
		const std::string problem = kept.problem;
		ports_.erase(port.name);
		throw Refused(EINVAL, port.name + ": " + problem);
	}
	return kept;
}

void PortTable::remove(const std::string &name, bool force)
{
	const KeptPort &kept = refresh(name);
	if (kept.link && made_for(*kept.link)) {
		if (kept.link->tun->queues && !force)
			throw Refused(EBUSY, name + ": the tap " + kept.port.tap + " is in use");
		remove_tap(*kept.link);
	}
	ports_.erase(name);
}

const KeptPort *PortTable::find(const std::string &name) const
{
	const auto found = ports_.find(name);
	return found == ports_.end() ? nullptr : &found->second;
}

const KeptPort &PortTable::refresh(const std::string &name)
{
	const auto found = ports_.find(name);
	if (found == ports_.end())
		throw Refused(ENOENT, name + ": there is no such port");
	KeptPort &kept = found->second;
	std::optional<Link> bridge;
	if (kept.port.bridge)
		bridge = host_.link(*kept.port.bridge);
	see_to(kept, host_.link(kept.port.tap), bridge ? &*bridge : nullptr);
	return kept;
}

bool PortTable::keep()
{
	changed_ = false;
	const std::vector<Link> links = host_.links();
	std::map<std::string_view, const Link *> by_name;
	for (const Link &link : links)
		by_name[link.name] = &link;
	const auto find = [&](const std::string &name) {
		const auto found = by_name.find(name);
		return found == by_name.end() ? nullptr : found->second;
	};
	std::set<std::string_view> taps;
	for (auto &[name, kept] : ports_) {
		const Link *link = find(kept.port.tap);
		taps.insert(kept.port.tap);
		see_to(kept, link ? std::optional(*link) : std::nullopt,
		       kept.port.bridge ? find(*kept.port.bridge) : nullptr);
	}
	std::erase_if(orphans_,
		      [&](const auto &name) { return !find(name) || taps.contains(name); });
	for (const Link &link : links) {
		if (made_for(link) && !taps.contains(link.name))
			see_to_orphan(link);
	}
	return changed_;
}

// Sees to one port, and writes down what stands in the way.
void PortTable::see_to(KeptPort &kept, std::optional<Link> link, const Link *bridge)
{
	Problem problem{PortState::ready, {}};
	kept.link = std::move(link);
	try {
		mend(kept, bridge);
	} catch (const Problem &found) {
		problem = found;
	} catch (const NetlinkError &error) {
		problem = {PortState::broken, error.what()};
	} catch (const std::system_error &error) {
		problem = {PortState::broken, error.what()};
	}
	if (problem.state == kept.state && problem.text == kept.problem)
		return;
	kept.state = problem.state;
	kept.problem = problem.text;
	if (kept.state == PortState::ready)
		spdlog::info("port {}: ready, tap {}", kept.port.name, kept.port.tap);
	else
		spdlog::warn("port {}: {}: {}", kept.port.name, to_string(kept.state),
			     kept.problem);
}

// Makes the tap what the port says.  Throws Problem if that cannot be, or not yet.
void PortTable::mend(KeptPort &kept, const Link *bridge)
{
	const Port &port = kept.port;
	if (!kept.uid)
		kept.uid = host_.user(port.owner);
	if (!kept.uid)
		throw Problem{PortState::broken, "owner: there is no user " + port.owner};
	if (kept.link) {
		check_whose(*kept.link, port);
		if (!fits(*kept.link->tun, port) && !kept.link->tun->queues) {
			remove_tap(*kept.link);
			kept.link.reset();
		}
	}
	if (!kept.link || anyones(*kept.link, *kept.uid)) {
		const bool made = make_tap(port, *kept.uid);
		kept.link = host_.link(port.tap);
		if (!kept.link)
			throw Problem{PortState::waiting, port.tap + " is gone again"};
		// Of one with several queues there is a moment before it is its owner's.
		if (made && kept.link->tun && kept.link->tun->queues) {
			remove_tap(*kept.link);
			kept.link.reset();
			throw Problem{PortState::waiting,
				      port.tap + ": someone took a queue of it when it was made"};
		}
	}

	const bool is_bridge = bridge && bridge->kind == "bridge";
	const LinkChange change = missing(port, *kept.link, is_bridge ? bridge : nullptr);
	if (!change.empty()) {
		host_.change(*kept.link, change);
		changed_ = true;
		kept.link = host_.link(port.tap);
	}
	if (kept.link && !fits(*kept.link->tun, port))
		throw Problem{PortState::waiting,
			      port.tap + " is in use, with another number of queues than declared"};
	if (port.bridge && !bridge)
		throw Problem{PortState::waiting, "there is no bridge " + *port.bridge};
	if (port.bridge && !is_bridge)
		throw Problem{PortState::waiting, *port.bridge + " is no bridge"};
}

// Makes a tap, or one that is there @owner's.
bool PortTable::make_tap(const Port &port, uid_t owner)
{
	try {
		host_.make_tap(port, owner);
		return changed_ = true;
	} catch (const std::system_error &error) {
		// Its queue is in use all the same, by one who had it say that its carrier is off.
		if (error.code() != std::errc::device_or_resource_busy)
			throw;
		return false;
	}
}

void PortTable::remove_tap(const Link &link)
{
	host_.remove(link);
	changed_ = true;
	spdlog::info("tap {}: removed", link.name);
}

void PortTable::see_to_orphan(const Link &link)
{
	if (!link.tun->queues) {
		try {
			remove_tap(link);
		} catch (const NetlinkError &error) {
			spdlog::warn("tap {}: {}", link.name, error.what());
		}
	} else if (orphans_.insert(link.name).second) {
		spdlog::info("tap {}: of no port any more; it goes when it is free", link.name);
	}
}

} // namespace vhostd
