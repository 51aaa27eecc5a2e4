// SPDX-License-Identifier: GPL-2.0-only
// The ioctls of linux/vhost.h: what each needs and does.  What they return, and
// which of several faults they report, is what vhost-net does.
#include "core/control/device.hh"

#include "core/base/algorithm.hh"

namespace vna {

namespace {

constexpr u64 bit(unsigned n)
{
	return 1ull << n;
}

constexpr Features offered_always{
	bit(VNA_VIRTIO_NET_F_MRG_RXBUF) | bit(VNA_VIRTIO_F_NOTIFY_ON_EMPTY) |
	bit(VNA_VHOST_F_LOG_ALL) | bit(VNA_VIRTIO_F_ACCESS_PLATFORM) |
	bit(VNA_VIRTIO_F_ANY_LAYOUT) | bit(VNA_VIRTIO_RING_F_INDIRECT_DESC) |
	bit(VNA_VIRTIO_RING_F_EVENT_IDX) | bit(VNA_VIRTIO_F_VERSION_1) |
	bit(VNA_VIRTIO_F_RING_PACKED) | bit(VNA_VIRTIO_F_IN_ORDER) | bit(VNA_VIRTIO_F_RING_RESET)};
// Where taps know the header that these need.
constexpr Features offered_with_tunnels{{0, bit(VNA_VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO % 64) |
						    bit(VNA_VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO % 64)}};
// A driver that has one of these has VERSION_1 too (virtio 1.2 section 6.2).
constexpr Features modern_only{bit(VNA_VIRTIO_F_RING_PACKED) | bit(VNA_VIRTIO_F_IN_ORDER)};
constexpr Features offered_backend{bit(VNA_VHOST_BACKEND_F_IOTLB_MSG_V2)};

// Memory from the glue for as long as a scope lasts.
class Scratch {
public:
	explicit Scratch(unsigned long size) : mem_(vna_env_alloc(size)) {}
	~Scratch()
	{
		if (mem_)
			vna_env_free(mem_);
	}
	Scratch(const Scratch &) = delete;
	Scratch &operator=(const Scratch &) = delete;
	[[nodiscard]] void *get() const { return mem_; }

private:
	void *mem_;
};

} // namespace

struct Device::Command {
	u32 number;
	enum Needs : u8 { nothing, owner, queue, no_lock } needs;
	long (Device::*run)(const Call &);
	int unowned = eperm; // while there is no owner at all
};

constinit const Device::Command Device::commands[] = {
	{VNA_VHOST_GET_FEATURES, Command::nothing, &Device::get_features},
	{VNA_VHOST_SET_FEATURES, Command::nothing, &Device::set_features},
	{VNA_VHOST_GET_FEATURES_ARRAY, Command::nothing, &Device::get_features_array},
	{VNA_VHOST_SET_FEATURES_ARRAY, Command::nothing, &Device::set_features_array},
	{VNA_VHOST_GET_BACKEND_FEATURES, Command::nothing, &Device::get_backend_features},
	{VNA_VHOST_SET_BACKEND_FEATURES, Command::nothing, &Device::set_backend_features},
	{VNA_VHOST_SET_OWNER, Command::nothing, &Device::set_owner},
	{VNA_VHOST_RESET_OWNER, Command::owner, &Device::reset_owner},
	{VNA_VHOST_GET_FORK_FROM_OWNER, Command::nothing, &Device::get_fork_from_owner},
	{VNA_VHOST_SET_FORK_FROM_OWNER, Command::nothing, &Device::set_fork_from_owner},
	{VNA_VHOST_NEW_WORKER, Command::owner, &Device::new_worker, einval},
	{VNA_VHOST_FREE_WORKER, Command::owner, &Device::free_worker, einval},
	{VNA_VHOST_SET_MEM_TABLE, Command::owner, &Device::set_mem_table},
	{VNA_VHOST_SET_LOG_BASE, Command::owner, &Device::set_log_base},
	{VNA_VHOST_SET_LOG_FD, Command::owner, &Device::set_log_fd},
	{VNA_VHOST_NET_SET_BACKEND, Command::nothing, &Device::set_backend},
	{VNA_VHOST_SET_VRING_NUM, Command::queue, &Device::set_vring_num},
	{VNA_VHOST_SET_VRING_ADDR, Command::queue, &Device::set_vring_addr},
	{VNA_VHOST_SET_VRING_BASE, Command::queue, &Device::set_vring_base},
	{VNA_VHOST_GET_VRING_BASE, Command::queue, &Device::get_vring_base},
	{VNA_VHOST_SET_VRING_KICK, Command::queue, &Device::set_vring_kick},
	{VNA_VHOST_SET_VRING_CALL, Command::queue, &Device::set_vring_call},
	{VNA_VHOST_SET_VRING_ERR, Command::queue, &Device::set_vring_err},
	{VNA_VHOST_ATTACH_VRING_WORKER, Command::queue, &Device::attach_vring_worker, einval},
	{VNA_VHOST_GET_VRING_WORKER, Command::queue, &Device::get_vring_worker, einval},
	{VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT, Command::queue, &Device::set_vring_busyloop_timeout},
	{VNA_VHOST_GET_VRING_BUSYLOOP_TIMEOUT, Command::queue, &Device::get_vring_busyloop_timeout},
	{VNA_GET_ID, Command::no_lock, &Device::get_id},
	{VNA_BIND, Command::no_lock, &Device::bind_ioctl},
	{VNA_UNBIND, Command::no_lock, &Device::unbind_ioctl},
};

long Device::ioctl(u32 number, u64 arg)
{
	// As vhost has it, a command that is unknown could be a queue's: its caller
	// hears first that he is not the owner, or that there is no such queue.
	static constexpr Command unknown{0, Command::queue, nullptr};
	const Command *command = &unknown;
	for (const Command &c : commands) {
		if (c.number == number)
			command = &c;
	}

	if (command->needs == Command::no_lock)
		return (this->*command->run)({arg});

	DeviceLock lock(env_);
	const State before = state();
	Call call{arg};
	const long result = run(*command, call);
	tell(before);
	return result;
}

long Device::run(const Command &command, Call &call)
{
	if (command.needs != Command::nothing && !is_owner())
		return owned_ ? -eperm : -command.unowned;
	if (command.needs != Command::queue)
		return (this->*command.run)(call);

	if (copy_in(call.index, call.arg))
		return -efault;
	if (call.index >= queue_count)
		return -enobufs;
	if (!command.run)
		return -enotty;
	call.index = index_nospec(call.index, queue_count);
	call.queue = &queues_[call.index];
	QueueLock queue_lock(env_, call.index);
	const long result = (this->*command.run)(call);
	call.queue->show();
	return result;
}

bool Device::is_owner() const
{
	return owned_ && vna_env_owner_is_current(env_);
}

Features Device::offered() const
{
	return config_.tunnel_gso ? offered_always | offered_with_tunnels : offered_always;
}

void Device::keep(Features features)
{
	for (unsigned i = 0; i < Features::words; i++)
		features_[i].store(features.word(i), std::memory_order_relaxed);
}

long Device::get_features(const Call &call)
{
	return copy_out(call.arg, offered().bits());
}

long Device::set_features(const Call &call)
{
	u64 bits;
	if (copy_in(bits, call.arg))
		return -efault;
	return negotiate(Features{bits});
}

namespace {

// Words of an array that is longer than what we know are all zeros.  So many are
// looked at; vhost-net has no bound.
constexpr u64 max_feature_words = 64;

constexpr u64 feature_word_at(u64 array, u64 i)
{
	return array + sizeof(vna_vhost_features_array) + i * sizeof(u64);
}

} // namespace

long Device::get_features_array(const Call &call)
{
	vna_vhost_features_array head;
	if (copy_in(head, call.arg))
		return -efault;
	// A length that no memory has is a bad address before it is too long.
	if (head.count >= ~0ull / sizeof(u64) ||
	    !vna_env_user_ok(call.arg, feature_word_at(0, head.count)))
		return -efault;
	if (head.count > max_feature_words)
		return -e2big;
	const Features features = offered();
	for (u64 i = 0; i < head.count; i++) {
		const u64 word = i < Features::words ? features.word(i) : 0;
		if (copy_out(feature_word_at(call.arg, i), word))
			return -efault;
	}
	return 0;
}

long Device::set_features_array(const Call &call)
{
	vna_vhost_features_array head;
	if (copy_in(head, call.arg))
		return -efault;
	std::array<u64, Features::words> known{};
	// One by one, as what comes after a word that is refused need not be there.
	for (u64 i = 0; i < head.count; i++) {
		u64 word;
		if (i == max_feature_words)
			return -e2big;
		if (copy_in(word, feature_word_at(call.arg, i)))
			return -efault;
		if (i < Features::words)
			known[i] = word;
		else if (word)
			return -eopnotsupp;
	}
	return negotiate(Features{known});
}

// What the owner has agreed with the driver upon, for the queues to go by.
long Device::negotiate(Features features)
{
	if (!features.within(offered()))
		return -eopnotsupp;
	if (features.bits() & modern_only.bits() && !features.has(VNA_VIRTIO_F_VERSION_1))
		return -eopnotsupp;
	for (const Queue &q : queues_) {
		if (q.backend && Ring::packed(features) != Ring::packed(this->features()))
			return -ebusy; // changing the format of a ring at work
	}
	if (features.has(VNA_VHOST_F_LOG_ALL) && !log_all_ok())
		return -efault;
	Iotlb *before = nullptr;
	const int error = set_iotlb(features, before);
	if (error)
		return error;
	keep(features);
	for (u32 i = 0; i < queue_count; i++) {
		QueueLock lock(env_, i);
		queues_[i].set_features(features);
	}
	if (before)
		Iotlb::destroy(before);
	return 0;
}

long Device::get_backend_features(const Call &call)
{
	return copy_out(call.arg, offered_backend.bits());
}

long Device::set_backend_features(const Call &call)
{
	u64 bits;
	if (copy_in(bits, call.arg))
		return -efault;
	const Features features{bits};
	if (!features.within(offered_backend))
		return -eopnotsupp;
	messages_v2_.store(features.has(VNA_VHOST_BACKEND_F_IOTLB_MSG_V2),
			   std::memory_order_relaxed);
	return 0;
}

long Device::set_owner(const Call &)
{
	if (owned_)
		return -ebusy;
	long error = vna_env_owner_attach(env_);
	if (error)
		return error;
	error = workers_.begin(fork_from_owner_);
	if (error)
		vna_env_owner_detach(env_);
	owned_ = !error;
	return error;
}

long Device::reset_owner(const Call &)
{
	// As vhost leaves it: a table, but an empty one.
	RegionTable *empty = nullptr;
	const int error = RegionTable::make({}, empty);
	if (error)
		return error;
	release();
	(void)memory_.publish(empty);
	return 0;
}

long Device::get_fork_from_owner(const Call &call)
{
	return copy_out(call.arg, static_cast<u8>(fork_from_owner_));
}

long Device::set_fork_from_owner(const Call &call)
{
	u8 fork;
	if (owned_)
		return -ebusy; // has its worker already
	if (copy_in(fork, call.arg))
		return -efault;
	if (fork > 1)
		return -einval;
	if (fork && !config_.can_fork)
		return -eopnotsupp;
	fork_from_owner_ = fork;
	return 0;
}

long Device::new_worker(const Call &call)
{
	// Kernel threads count against no limit of the owner's, so who chose them has
	// the one.  Where there is no choice, VNA_MAX_WORKERS is the limit.
	if (config_.can_fork && !fork_from_owner_)
		return -efault;
	vna_vhost_worker_state state;
	const long error = workers_.add(fork_from_owner_, state.worker_id);
	if (error)
		return error;
	if (!copy_out(call.arg, state))
		return 0;
	(void)workers_.remove(state.worker_id); // the owner would not know of it
	return -efault;
}

long Device::free_worker(const Call &call)
{
	vna_vhost_worker_state state;
	if (copy_in(state, call.arg))
		return -efault;
	return workers_.remove(state.worker_id);
}

long Device::set_mem_table(const Call &call)
{
	vna_vhost_memory head;
	if (copy_in(head, call.arg))
		return -efault;
	if (head.padding)
		return -eopnotsupp;
	if (head.nregions > config_.max_mem_regions)
		return -e2big;
	const unsigned long bytes = head.nregions * sizeof(vna_vhost_memory_region);
	Scratch copy(bytes + 1); // a table may be empty
	if (!copy.get())
		return -enomem;
	if (vna_env_copy_from_user(copy.get(), call.arg + sizeof head, bytes))
		return -efault;

	RegionTable *table = nullptr;
	const int error = RegionTable::make(
		{static_cast<const vna_vhost_memory_region *>(copy.get()), head.nregions}, table);
	if (error)
		return error;
	// A queue that is off checks nothing now: its memory may still be made.
	for (const Queue &q : queues_) {
		if (q.backend &&
		    (!table->user_ok() ||
		     (q.logs_buffers && !DirtyLog::covers(log_base_, *table)))) {
			RegionTable::destroy(table);
			return -efault;
		}
	}
	if (memory_.publish(table))
		wait_for_turns();
	return 0;
}

long Device::set_backend(const Call &call)
{
	vna_vhost_vring_file file;
	if (copy_in(file, call.arg)) // before the owner is asked for
		return -efault;
	if (!is_owner())
		return -eperm;
	if (file.index >= queue_count)
		return -enobufs;
	const u32 index = index_nospec(file.index, queue_count);
	QueueLock lock(env_, index);
	return bind(queues_[index], index, file.fd);
}

// In the vring commands the index was read by ioctl(); the one in the structure
// is not looked at again.

namespace {

// What was sent by reference, and left in flight by who unbound the queue in the owner's
// stead, is of the ring as it was.
void forget_flights(Queue &q)
{
	q.zerocopy.close(q, false);
}

} // namespace

long Device::set_vring_num(const Call &call)
{
	vna_vhost_vring_state state;
	if (call.queue->backend)
		return -ebusy; // resizing a ring at work
	if (copy_in(state, call.arg))
		return -efault;
	if (!call.queue->ring().size_ok(state.num))
		return -einval;
	forget_flights(*call.queue);
	call.queue->ring().set_size(state.num);
	return 0;
}

long Device::set_vring_addr(const Call &call)
{
	vna_vhost_vring_addr addr;
	if (copy_in(addr, call.arg))
		return -efault;
	if (addr.flags & ~VNA_VHOST_VRING_F_LOG)
		return -eopnotsupp;
	const RingAddresses at{addr.desc_user_addr, addr.avail_user_addr, addr.used_user_addr};
	Queue &q = *call.queue;
	if (!q.ring().aligned(at) || addr.log_guest_addr % q.ring().device_area().align)
		return -einval;
	// A ring that is off is checked when it is bound, as its size may be unknown.
	const bool log = addr.flags & VNA_VHOST_VRING_F_LOG;
	if (q.backend &&
	    (!ring_ok(q, at) || !ring_log_ok(q, log_base_, log, addr.log_guest_addr)))
		return -einval;
	const Virtqueue::Setup before = q.ring().setup();
	q.ring().set_addresses(at);
	q.ring().set_ring_log(log, addr.log_guest_addr);
	if (q.ring().error() != RingError::none && !start_ring(q)) {
		q.ring().set_addresses(before.at);
		q.ring().set_ring_log(before.log_ring, before.log_guest);
		return -efault;
	}
	if (q.backend)
		restart(q, call.index);
	return 0;
}

long Device::set_vring_base(const Call &call)
{
	vna_vhost_vring_state state;
	if (call.queue->backend)
		return -ebusy; // moving the base of a ring at work
	if (copy_in(state, call.arg))
		return -efault;
	if (!call.queue->ring().base_ok(state.num))
		return -einval;
	forget_flights(*call.queue);
	call.queue->ring().set_base(state.num);
	return 0;
}

long Device::get_vring_base(const Call &call)
{
	return copy_out(call.arg,
			vna_vhost_vring_state{call.index, call.queue->ring().base()});
}

long Device::set_vring_kick(const Call &call)
{
	vna_vhost_vring_file file;
	if (copy_in(file, call.arg))
		return -efault;
	Kick kick;
	if (file.fd != VNA_VHOST_FILE_UNBIND) {
		const int error = vna_env_kick_open(env_, call.index, file.fd, kick.out());
		if (error)
			return error;
	}
	Queue &q = *call.queue;
	q.kick = std::move(kick); // the old one is closed at the end
	if (q.backend && q.ring().error() != RingError::none && start_ring(q))
		restart(q, call.index);
	return 0;
}

namespace {

long set_eventfd(Eventfd &slot, u64 arg)
{
	vna_vhost_vring_file file;
	if (copy_in(file, arg))
		return -efault;
	Eventfd event;
	if (file.fd != VNA_VHOST_FILE_UNBIND) {
		const int error = vna_env_eventfd_open(file.fd, event.out());
		if (error)
			return error;
	}
	slot = std::move(event); // the old one is closed at the end
	return 0;
}

} // namespace

long Device::set_vring_call(const Call &call)
{
	return set_eventfd(call.queue->call, call.arg);
}

long Device::set_vring_err(const Call &call)
{
	return set_eventfd(call.queue->error, call.arg);
}

long Device::attach_vring_worker(const Call &call)
{
	vna_vhost_vring_worker worker;
	if (copy_in(worker, call.arg))
		return -efault;
	return workers_.attach(call.index, worker.worker_id);
}

long Device::get_vring_worker(const Call &call)
{
	u32 worker;
	const long error = workers_.find(call.index, worker);
	if (error)
		return error;
	return copy_out(call.arg, vna_vhost_vring_worker{call.index, worker});
}

long Device::set_vring_busyloop_timeout(const Call &call)
{
	vna_vhost_vring_state state;
	if (copy_in(state, call.arg))
		return -efault;
	call.queue->poll.set_timeout(state.num);
	return 0;
}

long Device::get_vring_busyloop_timeout(const Call &call)
{
	return copy_out(call.arg, vna_vhost_vring_state{call.index, call.queue->poll.timeout()});
}

long Device::get_id(const Call &call)
{
	return copy_out(call.arg, id);
}

} // namespace vna
