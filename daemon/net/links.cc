// SPDX-License-Identifier: GPL-2.0-only
#include "net/links.hh"

#include <algorithm>
#include <cstring>

#include <linux/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "netlink/error.hh"

namespace vhostd {

namespace {

struct PutLink {
	void operator()(rtnl_link *link) const { rtnl_link_put(link); }
};
using LinkPtr = std::unique_ptr<rtnl_link, PutLink>;

struct PutAddress {
	void operator()(nl_addr *address) const { nl_addr_put(address); }
};

Link read(rtnl_link *from)
{
	Link link;
	link.index = static_cast<unsigned>(rtnl_link_get_ifindex(from));
	link.name = rtnl_link_get_name(from);
	if (const char *kind = rtnl_link_get_type(from))
		link.kind = kind;
	link.mtu = rtnl_link_get_mtu(from);
	link.master = static_cast<unsigned>(rtnl_link_get_master(from));
	link.up = rtnl_link_get_flags(from) & IFF_UP;
	if (nl_addr *address = rtnl_link_get_addr(from);
	    address && nl_addr_get_len(address) == Mac().size()) {
		link.mac.emplace();
		std::memcpy(link.mac->data(), nl_addr_get_binary_addr(address), link.mac->size());
	}
	return link;
}

} // namespace

void Links::Free::operator()(nl_sock *sock) const
{
	nl_socket_free(sock);
}

LinkChange missing(const Port &port, const Link &link, const std::optional<Link> &bridge)
{
	LinkChange change;
	if (port.mtu && link.mtu != *port.mtu)
		change.mtu = port.mtu;
	if (port.mac && link.mac != port.mac)
		change.mac = port.mac;
	// A tap without a bridge of its port's may be in one of the administrator's own.
	if (port.bridge && bridge && link.master != bridge->index)
		change.master = bridge->index;
	if (!link.up)
		change.up = true;
	return change;
}

Links::Links() : sock_(nl_socket_alloc())
{
	if (!sock_)
		throw NetlinkError(-NLE_NOMEM, "rtnetlink");
	netlink_check(nl_connect(sock_.get(), NETLINK_ROUTE), "rtnetlink");
}

std::optional<Link> Links::find(const std::string &name)
{
	rtnl_link *found = nullptr;
	const int result = rtnl_link_get_kernel(sock_.get(), 0, name.c_str(), &found);
	if (result == -NLE_OBJ_NOTFOUND || result == -NLE_NODEV)
		return std::nullopt;
	netlink_check(result, name);
	return read(LinkPtr(found).get());
}

void Links::change(const Link &link, const LinkChange &change)
{
	const LinkPtr whole(rtnl_link_alloc()), part(rtnl_link_alloc());
	if (!whole || !part)
		throw NetlinkError(-NLE_NOMEM, link.name);
	rtnl_link_set_ifindex(whole.get(), static_cast<int>(link.index));
	if (change.mtu)
		rtnl_link_set_mtu(part.get(), *change.mtu);
	if (change.mac) {
		const std::unique_ptr<nl_addr, PutAddress> address(
			nl_addr_build(AF_LLC, change.mac->data(), change.mac->size()));
		if (!address)
			throw NetlinkError(-NLE_NOMEM, link.name);
		rtnl_link_set_addr(part.get(), address.get());
	}
	if (change.master)
		rtnl_link_set_master(part.get(), static_cast<int>(*change.master));
	if (change.up && *change.up)
		rtnl_link_set_flags(part.get(), IFF_UP);
	else if (change.up)
		rtnl_link_unset_flags(part.get(), IFF_UP);
	netlink_check(rtnl_link_change(sock_.get(), whole.get(), part.get(), 0), link.name);
}

void Links::remove(const Link &link)
{
	const LinkPtr which(rtnl_link_alloc());
	if (!which)
		throw NetlinkError(-NLE_NOMEM, link.name);
	rtnl_link_set_ifindex(which.get(), static_cast<int>(link.index));
	netlink_check(rtnl_link_delete(sock_.get(), which.get()), link.name);
}

} // namespace vhostd
