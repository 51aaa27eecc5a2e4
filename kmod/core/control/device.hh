// SPDX-License-Identifier: GPL-2.0-only
// A virtio-net device as its owner has set it up: memory, features, two queues.
#pragma once

#include <array>
#include <atomic>

#include "core/net/queue.hh"

namespace vna {

class Device {
public:
	static constexpr u32 queue_count = VNA_VHOST_NET_VQ_MAX;

	Device(vna_env *env, const vna_config &config);
	~Device();
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;

	// One of the ioctls of linux/vhost.h.  What vhost-net returns.
	long ioctl(u32 command, u64 arg);

	// In any context.
	void event(u32 queue, vna_event event);
	[[nodiscard]] bool has_work() const
	{
		return pending_.load(std::memory_order_acquire);
	}
	// Serves what has work, for one weight each.  Whether there is more.
	bool work();

	[[nodiscard]] const Queue &queue(u32 i) const { return queues_[i]; }
	[[nodiscard]] Features features() const
	{
		return Features{{features_[0].load(std::memory_order_relaxed),
				 features_[1].load(std::memory_order_relaxed)}};
	}
	[[nodiscard]] static const char *queue_name(u32 i);

private:
	// What a command acts on: the user's pointer, and for a queue's command its
	// queue.
	struct Call {
		u64 arg;
		u32 index = 0;
		Queue *queue = nullptr;
	};
	struct Command;
	static const Command commands[];

	long get_features(const Call &call);
	long set_features(const Call &call);
	long get_features_array(const Call &call);
	long set_features_array(const Call &call);
	long get_backend_features(const Call &call);
	long set_backend_features(const Call &call);
	long set_owner(const Call &call);
	long reset_owner(const Call &call);
	long set_mem_table(const Call &call);
	long set_backend(const Call &call);
	long set_vring_num(const Call &call);
	long set_vring_addr(const Call &call);
	long set_vring_base(const Call &call);
	long get_vring_base(const Call &call);
	long set_vring_kick(const Call &call);
	long set_vring_call(const Call &call);
	long set_vring_err(const Call &call);

	[[nodiscard]] bool is_owner() const; // of whoever calls
	[[nodiscard]] Features offered() const;
	long negotiate(Features features);
	void keep(Features features);
	long bind(Queue &queue, u32 index, s32 fd);
	void unbind(Queue &queue);
	void drop_backend(Queue &queue);
	void release();
	void run(u32 index);
	void stop(Queue &queue, u32 index);
	void restart(Queue &queue, u32 index);
	void mark(u32 index);
	[[nodiscard]] static bool ring_ok(const Queue &queue, const RingAddresses &at);

	vna_env *env_;
	const vna_config config_;
	// Written under the device lock, for any reader: he may see half of a change.
	std::array<std::atomic<u64>, Features::words> features_{};
	RegionTable *memory_ = nullptr;
	bool owned_ = false;
	std::atomic<u32> pending_{0}; // queues that have work, a bit each
	std::array<Queue, queue_count> queues_;
};

} // namespace vna
