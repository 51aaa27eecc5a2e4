// SPDX-License-Identifier: GPL-2.0-only
// A port's tap, by /dev/net/tun: made to last, so that it outlives the daemon.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/unique_fd.hh"
#include "port/port.hh"

namespace vhostd {

// Makes @port's tap, if it is not there, and has it stay (TUNSETPERSIST), for none but @owner
// and who has CAP_NET_ADMIN to attach to (TUNSETOWNER).  No queue is left attached.  Throws
// std::system_error: EBUSY if it is there and single-queued with its queue in use, which is
// how a running guest has it; EINVAL if it is there with other flags, or is no tap.
void make_tap(const Port &port, uid_t owner);

// How a tap's frames are to be, which is the same for all of its queues.
struct Framing {
	// Of the virtio-net header.  A VMM chooses anew when its guest has chosen features;
	// until then it is struct virtio_net_hdr_mrg_rxbuf.
	int header = 12;
	unsigned offloads = ~0u; // no more than these (TUN_F_*), whatever the port says

	bool operator==(const Framing &) const = default;
};

// Attaches @count queues to @port's tap.  Throws std::system_error: EBUSY or E2BIG if queues
// are in use.  A tap that is missing is made.
[[nodiscard]] std::vector<UniqueFd> open_tap(const Port &port, uid_t owner, unsigned count,
					     const Framing &framing = {});

} // namespace vhostd
