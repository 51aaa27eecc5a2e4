// SPDX-License-Identifier: GPL-2.0-only
#include "netlink/error.hh"

#include <cstdlib>

#include <netlink/errno.h>

namespace vhostd {

NetlinkError::NetlinkError(int nle, const std::string &what, const std::string &detail)
	: std::runtime_error(what + ": " + (detail.empty() ? nl_geterror(nle) : detail)),
	  nle_(std::abs(nle))
{
}

int netlink_check(int result, const std::string &what)
{
	if (result < 0)
		throw NetlinkError(result, what);
	return result;
}

} // namespace vhostd
