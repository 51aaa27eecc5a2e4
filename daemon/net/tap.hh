// SPDX-License-Identifier: GPL-2.0-only
// A port's tap, by /dev/net/tun: made to last, so that it outlives the daemon.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hh"
#include "port/port.hh"

namespace vhostd {

// Makes @port's tap, if it is not there, and has it stay (TUNSETPERSIST).  No queue
// is left attached.  Throws std::system_error: EBUSY if it is there and single-queued
// with its queue in use, which is how a running guest has it; EINVAL if it is there
// with other flags, or is no tap.
void make_tap(const Port &port);

// Has @tap go when its last queue is closed, and so at once if there is none.
void unmake_tap(const std::string &tap, bool several_queues);

// Attaches @port.queues queues to its tap, with the virtio-net header of 12 bytes and
// the port's offloads.  Throws std::system_error: EBUSY or E2BIG if queues are in use.
// A tap that is missing is made.
[[nodiscard]] std::vector<UniqueFd> open_tap(const Port &port);

} // namespace vhostd
