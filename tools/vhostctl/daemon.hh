// SPDX-License-Identifier: GPL-2.0-only
// vhostd, as commands ask for it.
#pragma once

#include <string>

#include "ipc/client.hh"

namespace vhostctl {

// Throws std::runtime_error that says what to do where no daemon is there.
[[nodiscard]] vhostd::DaemonClient connect_daemon(const std::string &socket);

} // namespace vhostctl
