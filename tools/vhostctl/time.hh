// SPDX-License-Identifier: GPL-2.0-only
// Points in time as iproute2's -ts has them.
#pragma once

#include <string>

#include "system.hh"

namespace vhostctl {

// "2026-11-21T16:00:00.123456", local time.
[[nodiscard]] std::string to_string(System::Clock::time_point time);

} // namespace vhostctl
