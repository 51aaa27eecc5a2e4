// SPDX-License-Identifier: GPL-2.0-only
#include "net/tap.hh"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <linux/if.h>
#include <sys/ioctl.h>

#include "net/tun_flags.hh"

namespace vhostd {

namespace {

[[noreturn]] void fail(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd attach(const std::string &tap, uid_t owner, bool several_queues)
{
	UniqueFd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
	if (!fd)
		fail("/dev/net/tun");
	ifreq request{};
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (several_queues)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	std::memcpy(request.ifr_name, tap.data(), tap.size()); // interface_name_ok()
	if (ioctl(fd.get(), TUNSETIFF, &request) < 0)
		fail(tap + ": TUNSETIFF");
	// Without an owner a tap is anyone's to attach to, and who has a queue may name another.
	if (ioctl(fd.get(), TUNSETOWNER, static_cast<unsigned long>(owner)) < 0)
		fail(tap + ": TUNSETOWNER");
	return fd;
}

void set_offloads(int fd, const Port &port, unsigned allowed)
{
	unsigned flags = 0;
	if (port.offloads.checksum)
		flags |= TUN_F_CSUM;
	if (port.offloads.tso)
		flags |= TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	flags &= allowed;
	const unsigned uso = (port.offloads.uso ? TUN_F_USO4 | TUN_F_USO6 : 0) & allowed;
	if (ioctl(fd, TUNSETOFFLOAD, flags | uso) == 0)
		return;
	// Before 6.2 there is no USO: the tap does without.
	if (!uso || errno != EINVAL || ioctl(fd, TUNSETOFFLOAD, flags) < 0)
		fail(port.tap + ": TUNSETOFFLOAD");
}

} // namespace

void make_tap(const Port &port, uid_t owner)
{
	const UniqueFd fd = attach(port.tap, owner, port.queues > 1);
	if (ioctl(fd.get(), TUNSETPERSIST, 1) < 0)
		fail(port.tap + ": TUNSETPERSIST");
}

std::vector<UniqueFd> open_tap(const Port &port, uid_t owner, unsigned count,
			       const Framing &framing)
{
	std::vector<UniqueFd> queues;
	for (unsigned i = 0; i < count; i++) {
		queues.push_back(attach(port.tap, owner, port.queues > 1));
		if (ioctl(queues.back().get(), TUNSETVNETHDRSZ, &framing.header) < 0)
			fail(port.tap + ": TUNSETVNETHDRSZ");
	}
	set_offloads(queues.front().get(), port, framing.offloads);
	// What was made just now by attach() is to stay as well.
	if (ioctl(queues.front().get(), TUNSETPERSIST, 1) < 0)
		fail(port.tap + ": TUNSETPERSIST");
	return queues;
}

} // namespace vhostd
