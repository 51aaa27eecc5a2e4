// SPDX-License-Identifier: GPL-2.0-only
// Where vhostd's log goes: standard error, in the journal's form where that is the journal.
#pragma once

namespace vhostd {

void set_up_log(bool verbose);

} // namespace vhostd
