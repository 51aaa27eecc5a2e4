// SPDX-License-Identifier: GPL-2.0-only
// JSON as lines of text, as iproute2 has them: "HANDLE: key value key value".
#pragma once

#include <string>

#include "show.hh"

namespace vhostctl {

// An object is a paragraph: its keys and values in lines of at most 100 columns, those but the
// first indented; objects in it begin lines of their own.  Counters that are 0 are left out.
[[nodiscard]] std::string text(const std::string &handle, const Json &object);

} // namespace vhostctl
