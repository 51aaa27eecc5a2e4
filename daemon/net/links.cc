// SPDX-License-Identifier: GPL-2.0-only
#include "net/links.hh"

#include <cstring>
#include <exception>

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
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

struct FreeMessage {
	void operator()(nl_msg *message) const { nlmsg_free(message); }
};
using MessagePtr = std::unique_ptr<nl_msg, FreeMessage>;

constexpr char alias_prefix[] = "vhostd:";

bool is_set(nlattr *const attribute)
{
	return attribute && nla_len(attribute) >= 1 && nla_get_u8(attribute);
}

unsigned number(nlattr *const attribute)
{
	return attribute ? nla_get_u32(attribute) : 0;
}

// libnl knows nothing of tun's attributes.
Tun read_tun(nlattr *data, bool carrier)
{
	nla_policy policy[IFLA_TUN_MAX + 1] = {};
	policy[IFLA_TUN_OWNER].type = NLA_U32;
	policy[IFLA_TUN_NUM_QUEUES].type = policy[IFLA_TUN_NUM_DISABLED_QUEUES].type = NLA_U32;
	nlattr *at[IFLA_TUN_MAX + 1];
	netlink_check(nla_parse_nested(at, IFLA_TUN_MAX, data, policy), "rtnetlink");
	Tun tun;
	tun.tap = at[IFLA_TUN_TYPE] && nla_get_u8(at[IFLA_TUN_TYPE]) == IFF_TAP;
	tun.header = is_set(at[IFLA_TUN_VNET_HDR]) && !is_set(at[IFLA_TUN_PI]);
	tun.persistent = is_set(at[IFLA_TUN_PERSIST]);
	tun.several_queues = is_set(at[IFLA_TUN_MULTI_QUEUE]);
	if (at[IFLA_TUN_OWNER])
		tun.owner = nla_get_u32(at[IFLA_TUN_OWNER]);
	tun.queues = tun.several_queues ? number(at[IFLA_TUN_NUM_QUEUES]) +
						  number(at[IFLA_TUN_NUM_DISABLED_QUEUES]) :
					  carrier;
	return tun;
}

void read_kind(nlattr *info, bool carrier, Link &link)
{
	nla_policy policy[IFLA_INFO_MAX + 1] = {};
	policy[IFLA_INFO_KIND].type = NLA_STRING;
	policy[IFLA_INFO_DATA].type = NLA_NESTED;
	nlattr *at[IFLA_INFO_MAX + 1];
	netlink_check(nla_parse_nested(at, IFLA_INFO_MAX, info, policy), "rtnetlink");
	if (at[IFLA_INFO_KIND])
		link.kind = nla_get_string(at[IFLA_INFO_KIND]);
	if (link.kind == "tun" && at[IFLA_INFO_DATA])
		link.tun = read_tun(at[IFLA_INFO_DATA], carrier);
}

Link read(nlmsghdr *message)
{
	nla_policy policy[IFLA_MAX + 1] = {};
	policy[IFLA_IFNAME].type = policy[IFLA_IFALIAS].type = NLA_STRING;
	policy[IFLA_MTU].type = policy[IFLA_MASTER].type = NLA_U32;
	policy[IFLA_LINKINFO].type = NLA_NESTED;
	nlattr *at[IFLA_MAX + 1];
	netlink_check(nlmsg_parse(message, sizeof(ifinfomsg), at, IFLA_MAX, policy), "rtnetlink");
	const auto *header = static_cast<const ifinfomsg *>(nlmsg_data(message));
	Link link;
	link.index = static_cast<unsigned>(header->ifi_index);
	link.up = header->ifi_flags & IFF_UP;
	if (at[IFLA_IFNAME])
		link.name = nla_get_string(at[IFLA_IFNAME]);
	if (at[IFLA_IFALIAS])
		link.alias = nla_get_string(at[IFLA_IFALIAS]);
	link.mtu = number(at[IFLA_MTU]);
	link.master = number(at[IFLA_MASTER]);
	if (nlattr *address = at[IFLA_ADDRESS]; address && nla_len(address) == int(Mac().size())) {
		link.mac.emplace();
		std::memcpy(link.mac->data(), nla_data(address), link.mac->size());
	}
	if (at[IFLA_LINKINFO])
		read_kind(at[IFLA_LINKINFO], is_set(at[IFLA_CARRIER]), link);
	return link;
}

struct Answer {
	std::vector<Link> links;
	std::exception_ptr error; // as none may be thrown through libnl
};

int take(nl_msg *message, void *to)
{
	auto *answer = static_cast<Answer *>(to);
	try {
		if (nlmsg_hdr(message)->nlmsg_type == RTM_NEWLINK)
			answer->links.push_back(read(nlmsg_hdr(message)));
		return NL_OK;
	} catch (...) {
		answer->error = std::current_exception();
		return NL_SKIP;
	}
}

} // namespace

void Links::Free::operator()(nl_sock *sock) const
{
	nl_socket_free(sock);
}

std::string alias_of(const std::string &port)
{
	return alias_prefix + port;
}

std::optional<std::string> made_for(const Link &link)
{
	if (!link.tun || !link.alias.starts_with(alias_prefix))
		return std::nullopt;
	return link.alias.substr(sizeof alias_prefix - 1);
}

LinkChange missing(const Port &port, const Link &link, const Link *bridge)
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
	if (link.alias != alias_of(port.name))
		change.alias = alias_of(port.name);
	return change;
}

Links::Links() : sock_(nl_socket_alloc())
{
	if (!sock_)
		throw NetlinkError(-NLE_NOMEM, "rtnetlink");
	netlink_check(nl_connect(sock_.get(), NETLINK_ROUTE), "rtnetlink");
}

std::vector<Link> Links::ask(nl_msg *request)
{
	Answer answer;
	netlink_check(nl_socket_modify_cb(sock_.get(), NL_CB_VALID, NL_CB_CUSTOM, take, &answer),
		      "rtnetlink");
	netlink_check(nl_send_auto(sock_.get(), request), "rtnetlink");
	const int result = nl_recvmsgs_default(sock_.get());
	if (answer.error)
		std::rethrow_exception(answer.error);
	netlink_check(result, "rtnetlink");
	return std::move(answer.links);
}

std::optional<Link> Links::find(const std::string &name)
{
	const MessagePtr request(nlmsg_alloc_simple(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK));
	ifinfomsg header{};
	if (!request || nlmsg_append(request.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0 ||
	    nla_put_string(request.get(), IFLA_IFNAME, name.c_str()) < 0)
		throw NetlinkError(-NLE_NOMEM, name);
	try {
		auto found = ask(request.get());
		// The acknowledgement comes behind the answer.
		netlink_check(nl_wait_for_ack(sock_.get()), name);
		return found.empty() ? std::nullopt : std::optional(std::move(found[0]));
	} catch (const NetlinkError &error) {
		if (error.nle() == NLE_OBJ_NOTFOUND || error.nle() == NLE_NODEV)
			return std::nullopt;
		throw;
	}
}

std::vector<Link> Links::all()
{
	// A dump that was overtaken by changes is made again.
	for (int times = 0;; times++) {
		const MessagePtr request(nlmsg_alloc_simple(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP));
		ifinfomsg header{};
		if (!request ||
		    nlmsg_append(request.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0)
			throw NetlinkError(-NLE_NOMEM, "rtnetlink");
		try {
			return ask(request.get());
		} catch (const NetlinkError &error) {
			if (error.nle() != NLE_DUMP_INTR || times == 10)
				throw;
		}
	}
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
	if (change.alias)
		rtnl_link_set_ifalias(part.get(), change.alias->c_str());
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
