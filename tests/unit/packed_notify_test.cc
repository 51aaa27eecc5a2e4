// SPDX-License-Identifier: GPL-2.0-only
// Event suppression of a packed ring, both ways: virtio 1.2 sections 2.8.10, 2.8.14, 2.8.21.2 and
// 2.8.22.
#include "ring_bench.hh"

#include <set>

namespace vna
{
namespace
{

constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr u64 in_order = feature(VNA_VIRTIO_F_IN_ORDER);
constexpr u16 enable = VRING_PACKED_EVENT_FLAG_ENABLE;
constexpr u16 disable = VRING_PACKED_EVENT_FLAG_DISABLE;
constexpr u16 at_desc = VRING_PACKED_EVENT_FLAG_DESC;

// Offers @n buffers of @descs descriptors.
void offer(PackedBench &b, unsigned n = 1, unsigned descs = 1)
{
	while (n--)
		b.offer(driver::Chain(descs, {PackedBench::guest_base, 1, false}));
}

// Offers and uses as many, in one piece, and takes them back; asks no one to notify.
void use(PackedBench &b, unsigned n = 1, unsigned descs = 1)
{
	offer(b, n, descs);
	ASSERT_EQ(b.consume(), n);
	while (b.ring.collect()) {
	}
}

// Notifications of the driver (2.8.10, 2.8.14).

TEST(PackedSignal, is_sent_or_not_by_the_drivers_flags)
{
	for (const u64 features : {u64{0}, event_idx}) {
		PackedBench b({.size = 5, .features = features});
		for (unsigned lap = 0; lap < 20; lap++) {
			b.ring.table().set_driver_flags(enable);
			use(b);
			EXPECT_TRUE(b.queue.should_signal());
			b.ring.table().set_driver_flags(disable);
			use(b);
			EXPECT_FALSE(b.queue.should_signal());
			// 2.8.14: the others are reserved.
			b.ring.table().set_driver_flags(0xfffc | enable);
			use(b);
			EXPECT_TRUE(b.queue.should_signal());
			b.ring.table().set_driver_flags(0xfffc | disable);
			use(b);
			EXPECT_FALSE(b.queue.should_signal());
			EXPECT_EQ(b.queue.error(), RingError::none);
		}
	}
}

// The position counts only where the flags say so (2.8.14).
TEST(PackedSignal, position_is_not_read_unless_asked_for)
{
	for (const u16 flags : {enable, disable}) {
		PackedBench b({.features = event_idx});
		b.ring.table().set_driver_flags(flags);
		b.ring.table().set_driver_off_wrap(0x7fff);
		b.kernel.memory.fault(b.user(b.ring.areas().driver), 2);
		use(b);
		EXPECT_EQ(b.queue.should_signal(), flags == enable);
		EXPECT_EQ(b.queue.error(), RingError::none);
	}
}

TEST(PackedSignal, flags_are_read_before_the_position)
{
	PackedBench b({.features = event_idx});
	b.ring.table().set_driver_flags(at_desc);
	use(b);
	b.kernel.memory.record(true);
	(void)b.queue.should_signal();
	const auto &records = b.kernel.memory.records();
	ASSERT_EQ(records.size(), 2u);
	EXPECT_EQ(records[0].at, b.user(b.ring.areas().driver) + 2);
	EXPECT_EQ(records[1].at, b.user(b.ring.areas().driver));
}

// 2.8.10: an event triggers when the descriptor with that offset is used in the lap of that wrap
// counter.  By brute force: every event against every stretch of used descriptors, in laps of
// either wrap counter.
class PackedUsedEvent : public testing::TestWithParam<std::tuple<unsigned, u64>>
{
};

TEST_P(PackedUsedEvent, signals_when_the_descriptor_asked_for_is_used)
{
	const auto [size, more] = GetParam();
	for (unsigned event = 0; event < 2 * size; event++) {
		const auto asked = driver::PackedPosition{static_cast<u16>(event % size),
							  event < size};
		for (unsigned from = 0; from < 2 * size; from++) {
			for (unsigned n = 1; n <= size; n++) {
				PackedBench b({.size = size, .features = event_idx | more,
					       .first = static_cast<u16>(from % size),
					       .wrap = from < size, .indirect_entries = 0,
					       .memory = 1 << 16});
				b.ring.table().set_driver_flags(disable);
				(void)b.queue.should_signal(); // the first decision is done with
				b.ring.table().set_driver_off_wrap(asked.encoded());
				b.ring.table().set_driver_flags(at_desc);
				bool expected = false;
				for (unsigned i = 0; i < n; i++)
					expected |= b.at(i) == asked;
				use(b, n);
				ASSERT_EQ(b.queue.should_signal(), expected)
					<< asked.index << '/' << asked.wrap << " from " << from
					<< " by " << n;
				ASSERT_FALSE(b.queue.should_signal()) << "twice";
				ASSERT_EQ(b.queue.error(), RingError::none);
			}
		}
	}
}

INSTANTIATE_TEST_SUITE_P(Packed, PackedUsedEvent,
			 testing::Combine(testing::Values(1, 2, 3, 5, 7),
					  testing::Values(u64{0}, in_order)),
			 [](const auto &info) {
				 return std::to_string(std::get<0>(info.param)) +
					(std::get<1>(info.param) ? "_in_order" : "");
			 });

// A list or a batch moves over several slots: an event at any of them is passed.
TEST(PackedSignal, counts_the_slots_that_a_chain_skips)
{
	constexpr unsigned size = 7;
	for (unsigned from = 0; from < 2 * size; from++) {
		for (unsigned n = 1; n <= size; n++) {
			for (unsigned event = 0; event < 2 * size; event++) {
				PackedBench b({.size = size, .features = event_idx,
					       .first = static_cast<u16>(from % size),
					       .wrap = from < size, .indirect_entries = 0,
					       .memory = 1 << 16});
				(void)b.queue.should_signal();
				const driver::PackedPosition asked{
					static_cast<u16>(event % size), event < size};
				b.ring.table().set_driver_off_wrap(asked.encoded());
				b.ring.table().set_driver_flags(at_desc);
				bool expected = false;
				for (unsigned i = 0; i < n; i++)
					expected |= b.at(i) == asked;
				use(b, 1, n);
				ASSERT_EQ(b.queue.should_signal(), expected);
			}
		}
	}
}

// As the driver's library asks, for many laps: one signal for each wish, neither more nor less.
TEST(PackedSignal, comes_once_for_each_wish_for_many_laps)
{
	for (const unsigned size : {1u, 3u, 7u, 256u}) {
		PackedBench b({.size = size, .features = event_idx, .indirect_entries = 0});
		(void)b.queue.should_signal();
		for (unsigned i = 0; i < 10 * size + 5; i++) {
			ASSERT_TRUE(b.ring.enable_notifications());
			const unsigned descs = 1 + i % std::min(size, 3u);
			use(b, 1, descs);
			ASSERT_TRUE(b.queue.should_signal()) << i;
			use(b);
			ASSERT_FALSE(b.queue.should_signal()) << i << ": a wish is fulfilled once";
		}
	}
}

// The driver asks for the last of several that it has offered.
TEST(PackedSignal, waits_for_as_many_as_the_driver_asked_for)
{
	for (u16 first = 0; first < 7; first++) {
		PackedBench b({.size = 7, .features = event_idx, .first = first});
		(void)b.queue.should_signal();
		offer(b, 3, 2);
		ASSERT_TRUE(b.ring.enable_notifications(3));
		for (u32 i = 0; i < 3; i++) {
			b.batch.clear();
			ASSERT_EQ(b.fetch(1), 1u);
			b.queue.complete(b.batch[0], 0);
			ASSERT_TRUE(b.queue.publish());
			EXPECT_EQ(b.queue.should_signal(), i == 2);
		}
	}
}

TEST(PackedSignal, first_decision_is_to_signal)
{
	PackedBench b({.features = event_idx});
	b.ring.table().set_driver_off_wrap(9);
	b.ring.table().set_driver_flags(at_desc);
	use(b);
	EXPECT_TRUE(b.queue.should_signal());
	use(b);
	EXPECT_FALSE(b.queue.should_signal());
	ASSERT_TRUE(b.queue.start());
	use(b);
	EXPECT_TRUE(b.queue.should_signal()) << "after a start it is the first again";
	b.ring.table().set_driver_flags(disable);
	ASSERT_TRUE(b.queue.start());
	use(b);
	EXPECT_FALSE(b.queue.should_signal()) << "but not if the driver wants none at all";
}

// More than two laps since the last decision: every event was passed.
TEST(PackedSignal, is_sent_where_every_slot_was_passed_since)
{
	constexpr unsigned size = 3;
	for (unsigned event = 0; event < 2 * size; event++) {
		PackedBench b({.size = size, .features = event_idx});
		(void)b.queue.should_signal();
		for (unsigned i = 0; i < 50; i++)
			use(b);
		b.ring.table().set_driver_off_wrap(static_cast<u16>(
			event % size | (event < size ? 0x8000u : 0u)));
		b.ring.table().set_driver_flags(at_desc);
		EXPECT_TRUE(b.queue.should_signal()) << event;
		EXPECT_FALSE(b.queue.should_signal());
	}
}

// 2.8.22: the wish is read after the used descriptor was written, or both miss each other.
TEST(PackedSignal, wish_that_comes_with_the_used_descriptor_is_seen)
{
	for (const u64 features : {u64{0}, event_idx}) {
		PackedBench b({.features = features});
		use(b);
		(void)b.queue.should_signal();
		b.ring.disable_notifications();
		b.kernel.memory.after(host::Access::write, b.slot_address(0), 16 * 16,
				      [&](const auto &) { (void)b.ring.enable_notifications(); });
		offer(b);
		ASSERT_EQ(b.consume(), 1u);
		EXPECT_TRUE(b.queue.should_signal());
	}
}

// 2.8.10: DESC is valid only if negotiated, 3 never; an offset lies in the ring.  What a malformed
// wish stops is a queue's affair: see malformed_test.cc.  What a wish is not, it must not be
// taken for.
TEST(PackedSignal, position_is_a_position_up_to_the_last_slot)
{
	constexpr unsigned size = 5;
	for (unsigned offset = 0; offset < 0x8000; offset = offset < 8 ? offset + 1 : offset * 2 + 1) {
		PackedBench b({.size = size, .features = event_idx});
		b.ring.table().set_driver_off_wrap(static_cast<u16>(offset));
		b.ring.table().set_driver_flags(at_desc);
		use(b);
		EXPECT_TRUE(b.queue.should_signal());
		EXPECT_EQ(b.queue.error(),
			  offset < size ? RingError::none : RingError::event_out_of_ring);
	}
}

// Notifications of the device (2.8.10, 2.8.21.2).

TEST(PackedKick, start_asks_for_notifications)
{
	PackedBench b;
	b.ring.table().set_device_flags(disable);
	ASSERT_TRUE(b.queue.start());
	EXPECT_EQ(b.ring.table().device_flags(), enable);
	offer(b);
	EXPECT_TRUE(b.ring.needs_kick());
}

TEST(PackedKick, start_writes_the_wish_though_it_was_the_same)
{
	PackedBench b({.features = event_idx});
	(void)b.queue.enable_notify();
	ASSERT_EQ(b.ring.table().device_flags(), at_desc);
	b.ring.table().set_device_flags(disable); // memory that has become another's
	ASSERT_TRUE(b.queue.start());
	EXPECT_EQ(b.ring.table().device_flags(), enable);
	(void)b.queue.enable_notify();
	EXPECT_EQ(b.ring.table().device_flags(), at_desc);
}

TEST(PackedKick, is_asked_for_by_flags_without_the_event_index)
{
	PackedBench b({.size = 3});
	for (unsigned lap = 0; lap < 10; lap++) {
		b.queue.disable_notify();
		EXPECT_EQ(b.ring.table().device_flags(), disable);
		offer(b);
		EXPECT_FALSE(b.ring.needs_kick());
		ASSERT_EQ(b.consume(), 1u);
		ASSERT_TRUE(b.ring.collect());
		EXPECT_FALSE(b.queue.enable_notify());
		EXPECT_EQ(b.ring.table().device_flags(), enable);
		offer(b);
		EXPECT_TRUE(b.ring.needs_kick());
		ASSERT_EQ(b.consume(), 1u);
		ASSERT_TRUE(b.ring.collect());
	}
	EXPECT_EQ(b.ring.table().device_off_wrap(), 0u) << "not touched unless negotiated";
}

// 2.8.10: with the event index the device asks for the slot it will look at next.
TEST(PackedKick, is_asked_for_by_position_with_the_event_index)
{
	for (const unsigned size : {1u, 3u, 7u}) {
		for (unsigned descs = 1; descs <= std::min(size, 3u); descs++) {
			PackedBench b({.size = size, .features = event_idx});
			for (unsigned i = 0; i < 5 * size; i++) {
				b.queue.disable_notify();
				EXPECT_EQ(b.ring.table().device_flags(), disable);
				offer(b, 1, descs);
				EXPECT_FALSE(b.ring.needs_kick());
				ASSERT_EQ(b.consume(), 1u);
				ASSERT_TRUE(b.ring.collect());
				EXPECT_FALSE(b.queue.enable_notify());
				EXPECT_EQ(b.ring.table().device_flags(), at_desc);
				EXPECT_EQ(b.ring.table().device_off_wrap(),
					  b.ring.next_available().encoded());
				offer(b);
				EXPECT_TRUE(b.ring.needs_kick());
				ASSERT_EQ(b.consume(), 1u);
				ASSERT_TRUE(b.ring.collect());
				offer(b);
				EXPECT_FALSE(b.ring.needs_kick()) << "once is enough";
				ASSERT_EQ(b.consume(), 1u);
				ASSERT_TRUE(b.ring.collect());
			}
		}
	}
}

// The position is there before the flags that make it count (2.8.14).
TEST(PackedKick, position_is_written_before_the_flags)
{
	PackedBench b({.features = event_idx});
	b.queue.disable_notify();
	b.kernel.memory.record(true);
	EXPECT_FALSE(b.queue.enable_notify());
	const auto &records = b.kernel.memory.records();
	const u64 device = b.user(b.ring.areas().device);
	ASSERT_EQ(records.size(), 3u);
	EXPECT_EQ(records[0].at, device);
	EXPECT_EQ(records[1].at, device + 2);
	EXPECT_EQ(records[2].at, b.slot_address(0) + 14) << "and the ring is looked at last";
	EXPECT_EQ(records[2].kind, host::Access::read);
}

TEST(PackedKick, asking_writes_only_what_changes)
{
	PackedBench b;
	b.queue.disable_notify();
	b.kernel.memory.record(true);
	b.queue.disable_notify();
	EXPECT_TRUE(b.kernel.memory.records().empty());
	EXPECT_FALSE(b.queue.enable_notify());
	EXPECT_FALSE(b.queue.enable_notify());
	EXPECT_EQ(b.kernel.memory.count(host::Access::write, b.user(b.ring.areas().device), 4), 1u);
}

TEST(PackedKick, enabling_tells_what_came_since_the_last_look)
{
	for (const u64 features : {u64{0}, event_idx}) {
		for (u16 first = 0; first < 3; first++) {
			PackedBench b({.size = 3, .features = features, .first = first});
			offer(b);
			EXPECT_TRUE(b.queue.enable_notify());
			ASSERT_EQ(b.fetch(), 1u);
			EXPECT_FALSE(b.queue.enable_notify());
			offer(b, 1, 2);
			EXPECT_TRUE(b.queue.enable_notify());
			ASSERT_EQ(b.fetch(), 1u);
			EXPECT_FALSE(b.queue.enable_notify()) << "all slots are the device's";
		}
	}
}

// 2.8.21.2: the wish is written before the ring is looked at again: a driver that adds a buffer in
// between has not seen the wish, so the device must see the buffer.
TEST(PackedKick, enabling_looks_after_it_has_asked)
{
	for (const u64 features : {u64{0}, event_idx}) {
		PackedBench b({.features = features});
		b.queue.disable_notify();
		bool asked = false;
		b.kernel.memory.after(host::Access::write, b.user(b.ring.areas().device) + 2, 2,
				      [&](const auto &) {
					      asked = true;
					      offer(b);
				      });
		EXPECT_TRUE(b.queue.enable_notify());
		EXPECT_TRUE(asked);
	}
}

// Buffers that were seen and given back, as too few for a frame, are no reason to look again; the
// notification is to come when there are more.
TEST(PackedKick, enabling_with_buffers_left_waits_for_the_next_one)
{
	for (const u64 features : {u64{0}, event_idx}) {
		for (u16 first = 0; first < 7; first++) {
			PackedBench b({.size = 7, .features = features, .first = first});
			b.queue.disable_notify();
			offer(b, 2, 2);
			(void)b.ring.needs_kick();
			ASSERT_EQ(b.fetch(), 2u);
			ASSERT_EQ(b.fetch(), 0u);
			b.queue.discard(b.batch, 2);
			EXPECT_EQ(b.queue.base(), b.base_after(0, 0));
			EXPECT_FALSE(b.queue.enable_notify()) << "those were seen";
			if (features) {
				EXPECT_EQ(b.ring.table().device_off_wrap(), b.at(4).encoded());
			}
			offer(b);
			EXPECT_TRUE(b.ring.needs_kick());
			EXPECT_EQ(b.fetch(), 3u);
		}
	}
}

// Those left behind count again once the next fetch has not reached them.
TEST(PackedKick, enabling_after_a_fetch_of_some_tells_of_the_others)
{
	for (const u64 features : {u64{0}, event_idx}) {
		PackedBench b({.size = 7, .features = features});
		offer(b, 3);
		ASSERT_EQ(b.fetch(), 3u);
		b.queue.discard(b.batch, 3);
		ASSERT_EQ(b.fetch(1), 1u);
		EXPECT_TRUE(b.queue.enable_notify());
	}
}

// 2.8.1: a slot that the device used, and one of the lap before, are not news.
TEST(PackedKick, what_is_not_available_is_no_reason_to_look)
{
	PackedBench b({.size = 2});
	for (unsigned i = 0; i < 9; i++) {
		use(b);
		EXPECT_FALSE(b.queue.enable_notify()) << i;
		use(b, 1, 2);
		EXPECT_FALSE(b.queue.enable_notify()) << i;
	}
}

} // namespace
} // namespace vna
