// SPDX-License-Identifier: GPL-2.0-only
// Feature bits by name: virtio 1.2, sections 5.1.3 and 6, and linux/vhost_types.h.
#pragma once

#include <string>

namespace vhostctl {

// "bit70" for one that has no name here.
[[nodiscard]] std::string feature_name(unsigned bit);

namespace feature {
constexpr unsigned mrg_rxbuf = 15, indirect_desc = 28, event_idx = 29, version_1 = 32;
} // namespace feature

} // namespace vhostctl
