// SPDX-License-Identifier: GPL-2.0-only
// What is wrong, or slower than it need be, and what to do about it.
#pragma once

#include <string>
#include <vector>

#include "system.hh"

namespace vhostctl {

struct Finding {
	enum class Level { note, warning, error };
	Level level;
	std::string check; // a name for programs
	std::string about; // "module", "dev 1", "queue 1/0", "interface tap0", …
	std::string problem, advice; // sentences
};

[[nodiscard]] std::string_view to_string(Finding::Level level);

// Of a machine without the module.
[[nodiscard]] std::vector<Finding> diagnose(const Machine &machine);
[[nodiscard]] std::vector<Finding> diagnose(const Machine &machine,
					    const vhostd::Snapshot &snapshot);

} // namespace vhostctl
