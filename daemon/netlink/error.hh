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

// The module refused a request: what() is "WHAT: the kernel's words".
class RequestRefused : public NetlinkError {
public:
	// @error: an errno.  @words: the kernel's own, or empty: then it is the errno's.
	RequestRefused(int error, const std::string &what, const std::string &words);
	[[nodiscard]] int error() const { return error_; }
	[[nodiscard]] const std::string &words() const { return words_; } // may be empty

private:
	int error_;
	std::string words_;
};

// There is no such family: the module is not loaded.
class NotLoaded : public NetlinkError {
public:
	NotLoaded();
};

// Throws if @result is negative; else returns it.
int netlink_check(int result, const std::string &what);

} // namespace vhostd
