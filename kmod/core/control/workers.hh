// SPDX-License-Identifier: GPL-2.0-only
// A device's workers, which of them serves which queue, and which queues have
// work.
#pragma once

#include <array>
#include <atomic>

#include "core/base/env.hh"
#include "core/control/vhost_abi.h"

namespace vna {

class Workers {
public:
	static constexpr u32 capacity = VNA_MAX_WORKERS;

	explicit Workers(vna_env *env) : env_(env) {}
	Workers(const Workers &) = delete;
	Workers &operator=(const Workers &) = delete;

	// Under the device lock, by the owner.

	// The first worker, with all queues.
	[[nodiscard]] long begin(bool fork);
	// One more: the lowest number that is free, as vhost's.
	[[nodiscard]] long add(bool fork, u32 &worker);
	// Ends one that serves no queue.
	[[nodiscard]] long remove(u32 worker);
	// Hands a queue over, whose lock is held: who serves it now has its turn
	// behind, or will find that it isn't his any more.
	[[nodiscard]] long attach(u32 queue, u32 worker);
	// The worker that serves @queue, for anyone to know.
	[[nodiscard]] u32 of(u32 queue) const
	{
		return queues_[queue].worker.load(std::memory_order_relaxed);
	}
	// The worker that serves @queue, unless it was killed.
	[[nodiscard]] long find(u32 queue, u32 &worker) const;
	// All are stopped, and there are no events.
	void end();

	// In any context.

	// Notes that @queue has work and wakes its worker, unless someone has and it
	// has not come yet.
	void mark(u32 queue);
	[[nodiscard]] bool has_work(u32 worker) const;
	void killed(u32 worker);

	// By @worker.

	// Whether it is to serve @queue; it is for whoever asks.
	[[nodiscard]] bool take(u32 queue, u32 worker);
	// The same once more, with the queue's lock: it stays so until that is dropped.
	[[nodiscard]] bool serves(u32 queue, u32 worker) const
	{
		return queues_[queue].worker.load(std::memory_order_relaxed) == worker;
	}
	// Whether it is to look at @queue, which ran dry, over and over: work too, that
	// it finds before it sleeps.
	[[nodiscard]] bool polls(u32 queue, u32 worker) const
	{
		return queues_[queue].polled.load(std::memory_order_relaxed) &&
		       serves(queue, worker);
	}
	void set_polled(u32 queue, bool polled)
	{
		queues_[queue].polled.store(polled, std::memory_order_relaxed);
	}
	// As mark(), of a queue that it serves: it looks for work before it sleeps, so
	// there is no one to wake.
	void mark_own(u32 queue)
	{
		queues_[queue].pending.store(true, std::memory_order_release);
	}

private:
	[[nodiscard]] bool known(u32 worker) const
	{
		return worker < capacity && workers_[worker].used;
	}

	struct Worker {
		bool used = false;
		std::atomic<bool> dead{false};
	};
	struct Slot {
		std::atomic<u32> worker{0};
		std::atomic<bool> pending{false};
		std::atomic<bool> polled{false}; // written under the queue's lock
		// Two workers may be at them: not in one cache line.
		std::array<u8, 56> apart;
	};

	vna_env *env_;
	std::array<Worker, capacity> workers_;
	std::array<Slot, VNA_VHOST_NET_VQ_MAX> queues_;
};

} // namespace vna
