// SPDX-License-Identifier: GPL-2.0-only
// JSON as lines of text, as iproute2 has them: "HANDLE: key value key value".
#pragma once

#include <string>
#include <string_view>

#include "show.hh"

namespace vhostctl {

// As a terminal may be given it: names of processes and interfaces are their makers' choice, so
// control characters, and bytes that are not UTF-8, become "\xNN".
[[nodiscard]] std::string printable(std::string_view text);

// An object is a paragraph: its keys and values in lines of at most 100 columns, those but the
// first indented; objects in it begin lines of their own.  Counters that are 0 are left out.
[[nodiscard]] std::string text(const std::string &handle, const Json &object);

} // namespace vhostctl
