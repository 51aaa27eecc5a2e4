// SPDX-License-Identifier: GPL-2.0-only
// An answer of the kernel's, or of libnl's, that is no success.
#pragma once

#include <stdexcept>
#include <string>

namespace vhostd {

class NetlinkError : public std::runtime_error {
public:
	// @nle: a libnl error (NLE_*, negated or not).  @detail: the kernel's own words
	// (extended acknowledgement), or empty.
	NetlinkError(int nle, const std::string &what, const std::string &detail = {});
	[[nodiscard]] int nle() const { return nle_; } // NLE_*, positive

private:
	int nle_;
};

// Throws if @result is negative; else returns it.
int netlink_check(int result, const std::string &what);

} // namespace vhostd
