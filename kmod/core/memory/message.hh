// SPDX-License-Identifier: GPL-2.0-only
// Messages of the device IOTLB, as they go through read() and write() on the
// descriptor: struct vhost_msg and vhost_msg_v2.
#pragma once

#include <array>
#include <span>

#include "core/base/types.hh"
#include "core/control/vhost_abi.h"

namespace vna {

// What write() has: all of it checked but for what the IOTLB itself has to say.
// -EINVAL: too short, of an unknown kind, or an update of nothing.
[[nodiscard]] int parse_message(std::span<const std::byte> bytes, vna_vhost_iotlb_msg &out);

// What read() gives: a miss, in the form that the owner asked for.
using MessageBytes = std::array<std::byte, VNA_VHOST_MSG_SIZE>;
void make_message(const vna_vhost_iotlb_msg &msg, bool v2, MessageBytes &out);

} // namespace vna
