// SPDX-License-Identifier: GPL-2.0-only
// VIRTIO_F_IN_ORDER: virtio 1.2 sections 2.7.9 and 2.8.8.
#include "ring_bench.hh"

namespace vna
{
namespace
{

constexpr u64 in_order = feature(VNA_VIRTIO_F_VERSION_1) | feature(VNA_VIRTIO_F_IN_ORDER) |
			 feature(VNA_VIRTIO_RING_F_INDIRECT_DESC);
constexpr u64 packed = feature(VNA_VIRTIO_F_RING_PACKED);

class InOrder : public testing::TestWithParam<u64>
{
protected:
	InOrder() : bench(make_bench({.size = 16, .features = in_order | GetParam(), .first = 13}))
	{
	}
	// Writes to the ring that a publish makes.
	std::vector<host::Access> publish()
	{
		bench->kernel.memory.record(true);
		EXPECT_TRUE(bench->device_side.publish());
		const auto records = bench->kernel.memory.records();
		bench->kernel.memory.record(false);
		return records;
	}
	std::unique_ptr<AnyRingBench> bench;
};

INSTANTIATE_TEST_SUITE_P(All, InOrder, testing::Values(u64{0}, packed), [](const auto &info) {
	return info.param ? "packed" : "split";
});

// One used entry for a batch whose buffers are read only; the driver takes all of them back.
TEST_P(InOrder, one_entry_stands_for_a_batch_of_readable_buffers)
{
	AnyRingBench &b = *bench;
	driver::Token token = 0;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned n = 1; n <= 5; n++) {
			for (unsigned i = 0; i < n; i++)
				b.offer(b.readable({10, 20}), {.indirect = i % 2 == 0});
			b.batch.clear();
			ASSERT_EQ(b.fetch(), n);
			for (u32 i = 0; i < n; i++)
				b.device_side.complete(b.batch[i], 0);
			EXPECT_FALSE(b.driver_side.has_used());
			const auto writes = publish();
			// The entry and, in a split ring, the index.
			ASSERT_EQ(writes.size(), GetParam() ? 1u : 2u);
			EXPECT_EQ(writes[0].len, 8u);
			for (unsigned i = 0; i < n; i++) {
				const auto used = b.driver_side.collect();
				ASSERT_TRUE(used);
				EXPECT_EQ(used->token, token++);
				EXPECT_EQ(used->len, 0u);
			}
			EXPECT_FALSE(b.driver_side.collect());
			EXPECT_EQ(b.device_side.base(), b.driver_side.base());
		}
		b.guest.release(b.guest.mark() > 2 << 20 ? 1 << 20 : b.guest.mark());
	}
}

// The lengths of received frames differ, and drivers read an entry for each.
TEST_P(InOrder, each_buffer_that_was_written_to_has_its_entry)
{
	AnyRingBench &b = *bench;
	driver::Token token = 0;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 3; i++)
			b.offer({{AnyRingBench::guest_base, 100, true},
				 {AnyRingBench::guest_base, 50, true}});
		b.batch.clear();
		ASSERT_EQ(b.fetch(), 3u);
		for (u32 i = 0; i < 3; i++)
			b.device_side.complete(b.batch[i], 100 + i);
		u64 bytes = 0;
		for (const auto &w : publish())
			bytes += w.len;
		EXPECT_EQ(bytes, GetParam() ? 24u : 26u);
		// A driver that reads one by one finds each: played by hand, as the library would
		// take one for all.
		if (GetParam()) {
			auto &ring = static_cast<PackedBench &>(b).ring;
			auto at = ring.next_used();
			for (u32 i = 0; i < 3; i++) {
				const auto used = ring.table().used(at.index);
				EXPECT_TRUE(driver::is_packed_used(used.flags, at.wrap));
				EXPECT_EQ(used.id, b.batch[i].id);
				EXPECT_EQ(used.len, 100 + i);
				at = at.after(2, ring.size());
			}
		} else {
			auto &ring = static_cast<RingBench &>(b).ring;
			for (u32 i = 0; i < 3; i++) {
				const auto used = ring.table().used_entry(
					static_cast<u16>(ring.base() + i));
				EXPECT_EQ(used.id, b.batch[i].id);
				EXPECT_EQ(used.len, 100 + i);
			}
		}
		for (u32 i = 0; i < 3; i++) {
			const auto used = b.driver_side.collect();
			ASSERT_TRUE(used);
			EXPECT_EQ(used->token, token++);
			EXPECT_EQ(used->len, 100 + i);
		}
		EXPECT_FALSE(b.driver_side.collect());
	}
}

// A buffer with a writable part, wherever it stands in the batch, and only for that batch.
TEST_P(InOrder, a_writable_part_anywhere_in_the_batch_counts)
{
	AnyRingBench &b = *bench;
	for (unsigned odd = 0; odd < 4; odd++) {
		for (unsigned i = 0; i < 3; i++) {
			driver::Chain chain{{AnyRingBench::guest_base, 10, false}};
			if (i == odd)
				chain.push_back({AnyRingBench::guest_base, 5, true});
			b.offer(chain);
		}
		b.batch.clear();
		ASSERT_EQ(b.fetch(), 3u);
		for (u32 i = 0; i < 3; i++)
			b.device_side.complete(b.batch[i], i == odd ? 5 : 0);
		u64 bytes = 0;
		for (const auto &w : publish())
			bytes += w.len;
		const u64 entries = odd < 3 ? 3 : 1;
		EXPECT_EQ(bytes, 8 * entries + (GetParam() ? 0 : 2));
		for (u32 i = 0; i < 3; i++) {
			const auto used = b.driver_side.collect();
			ASSERT_TRUE(used);
			EXPECT_EQ(used->len, i == odd ? 5u : 0u);
		}
	}
}

