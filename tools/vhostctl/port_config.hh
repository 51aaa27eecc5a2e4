// SPDX-License-Identifier: GPL-2.0-only
// A port's settings as words, which the daemon wants as JSON (docs/vhostd-protocol.md).
#pragma once

#include <span>
#include <string>

#include <nlohmann/json.hpp>

namespace vhostctl {

// Of "owner vm1 mtu 9000 …".  Throws UsageError for what is no such word, or no number where one
// is needed; all else is the daemon's to refuse.
[[nodiscard]] nlohmann::json port_config(std::span<const std::string> words);

} // namespace vhostctl
