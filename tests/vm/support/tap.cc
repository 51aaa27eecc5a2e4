/* SPDX-License-Identifier: GPL-2.0-only */
#include "tap.hh"

#include "ktap.hh"
#include "netdev.hh"

#include <cstring>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

namespace vna::vm
{

namespace
{

void set_interface(int fd, const std::string &name, const TapOptions &options)
{
	ifreq request{};
	CHECK(name.size() < sizeof(request.ifr_name));
	std::memcpy(request.ifr_name, name.c_str(), name.size() + 1);
	request.ifr_flags =
		static_cast<short>(IFF_TAP | IFF_NO_PI | (options.header ? IFF_VNET_HDR : 0) |
				   (options.multi_queue ? IFF_MULTI_QUEUE : 0));
	CHECK(!ioctl(fd, TUNSETIFF, &request), "%s: %s", name.c_str(), std::strerror(errno));
	if (options.offload)
		CHECK(!ioctl(fd, TUNSETOFFLOAD, options.offload), "%s", std::strerror(errno));
}

} /* namespace */

Tap::Tap(const std::string &name, const TapOptions &options)
    : fd_(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)), name_(name)
{
	CHECK(fd_.get() >= 0, "/dev/net/tun: %s", std::strerror(errno));
	make_again(options);
}

void Tap::make_again(const TapOptions &options) const
{
	set_interface(fd_.get(), name_, options);
	if (options.header)
		set_header_size(options.header_size);
	disable_ipv6(name_);
	if (options.mtu)
		set_mtu(name_, options.mtu);
	set_up(name_);
}

Tap Tap::of_macvtap(const std::string &name, const TapOptions &options)
{
	const std::string path = "/dev/tap" + std::to_string(index_of(name));
	Tap tap;
	tap.name_ = name;
	tap.fd_.reset(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
	CHECK(tap.fd_.get() >= 0, "%s: %s", path.c_str(), std::strerror(errno));
	set_interface(tap.fd_.get(), name, options);
	if (options.header)
		tap.set_header_size(options.header_size);
	return tap;
}

void Tap::set_header_size(unsigned size) const
{
	const int value = static_cast<int>(size);
	CHECK(!ioctl(fd_.get(), TUNSETVNETHDRSZ, &value), "%s", std::strerror(errno));
}

void Tap::attach(bool on) const
{
	ifreq request{};
	request.ifr_flags = static_cast<short>(on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE);
	CHECK(!ioctl(fd_.get(), TUNSETQUEUE, &request), "%s", std::strerror(errno));
}

} /* namespace vna::vm */
