// SPDX-License-Identifier: GPL-2.0-only
// The device IOTLB: what its owner writes to it, and what it asks the owner.
#include "core/control/all_queues.hh"

#include "core/base/algorithm.hh"

namespace vna {

// Makes an IOTLB if the features ask for one, an empty one each time; @before, which is to
// be destroyed, is the one that there was.  -ENOMEM, and nothing has changed.
int Device::set_iotlb(Features features, Iotlb *&before)
{
	Iotlb *iotlb = nullptr;
	if (features.has(VNA_VIRTIO_F_ACCESS_PLATFORM)) {
		const int error = Iotlb::make(iotlb);
		if (error)
			return error;
	}
	if (!iotlb && !iotlb_)
		return 0;
	const AllQueues locks(*this);
	for (u32 i = 0; i < queue_count; i++) {
		Queue &q = queues_[i];
		// Addresses of the one kind mean nothing as the other.
		if (!iotlb != !iotlb_)
			q.ring().set_addresses({});
		q.ring().set_iotlb(iotlb);
		if (std::exchange(q.waits, false))
			workers_.mark(i); // it asks anew, or has no need to
	}
	before = std::exchange(iotlb_, iotlb);
	questions_.store(0, std::memory_order_release);
	iotlb_ready_.store(iotlb, std::memory_order_release);
	vna_env_message_wake(env_); // those who wait for what does not come
	return 0;
}

// The queue rests until the translation is there that it lacks, and asks for that.
void Device::park(Queue &q, u32 index)
{
	const Translator::Miss &miss = q.ring().miss();
	q.waits = true;
	if (index == VNA_VHOST_NET_VQ_RX)
		q.starved.store(true, std::memory_order_relaxed); // frames are no news
	if (miss.access == access_none)
		return;
	// One question a queue: it has one thing at a time to wait for.
	asked_[index] = miss;
	const u32 bit = 1u << index;
	if (questions_.fetch_or(bit, std::memory_order_acq_rel) & bit)
		return;
	q.counters.add(Count::iotlb_misses);
	vna_env_message_wake(env_);
}

int Device::read_message(MessageBytes &to)
{
	for (u32 i = 0; i < queue_count; i++) {
		const u32 bit = 1u << i;
		if (!(questions_.load(std::memory_order_acquire) & bit))
			continue;
		QueueLock lock(env_, i);
		if (!(questions_.fetch_and(~bit, std::memory_order_acq_rel) & bit))
			continue;
		vna_vhost_iotlb_msg msg{};
		msg.iova = asked_[i].at;
		msg.perm = asked_[i].access;
		msg.type = VNA_VHOST_IOTLB_MISS;
		make_message(msg, messages_v2_.load(std::memory_order_relaxed), to);
		return 0;
	}
	return iotlb_ready_.load(std::memory_order_acquire) ? -eagain : -ebadfd;
}

// As in vhost-net, all that is wrong with a message but its form is -EFAULT.
int Device::write_message(std::span<const std::byte> bytes)
{
	vna_vhost_iotlb_msg msg;
	const int error = parse_message(bytes, msg);
	if (error)
		return error;
	DeviceLock lock(env_);
	if (!iotlb_)
		return -efault;
	const AllQueues locks(*this);
	switch (msg.type) {
	case VNA_VHOST_IOTLB_UPDATE:
		return update(msg);
	case VNA_VHOST_IOTLB_INVALIDATE:
		invalidate(msg);
		return 0;
	}
	return -efault;
}

int Device::update(const vna_vhost_iotlb_msg &msg)
{
	const u64 last = msg.iova + (msg.size - 1);
	if (last < msg.iova || msg.uaddr + (msg.size - 1) < msg.uaddr)
		return -efault;
	const Access access = msg.perm & access_rw;
	if (access && !vna_env_user_ok(msg.uaddr, msg.size))
		return -efault;
	iotlb_->add({msg.iova, last, msg.uaddr, access}, [&](const Iotlb::Entry &gone) {
		for (Queue &q : queues_)
			q.ring().forget(gone);
	});
	for (u32 i = 0; i < queue_count; i++) {
		Queue &q = queues_[i];
		const u64 at = asked_[i].at;
		if (!q.waits || at < msg.iova || at > last)
			continue;
		q.waits = false;
		questions_.fetch_and(~(1u << i), std::memory_order_acq_rel);
		workers_.mark(i);
	}
	return 0;
}

// Takes effect before this returns: no queue has a turn, and none keeps a translation.
void Device::invalidate(const vna_vhost_iotlb_msg &msg)
{
	u64 first = msg.iova, last = msg.iova + (msg.size - 1);
	if (last < first) { // all of it, or too much: what is gone may be asked for
		first = 0;
		last = UINT64_MAX;
	}
	iotlb_->remove(first, last, [&](const Iotlb::Entry &gone) {
		for (Queue &q : queues_)
			q.ring().forget(gone);
	});
}

} // namespace vna
