// SPDX-License-Identifier: GPL-2.0-only
// The service manager that has started vhostd, if one has: sd_notify(3).
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hh"

namespace vhostd {

// What was stored before, or comes from a socket unit.
struct StoredFd {
	std::string name;
	UniqueFd fd;
};

class Supervisor
{
public:
	virtual ~Supervisor() = default;
	// Variables of sd_notify(3), one a line.
	virtual void tell(const std::string &variables);
	// Keeps a duplicate of @fd beyond this process' end, under a name that is its own.
	virtual void store(const std::string &name, int fd);
	virtual void forget(const std::string &name);
	// Until what was told is seen to, or it takes too long; false if there is nobody to tell.  What
	// was to be forgotten is closed then, or soon.
	virtual bool settle();
	// All that there is, once.
	virtual std::vector<StoredFd> take();
};

} // namespace vhostd
