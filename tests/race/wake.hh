// SPDX-License-Identifier: GPL-2.0-only
// What one thread wakes the other with: an eventfd's count, without an eventfd's cost.
#pragma once

#include <atomic>

#include "glue/abi.h"

namespace vna::race
{

// Lends no order to what the threads share otherwise: the rings must do without.
class Wake
{
public:
	void post();
	// Sleeps until something was posted since the last wait; takes all of it.
	void wait();

	// For whoever looks whether a thread will ever wake: the number of the wait that it is in,
	// 0 if it is in none, or in one that is over.
	[[nodiscard]] vna_u64 asleep() const;
	[[nodiscard]] vna_u64 waits() const { return waits_.load(std::memory_order_relaxed); }
	[[nodiscard]] vna_u64 posts() const { return posts_.load(std::memory_order_relaxed); }

private:
	// One word has both, so that neither side can miss the other.
	static constexpr vna_u32 sleeper = 1, post_ = 2;

	std::atomic<vna_u32> word_{0};
	std::atomic<vna_u64> waits_{0};
	std::atomic<vna_u64> posts_{0};
	std::atomic<bool> waiting_{false};
};

} // namespace vna::race
