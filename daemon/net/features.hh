// SPDX-License-Identifier: GPL-2.0-only
// What a tap has been told that its reader takes.
#pragma once

#include <string>

namespace vhostd {

// The offloads that @tap has on now (TUN_F_*), as its features show them: TUNSETOFFLOAD
// cannot be read back.  Throws std::system_error.
[[nodiscard]] unsigned tap_offloads(const std::string &tap);

} // namespace vhostd
