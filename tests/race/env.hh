// SPDX-License-Identifier: GPL-2.0-only
// The memory half of glue/abi.h for two threads on one ring.
//
// As the machine has it: aligned fields in one access each, the rest by memcpy, no order but the
// core's own fences.  ThreadSanitizer knows no fences, so there they are modelled.  An acquire
// fence reads the fields once more that were read since the last one, and acquires them; a
// release fence makes the stores of fields that follow release, until something else is written
// that it does not cover.  What is copied is plain memory: a missing fence is a data race.
#pragma once

#include <cstdint>

namespace vna::race
{

// Memory that may be copied while the driver writes it, as what it writes there is not looked at:
// the descriptors of a split ring, which are copied ahead.
void copied_ahead(std::uint64_t at, std::uint64_t len);

} // namespace vna::race
