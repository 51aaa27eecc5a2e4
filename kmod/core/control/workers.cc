// SPDX-License-Identifier: GPL-2.0-only
#include "core/control/workers.hh"

#include "core/base/algorithm.hh"

namespace vna {

long Workers::begin(bool fork)
{
	u32 first;
	const long error = add(fork, first);
	if (error)
		return error;
	for (Slot &slot : queues_)
		slot.worker.store(first, std::memory_order_relaxed);
	return 0;
}

long Workers::add(bool fork, u32 &worker)
{
	worker = 0;
	while (worker < capacity && workers_[worker].used)
		worker++;
	if (worker == capacity)
		return -enomem;
	workers_[worker].dead.store(false, std::memory_order_relaxed);
	const int error = vna_env_worker_start(env_, worker, fork);
	workers_[worker].used = !error;
	return error;
}

long Workers::remove(u32 worker)
{
	if (!known(worker))
		return -enodev;
	worker = index_nospec(worker, capacity);
	if (workers_[worker].dead.load(std::memory_order_relaxed))
		return -ebusy;
	for (u32 i = 0; i < queues_.size(); i++) {
		if (serves(i, worker))
			return -ebusy;
	}
	vna_env_worker_stop(env_, worker);
	workers_[worker].used = false;
	return 0;
}

long Workers::attach(u32 queue, u32 worker)
{
	if (!known(worker))
		return -enodev;
	worker = index_nospec(worker, capacity);
	if (workers_[worker].dead.load(std::memory_order_relaxed))
		return 0; // as vhost has it: the queue stays where it is
	Slot &slot = queues_[queue];
	slot.worker.store(worker, std::memory_order_seq_cst);
	// It is looked at, so nobody would tell the new one that there is something.
	if (slot.polled.load(std::memory_order_relaxed))
		slot.pending.store(true, std::memory_order_relaxed);
	// What was marked for the one before is for this one; pairs with mark().
	if (slot.pending.load(std::memory_order_seq_cst))
		vna_env_worker_wake(env_, worker);
	return 0;
}

long Workers::find(u32 queue, u32 &worker) const
{
	worker = queues_[queue].worker.load(std::memory_order_relaxed);
	return workers_[worker].dead.load(std::memory_order_relaxed) ? -einval : 0;
}

void Workers::end()
{
	for (Worker &worker : workers_)
		worker.used = false;
	for (Slot &slot : queues_) {
		slot.worker.store(0, std::memory_order_relaxed);
		slot.pending.store(false, std::memory_order_relaxed);
		slot.polled.store(false, std::memory_order_relaxed);
	}
}

// What the queue is to find was written before: pairs with take().
void Workers::mark(u32 queue)
{
	Slot &slot = queues_[queue];
	// Whoever hands the queue over meanwhile sees the mark, or has named the new
	// worker before it is read here.
	if (!slot.pending.exchange(true, std::memory_order_seq_cst))
		vna_env_worker_wake(env_, slot.worker.load(std::memory_order_seq_cst));
}

bool Workers::has_work(u32 worker) const
{
	for (u32 i = 0; i < queues_.size(); i++) {
		if ((queues_[i].pending.load(std::memory_order_acquire) &&
		     serves(i, worker)) ||
		    polls(i, worker))
			return true;
	}
	return false;
}

void Workers::killed(u32 worker)
{
	workers_[worker].dead.store(true, std::memory_order_relaxed);
}

bool Workers::take(u32 queue, u32 worker)
{
	Slot &slot = queues_[queue];
	return serves(queue, worker) && slot.pending.load(std::memory_order_relaxed) &&
	       slot.pending.exchange(false, std::memory_order_acq_rel);
}

} // namespace vna
