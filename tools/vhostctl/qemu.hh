// SPDX-License-Identifier: GPL-2.0-only
// QEMU's arguments for a port that was handed over.
#pragma once

#include <string>
#include <vector>

#include "ipc/client.hh"

namespace vhostctl {

// -netdev and -device: @model is the latter's, with properties of the caller's, which go before
// ours.  The descriptors are those that QEMU will find open, by their numbers.
[[nodiscard]] std::vector<std::string> qemu_arguments(const vhostd::OpenPort &port,
						      const std::string &model);

// An address for the guest's side of @port: the same each time on the machine with this id
// (machine-id(5)), and most likely no other's.
[[nodiscard]] std::string guest_mac(const std::string &port, const std::string &machine_id);

} // namespace vhostctl
