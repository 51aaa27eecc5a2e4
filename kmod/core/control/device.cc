// SPDX-License-Identifier: GPL-2.0-only
#include "core/control/device.hh"

#include "core/net/receive.hh"
#include "core/net/transmit.hh"

namespace vna {

Device::Device(vna_env *env, const vna_config &config)
	: env_(env), config_(config), settings_({config.rx_batch, config.tx_batch,
						 Weight::max_packets, Weight::max_bytes,
						 config.zerocopy_min, VNA_POLL_ADAPTIVE,
						 config.busypoll_us}),
	  fork_from_owner_(config.fork_from_owner), workers_(env)
{
	queues_[VNA_VHOST_NET_VQ_TX].ring().set_transmits(true);
	for (u32 i = 0; i < queue_count; i++) {
		Queue &q = queues_[i];
		take_settings(q, i);
		memory_.add(q.memory);
		q.ring().set_memory(&q.memory);
		q.ring().set_log(&q.log);
	}
}

Device::~Device()
{
	release();
}

const char *Device::queue_name(u32 i)
{
	return i == VNA_VHOST_NET_VQ_RX ? "rx" : "tx";
}

void Device::event(u32 index, vna_event event)
{
	Queue &q = queues_[index];
	if (event == VNA_EVENT_KICK) {
		q.counters.add_unlocked(Count::kicks);
	} else if (event == VNA_EVENT_COMPLETED) {
		if (!q.zerocopy.is_news())
			return;
	} else {
		// While frames wait for buffers, more frames are no news.  The frame is
		// queued before starved is read: pairs with receive(), which clears
		// starved before it looks for frames.
		std::atomic_thread_fence(std::memory_order_seq_cst);
		if (q.starved.load(std::memory_order_relaxed))
			return;
	}
	workers_.mark(index);
}

bool Device::work(u32 worker)
{
	for (u32 i = 0; i < queue_count; i++) {
		if (workers_.take(i, worker))
			run(i, worker);
		else if (workers_.polls(i, worker))
			look(i, worker);
	}
	return has_work(worker);
}

void Device::run(u32 index, u32 worker)
{
	QueueLock lock(env_, index);
	if (!workers_.serves(index, worker))
		return workers_.mark(index); // handed over: the new one is to look
	serve(queues_[index], index, true);
}

// What was set of the device since the queue's last turn.
void Device::take_settings(Queue &q, u32 index)
{
	const u32 version = settings_.version();
	if (q.settings_seen == version) [[likely]]
		return;
	q.settings_seen = version;
	const vna_settings settings = settings_.get();
	const bool receives = index == VNA_VHOST_NET_VQ_RX;
	q.batch_limit = receives ? settings.rx_batch : settings.tx_batch;
	q.weight_limit = Weight(settings.weight_packets, settings.weight_bytes);
	q.poll.set_mode(static_cast<vna_poll_mode>(settings.poll_mode), settings.poll_us * 1000ull);
	if (!receives)
		q.zerocopy.set_min(settings.zerocopy_min);
}

// One look at a queue that ran dry, each in a turn of its own: between two the
// lock is free, others get their turn, and the thread may be stopped or frozen.
void Device::look(u32 index, u32 worker)
{
	QueueLock lock(env_, index);
	Queue &q = queues_[index];
	if (!workers_.polls(index, worker))
		return; // handed over: the new one has been told
	if (!q.backend || q.ring().error() != RingError::none)
		return workers_.set_polled(index, false);
	take_settings(q, index);
	q.counters.add(Count::polls);
	const bool wanted = vna_env_relax();
	bool found = true; // also what a turn is to find out
	if (const Queue::Turn turn(q); turn.ready())
		found = q.has_news();
	const u64 now = vna_env_now();
	if (!found && !wanted && !q.poll.over(now))
		return;
	q.counters.add(Count::poll_hits, found);
	q.counters.add(Count::poll_ns, q.poll.waited(now));
	// Even if there is nothing: a turn ends by asking for events, and misses none.
	serve(q, index, found);
}

// A queue's turn, with its lock.
void Device::serve(Queue &q, u32 index, bool may_poll)
{
	workers_.set_polled(index, false);
	if (!q.backend || q.ring().error() != RingError::none)
		return;
	take_settings(q, index);
	const bool watched = q.poll.on() && vna_env_can_poll();
	const u64 began = watched ? vna_env_now() : 0;
	q.poll_when_dry = watched && may_poll && q.poll.pays();
	q.turn_began = q.counters.get(Count::batches);
	const Queue::Turn turn(q);
	Outcome outcome = Outcome::stopped;
	// What a fault of the ring once held up goes first.
	if (turn.ready() && q.ring().error() == RingError::none && q.flush())
		outcome = index == VNA_VHOST_NET_VQ_RX ? receive(q) : transmit(q);
	end_log(q);
	q.show_base();
	// Whatever it says: a queue with an error that is not told would be deaf.
	if (q.ring().error() != RingError::none)
		return stop(q, index);
	if (q.ring().parked()) [[unlikely]]
		park(q, index);
	if (outcome == Outcome::more) {
		q.counters.add(Count::requeues);
		workers_.mark_own(index);
	}
	if (watched && q.found_some()) {
		q.poll.found(began);
		if (outcome != Outcome::more)
			q.poll.dry(vna_env_now());
	}
	workers_.set_polled(index, outcome == Outcome::dry);
}

// The ring broke a rule: this queue rests until it is set up anew.
void Device::stop(Queue &q, u32 index)
{
	const RingError error = q.ring().error();
	const auto &text = describe(error);
	q.batch.clear();
	q.counters.add(error);
	q.stopped_by.store(error, std::memory_order_relaxed);
	q.starved.store(true, std::memory_order_relaxed); // frames are no news
	vna_env_log(env_, "queue %s stopped: %s: %s", queue_name(index), text.name, text.rule);
	if (q.error)
		vna_env_eventfd_signal(q.error.get());
	vna_env_queue_stopped(env_, index, text.name, text.rule);
}

// Returns when the turns have ended that use what is not in the memory table any
// more: each holds its queue's lock, and no longer than its weight allows.
void Device::wait_for_turns()
{
	for (u32 i = 0; i < queue_count; i++) {
		if (queues_[i].memory.reading())
			QueueLock lock(env_, i);
	}
	memory_.reclaim();
}

// Lets a queue run that was set up, or has been set up anew.
void Device::restart(Queue &q, u32 index)
{
	q.ring().clear_error();
	q.stopped_by.store(RingError::none, std::memory_order_relaxed);
	q.starved.store(false, std::memory_order_relaxed);
	workers_.mark(index);
}

// Whether all of the ring lies in user space as far as bounds go.  With an IOTLB that
// tells where it lies.
bool Device::ring_ok(const Queue &q, const RingAddresses &at)
{
	if (q.ring().setup().translate.iotlb())
		return true;
	const Virtqueue &ring = q.ring();
	return vna_env_user_ok(at.desc, ring.desc_area().bytes) &&
	       vna_env_user_ok(at.driver, ring.driver_area().bytes) &&
	       vna_env_user_ok(at.device, ring.device_area().bytes);
}

// What has to be right for a backend to be bound.
long Device::may_bind(const Queue &q, s32 fd) const
{
	// Also to unbind, as vhost-net has it.
	if (!memory_.table() || !memory_.table()->user_ok() || !log_ok(q, log_base_) ||
	    !ring_ok(q, q.ring().addresses()))
		return -efault;
	// What was set before the features chose a format.
	return fd == VNA_VHOST_FILE_UNBIND || q.ring().set_up_ok() ? 0 : -einval;
}

// Binds a backend to a queue, or none.  The new one is in place before the old
// one goes, so a failure leaves the queue as it was.
long Device::bind(Queue &q, u32 index, s32 fd)
{
	long error = may_bind(q, fd);
	if (error)
		return error;
	if (fd == VNA_VHOST_FILE_UNBIND) {
		unbind(q, true);
		return 0;
	}
	vna_backend *backend = nullptr;
	error = vna_env_backend_open(env_, index, fd, &backend);
	if (error)
		return error;
	const bool same = q.backend && vna_env_backend_same(q.backend, backend);
	if (same && q.ring().error() == RingError::none) {
		vna_env_backend_close(backend);
		return 0;
	}
	// Also when the ring is stopped: its progress is read anew.
	if (!start_ring(q))
		error = -efault;
	else if (!same)
		error = vna_env_backend_attach(backend);
	if (same || error)
		vna_env_backend_close(backend);
	if (error)
		return error;
	if (!same)
		adopt(q, index, backend, true);
	restart(q, index);
	return 0;
}

// @backend, attached, is the queue's from here on.
void Device::adopt(Queue &q, u32 index, vna_backend *backend, bool by_owner)
{
	drop_backend(q);
	q.backend = backend;
	if (index == VNA_VHOST_NET_VQ_TX) {
		// What frames in flight pin is the owner's to answer for: only he opens that.
		if (by_owner)
			q.zerocopy.open(env_, index, q.ring().size());
		q.zerocopy.use(backend);
	}
	q.running.store(true, std::memory_order_relaxed);
}

// Has the ring's progress read anew.
bool Device::start_ring(Queue &q)
{
	if (q.ring().setup().translate.iotlb())
		return q.ring().start_soon();
	const RingError before = q.ring().error();
	const Queue::Turn turn(q);
	const bool started = q.ring().start();
	end_log(q);
	if (!started) // an error that nobody is told of would make it deaf
		q.ring().fail(before);
	return started;
}

// @show: the driver is to see what was sent, as far as it is its to see.
void Device::unbind(Queue &q, bool show)
{
	drop_backend(q);
	if (show) {
		const Queue::Turn turn(q);
		q.zerocopy.close(q, turn.ready() && q.ring().error() == RingError::none);
		end_log(q);
	} else {
		q.zerocopy.close(q, false);
	}
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
	q.zerocopy.use(nullptr);
	q.running.store(false, std::memory_order_relaxed);
	q.taken = q.next = 0;
}

void Device::show(vna_device_info &info) const
{
	bool bound = false, running = false;
	for (const Queue &q : queues_) {
		const bool has = q.running.load(std::memory_order_relaxed);
		bound |= has;
		running |= has && q.stopped_by.load(std::memory_order_relaxed) == RingError::none;
	}
	info.id = id;
	info.state = running ? VNA_DEVICE_RUNNING :
		     bound   ? VNA_DEVICE_STOPPED :
		     shown_.owned.load(std::memory_order_relaxed) ? VNA_DEVICE_OWNED :
								    VNA_DEVICE_OPENED;
	info.features = features().word(0);
	info.features_high = features().word(1);
	info.regions = shown_.regions.load(std::memory_order_relaxed);
	info.settings = settings_.get();
}

void Device::show(u32 index, vna_queue_info &info) const
{
	const Queue &q = queues_[index];
	const RingError stopped_by = q.stopped_by.load(std::memory_order_relaxed);
	const bool stopped = stopped_by != RingError::none;
	info.transmits = index == VNA_VHOST_NET_VQ_TX;
	info.state = stopped						? VNA_QUEUE_STOPPED :
		     q.running.load(std::memory_order_relaxed) ? VNA_QUEUE_RUNNING :
								 VNA_QUEUE_OFF;
	info.rule = stopped ? describe(stopped_by).name : nullptr;
	info.rule_text = stopped ? describe(stopped_by).rule : nullptr;
	info.worker = workers_.of(index);
	info.packed = Ring::packed(features());
	info.in_order = features().has(VNA_VIRTIO_F_IN_ORDER);
	info.size = q.shown.size.load(std::memory_order_relaxed);
	info.base = q.shown.base.load(std::memory_order_relaxed);
}

Device::State Device::state() const
{
	State state{owned_, features(), memory_.table(), {}, 0};
	for (u32 i = 0; i < queue_count; i++) {
		const Queue &q = queues_[i];
		state.backends[i] = q.backend;
		if (q.stopped_by.load(std::memory_order_relaxed) != RingError::none)
			state.stopped |= 1u << i;
	}
	return state;
}

// Writes down what may be looked at without the lock, and tells of what changed.
void Device::tell(const State &before)
{
	const State now = state();
	shown_.owned.store(now.owned, std::memory_order_relaxed);
	shown_.regions.store(now.memory ? static_cast<u32>(now.memory->regions().size()) : 0,
			     std::memory_order_relaxed);
	// A queue that the worker has stopped meanwhile is told of by itself.
	if (now.owned != before.owned || now.features != before.features ||
	    now.memory != before.memory || now.backends != before.backends ||
	    before.stopped & ~now.stopped)
		vna_env_changed(env_);
}

// Gives everything back, in the order that lets nothing come after: first what
// makes events, then the workers, then the memory that it translates by.
void Device::release()
{
	for (u32 i = 0; i < queue_count; i++) {
		QueueLock lock(env_, i);
		Queue &q = queues_[i];
		unbind(q, false);
		q.kick.reset();
		q.call.reset();
		q.error.reset();
		q.reset();
	}
	vna_env_owner_detach(env_);
	workers_.end();
	owned_ = false;
	fork_from_owner_ = config_.fork_from_owner;
	(void)memory_.publish(nullptr); // the workers are gone: no turn is under way
	log_event_.reset();
	log_base_ = 0;
	messages_v2_.store(false, std::memory_order_relaxed);
	Iotlb *iotlb = nullptr;
	(void)set_iotlb(Features(), iotlb);
	if (iotlb)
		Iotlb::destroy(iotlb);
	keep(Features());
}

} // namespace vna
