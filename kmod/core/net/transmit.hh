// SPDX-License-Identifier: GPL-2.0-only
// The guest's transmit queue: buffers of the driver go out through the backend.
#pragma once

#include "core/net/queue.hh"

namespace vna {

// Serves @queue for at most one weight.  W, with the queue's lock held.
[[nodiscard]] Outcome transmit(Queue &queue);

} // namespace vna
