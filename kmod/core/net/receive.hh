// SPDX-License-Identifier: GPL-2.0-only
// The guest's receive queue: frames of the backend go into buffers of the driver.
#pragma once

#include "core/net/queue.hh"

namespace vna {

// Serves @queue for at most one weight.  W, with the queue's lock held.
[[nodiscard]] Outcome receive(Queue &queue);

} // namespace vna
