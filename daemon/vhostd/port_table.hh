// SPDX-License-Identifier: GPL-2.0-only
// The ports that are declared, and how far the machine is as they say.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "port/config.hh"
#include "vhostd/host.hh"

namespace vhostd {

enum class PortState : std::uint8_t {
	ready,	 // as declared
	waiting, // something is not there yet; it can be opened
	broken,	 // it cannot be opened
};

[[nodiscard]] std::string_view to_string(PortState state);

struct KeptPort {
	Port port;
	std::optional<uid_t> uid; // of the owner
	PortState state = PortState::waiting;
	std::string problem;	  // why it is not ready
	std::optional<Link> link; // its tap, as last seen
};

// Nothing of what is done here is kept but in the kernel: taps persist, and are known by
// their alias.  So keep() may be called at any time, and does what is to be done.
class PortTable
{
public:
	using Map = std::map<std::string, KeptPort>;

	explicit PortTable(Host &host) : host_(host) {}

	// Declares what was @found, and nothing else; ports whose files were refused stay as
	// they are.  Returns what is wrong: @found.errors, and who wants a tap that is taken.
	std::vector<std::string> declare(Ports found);
	// Declares one more, and brings it into being.  Throws Refused: EEXIST; or if it cannot
	// be opened as things are: then it is not declared.
	const KeptPort &add(const Port &port);
	// Removes a port and its tap.  Throws Refused: ENOENT; EBUSY if it is in use, unless
	// @force.
	void remove(const std::string &name, bool force);

	[[nodiscard]] const KeptPort *find(const std::string &name) const;
	// The port, seen to anew.  Throws Refused: ENOENT.
	const KeptPort &refresh(const std::string &name);
	[[nodiscard]] const Map &all() const { return ports_; }

	// Makes what is missing, mends what is different, removes the taps of ports that are
	// no more, once they are free.  Returns whether anything had to be done.
	bool keep();

private:
	void see_to(KeptPort &kept, std::optional<Link> link, const Link *bridge);
	void mend(KeptPort &kept, const Link *bridge);
	bool make_tap(const Port &port, uid_t owner);
	void remove_tap(const Link &link);
	void see_to_orphan(const Link &link);

	Host &host_;
	Map ports_;
	std::set<std::string> orphans_; // taps that wait for whoever uses them
	bool changed_ = false;
};

} // namespace vhostd
