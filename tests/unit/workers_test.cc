// SPDX-License-Identifier: GPL-2.0-only
// Workers: their ioctls, whose errors are those of vhost (7.2's vhost_worker_ioctl()), and the
// handing over of a queue from one to another.
#include "device_bench.hh"

namespace vna
{
namespace
{

constexpr host::Address nowhere = 0x10;
constexpr u32 unknown = VNA_MAX_WORKERS - 1;

struct WorkersBench : DeviceBench {
	using DeviceBench::DeviceBench;

	long add(u32 &worker)
	{
		vna_vhost_worker_state state{~0u};
		const long result = ioctl(VNA_VHOST_NEW_WORKER, state);
		worker = state.worker_id;
		return result;
	}
	u32 add()
	{
		u32 worker = 0;
		EXPECT_EQ(add(worker), 0);
		return worker;
	}
	long remove(u32 worker)
	{
		vna_vhost_worker_state state{worker};
		return ioctl(VNA_VHOST_FREE_WORKER, state);
	}
	long attach(u32 queue, u32 worker)
	{
		vna_vhost_vring_worker arg{queue, worker};
		return ioctl(VNA_VHOST_ATTACH_VRING_WORKER, arg);
	}
	long worker_of(u32 queue, u32 &worker)
	{
		vna_vhost_vring_worker arg{queue, ~0u};
		const long result = ioctl(VNA_VHOST_GET_VRING_WORKER, arg);
		EXPECT_EQ(arg.index, queue);
		worker = arg.worker_id;
		return result;
	}
	u32 worker_of(u32 queue)
	{
		u32 worker = ~0u;
		EXPECT_EQ(worker_of(queue, worker), 0);
		return worker;
	}
	long set_fork(u8 fork) { return ioctl(VNA_VHOST_SET_FORK_FROM_OWNER, fork); }
	u8 fork()
	{
		u8 fork = 0xff;
		EXPECT_EQ(ioctl(VNA_VHOST_GET_FORK_FROM_OWNER, fork), 0);
		return fork;
	}
	void kill(u32 worker) { vna_core_worker_killed(kernel.core(), worker); }
};

constexpr u32 commands[] = {VNA_VHOST_NEW_WORKER, VNA_VHOST_FREE_WORKER,
			    VNA_VHOST_ATTACH_VRING_WORKER, VNA_VHOST_GET_VRING_WORKER};

TEST(Workers, one_is_made_with_the_owner_and_serves_all_queues)
{
	WorkersBench b({.start = false});
	EXPECT_EQ(b.kernel.workers(), 0u);
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(b.kernel.workers(), 1u);
	EXPECT_EQ(b.worker_of(rx_queue), 0u);
	EXPECT_EQ(b.worker_of(tx_queue), 0u);
}

TEST(Workers, without_an_owner_all_is_invalid)
{
	WorkersBench b({.start = false});
	vna_vhost_vring_worker arg{};
	for (const u32 command : commands)
		EXPECT_EQ(b.ioctl(command, arg), -EINVAL);
	ASSERT_EQ(b.set_owner(), 0);
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	for (const u32 command : commands)
		EXPECT_EQ(b.ioctl(command, arg), -EINVAL);
}

TEST(Workers, others_than_the_owner_may_not)
{
	WorkersBench b;
	b.kernel.process = 2;
	vna_vhost_vring_worker arg{};
	for (const u32 command : commands)
		EXPECT_EQ(b.ioctl(command, arg), -EPERM);
	b.kernel.process = 1;
	EXPECT_EQ(b.kernel.workers(), 1u);
}

TEST(Workers, arguments_that_are_not_there_fault)
{
	WorkersBench b;
	for (const u32 command : commands)
		EXPECT_EQ(b.kernel.ioctl(command, nowhere), -EFAULT);
	// An index, and nothing behind it.
	vna_vhost_vring_worker arg{tx_queue, 0};
	b.kernel.memory.fault(&arg.worker_id, sizeof arg.worker_id);
	EXPECT_EQ(b.ioctl(VNA_VHOST_ATTACH_VRING_WORKER, arg), -EFAULT);
	EXPECT_EQ(b.ioctl(VNA_VHOST_GET_VRING_WORKER, arg), -EFAULT);
	b.kernel.memory.heal();
	EXPECT_EQ(b.kernel.workers(), 1u) << "a worker that the owner does not know of";
	b.expect_traffic();
}

TEST(Workers, queues_that_are_not_there_are_refused_first)
{
	WorkersBench b;
	for (const u32 queue : {2u, ~0u}) {
		EXPECT_EQ(b.attach(queue, unknown), -ENOBUFS);
		u32 worker;
		EXPECT_EQ(b.worker_of(queue, worker), -ENOBUFS);
	}
}

TEST(Workers, unknown_ones_are_no_device)
{
	WorkersBench b;
	for (const u32 worker : {1u, unknown, unknown + 1, 0x80000000u, ~0u}) {
		EXPECT_EQ(b.attach(tx_queue, worker), -ENODEV);
		EXPECT_EQ(b.remove(worker), -ENODEV);
	}
	EXPECT_EQ(b.worker_of(tx_queue), 0u);
	b.expect_traffic();
}

TEST(Workers, numbers_are_the_lowest_that_are_free)
{
	WorkersBench b;
	EXPECT_EQ(b.add(), 1u);
	EXPECT_EQ(b.add(), 2u);
	EXPECT_EQ(b.add(), 3u);
	EXPECT_EQ(b.remove(2), 0);
	EXPECT_EQ(b.remove(2), -ENODEV) << "twice";
	EXPECT_EQ(b.add(), 2u);
	EXPECT_EQ(b.add(), 4u);
	EXPECT_EQ(b.kernel.workers(), 0x1fu);
	EXPECT_EQ(b.kernel.forked(), 0x1fu);
}

TEST(Workers, one_that_serves_a_queue_is_busy)
{
	WorkersBench b;
	EXPECT_EQ(b.remove(0), -EBUSY);
	const u32 other = b.add();
	ASSERT_EQ(b.attach(tx_queue, other), 0);
	EXPECT_EQ(b.remove(0), -EBUSY);
	EXPECT_EQ(b.remove(other), -EBUSY);
	ASSERT_EQ(b.attach(rx_queue, other), 0);
	EXPECT_EQ(b.worker_of(rx_queue), other);
	EXPECT_EQ(b.worker_of(tx_queue), other);
	EXPECT_EQ(b.remove(0), 0) << "the first is one like any";
	EXPECT_EQ(b.kernel.workers(), 1u << other);
	b.expect_traffic();
	EXPECT_EQ(b.remove(other), -EBUSY);
}

TEST(Workers, there_are_no_more_than_the_limit)
{
	WorkersBench b;
	for (u32 i = 1; i < VNA_MAX_WORKERS; i++)
		EXPECT_EQ(b.add(), i);
	u32 worker;
	EXPECT_EQ(b.add(worker), -ENOMEM);
	EXPECT_EQ(b.remove(7), 0);
	EXPECT_EQ(b.add(), 7u);
	b.expect_traffic();
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	EXPECT_EQ(b.kernel.workers(), 0u);
}

TEST(Workers, one_that_cannot_be_started_is_not_there)
{
	WorkersBench b;
	b.kernel.worker_error = -ENOMEM;
	u32 worker;
	EXPECT_EQ(b.add(worker), -ENOMEM);
	EXPECT_EQ(b.attach(tx_queue, 1), -ENODEV);
	b.kernel.worker_error = 0;
	EXPECT_EQ(b.add(), 1u);
}

TEST(Workers, without_the_first_there_is_no_owner)
{
	WorkersBench b({.start = false});
	b.kernel.worker_error = -ENOMEM;
	EXPECT_EQ(b.set_owner(), -ENOMEM);
	EXPECT_EQ(b.kernel.leaks(), std::vector<std::string>{});
	EXPECT_EQ(b.set_memory(), -EPERM);
	b.kernel.worker_error = 0;
	b.start();
	b.expect_traffic();
}

// Which kind of thread.

TEST(Workers, the_kind_is_the_owners_choice_until_there_is_one)
{
	WorkersBench b({.start = false});
	EXPECT_EQ(b.fork(), 1);
	EXPECT_EQ(b.set_fork(2), -EINVAL);
	EXPECT_EQ(b.set_fork(0xff), -EINVAL);
	EXPECT_EQ(b.kernel.ioctl(VNA_VHOST_SET_FORK_FROM_OWNER, nowhere), -EFAULT);
	EXPECT_EQ(b.kernel.ioctl(VNA_VHOST_GET_FORK_FROM_OWNER, nowhere), -EFAULT);
	EXPECT_EQ(b.fork(), 1);
	EXPECT_EQ(b.set_fork(0), 0);
	EXPECT_EQ(b.fork(), 0);
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(b.kernel.forked(), 0u);
	EXPECT_EQ(b.set_fork(1), -EBUSY);
	EXPECT_EQ(b.kernel.ioctl(VNA_VHOST_SET_FORK_FROM_OWNER, nowhere), -EBUSY);
	// No limit of the owner's counts kernel threads: one is enough.
	u32 worker;
	EXPECT_EQ(b.add(worker), -EFAULT);
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	EXPECT_EQ(b.fork(), 1) << "as by default";
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(b.kernel.forked(), 1u);
}

TEST(Workers, the_default_kind_is_the_modules)
{
	WorkersBench b({.start = false, .configure = [](vna_config &c) { c.fork_from_owner = 0; }});
	EXPECT_EQ(b.fork(), 0);
	EXPECT_EQ(b.set_fork(1), 0);
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(b.kernel.forked(), 1u);
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	EXPECT_EQ(b.fork(), 0);
}

// A kernel whose threads cannot be a process's.
TEST(Workers, where_there_is_one_kind_only_there_are_many_of_it)
{
	WorkersBench b({.start = false, .configure = [](vna_config &c) {
				c.can_fork = c.fork_from_owner = 0;
			}});
	EXPECT_EQ(b.fork(), 0);
	EXPECT_EQ(b.set_fork(1), -EOPNOTSUPP);
	EXPECT_EQ(b.set_fork(0), 0);
	b.start();
	EXPECT_EQ(b.add(), 1u);
	EXPECT_EQ(b.kernel.forked(), 0u);
	ASSERT_EQ(b.attach(tx_queue, 1), 0);
	b.expect_traffic();
}

// Handing over.

TEST(Workers, each_serves_its_own_queues)
{
	WorkersBench b;
	const u32 other = b.add();
	ASSERT_EQ(b.attach(tx_queue, other), 0);
	b.kernel.work();
	b.send(payload(60));
	EXPECT_TRUE(b.kernel.woken(other));
	EXPECT_FALSE(b.kernel.woken(0));
	b.kernel.turn(0);
	EXPECT_TRUE(b.backend.sent.empty());
	b.kernel.turn(other);
	EXPECT_EQ(b.backend.sent.size(), 1u);
	b.post({100});
	b.backend.arrive(payload(60));
	EXPECT_TRUE(b.kernel.woken(0));
	b.kernel.turn(other);
	EXPECT_EQ(b.count(rx_queue, Count::packets), 0u);
	b.kernel.turn(0);
	EXPECT_EQ(b.count(rx_queue, Count::packets), 1u);
	EXPECT_EQ(b.received().size(), 1u);
	b.collect(b.tx);
	b.expect_traffic();
}

TEST(Workers, work_that_waits_goes_with_its_queue)
{
	WorkersBench b;
	const u32 other = b.add();
	b.send(payload(60)); // for the first, who has not come yet
	ASSERT_EQ(b.attach(tx_queue, other), 0);
	EXPECT_TRUE(b.kernel.woken(other));
	EXPECT_FALSE(vna_core_has_work(b.kernel.core(), 0));
	b.kernel.turn(0);
	EXPECT_TRUE(b.backend.sent.empty());
	b.kernel.turn(other);
	EXPECT_EQ(b.backend.sent.size(), 1u);
}

TEST(Workers, a_queue_without_work_wakes_nobody_when_it_is_handed_over)
{
	WorkersBench b;
	const u32 other = b.add();
	b.kernel.work();
	const unsigned before = b.kernel.wakes;
	ASSERT_EQ(b.attach(tx_queue, other), 0);
	ASSERT_EQ(b.attach(tx_queue, other), 0) << "to whom it is attached already";
	EXPECT_EQ(b.kernel.wakes, before);
	b.expect_traffic();
}

// The first worker has taken the queue's mark and comes too late for its lock.
TEST(Workers, who_comes_too_late_leaves_the_queue_to_the_new_one)
{
	WorkersBench b;
	const u32 other = b.add();
	b.kernel.work();
	b.send(payload(60));
	b.kernel.before_lock(tx_queue, [&] { ASSERT_EQ(b.attach(tx_queue, other), 0); });
	b.kernel.turn(0);
	EXPECT_TRUE(b.backend.sent.empty());
	EXPECT_TRUE(b.kernel.woken(other));
	b.kernel.turn(other);
	EXPECT_EQ(b.backend.sent.size(), 1u);
}

TEST(Workers, what_is_left_of_a_turn_goes_with_its_queue)
{
	WorkersBench b({.size = 1024});
	const u32 other = b.add();
	for (unsigned i = 0; i < 600; i++)
		b.send(payload(60));
	b.kernel.turn(0);
	EXPECT_EQ(b.backend.sent.size(), 256u);
	ASSERT_EQ(b.attach(tx_queue, other), 0);
	b.kernel.turn(0);
	EXPECT_EQ(b.backend.sent.size(), 256u);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 600u);
}

TEST(Workers, a_queue_handed_to_and_fro_loses_nothing)
{
	WorkersBench b;
	const u32 other = b.add();
	for (unsigned i = 0; i < 100; i++) {
		b.send(payload(60));
		b.post({100});
		b.backend.arrive(payload(60));
		for (const u32 queue : {rx_queue, tx_queue})
			ASSERT_EQ(b.attach(queue, (i + queue) % 2 ? other : 0), 0);
		b.kernel.work();
		b.collect(b.tx);
		EXPECT_EQ(b.received().size(), 1u);
	}
	EXPECT_EQ(b.backend.sent.size(), 100u);
}

// A worker dies with its process; another may have the same memory and go on.

TEST(Workers, a_dead_one_serves_nobody_and_is_neither_attached_nor_freed)
{
	WorkersBench b;
	const u32 other = b.add();
	b.kernel.work();
	b.kill(other);
	EXPECT_EQ(b.attach(tx_queue, other), 0) << "as vhost has it";
	EXPECT_EQ(b.worker_of(tx_queue), 0u);
	EXPECT_EQ(b.remove(other), -EBUSY);
	b.expect_traffic();
	b.kill(0);
	u32 worker;
	EXPECT_EQ(b.worker_of(tx_queue, worker), -EINVAL);
}

TEST(Workers, a_new_one_takes_over_from_a_dead_one)
{
	WorkersBench b;
	b.kernel.work();
	b.kill(0);
	b.send(payload(60));
	const u32 other = b.add();
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.attach(queue, other), 0);
	b.kernel.turn(other);
	EXPECT_EQ(b.backend.sent.size(), 1u);
	b.collect(b.tx);
	b.expect_traffic();
	EXPECT_EQ(b.remove(0), -EBUSY);
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(b.worker_of(tx_queue), 0u) << "alive";
}

} // namespace
} // namespace vna
