// SPDX-License-Identifier: GPL-2.0-only
// VHOST_NET_ALT_BIND and UNBIND: a backend for both queues at once, also in the place of
// one that is in use, by the owner or by someone else who may.
#include "core/control/all_queues.hh"

namespace vna {

long Device::bind_ioctl(const Call &call)
{
	return bind_by_ioctl(call, false);
}

long Device::unbind_ioctl(const Call &call)
{
	return bind_by_ioctl(call, true);
}

// Without a lock of this device, as it may be another's.
long Device::bind_by_ioctl(const Call &call, bool unbind)
{
	vna_vhost_net_alt_bind bind;
	if (copy_in(bind, call.arg))
		return -efault;
	if (bind.flags || (unbind ? bind.fd != VNA_VHOST_FILE_UNBIND : bind.fd < 0))
		return -einval;
	bind.returned = 0;
	if (copy_out(call.arg, bind)) // not after it is done
		return -efault;
	long result;
	if (bind.id) {
		vna_core *other;
		result = vna_env_find(bind.id, &other);
		if (result)
			return result;
		result = vna_core_bind(other, bind.fd, &bind.returned);
		vna_env_put(other);
	} else {
		result = bind_both(bind.fd, true, bind.returned);
	}
	if (!result)
		(void)copy_out(call.arg, bind); // the place was there before, and it is done
	return result;
}

// The owner's pages may be missing for as long as he likes, under either lock: whoever binds in
// his stead can be killed meanwhile.
long Device::bind_both(s32 fd, bool by_owner, u32 &returned)
{
	const PatientDeviceLock lock(env_);
	if (lock.error())
		return lock.error();
	if (by_owner && !is_owner())
		return -eperm;
	if (!owned_)
		return -efault; // and so without memory
	const State before = state();
	long result;
	{
		const AllQueues locks(*this, AllQueues::UnlessSignal());
		if (locks.error())
			return locks.error();
		returned = 0;
		for (const Queue &q : queues_)
			returned += q.taken - q.next;
		result = swap(fd, by_owner);
	}
	tell(before);
	return result;
}

// The worker is between two turns: all that was sent has left, what was taken and found
// no buffer goes back.  Of the owner's memory only he reads anything, where a ring is to
// be started: else the worker will, on its next turn.
long Device::swap(s32 fd, bool by_owner)
{
	for (const Queue &q : queues_) {
		const long error = may_bind(q, fd);
		if (error)
			return error;
	}
	if (fd == VNA_VHOST_FILE_UNBIND) {
		for (Queue &q : queues_)
			take_away(q, by_owner);
		return 0;
	}
	// A ring that is at work goes on from where it is.
	const auto works = [](const Queue &q) {
		return q.backend && q.ring().error() == RingError::none;
	};
	std::array<vna_backend *, queue_count> backends{};
	long error = 0;
	u32 attached = 0;
	for (u32 i = 0; i < queue_count && !error; i++) {
		Queue &q = queues_[i];
		error = vna_env_backend_open(env_, i, fd, &backends[i]);
		if (!error && q.backend)
			error = vna_env_backend_suits(q.backend, backends[i]);
		if (!error && by_owner && !works(q) && !start_ring(q))
			error = -efault;
		if (!error)
			error = vna_env_backend_attach(backends[i]);
		attached += !error;
	}
	if (error) {
		for (u32 i = 0; i < queue_count; i++) {
			if (i < attached)
				vna_env_backend_detach(backends[i]);
			if (backends[i])
				vna_env_backend_close(backends[i]);
		}
		return error;
	}
	for (u32 i = 0; i < queue_count; i++) {
		Queue &q = queues_[i];
		if (!by_owner && !works(q))
			q.ring().start_later();
		adopt(q, i, backends[i], by_owner);
		restart(q, i);
	}
	return 0;
}

// By someone else the driver is shown nothing: buffers that are still in flight come back
// when the queue has a backend again, or is the owner's to unbind.
void Device::take_away(Queue &q, bool by_owner)
{
	if (by_owner)
		return unbind(q, true);
	drop_backend(q);
	q.ring().forget(); // there is something only where the ring broke a rule
	q.ring().clear_error();
	q.stopped_by.store(RingError::none, std::memory_order_relaxed);
}

} // namespace vna