// Without the feature, never.
TEST_P(InOrder, is_not_done_unless_negotiated)
{
	bench.reset();
	bench = make_bench({.size = 16, .features = (in_order & ~feature(VNA_VIRTIO_F_IN_ORDER)) |
						    GetParam()});
	for (unsigned i = 0; i < 3; i++)
		bench->offer(bench->readable({10}));
	ASSERT_EQ(bench->fetch(), 3u);
	for (u32 i = 0; i < 3; i++)
		bench->device_side.complete(bench->batch[i], 0);
	u64 bytes = 0;
	for (const auto &w : publish())
		bytes += w.len;
	EXPECT_EQ(bytes, GetParam() ? 24u : 26u);
}

// 2.7.9: at the first one's place, with the id of the last; the index moves by the batch.
TEST(SplitInOrderBatch, entry_is_at_the_first_ones_place_with_the_id_of_the_last)
{
	for (const u16 first : {u16{0}, u16{14}, u16{65534}}) {
		RingBench b({.features = in_order, .first = first});
		for (unsigned i = 0; i < 4; i++)
			b.offer(b.readable({10, 20}));
		ASSERT_EQ(b.fetch(), 4u);
		for (unsigned i = 0; i < 16; i++)
			b.ring.table().set_used_entry(static_cast<u16>(i), {77, 77});
		for (u32 i = 0; i < 4; i++)
			b.queue.complete(b.batch[i], 0);
		b.kernel.memory.record(true);
		ASSERT_TRUE(b.queue.publish());
		const auto &records = b.kernel.memory.records();
		ASSERT_EQ(records.size(), 2u);
		EXPECT_EQ(records[0].at,
			  b.user(b.ring.areas().device) + 4 + 8ull * (first % 16));
		EXPECT_EQ(records[1].at, b.user(b.ring.areas().device) + 2);
		EXPECT_EQ(b.ring.table().used_entry(first).id, b.batch[3].id);
		EXPECT_EQ(b.ring.table().used_entry(static_cast<u16>(first + 1)).id, 77u);
		EXPECT_EQ(b.ring.table().used_idx(), static_cast<u16>(first + 4));
	}
}

// 2.8.8: over the first available descriptor of the batch, with the id of the last buffer; then
// the device skips all of the batch.
TEST(PackedInOrderBatch, descriptor_is_over_the_first_with_the_id_of_the_last)
{
	for (u16 first = 0; first < 11; first++) {
		PackedBench b({.size = 11, .features = in_order, .first = first});
		for (unsigned i = 0; i < 3; i++)
			b.offer(b.readable({10, 20, 30}));
		ASSERT_EQ(b.fetch(), 3u);
		for (u32 i = 0; i < 3; i++)
			b.queue.complete(b.batch[i], 0);
		b.kernel.memory.record(true);
		ASSERT_TRUE(b.queue.publish());
		ASSERT_EQ(b.kernel.memory.records().size(), 1u);
		EXPECT_EQ(b.kernel.memory.records()[0].at, b.slot_address(first) + 8);
		const auto used = b.ring.table().used(first);
		EXPECT_EQ(used.id, b.batch[2].id);
		EXPECT_EQ(used.flags, driver::packed_used(true));
		EXPECT_EQ(b.queue.base(), packed_base(b.at(9)));
	}
}

// A batch counts for the event index with all that it moved by.
TEST_P(InOrder, a_batch_passes_every_event_within_it)
{
	for (unsigned after = 1; after <= 5; after++) {
		bench.reset();
		bench = make_bench({.size = 16,
				    .features = in_order | GetParam() |
						feature(VNA_VIRTIO_RING_F_EVENT_IDX),
				    .first = 14});
		AnyRingBench &b = *bench;
		(void)b.device_side.should_signal();
		for (unsigned i = 0; i < 5; i++)
			b.offer(b.readable({10}));
		ASSERT_TRUE(b.driver_side.enable_notifications(after));
		ASSERT_EQ(b.fetch(4), 4u);
		for (u32 i = 0; i < 4; i++)
			b.device_side.complete(b.batch[i], 0);
		ASSERT_TRUE(b.device_side.publish());
		EXPECT_EQ(b.device_side.should_signal(), after <= 4) << after;
	}
}

// Heads come from the available ring, not from the index (which 7.2's vhost gets wrong).
TEST(SplitInOrderBatch, base_and_heads_are_told_apart)
{
	RingBench b({.features = in_order});
	driver::Token token = 0;
	for (unsigned i = 0; i < 40; i++) {
		b.offer(b.readable({1, 2, 3}));
		if (i == 7) { // the device is made anew
			b.queue.set_base(b.ring.base());
			ASSERT_TRUE(b.queue.start());
		}
		ASSERT_EQ(b.consume(), 1u);
		const auto used = b.ring.collect();
		ASSERT_TRUE(used);
		EXPECT_EQ(used->token, token++);
	}
}

} // namespace
} // namespace vna
