// SPDX-License-Identifier: GPL-2.0-only
// What the driver may see of completed buffers, and when it is told.
#include "device_bench.hh"

namespace vna
{
namespace
{

constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);

// A frame over 43 buffers, as 64 KiB are over those of 1.5 KiB.
constexpr unsigned buffers_each = 43;
constexpr u32 buffer_bytes = 1526;

// 5.1.6.4.1: a driver that finds num_buffers counts on as many used entries.
TEST(Publish, the_used_index_never_ends_within_a_frame)
{
	constexpr unsigned frames = 20;
	DeviceBench b({.size = 1024});
	for (unsigned i = 0; i < frames * buffers_each; i++)
		b.post({buffer_bytes});
	std::vector<u16> seen;
	const auto used = b.address_of(rx_queue).used_user_addr + 2;
	b.kernel.memory.after(host::Access::write, used, 2, [&](const host::Access &) {
		seen.push_back(b.rx.ring.table().used_idx());
	});
	for (unsigned i = 0; i < frames; i++)
		b.backend.arrive(payload(buffers_each * buffer_bytes - b.header(), i));
	b.kernel.work();
	ASSERT_FALSE(seen.empty());
	for (const u16 index : seen)
		EXPECT_EQ(index % buffers_each, 0) << index;
	EXPECT_EQ(seen.back(), frames * buffers_each);
	EXPECT_EQ(b.received().size(), frames);
}

// Frames that fill the shadow used ring more than once are all shown.
TEST(Publish, more_buffers_than_the_shadow_holds_are_all_shown)
{
	DeviceBench b({.size = 4096});
	constexpr unsigned frames = 40;
	for (unsigned i = 0; i < frames * 100; i++)
		b.post({100});
	for (unsigned i = 0; i < frames; i++)
		b.backend.arrive(payload(100 * 100 - b.header(), i));
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), frames);
	for (unsigned i = 0; i < frames; i++)
		EXPECT_EQ(got[i].frame, payload(100 * 100 - b.header(), i));
}

// 2.7.7: the driver's wish is not used up while there is no eventfd to fulfil it by.
TEST(Publish, a_wish_outlives_the_time_without_a_call_eventfd)
{
	DeviceBench b({.features = modern | event_idx});
	b.expect_transmit();
	(void)b.tx.ring.enable_notifications();
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_CALL, tx_queue, -1), 0);
	b.send(payload(60));
	b.kernel.work();
	const unsigned before = b.calls(b.tx);
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_CALL, tx_queue, b.tx.call_fd), 0);
	b.send(payload(60));
	b.kernel.work();
	EXPECT_EQ(b.calls(b.tx), before + 1);
}

class HeldUp : public testing::TestWithParam<u32>
{
};

// A ring whose used area faults once gives every buffer back after it was mended.
TEST_P(HeldUp, buffers_that_a_fault_held_up_come_back)
{
	const u32 queue = GetParam();
	DeviceBench b;
	b.expect_traffic();
	const auto entries = b.address_of(queue).used_user_addr + 4;
	b.kernel.memory.fault(entries, 8ull * b.options.size);
	if (queue == tx_queue) {
		b.send(payload(60));
	} else {
		b.post({2048});
		b.backend.arrive(payload(60));
	}
	b.kernel.work();
	ASSERT_EQ(b.kernel.state(queue), "ring_fault");
	// Again and again, while it is not mended: nothing overflows.
	for (unsigned i = 0; i < 40; i++) {
		ASSERT_EQ(b.set_addr(queue), 0);
		b.kernel.work();
		ASSERT_EQ(b.kernel.state(queue), "ring_fault");
	}
	b.kernel.memory.heal();
	ASSERT_EQ(b.set_addr(queue), 0);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(queue), "running");
	EXPECT_EQ(b.collect(b.side(queue)), 1u);
	b.expect_traffic();
}

INSTANTIATE_TEST_SUITE_P(Queues, HeldUp, testing::Values(rx_queue, tx_queue),
			 [](const auto &info) { return info.param == rx_queue ? "rx" : "tx"; });

// vhost leaves an empty table after RESET_OWNER, and so a queue that can be unbound.
TEST(ResetOwner, leaves_an_empty_memory_table)
{
	DeviceBench b;
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(b.set_backend(tx_queue, -1), 0);
}

} // namespace
} // namespace vna
