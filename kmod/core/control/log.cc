// SPDX-License-Identifier: GPL-2.0-only
// The log of written pages: where it is, whether it has room, and who is told.
#include "core/control/all_queues.hh"

namespace vna {

// Whether what a queue writes to its ring has its place in a bitmap at @base.  With an
// IOTLB the guest address is not the owner's to say.
bool Device::ring_log_ok(const Queue &q, u64 base, bool on, u64 guest) const
{
	return !on || q.ring().setup().translate.iotlb() ||
	       DirtyLog::covers(base, guest, q.ring().device_area().bytes);
}

// The same for all that a queue writes, of whatever table there is.
bool Device::log_ok(const Queue &q, u64 base) const
{
	const auto &setup = q.ring().setup();
	if (q.logs_buffers && !DirtyLog::covers(base, *memory_.table()))
		return false;
	return ring_log_ok(q, base, setup.log_ring, setup.log_guest);
}

// Whether all queues may log what they write.  One that is off is checked when it is bound.
bool Device::log_all_ok() const
{
	for (const Queue &q : queues_) {
		if (q.backend && !DirtyLog::covers(log_base_, *memory_.table()))
			return false;
	}
	return true;
}

// Ends a turn: what was written to the ring, the last of it after the buffers.
void Device::end_log(Queue &q)
{
	(void)q.flush_log();
	const u64 pages = q.log.take_written();
	if (!pages)
		return;
	q.counters.add(Count::log_pages, pages);
	if (log_event_)
		vna_env_eventfd_signal(log_event_.get());
}

// No queue writes to the old one when this returns, and all its bits are set.
long Device::set_log_base(const Call &call)
{
	u64 base;
	if (copy_in(base, call.arg))
		return -efault;
	for (const Queue &q : queues_) {
		if (q.backend && !log_ok(q, base))
			return -efault;
	}
	log_base_ = base;
	for (u32 i = 0; i < queue_count; i++) {
		QueueLock lock(env_, i);
		queues_[i].log.set_base(base);
	}
	return 0;
}

long Device::set_log_fd(const Call &call)
{
	s32 fd;
	if (copy_in(fd, call.arg))
		return -efault;
	Eventfd event;
	if (fd != VNA_VHOST_FILE_UNBIND) {
		const int error = vna_env_eventfd_open(fd, event.out());
		if (error)
			return error;
	}
	const AllQueues locks(*this);
	log_event_ = std::move(event);
	return 0;
}

} // namespace vna
