// SPDX-License-Identifier: GPL-2.0-only
// Used buffers and notifications in both directions: virtio 1.2 sections 2.7.7, 2.7.8, 2.7.10,
// 2.7.13.4 and 2.7.14.
#include "ring_bench.hh"

namespace vna
{
namespace
{

constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr u64 on_empty = feature(VNA_VIRTIO_F_NOTIFY_ON_EMPTY);

class SplitNotify : public testing::Test
{
protected:
	// Offers @n buffers of one byte.
	static void offer(RingBench &b, unsigned n)
	{
		static constexpr u64 data = RingBench::guest_base;
		for (unsigned i = 0; i < n; i++)
			b.offer({{data, 1, true}});
	}
	// Offers and uses @n, in rings' worths, and takes them back; asks no one to notify.
	static void use(RingBench &b, unsigned n)
	{
		while (n) {
			const unsigned now = std::min(n, b.ring.free_descriptors());
			offer(b, now);
			ASSERT_EQ(b.consume(), now);
			while (b.ring.collect())
				;
			n -= now;
		}
	}
};

// Used buffers (2.7.8).

TEST_F(SplitNotify, used_entries_name_head_and_length)
{
	RingBench b;
	for (unsigned i = 0; i < 3; i++)
		b.offer(b.writable({100, 100}));
	ASSERT_EQ(b.fetch(), 3u);
	for (u32 i = 0; i < 3; i++)
		b.queue.complete(b.batch[i], 7 * i);
	EXPECT_FALSE(b.ring.has_used()) << "shown before publish()";
	ASSERT_TRUE(b.queue.publish());
	for (u32 i = 0; i < 3; i++) {
		const auto used = b.ring.collect();
		ASSERT_TRUE(used);
		EXPECT_EQ(used->token, i);
		EXPECT_EQ(used->id, 2 * i);
		EXPECT_EQ(used->len, 7 * i);
	}
	EXPECT_FALSE(b.ring.collect());
}

// 2.7.8.2: len is set before the index moves, and the index moves once.
TEST_F(SplitNotify, used_entries_are_written_before_the_index)
{
	RingBench b({.first = 10}); // so that the entries wrap round the ring's end
	offer(b, 16);
	ASSERT_EQ(b.fetch(), 16u);
	for (u32 i = 0; i < 16; i++)
		b.queue.complete(b.batch[i], i);
	b.kernel.memory.record(true);
	ASSERT_TRUE(b.queue.publish());
	const auto &records = b.kernel.memory.records();
	const u64 used = b.user(b.ring.areas().device);
	ASSERT_EQ(records.size(), 3u);
	EXPECT_EQ(records[0].at, used + 4 + 8 * 10);
	EXPECT_EQ(records[0].len, 8u * 6);
	EXPECT_EQ(records[1].at, used + 4);
	EXPECT_EQ(records[1].len, 8u * 10);
	EXPECT_EQ(records[2].at, used + 2);
	EXPECT_EQ(records[2].len, 2u);
	for (const auto &r : records)
		EXPECT_EQ(r.kind, host::Access::write);
	EXPECT_EQ(b.ring.table().used_idx(), 26u);
}

TEST_F(SplitNotify, nothing_completed_writes_nothing)
{
	RingBench b;
	b.kernel.memory.record(true);
	EXPECT_TRUE(b.queue.publish());
	EXPECT_TRUE(b.kernel.memory.records().empty());
}

// 2.7.5.1: the device writes neither descriptors nor the available ring.
TEST_F(SplitNotify, device_writes_the_used_ring_only)
{
	RingBench b;
	b.kernel.memory.record(true);
	b.queue.disable_notify();
	use(b, 40);
	(void)b.queue.should_signal();
	(void)b.queue.enable_notify();
	const u64 used = b.user(b.ring.areas().device);
	for (const auto &r : b.kernel.memory.records()) {
		if (r.kind == host::Access::write) {
			EXPECT_GE(r.at, used);
			EXPECT_LE(r.at + r.len, used + b.queue.device_area().bytes);
		}
	}
}

// The driver must not see a part of a frame, which may need as many buffers as a batch has.
TEST_F(SplitNotify, as_many_as_a_batch_holds_are_shown_at_once)
{
	RingBench b({.size = 1024, .indirect_entries = 0});
	offer(b, 1024);
	ASSERT_EQ(b.fetch(), 1024u);
	for (u32 i = 0; i < 1024; i++)
		b.queue.complete(b.batch[i], i);
	EXPECT_EQ(b.queue.shadowed(), 1024u);
	EXPECT_FALSE(b.ring.has_used());
	ASSERT_TRUE(b.queue.publish());
	EXPECT_EQ(b.queue.shadowed(), 0u);
	for (u32 i = 0; i < 1024; i++) {
		const auto used = b.ring.collect();
		ASSERT_TRUE(used);
		EXPECT_EQ(used->token, i);
		EXPECT_EQ(used->len, i);
	}
}

TEST_F(SplitNotify, used_index_goes_on_from_where_it_is)
{
	RingBench b;
	b.ring.reset(77);
	b.queue.set_base(77);
	ASSERT_TRUE(b.queue.start());
	use(b, 1);
	EXPECT_EQ(b.ring.table().used_idx(), 78u);
}

// What could not be shown is kept, and shown once it can be.
TEST_F(SplitNotify, publish_to_a_ring_that_faults_is_an_error_and_loses_nothing)
{
	for (const u64 offset : {2, 4}) {
		RingBench b;
		offer(b, 1);
		ASSERT_EQ(b.fetch(), 1u);
		b.queue.complete(b.batch[0], 5);
		b.kernel.memory.fault(b.user(b.ring.areas().device) + offset, 2);
		EXPECT_FALSE(b.queue.publish());
		EXPECT_EQ(b.queue.error(), RingError::ring_fault);
		EXPECT_FALSE(b.ring.has_used());
		b.kernel.memory.heal();
		b.queue.clear_error();
		ASSERT_TRUE(b.queue.start());
		ASSERT_TRUE(b.queue.publish());
		const auto used = b.ring.collect();
		ASSERT_TRUE(used);
		EXPECT_EQ(used->token, 0u);
		EXPECT_EQ(used->len, 5u);
		EXPECT_FALSE(b.ring.has_used());
	}
}

// Notifications of the driver (2.7.7).

// 2.7.7.2, flags: 0, notify; 1, do not.
TEST_F(SplitNotify, driver_is_signalled_by_its_flag)
{
	RingBench b;
	use(b, 1);
	EXPECT_TRUE(b.queue.should_signal());
	b.ring.table().set_avail_flags(1);
	use(b, 1);
	EXPECT_FALSE(b.queue.should_signal());
	b.ring.table().set_avail_flags(0xfffe); // other bits mean nothing
	use(b, 1);
	EXPECT_TRUE(b.queue.should_signal());
}

// 2.7.7.2: without the feature used_event is to be ignored; it may not even be there.
TEST_F(SplitNotify, event_fields_are_not_touched_unless_negotiated)
{
	RingBench b;
	b.kernel.memory.record(true);
	use(b, 3);
	(void)b.queue.should_signal();
	(void)b.queue.enable_notify();
	b.queue.disable_notify();
	const auto areas = b.ring.areas();
	for (const auto kind : {host::Access::read, host::Access::write}) {
		EXPECT_EQ(b.kernel.memory.count(kind, b.user(areas.driver) + 4 + 32, 2), 0u);
		EXPECT_EQ(b.kernel.memory.count(kind, b.user(areas.device) + 4 + 128, 2), 0u);
	}
}

// 2.7.7.2: with the feature the flag is to be ignored.
TEST_F(SplitNotify, flag_is_ignored_with_the_event_index)
{
	RingBench b({.features = event_idx});
	b.ring.table().set_avail_flags(1);
	use(b, 1);
	EXPECT_TRUE(b.queue.should_signal());
	b.ring.table().set_avail_flags(0);
	b.ring.table().set_used_event(100);
	use(b, 1);
	EXPECT_FALSE(b.queue.should_signal());
}

// 2.7.7.2: notify if the index at which an entry was written equals used_event.  By brute force
// over all events near, for steps at and away from the wrap.
class SplitUsedEvent : public SplitNotify,
		       public testing::WithParamInterface<std::tuple<u16, unsigned>>
{
};

TEST_P(SplitUsedEvent, signals_when_the_entry_asked_for_is_written)
{
	const auto [old, n] = GetParam();
	for (int d = -3; d <= static_cast<int>(n) + 3; d++) {
		RingBench b({.features = event_idx, .first = static_cast<u16>(old - 1)});
		use(b, 1);
		(void)b.queue.should_signal(); // the first decision: always
		const u16 event = static_cast<u16>(old + d);
		b.ring.table().set_used_event(event);
		use(b, n);
		EXPECT_EQ(b.queue.should_signal(), d >= 0 && d < static_cast<int>(n))
			<< "used_event " << event;
		EXPECT_FALSE(b.queue.should_signal()) << "twice";
	}
}

INSTANTIATE_TEST_SUITE_P(Split, SplitUsedEvent,
			 testing::Combine(testing::Values(0, 1, 100, 32767, 65530, 65535),
					  testing::Values(1u, 2u, 7u, 16u)),
			 [](const auto &info) {
				 return "from_" + std::to_string(std::get<0>(info.param)) + "_by_" +
					std::to_string(std::get<1>(info.param));
			 });

TEST_F(SplitNotify, first_decision_is_to_signal)
{
	RingBench b({.features = event_idx});
	b.ring.table().set_used_event(1000);
	use(b, 1);
	EXPECT_TRUE(b.queue.should_signal());
	ASSERT_TRUE(b.queue.start());
	use(b, 1);
	EXPECT_TRUE(b.queue.should_signal()) << "after a start it is the first again";
}

// Where more than 2^16 entries passed since the last decision, no distance tells any more.
TEST_F(SplitNotify, more_entries_than_the_index_counts_are_a_reason_to_signal)
{
	for (const unsigned n : {65535u, 65536u, 65537u, 65600u, 131080u}) {
		RingBench b({.size = 256, .features = event_idx, .indirect_entries = 0});
		use(b, 1);
		ASSERT_TRUE(b.queue.should_signal());
		b.ring.table().set_used_event(1000); // passed once at least
		use(b, n);
		EXPECT_TRUE(b.queue.should_signal()) << n;
		use(b, 1);
		EXPECT_FALSE(b.queue.should_signal()) << n;
	}
}

TEST_F(SplitNotify, on_empty_signals_in_spite_of_the_drivers_wish)
{
	for (const u64 features : {on_empty, on_empty | event_idx}) {
		RingBench b({.features = features});
		const auto use_next = [&] {
			b.batch.clear();
			ASSERT_EQ(b.fetch(1), 1u);
			b.queue.complete(b.batch[0], 0);
			ASSERT_TRUE(b.queue.publish());
		};
		offer(b, 3);
		use_next();
		(void)b.queue.should_signal(); // the first decision is to signal anyway
		b.ring.table().set_avail_flags(1);
		b.ring.table().set_used_event(1000);
		use_next();
		EXPECT_FALSE(b.queue.should_signal()) << "one is left";
		use_next();
		EXPECT_TRUE(b.queue.should_signal()) << "none is left";
	}
}

TEST_F(SplitNotify, on_empty_sees_what_was_added_since_and_leaves_it_to_be_found)
{
	RingBench b({.features = on_empty});
	b.ring.table().set_avail_flags(1);
	offer(b, 1);
	ASSERT_EQ(b.fetch(), 1u);
	offer(b, 1);
	b.queue.complete(b.batch[0], 0);
	ASSERT_TRUE(b.queue.publish());
	EXPECT_FALSE(b.queue.should_signal());
	EXPECT_TRUE(b.queue.enable_notify());
}

TEST_F(SplitNotify, without_on_empty_the_wish_counts_in_an_empty_ring_too)
{
	RingBench b;
	b.ring.table().set_avail_flags(1);
	use(b, 1);
	EXPECT_FALSE(b.queue.should_signal());
}

// 2.7.14: the driver's wish is read after the index was written, or both miss each other.
TEST_F(SplitNotify, wish_that_comes_with_the_index_is_seen)
{
	for (const u64 features : {u64{0}, event_idx}) {
		RingBench b({.features = features});
		use(b, 1);
		(void)b.queue.should_signal();
		b.ring.disable_notifications();
		b.kernel.memory.after(host::Access::write, b.user(b.ring.areas().device) + 2, 2,
				      [&](const auto &) { (void)b.ring.enable_notifications(); });
		offer(b, 1);
		ASSERT_EQ(b.consume(), 1u);
		EXPECT_TRUE(b.queue.should_signal());
	}
}

TEST_F(SplitNotify, wish_that_cannot_be_read_is_an_error_and_a_signal)
{
	for (const u64 features : {u64{0}, event_idx, on_empty}) {
		RingBench b({.features = features});
		use(b, 1);
		b.kernel.memory.fault(b.user(b.ring.areas().driver), 4 + 2 * 16 + 2);
		EXPECT_TRUE(b.queue.should_signal());
		EXPECT_EQ(b.queue.error(), RingError::ring_fault);
	}
}

// Notifications of the device (2.7.10).

TEST_F(SplitNotify, start_asks_for_notifications)
{
	RingBench b;
	b.ring.table().set_used_flags(1);
	ASSERT_TRUE(b.queue.start());
	EXPECT_EQ(b.ring.table().used_flags(), 0u);
}

TEST_F(SplitNotify, start_fails_where_the_used_ring_faults)
{
	for (const u64 offset : {0, 2}) {
		RingBench b;
		b.kernel.memory.fault(b.user(b.ring.areas().device) + offset, 2);
		EXPECT_FALSE(b.queue.start());
	}
}

// 2.7.10.2: flags are 0 or 1.
TEST_F(SplitNotify, device_asks_by_its_flag)
{
	RingBench b;
	b.queue.disable_notify();
	EXPECT_EQ(b.ring.table().used_flags(), 1u);
	offer(b, 1);
	EXPECT_FALSE(b.ring.needs_kick());
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_FALSE(b.queue.enable_notify());
	EXPECT_EQ(b.ring.table().used_flags(), 0u);
	offer(b, 1);
	EXPECT_TRUE(b.ring.needs_kick());
}

// 2.7.10.2: with the event index flags stay 0.
TEST_F(SplitNotify, device_asks_by_the_event_index_and_leaves_the_flag)
{
	RingBench b({.features = event_idx, .first = 65533});
	for (u16 index = 65533; index != 5; index++) {
		b.queue.disable_notify();
		offer(b, 1);
		(void)b.ring.needs_kick();
		ASSERT_EQ(b.consume(), 1u);
		ASSERT_TRUE(b.ring.collect());
		EXPECT_FALSE(b.queue.enable_notify());
		EXPECT_EQ(b.ring.table().avail_event(), static_cast<u16>(index + 1));
		EXPECT_EQ(b.ring.table().used_flags(), 0u);
	}
	offer(b, 1);
	EXPECT_TRUE(b.ring.needs_kick());
	offer(b, 1);
	EXPECT_FALSE(b.ring.needs_kick()) << "once is enough";
}

TEST_F(SplitNotify, enabling_tells_what_came_since_the_last_look)
{
	for (const u64 features : {u64{0}, event_idx}) {
		RingBench b({.features = features});
		offer(b, 1);
		EXPECT_TRUE(b.queue.enable_notify());
		ASSERT_EQ(b.fetch(), 1u);
		EXPECT_FALSE(b.queue.enable_notify());
		offer(b, 1);
		EXPECT_TRUE(b.queue.enable_notify());
	}
}

// 2.7.13.4.1: the wish is written before the index is read again: a driver that adds a buffer
// in between has not seen the wish, so the device must see the buffer.
TEST_F(SplitNotify, enabling_looks_after_it_has_asked)
{
	for (const u64 features : {u64{0}, event_idx}) {
		RingBench b({.features = features});
		b.queue.disable_notify();
		bool asked = false;
		b.kernel.memory.after(host::Access::write, b.user(b.ring.areas().device),
				      b.queue.device_area().bytes, [&](const auto &) {
					      asked = true;
					      offer(b, 1);
				      });
		EXPECT_TRUE(b.queue.enable_notify());
		EXPECT_TRUE(asked);
	}
}

// Buffers that are too few for a frame are left in the ring.  The next notification is to come
// when there are more: an event index at the first of those left would never be reached.
TEST_F(SplitNotify, enabling_with_buffers_left_waits_for_the_next_one)
{
	for (const u64 features : {u64{0}, event_idx}) {
		RingBench b({.features = features, .first = 65534});
		b.queue.disable_notify();
		offer(b, 3);
		(void)b.ring.needs_kick();
		ASSERT_EQ(b.fetch(), 3u);
		b.queue.discard(b.batch, 3);
		EXPECT_FALSE(b.queue.enable_notify()) << "those were seen";
		if (features) {
			EXPECT_EQ(b.ring.table().avail_event(), 1u);
		}
		offer(b, 1);
		EXPECT_TRUE(b.ring.needs_kick());
		EXPECT_EQ(b.fetch(), 4u);
	}
}

TEST_F(SplitNotify, asking_for_notifications_writes_only_what_changes)
{
	RingBench b;
	b.queue.disable_notify();
	b.kernel.memory.record(true);
	b.queue.disable_notify();
	EXPECT_TRUE(b.kernel.memory.records().empty());
	EXPECT_FALSE(b.queue.enable_notify());
	EXPECT_FALSE(b.queue.enable_notify());
	EXPECT_EQ(b.kernel.memory.count(host::Access::write, b.user(b.ring.areas().device), 4), 1u);
}

TEST_F(SplitNotify, asking_in_a_ring_that_faults_is_an_error_and_no_reason_to_look)
{
	for (const u64 features : {u64{0}, event_idx}) {
		RingBench b({.features = features});
		b.queue.disable_notify();
		offer(b, 1);
		b.kernel.memory.fault(b.user(b.ring.areas().device),
				      b.queue.device_area().bytes);
		EXPECT_FALSE(b.queue.enable_notify());
		EXPECT_EQ(b.queue.error(), RingError::ring_fault);
	}
	RingBench b;
	offer(b, 1);
	b.kernel.memory.fault(b.user(b.ring.areas().driver) + 2, 2);
	EXPECT_FALSE(b.queue.enable_notify());
	EXPECT_EQ(b.queue.error(), RingError::ring_fault);
}

} // namespace
} // namespace vna
