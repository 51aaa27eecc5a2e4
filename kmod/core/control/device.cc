// SPDX-License-Identifier: GPL-2.0-only
#include "core/control/device.hh"

#include "core/net/receive.hh"
#include "core/net/transmit.hh"

namespace vna {

Device::Device(vna_env *env, const vna_config &config) : env_(env), config_(config)
{
	queues_[VNA_VHOST_NET_VQ_RX].batch_limit = config.rx_batch;
	queues_[VNA_VHOST_NET_VQ_TX].batch_limit = config.tx_batch;
	queues_[VNA_VHOST_NET_VQ_TX].ring().set_transmits(true);
}

Device::~Device()
{
	release();
}

const char *Device::queue_name(u32 i)
{
	return i == VNA_VHOST_NET_VQ_RX ? "rx" : "tx";
}

// Marks the queue and wakes the worker, unless someone has and it has not come
// yet.  What the queue is to find was written before: pairs with work().
void Device::mark(u32 index)
{
	const u32 bit = 1u << index;
	if (!(pending_.fetch_or(bit, std::memory_order_acq_rel) & bit))
		vna_env_worker_wake(env_);
}

void Device::event(u32 index, vna_event event)
{
	Queue &q = queues_[index];
	if (event == VNA_EVENT_KICK) {
		q.counters.add_unlocked(Count::kicks);
	} else {
		// While frames wait for buffers, more frames are no news.  The frame is
		// queued before starved is read: pairs with receive(), which clears
		// starved before it looks for frames.
		std::atomic_thread_fence(std::memory_order_seq_cst);
		if (q.starved.load(std::memory_order_relaxed))
			return;
	}
	mark(index);
}

bool Device::work()
{
	const u32 todo = pending_.exchange(0, std::memory_order_acq_rel);
	for (u32 i = 0; i < queue_count; i++) {
		if (todo >> i & 1)
			run(i);
	}
	return has_work();
}

void Device::run(u32 index)
{
	QueueLock lock(env_, index);
	Queue &q = queues_[index];
	if (!q.backend || q.ring().error() != RingError::none)
		return;
	Outcome outcome = Outcome::stopped;
	if (q.flush()) // what a fault of the ring once held up
		outcome = index == VNA_VHOST_NET_VQ_RX ? receive(q) : transmit(q);
	// Whatever it says: a queue with an error that is not told would be deaf.
	if (q.ring().error() != RingError::none)
		return stop(q, index);
	if (outcome == Outcome::more) {
		q.counters.add(Count::requeues);
		// The worker asks has_work() next: there is no one to wake.
		pending_.fetch_or(1u << index, std::memory_order_acq_rel);
	}
}

// The ring broke a rule: this queue rests until it is set up anew.
void Device::stop(Queue &q, u32 index)
{
	const RingError error = q.ring().error();
	const auto &text = describe(error);
	q.batch.clear();
	q.counters.add(Count::ring_errors);
	q.stopped_by.store(error, std::memory_order_relaxed);
	q.starved.store(true, std::memory_order_relaxed); // frames are no news
	vna_env_log(env_, "queue %s stopped: %s: %s", queue_name(index), text.name, text.rule);
	if (q.error)
		vna_env_eventfd_signal(q.error.get());
}

// Lets a queue run that was set up, or has been set up anew.
void Device::restart(Queue &q, u32 index)
{
	q.ring().clear_error();
	q.stopped_by.store(RingError::none, std::memory_order_relaxed);
	q.starved.store(false, std::memory_order_relaxed);
	mark(index);
}

// Whether all of the ring lies in user space as far as bounds go.
bool Device::ring_ok(const Queue &q, const RingAddresses &at)
{
	const Virtqueue &ring = q.ring();
	return vna_env_user_ok(at.desc, ring.desc_area().bytes) &&
	       vna_env_user_ok(at.driver, ring.driver_area().bytes) &&
	       vna_env_user_ok(at.device, ring.device_area().bytes);
}

// Binds a backend to a queue, or none.  The new one is in place before the old
// one goes, so a failure leaves the queue as it was.
long Device::bind(Queue &q, u32 index, s32 fd)
{
	// Also to unbind, as vhost-net has it.
	if (!memory_ || !memory_->user_ok() || !ring_ok(q, q.ring().addresses()))
		return -efault;
	if (fd == VNA_VHOST_FILE_UNBIND) {
		unbind(q);
		return 0;
	}
	if (!q.ring().set_up_ok()) // what was set before the features chose a format
		return -einval;
	vna_backend *backend = nullptr;
	int error = vna_env_backend_open(env_, index, fd, &backend);
	if (error)
		return error;
	const bool same = q.backend && vna_env_backend_same(q.backend, backend);
	if (same && q.ring().error() == RingError::none) {
		vna_env_backend_close(backend);
		return 0;
	}
	// Also when the ring is stopped: its progress is read anew.
	if (!q.ring().start())
		error = -efault;
	else if (!same)
		error = vna_env_backend_attach(backend);
	if (same || error)
		vna_env_backend_close(backend);
	if (error)
		return error;
	if (!same) {
		drop_backend(q);
		q.backend = backend;
		q.running.store(true, std::memory_order_relaxed);
	}
	restart(q, index);
	return 0;
}

void Device::unbind(Queue &q)
{
	drop_backend(q);
	q.ring().forget();
	q.ring().clear_error();
	q.stopped_by.store(RingError::none, std::memory_order_relaxed);
}

void Device::drop_backend(Queue &q)
{
	if (!q.backend)
		return;
	vna_env_backend_detach(q.backend);
	vna_env_backend_close(q.backend);
	q.backend = nullptr;
	q.running.store(false, std::memory_order_relaxed);
	q.taken = q.next = 0;
}

// Gives everything back, in the order that lets nothing come after: first what
// makes events, then the worker, then the memory that it translates by.
void Device::release()
{
	for (u32 i = 0; i < queue_count; i++) {
		QueueLock lock(env_, i);
		Queue &q = queues_[i];
		unbind(q);
		q.kick.reset();
		q.call.reset();
		q.error.reset();
		q.reset();
	}
	vna_env_owner_detach(env_);
	owned_ = false;
	pending_.store(0, std::memory_order_relaxed);
	if (memory_)
		RegionTable::destroy(std::exchange(memory_, nullptr));
	keep(Features());
}

} // namespace vna
