/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's log from the moment the object was made (/dev/kmsg).
 */
#pragma once

#include "unique_fd.hh"

#include <string>
#include <vector>

namespace vna::vm
{

class KernelLog
{
public:
	KernelLog();

	/* Lines since the last call, without their prefix. */
	std::vector<std::string> take();

private:
	UniqueFd fd_;
};

} /* namespace vna::vm */
