// SPDX-License-Identifier: GPL-2.0-only
#include "netlink/error.hh"

#include <cstdlib>
#include <cstring>

#include <linux/vhost_net_alt.h>
#include <netlink/errno.h>

namespace vhostd {

NetlinkError::NetlinkError(int nle, const std::string &what, const std::string &detail)
	: std::runtime_error(what + ": " + (detail.empty() ? nl_geterror(nle) : detail)),
	  nle_(std::abs(nle))
{
}

RequestRefused::RequestRefused(int error, const std::string &what, const std::string &words)
	: NetlinkError(nl_syserr2nlerr(error), what, words.empty() ? std::strerror(error) : words),
	  error_(error), words_(words)
{
}

NotLoaded::NotLoaded()
	: NetlinkError(NLE_OBJ_NOTFOUND, VHOST_NET_ALT_FAMILY_NAME,
		       "the kernel has no such netlink family: is the module vhost_net_alt loaded?")
{
}

int netlink_check(int result, const std::string &what)
{
	if (result < 0)
		throw NetlinkError(result, what);
	return result;
}

} // namespace vhostd
