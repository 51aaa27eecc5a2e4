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

// Attaches @count queues to @port's tap, with the virtio-net header of tap_header bytes, and
// those of the port's offloads that are among @allowed (TUN_F_*).  Throws std::system_error:
// EBUSY or E2BIG if queues are in use.  A tap that is missing is made.
[[nodiscard]] std::vector<UniqueFd> open_tap(const Port &port, unsigned count,
					     unsigned allowed = ~0u);

// struct virtio_net_hdr_mrg_rxbuf, whose header is none of C++.
inline constexpr int tap_header = 12;

} // namespace vhostd
