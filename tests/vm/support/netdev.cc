/* SPDX-License-Identifier: GPL-2.0-only */
#include "netdev.hh"

#include "ktap.hh"
#include "unique_fd.hh"

#include <arpa/inet.h>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace vna::vm
{

namespace
{

ifreq request_for(const std::string &name)
{
	ifreq request{};
	CHECK(name.size() < sizeof(request.ifr_name));
	std::memcpy(request.ifr_name, name.c_str(), name.size() + 1);
	return request;
}

void interface_ioctl(unsigned long number, ifreq &request)
{
	const UniqueFd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	CHECK(!ioctl(socket_fd.get(), number, &request), "%s: %s", request.ifr_name,
	      std::strerror(errno));
}

/* An rtnetlink message that grows; attributes nest by begin() and end(). */
class Message
{
public:
	Message(unsigned type, unsigned flags)
	{
		nlmsghdr header{};
		header.nlmsg_type = static_cast<std::uint16_t>(type);
		header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
		put(&header, sizeof(header));
	}

	void put(const void *data, std::size_t len)
	{
		const auto *bytes = static_cast<const std::uint8_t *>(data);
		bytes_.insert(bytes_.end(), bytes, bytes + len);
		bytes_.resize(NLMSG_ALIGN(bytes_.size()));
	}

	void attribute(unsigned type, const void *data, std::size_t len)
	{
		const rtattr header{static_cast<unsigned short>(RTA_LENGTH(len)),
				    static_cast<unsigned short>(type)};
		put(&header, sizeof(header));
		put(data, len);
	}

	void attribute(unsigned type, const std::string &text)
	{
		attribute(type, text.c_str(), text.size() + 1);
	}

	std::size_t begin(unsigned type)
	{
		const std::size_t at = bytes_.size();
		attribute(type, nullptr, 0);
		return at;
	}

	void end(std::size_t at)
	{
		const auto len = static_cast<unsigned short>(bytes_.size() - at);
		std::memcpy(&bytes_[at], &len, sizeof(len));
	}

	/* Send and wait for the kernel's answer: 0 or an errno. */
	int transact()
	{
		const auto len = static_cast<std::uint32_t>(bytes_.size());
		std::memcpy(bytes_.data(), &len, sizeof(len));
		const UniqueFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
		if (send(netlink.get(), bytes_.data(), bytes_.size(), 0) < 0)
			return errno;
		alignas(nlmsghdr) char answer[4096];
		if (recv(netlink.get(), answer, sizeof(answer), 0) < 0)
			return errno;
		const auto *header = reinterpret_cast<const nlmsghdr *>(answer);
		CHECK(header->nlmsg_type == NLMSG_ERROR);
		return -static_cast<const nlmsgerr *>(NLMSG_DATA(header))->error;
	}

private:
	std::vector<std::uint8_t> bytes_;
};

Message link_message(unsigned type, unsigned flags, const std::string &name)
{
	Message message(type, flags);
	const ifinfomsg info{};
	message.put(&info, sizeof(info));
	message.attribute(IFLA_IFNAME, name);
	return message;
}

} /* namespace */

void disable_ipv6(const std::string &name)
{
	const std::string path = "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6";
	const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
	/* No such file where the kernel has no IPv6, and then there is nothing to disable. */
	if (file.get() >= 0)
		CHECK(write(file.get(), "1", 1) == 1);
}

void set_up(const std::string &name, bool up)
{
	ifreq request = request_for(name);
	interface_ioctl(SIOCGIFFLAGS, request);
	request.ifr_flags =
		static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	interface_ioctl(SIOCSIFFLAGS, request);
}

void wait_running(const std::string &name)
{
	constexpr std::chrono::seconds patience{20};
	const auto deadline = std::chrono::steady_clock::now() + patience;
	const std::string path = "/sys/class/net/" + name + "/operstate";
	/* IFF_RUNNING would not do: it is also set while the state is not known yet. */
	for (;;) {
		char state[16];
		const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
		CHECK(file.get() >= 0, "%s: %s", path.c_str(), std::strerror(errno));
		const ssize_t len = read(file.get(), state, sizeof(state));
		if (std::string_view(state, len > 0 ? static_cast<std::size_t>(len) : 0) == "up\n")
			break;
		CHECK(std::chrono::steady_clock::now() < deadline, "%s: no carrier", name.c_str());
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
	/* Who brings it up holds the RTNL until its queues are active, and this takes it. */
	ifreq request = request_for(name);
	interface_ioctl(SIOCGIFFLAGS, request);
	interface_ioctl(SIOCSIFFLAGS, request);
}

void set_mtu(const std::string &name, unsigned mtu)
{
	ifreq request = request_for(name);
	request.ifr_mtu = static_cast<int>(mtu);
	interface_ioctl(SIOCSIFMTU, request);
}

Mac mac_of(const std::string &name)
{
	ifreq request = request_for(name);
	interface_ioctl(SIOCGIFHWADDR, request);
	Mac mac;
	std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
	return mac;
}

int index_of(const std::string &name)
{
	const unsigned index = if_nametoindex(name.c_str());
	CHECK(index, "%s: %s", name.c_str(), std::strerror(errno));
	return static_cast<int>(index);
}

bool exists(const std::string &name)
{
	return if_nametoindex(name.c_str()) != 0;
}

void delete_link(const std::string &name)
{
	CHECK_ERRNO(link_message(RTM_DELLINK, 0, name).transact(), 0);
}

void set_master(const std::string &name, const std::string &bridge)
{
	Message message = link_message(RTM_NEWLINK, 0, name);
	const int index = index_of(bridge);
	message.attribute(IFLA_MASTER, &index, sizeof(index));
	CHECK_ERRNO(message.transact(), 0);
}

std::uint64_t statistic(const std::string &name, const std::string &counter)
{
	std::uint64_t value = 0;
	std::ifstream file("/sys/class/net/" + name + "/statistics/" + counter);
	CHECK(file >> value, "%s has no counter %s", name.c_str(), counter.c_str());
	return value;
}

Link Link::dummy(const std::string &name)
{
	Message message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
	const std::size_t info = message.begin(IFLA_LINKINFO);
	message.attribute(IFLA_INFO_KIND, "dummy");
	message.end(info);
	CHECK_ERRNO(message.transact(), 0);
	disable_ipv6(name);
	return Link(name);
}

Link Link::veth(const std::string &name, const std::string &peer)
{
	Message message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
	const std::size_t info = message.begin(IFLA_LINKINFO);
	message.attribute(IFLA_INFO_KIND, "veth");
	const std::size_t data = message.begin(IFLA_INFO_DATA);
	const std::size_t other = message.begin(VETH_INFO_PEER);
	const ifinfomsg none{};
	message.put(&none, sizeof(none));
	message.attribute(IFLA_IFNAME, peer);
	message.end(other);
	message.end(data);
	message.end(info);
	CHECK_ERRNO(message.transact(), 0);
	disable_ipv6(name);
	disable_ipv6(peer);
	return Link(name);
}

Link Link::macvtap(const std::string &name, const std::string &lower)
{
	Message message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
	const int lower_index = index_of(lower);
	message.attribute(IFLA_LINK, &lower_index, sizeof(lower_index));
	const std::size_t info = message.begin(IFLA_LINKINFO);
	message.attribute(IFLA_INFO_KIND, "macvtap");
	const std::size_t data = message.begin(IFLA_INFO_DATA);
	const std::uint32_t mode = MACVLAN_MODE_BRIDGE;
	message.attribute(IFLA_MACVLAN_MODE, &mode, sizeof(mode));
	message.end(data);
	message.end(info);
	CHECK_ERRNO(message.transact(), 0);
	disable_ipv6(name);
	return Link(name);
}

Link Link::bridge(const std::string &name)
{
	Message message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
	const std::size_t info = message.begin(IFLA_LINKINFO);
	message.attribute(IFLA_INFO_KIND, "bridge");
	const std::size_t data = message.begin(IFLA_INFO_DATA);
	/* Its own queries and reports would mix with the test's frames. */
	const std::uint8_t no_snooping = 0;
	message.attribute(IFLA_BR_MCAST_SNOOPING, &no_snooping, sizeof(no_snooping));
	message.end(data);
	message.end(info);
	CHECK_ERRNO(message.transact(), 0);
	disable_ipv6(name);
	return Link(name);
}

Link Link::vlan(const std::string &name, const std::string &lower, std::uint16_t ethertype,
		std::uint16_t id)
{
	Message message = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
	const int lower_index = index_of(lower);
	message.attribute(IFLA_LINK, &lower_index, sizeof(lower_index));
	const std::size_t info = message.begin(IFLA_LINKINFO);
	message.attribute(IFLA_INFO_KIND, "vlan");
	const std::size_t data = message.begin(IFLA_INFO_DATA);
	const std::uint16_t protocol = htons(ethertype);
	message.attribute(IFLA_VLAN_PROTOCOL, &protocol, sizeof(protocol));
	message.attribute(IFLA_VLAN_ID, &id, sizeof(id));
	message.end(data);
	message.end(info);
	CHECK_ERRNO(message.transact(), 0);
	disable_ipv6(name);
	return Link(name);
}

Link::~Link()
{
	/* A test may have deleted it already; a destructor has nobody to tell. */
	if (!name_.empty() && exists(name_))
		(void)link_message(RTM_DELLINK, 0, name_).transact();
}

} /* namespace vna::vm */
