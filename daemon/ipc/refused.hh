// SPDX-License-Identifier: GPL-2.0-only
// A request that vhostd does not grant, as its reply tells.
#pragma once

#include <stdexcept>
#include <string>

namespace vhostd {

// error() is an errno, what() the reason in the daemon's words.
class Refused : public std::runtime_error
{
public:
	Refused(int error, const std::string &reason) : std::runtime_error(reason), error_(error) {}
	[[nodiscard]] int error() const { return error_; }

private:
	int error_;
};

} // namespace vhostd
