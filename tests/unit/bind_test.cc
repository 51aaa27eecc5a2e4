// SPDX-License-Identifier: GPL-2.0-only
// VHOST_NET_ALT_BIND and UNBIND: both queues at once, and the swap of a backend that is in use.
#include <cerrno>

#include "device_bench.hh"

namespace vna
{

namespace
{

struct SwapBench : DeviceBench {
	SwapBench() : DeviceBench(), other(kernel, header()) {}

	long bind(s32 fd, u32 command = VNA_BIND, u32 flags = 0)
	{
		vna_vhost_net_alt_bind arg{0, fd, flags, 77};
		const long result = ioctl(command, arg);
		returned = arg.returned;
		return result;
	}

	host::FakeBackend other;
	u32 returned = 0;
};

TEST(Bind, swaps_the_backend_of_both_queues)
{
	SwapBench b;
	b.expect_traffic(10);
	ASSERT_EQ(b.bind(b.other.fd()), 0);
	EXPECT_EQ(b.returned, 0u);
	EXPECT_EQ(b.backend.opened, 0u);
	EXPECT_EQ(b.other.attached, 2u);
	b.send(payload(100, 5));
	b.kernel.work();
	EXPECT_EQ(b.other.sent.size(), 1u);
	b.post({2000});
	b.other.arrive(payload(200, 6));
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	EXPECT_EQ(got[0].frame, payload(200, 6));
}

TEST(Bind, gives_back_what_was_taken_and_found_no_buffer)
{
	SwapBench b;
	for (unsigned i = 0; i < 5; i++)
		b.backend.arrive(payload(100, i));
	b.kernel.work(); // there is no buffer
	ASSERT_EQ(b.backend.waiting.size(), 0u);
	ASSERT_EQ(b.bind(b.other.fd()), 0);
	EXPECT_EQ(b.returned, 5u);
	EXPECT_EQ(b.backend.waiting.size() + b.backend.freed, 5u);
	b.post({2000});
	b.other.arrive(payload(200, 6));
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	EXPECT_EQ(got[0].frame, payload(200, 6));
}

TEST(Bind, counts_only_what_was_not_delivered)
{
	SwapBench b;
	b.post({2000});
	b.post({2000});
	for (unsigned i = 0; i < 5; i++)
		b.backend.arrive(payload(100, i));
	b.kernel.work(); // there are two buffers
	ASSERT_EQ(b.bind(b.other.fd()), 0);
	EXPECT_EQ(b.returned, 3u);
	EXPECT_EQ(b.received().size(), 2u);
	EXPECT_EQ(b.backend.waiting.size() + b.backend.freed, 3u);
}

TEST(Bind, the_same_again_changes_nothing_that_counts)
{
	SwapBench b;
	ASSERT_EQ(b.bind(b.backend.fd()), 0);
	b.expect_traffic(10);
}

TEST(Bind, refuses_and_leaves_all_as_it_was)
{
	SwapBench b;
	host::FakeBackend offloads(b.kernel, b.header());
	offloads.offloads = 1;
	EXPECT_EQ(b.bind(offloads.fd()), -eopnotsupp);
	EXPECT_EQ(b.bind(b.kernel.add_plain_file()), -ENOTSOCK);
	EXPECT_EQ(b.bind(b.other.fd(), VNA_BIND, 1), -einval);
	EXPECT_EQ(b.bind(-1), -einval);
	EXPECT_EQ(b.bind(b.other.fd(), VNA_UNBIND), -einval);
	b.other.attach_error = -ENOMEM;
	EXPECT_EQ(b.bind(b.other.fd()), -ENOMEM);
	b.kernel.process = 2;
	EXPECT_EQ(b.bind(b.other.fd()), -eperm);
	b.kernel.process = 1;
	EXPECT_EQ(b.other.opened + offloads.opened, 0u);
	b.expect_traffic(10);
}

TEST(Bind, ends_with_a_signal_instead_of_any_lock)
{
	SwapBench b;
	for (unsigned lock = 1; lock <= 3; lock++) { // the device's, and of each queue
		b.kernel.signal_in = lock;
		EXPECT_EQ(b.bind(b.other.fd()), -EINTR);
		EXPECT_EQ(b.other.opened, 0u);
		b.expect_traffic(10);
	}
	EXPECT_EQ(b.bind(b.other.fd()), 0);
}

TEST(Bind, and_unbind_an_idle_device)
{
	SwapBench b;
	ASSERT_EQ(b.bind(-1, VNA_UNBIND), 0);
	EXPECT_EQ(b.kernel.state(rx_queue), "off");
	EXPECT_EQ(b.kernel.state(tx_queue), "off");
	EXPECT_EQ(b.backend.opened, 0u);
	ASSERT_EQ(b.bind(b.backend.fd()), 0);
	b.expect_traffic(10);
}

TEST(Bind, of_both_queues_or_of_none)
{
	SwapBench b;
	ASSERT_EQ(b.bind(-1, VNA_UNBIND), 0);
	const u64 used = b.user(b.tx.ring.areas().device); // the second to be started
	b.kernel.memory.fault(used, 4);
	EXPECT_EQ(b.bind(b.backend.fd()), -EFAULT);
	EXPECT_EQ(b.backend.opened, 0u);
	EXPECT_EQ(b.kernel.state(rx_queue), "off");
	b.kernel.memory.heal();
	ASSERT_EQ(b.bind(b.backend.fd()), 0);
	b.expect_traffic(10);
}

TEST(Bind, by_another_process_never_touches_the_ring)
{
	SwapBench b;
	b.expect_traffic(10);
	ASSERT_EQ(b.bind(-1, VNA_UNBIND), 0);
	u32 returned = 0;
	b.kernel.process = 2;
	// Any user access outside the worker would be of the wrong memory.
	const auto before = b.kernel.memory.accesses();
	ASSERT_EQ(vna_core_bind(b.kernel.core(), b.backend.fd(), &returned), 0);
	EXPECT_EQ(b.kernel.memory.accesses(), before);
	b.kernel.process = 1;
	b.kernel.work();
	b.expect_traffic(10);
}

TEST(Bind, by_another_process_of_a_ring_that_went_is_told_as_a_fault)
{
	SwapBench b;
	ASSERT_EQ(b.bind(-1, VNA_UNBIND), 0);
	u32 returned = 0;
	b.kernel.memory.fault(b.user(b.tx.ring.areas().device), 4);
	ASSERT_EQ(vna_core_bind(b.kernel.core(), b.backend.fd(), &returned), 0);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "ring_fault");
}

TEST(Bind, a_device_that_is_not_set_up_is_refused)
{
	SwapBench b;
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	u32 returned = 0;
	EXPECT_EQ(vna_core_bind(b.kernel.core(), b.backend.fd(), &returned), -efault);
	EXPECT_EQ(b.bind(b.backend.fd()), -eperm);
}

} // namespace

} // namespace vna
