// SPDX-License-Identifier: GPL-2.0-only
// What may be set of a device while it runs.
#pragma once

#include <atomic>

#include "core/base/errno.hh"
#include "core/base/types.hh"
#include "glue/abi.h"

namespace vna {

// Anyone may read them at any time, and change them under the lock of the
// settings' owner.  A queue takes them over at the beginning of a turn, where they
// have changed.
class Settings {
public:
	explicit Settings(const vna_settings &given) { store(given); }

	[[nodiscard]] static bool ok(const vna_settings &given)
	{
		return within(given.rx_batch, 1, VNA_MAX_BATCH) &&
		       within(given.tx_batch, 1, VNA_MAX_BATCH) &&
		       within(given.weight_packets, 1, VNA_MAX_WEIGHT_PACKETS) &&
		       within(given.weight_bytes, VNA_MIN_WEIGHT_BYTES, VNA_MAX_WEIGHT_BYTES) &&
		       given.poll_mode <= VNA_POLL_ADAPTIVE;
	}
	// All of them, or -EINVAL and none.
	int set(const vna_settings &given)
	{
		if (!ok(given))
			return -einval;
		store(given);
		return 0;
	}
	[[nodiscard]] vna_settings get() const
	{
		return {rx_batch.load(std::memory_order_relaxed),
			tx_batch.load(std::memory_order_relaxed),
			weight_packets.load(std::memory_order_relaxed),
			weight_bytes.load(std::memory_order_relaxed),
			zerocopy_min.load(std::memory_order_relaxed),
			poll_mode.load(std::memory_order_relaxed),
			poll_us.load(std::memory_order_relaxed)};
	}
	// Another number after each change, never 0.  Who reads it first, and finds the same
	// the next time, has missed none.
	[[nodiscard]] u32 version() const { return version_.load(std::memory_order_acquire); }

private:
	static bool within(u32 value, u32 min, u32 max) { return value >= min && value <= max; }
	void store(const vna_settings &given)
	{
		rx_batch.store(given.rx_batch, std::memory_order_relaxed);
		tx_batch.store(given.tx_batch, std::memory_order_relaxed);
		weight_packets.store(given.weight_packets, std::memory_order_relaxed);
		weight_bytes.store(given.weight_bytes, std::memory_order_relaxed);
		zerocopy_min.store(given.zerocopy_min, std::memory_order_relaxed);
		poll_mode.store(given.poll_mode, std::memory_order_relaxed);
		poll_us.store(given.poll_us, std::memory_order_relaxed);
		const u32 next = version_.load(std::memory_order_relaxed) + 1;
		version_.store(next ? next : 1, std::memory_order_release);
	}

	std::atomic<u32> rx_batch, tx_batch, weight_packets, weight_bytes;
	std::atomic<u32> zerocopy_min, poll_mode, poll_us;
	std::atomic<u32> version_{0};
};

} // namespace vna
