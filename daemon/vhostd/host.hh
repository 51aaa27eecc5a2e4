// SPDX-License-Identifier: GPL-2.0-only
// What vhostd needs of the machine, as one class that tests can stand in for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/unique_fd.hh"
#include "net/links.hh"
#include "net/tap.hh"
#include "port/port.hh"

namespace vhostd {

struct OpenDevice {
	UniqueFd fd;
	std::uint32_t id = 0;
};

// That a device has a network interface as its backend.
struct Serves {
	std::uint32_t device;
	unsigned ifindex;
};

// Throws NetlinkError where netlink is asked (NotLoaded without the module), else
// std::system_error.
class Host
{
public:
	virtual ~Host() = default;

	virtual std::vector<Link> links() = 0;
	virtual std::optional<Link> link(const std::string &name) = 0;
	virtual void change(const Link &link, const LinkChange &change) = 0;
	virtual void remove(const Link &link) = 0;

	virtual void make_tap(const Port &port, uid_t owner) = 0; // net/tap.hh
	virtual std::vector<UniqueFd> open_tap(const Port &port, uid_t owner, unsigned count,
					       const Framing &framing) = 0;
	virtual unsigned tap_offloads(const std::string &tap) = 0;

	virtual OpenDevice open_device() = 0;
	// Gives @device what @port says of devices, as far as it says anything.
	virtual void set_up(std::uint32_t device, const Port &port) = 0;
	// Bytes of the virtio-net header that @device's features ask for.
	virtual int header(std::uint32_t device) = 0;
	// Has @device take @tap as its backend; returns how many frames went back to the old.
	virtual std::uint32_t bind(std::uint32_t device, int tap) = 0;
	virtual std::vector<std::uint32_t> devices() = 0;
	virtual std::vector<Serves> serving() = 0;

	// The user of that name or number; nothing if there is none.
	virtual std::optional<uid_t> user(const std::string &name) = 0;
};

} // namespace vhostd
