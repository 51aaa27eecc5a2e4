// SPDX-License-Identifier: GPL-2.0-only
// What a tap has been told that its reader takes.
#pragma once

#include <string>

namespace vhostd {

// TUN_F_*, as the tap's features show them: TUNSETOFFLOAD cannot be read back.
struct TapOffloads {
	unsigned offered = 0; // that its reader may take
	unsigned on = 0; // that it takes now
};

// Throws std::system_error.
[[nodiscard]] TapOffloads tap_offloads(const std::string &tap);

} // namespace vhostd
