// SPDX-License-Identifier: GPL-2.0-only
// A virtio-net device as its owner has set it up: memory, features, two queues.
#pragma once

#include <array>
#include <atomic>

#include "core/control/settings.hh"
#include "core/control/workers.hh"
#include "core/memory/message.hh"
#include "core/net/queue.hh"

namespace vna {

class Device {
public:
	static constexpr u32 queue_count = VNA_VHOST_NET_VQ_MAX;

	Device(vna_env *env, const vna_config &config);
	~Device();
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;

	// One of the ioctls of linux/vhost.h, where it is what vhost-net returns, and of
	// linux/vhost_net_alt.h.
	long ioctl(u32 command, u64 arg);

	// What write() has and read() gives: messages of the IOTLB.
	int write_message(std::span<const std::byte> bytes);
	int read_message(MessageBytes &to);
	// Positive: there is one to be read; negative: there can be none.
	[[nodiscard]] int has_message() const
	{
		if (questions_.load(std::memory_order_acquire))
			return 1;
		return iotlb_ready_.load(std::memory_order_acquire) ? 0 : -1;
	}

	// In any context.
	void event(u32 queue, vna_event event);
	void worker_killed(u32 worker) { workers_.killed(worker); }
	[[nodiscard]] bool has_work(u32 worker) const { return workers_.has_work(worker); }
	// Serves what @worker has work for, for one weight each.  Whether there is more.
	bool work(u32 worker);

	[[nodiscard]] const Queue &queue(u32 i) const { return queues_[i]; }
	[[nodiscard]] Features features() const
	{
		return Features{{features_[0].load(std::memory_order_relaxed),
				 features_[1].load(std::memory_order_relaxed)}};
	}
	[[nodiscard]] static const char *queue_name(u32 i);

	// Shown without a lock, so that nobody who looks waits for the device.
	void show(vna_device_info &info) const;
	void show(u32 queue, vna_queue_info &info) const;
	// Binds the backend @fd to both queues, or none of it, for the owner or for someone
	// else; @returned: frames that went back to the old backends.
	long bind_both(s32 fd, bool by_owner, u32 &returned);
	// In any context; @settings are what all of them are to be.
	int set(const vna_settings &settings) { return settings_.set(settings); }

	u32 id = 0; // from when others can find it; stays

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

	// What others are told of when it changes.
	struct State {
		bool owned = false;
		Features features;
		const RegionTable *memory = nullptr;
		std::array<const vna_backend *, queue_count> backends{};
		u32 stopped = 0; // queues, a bit each
	};
	[[nodiscard]] State state() const; // with the device's lock
	void tell(const State &before);
	long run(const Command &command, Call &call);

	long get_features(const Call &call);
	long set_features(const Call &call);
	long get_features_array(const Call &call);
	long set_features_array(const Call &call);
	long get_backend_features(const Call &call);
	long set_backend_features(const Call &call);
	long set_owner(const Call &call);
	long reset_owner(const Call &call);
	long set_mem_table(const Call &call);
	long set_log_base(const Call &call);
	long set_log_fd(const Call &call);
	long set_backend(const Call &call);
	long get_fork_from_owner(const Call &call);
	long set_fork_from_owner(const Call &call);
	long new_worker(const Call &call);
	long free_worker(const Call &call);
	long attach_vring_worker(const Call &call);
	long get_vring_worker(const Call &call);
	long set_vring_busyloop_timeout(const Call &call);
	long get_vring_busyloop_timeout(const Call &call);
	long set_vring_num(const Call &call);
	long set_vring_addr(const Call &call);
	long set_vring_base(const Call &call);
	long get_vring_base(const Call &call);
	long set_vring_kick(const Call &call);
	long set_vring_call(const Call &call);
	long set_vring_err(const Call &call);
	long get_id(const Call &call);
	long bind_ioctl(const Call &call);
	long unbind_ioctl(const Call &call);
	long bind_by_ioctl(const Call &call, bool unbind);

	[[nodiscard]] bool is_owner() const; // of whoever calls
	[[nodiscard]] Features offered() const;
	long negotiate(Features features);
	void keep(Features features);
	long bind(Queue &queue, u32 index, s32 fd);
	void unbind(Queue &queue, bool show);
	bool start_ring(Queue &queue);
	void drop_backend(Queue &queue);
	[[nodiscard]] long may_bind(const Queue &queue, s32 fd) const;
	void adopt(Queue &queue, u32 index, vna_backend *backend, bool by_owner);
	void release();
	void run(u32 index, u32 worker);
	void take_settings(Queue &queue, u32 index);
	void look(u32 index, u32 worker);
	void serve(Queue &queue, u32 index, bool may_poll);
	void stop(Queue &queue, u32 index);
	void restart(Queue &queue, u32 index);
	void wait_for_turns();

	// log.cc
	[[nodiscard]] bool ring_log_ok(const Queue &queue, u64 base, bool on, u64 guest) const;
	[[nodiscard]] bool log_ok(const Queue &queue, u64 base) const;
	[[nodiscard]] bool log_all_ok() const;
	void end_log(Queue &queue);

	// swap.cc
	long swap(s32 fd, bool by_owner);
	void take_away(Queue &queue, bool by_owner);

	// iotlb.cc
	class AllQueues;
	int set_iotlb(Features features, Iotlb *&before);
	void park(Queue &queue, u32 index);
	int update(const vna_vhost_iotlb_msg &msg);
	void invalidate(const vna_vhost_iotlb_msg &msg);
	[[nodiscard]] static bool ring_ok(const Queue &queue, const RingAddresses &at);

	vna_env *env_;
	const vna_config config_;
	Settings settings_;
	// Written under the device lock, for any reader: he may see half of a change.
	std::array<std::atomic<u64>, Features::words> features_{};
	Memory memory_;
	u64 log_base_ = 0; // 0: none
	Eventfd log_event_; // under all queues' locks

	// Changed with the locks of all queues held.
	Iotlb *iotlb_ = nullptr;
	std::atomic<bool> iotlb_ready_{false}; // it is not null, for those without a lock
	std::atomic<bool> messages_v2_{false}; // VHOST_BACKEND_F_IOTLB_MSG_V2
	// Queues that ask for a translation, a bit each, and for which: under their locks.
	std::atomic<u32> questions_{0};
	std::array<Translator::Miss, queue_count> asked_{};

	bool owned_ = false;
	struct {
		std::atomic<bool> owned{false};
		std::atomic<u32> regions{0};
	} shown_; // of owned_ and memory_
	bool fork_from_owner_; // what kind of thread a worker is: see vna_config
	Workers workers_;
	std::array<Queue, queue_count> queues_;
};

} // namespace vna
