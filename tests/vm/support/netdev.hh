/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network devices of the test machine, by ioctl and rtnetlink: no ip command is needed. Every
 * function fails the running test when the kernel refuses.
 */
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace vna::vm
{

using Mac = std::array<std::uint8_t, 6>;

/* Keep IPv6 off the device, whose router solicitations would mix with the test's frames. */
void disable_ipv6(const std::string &name);

void set_up(const std::string &name, bool up = true);
/*
 * Wait until a link with another end sends: its carrier comes after it was set up, and until the
 * kernel has seen to that, by and by, the link drops what it is given and tells no one.
 */
void wait_running(const std::string &name);
void set_mtu(const std::string &name, unsigned mtu);
Mac mac_of(const std::string &name);
int index_of(const std::string &name);
bool exists(const std::string &name);
void delete_link(const std::string &name);
/* Make the link a port of the bridge. */
void set_master(const std::string &name, const std::string &bridge);
/* One of the link's counters, as in "rx_packets". */
std::uint64_t statistic(const std::string &name, const std::string &counter);

/* A link that goes when the object does. Links are created down and with IPv6 off. */
class Link
{
public:
	static Link dummy(const std::string &name);
	static Link veth(const std::string &name, const std::string &peer);
	static Link macvtap(const std::string &name, const std::string &lower);
	static Link bridge(const std::string &name);
	/* Tags are ethertype (ETH_P_8021Q or ETH_P_8021AD) and id. */
	static Link vlan(const std::string &name, const std::string &lower, std::uint16_t ethertype,
			 std::uint16_t id);

	Link(Link &&other) noexcept : name_(std::move(other.name_)) { other.name_.clear(); }
	Link &operator=(Link &&) = delete;
	~Link();

	const std::string &name() const { return name_; }

private:
	explicit Link(std::string name) : name_(std::move(name)) {}

	std::string name_;
};

} /* namespace vna::vm */
