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

class Publish : public EachFormat
{
};

VNA_EACH_FORMAT(Publish);

// 5.1.6.4.1: a driver that finds num_buffers counts on as many used entries.
TEST_P(Publish, what_is_shown_never_ends_within_a_frame)
{
	constexpr unsigned frames = 20;
	DeviceBench b(on(modern, 1024));
	for (unsigned i = 0; i < frames * buffers_each; i++)
		b.post({buffer_bytes});
	std::vector<unsigned> seen;
	const auto areas = b.rx.ring.areas();
	const auto look = [&](const auto &) { seen.push_back(b.shown(b.rx)); };
	b.kernel.memory.after(host::Access::write, b.user(areas.device), 4, look);
	b.kernel.memory.after(host::Access::write, b.user(areas.descriptor), 1024 * 16, look);
	for (unsigned i = 0; i < frames; i++)
		b.backend.arrive(payload(buffers_each * buffer_bytes - b.header(), i));
	b.kernel.work();
	ASSERT_FALSE(seen.empty());
	for (const unsigned n : seen)
		EXPECT_EQ(n % buffers_each, 0u) << n;
	EXPECT_EQ(seen.back(), frames * buffers_each);
	EXPECT_EQ(b.received().size(), frames);
}

// Frames that fill the shadow used ring more than once are all shown.
TEST_P(Publish, more_buffers_than_the_shadow_holds_are_all_shown)
{
	DeviceBench b(on(modern, 4096));
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

// Used buffers that cannot be shown stop the queue wherever that is found out: before it waits for
// buffers, and where the shadow is full.  What could not be shown comes when the ring is mended.
TEST_P(Publish, of_received_frames_that_fails_stops_the_queue)
{
	for (const unsigned frames : {1u, 30u}) {
		DeviceBench b(on(modern, 4096));
		const auto areas = b.rx.ring.areas();
		// One buffer more than a frame takes, so that the next one finds too few; or more than
		// the shadow holds, and less than a turn's weight.
		const u32 each = frames == 1 ? buffer_bytes : 60;
		for (unsigned i = 0; i < buffers_each * frames + 1; i++)
			b.post({each});
		const u64 at = b.is_packed() ? b.user(areas.descriptor) + 8 :
					       b.user(areas.device) + 2;
		// Readable until a fetch has copied it.
		if (b.is_packed())
			b.kernel.memory.after(host::Access::read, at, 4, [&](const auto &access) {
				if (access.len > 2)
					b.kernel.memory.fault(at, 4);
			});
		else
			b.kernel.memory.fault(at, 2);
		for (unsigned i = 0; i < frames + 1; i++)
			b.backend.arrive(payload(buffers_each * each - b.header(), i));
		b.kernel.work();
		EXPECT_EQ(b.kernel.state(rx_queue), "ring_fault");
		EXPECT_EQ(b.errors(b.rx), 1u);
		EXPECT_EQ(b.shown(b.rx), 0u);
		b.kernel.memory.drop_hooks();
		b.kernel.memory.heal();
		ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, rx_queue, b.rx.kick_fd), 0);
		b.kernel.work();
		const auto got = b.received();
		ASSERT_GE(got.size(), 1u);
		EXPECT_EQ(got[0].frame, payload(buffers_each * each - b.header(), 0));
		EXPECT_EQ(b.kernel.state(rx_queue), "running");
	}
}

// 2.7.7: the driver's wish is not used up while there is no eventfd to fulfil it by.
TEST_P(Publish, a_wish_outlives_the_time_without_a_call_eventfd)
{
	DeviceBench b(on(modern | event_idx));
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

class HeldUp : public testing::TestWithParam<std::tuple<RingFormat, u32>>
{
};

// A ring whose used area faults once gives every buffer back after it was mended.
TEST_P(HeldUp, buffers_that_a_fault_held_up_come_back)
{
	const auto [format, queue] = GetParam();
	DeviceBench b(format.options());
	b.expect_traffic();
	const auto at = b.address_of(queue);
	if (b.is_packed()) {
		const u64 slot = b.side(queue).packed().next_used().index;
		// It can be read, as far as it is a device's to read.
		b.kernel.memory.after(host::Access::read, at.desc_user_addr + 16 * slot, 16,
				      [&, at, slot, once = false](const auto &access) mutable {
					      if (access.len > 2 && !std::exchange(once, true))
						      b.kernel.memory.fault(
							      at.desc_user_addr + 16 * slot + 8, 4);
				      });
	} else {
		b.kernel.memory.fault(at.used_user_addr + 4, 8ull * b.options.size);
	}
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

INSTANTIATE_TEST_SUITE_P(Queues, HeldUp,
			 testing::Combine(testing::ValuesIn(ring_formats),
					  testing::Values(rx_queue, tx_queue)),
			 [](const auto &info) {
				 return std::string(std::get<0>(info.param).name) +
					(std::get<1>(info.param) == rx_queue ? "_rx" : "_tx");
			 });

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
