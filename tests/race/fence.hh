// SPDX-License-Identifier: GPL-2.0-only
// Included before all else under ThreadSanitizer: fences go to the model in env.cc.
#pragma once

#include <atomic>

namespace vna::race
{

void fence(std::memory_order order);

} // namespace vna::race

namespace std
{

inline void vna_race_fence(memory_order order)
{
	vna::race::fence(order);
}

} // namespace std

#define atomic_thread_fence vna_race_fence
