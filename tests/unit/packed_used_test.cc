// SPDX-License-Identifier: GPL-2.0-only
// Used buffers of a packed ring: virtio 1.2 sections 2.8.1 to 2.8.6, 2.8.9, 2.8.12 and 2.8.15.
#include "ring_bench.hh"

#include <algorithm>
#include <array>
#include <numeric>

namespace vna
{
namespace
{

constexpr u16 write = desc_f_write;

// What lies in a slot as the device left it.
struct UsedSlot {
	u32 len;
	u16 id;
	u16 flags;
};

UsedSlot used_at(PackedBench &b, unsigned index)
{
	const auto &d = b.ring.table().desc(index);
	return {d.len, d.id, d.flags};
}

// Offers a writable buffer of @descs descriptors.
void offer(PackedBench &b, unsigned descs = 1)
{
	driver::Chain chain(descs, {PackedBench::guest_base, 100, true});
	b.offer(chain);
}

class PackedUsed : public testing::TestWithParam<std::tuple<u16, bool>>
{
protected:
	static constexpr unsigned size = 7;
	PackedUsed() : b({.size = size, .first = std::get<0>(GetParam()),
			  .wrap = std::get<1>(GetParam())})
	{
	}
	PackedBench b;
};

INSTANTIATE_TEST_SUITE_P(Packed, PackedUsed,
			 testing::Combine(testing::Values(0, 1, 4, 5, 6), testing::Bool()),
			 [](const auto &info) {
				 return "from_" + std::to_string(std::get<0>(info.param)) +
					(std::get<1>(info.param) ? "_wrap_1" : "_wrap_0");
			 });

// 2.8.1: both bits are the device's wrap counter; 2.8.3, 2.8.4: WRITE says that len counts.
TEST_P(PackedUsed, descriptors_say_so_by_their_flags)
{
	for (const u32 len : {0u, 1u, 100u}) {
		const auto at = b.ring.next_used();
		offer(b);
		b.batch.clear();
		ASSERT_EQ(b.fetch(), 1u);
		const u16 id = b.batch[0].id;
		b.queue.complete(b.batch[0], len);
		ASSERT_TRUE(b.queue.publish());
		const UsedSlot slot = used_at(b, at.index);
		EXPECT_EQ(slot.id, id);
		EXPECT_EQ(slot.len, len);
		EXPECT_EQ(slot.flags, driver::packed_used(at.wrap) | (len ? write : 0))
			<< "and nothing else";
		ASSERT_TRUE(b.ring.collect());
	}
}

// 2.8.6: one used descriptor a list, at the place of the first; the others are left as they are.
TEST_P(PackedUsed, a_chain_is_used_by_one_descriptor)
{
	offer(b, 3);
	std::array<vring_packed_desc, size> before{};
	for (unsigned i = 0; i < size; i++)
		before[i] = b.ring.table().desc(i);
	b.kernel.memory.record(true);
	ASSERT_EQ(b.consume(42), 1u);
	EXPECT_EQ(b.kernel.memory.count(host::Access::write, b.slot_address(0), 16 * size), 1u);
	const unsigned first = b.at(0).index;
	EXPECT_EQ(used_at(b, first).len, 42u);
	EXPECT_EQ(used_at(b, first).id, b.ring.table().desc(b.at(2).index).id);
	for (unsigned i = 0; i < size; i++) {
		if (i != first) {
			EXPECT_EQ(std::memcmp(&before[i], &b.ring.table().desc(i), 16), 0) << i;
		}
	}
	EXPECT_EQ(b.queue.base(), packed_base(b.at(3))) << "the whole list is skipped";
}

// 2.8.6: the used descriptor of the next list overwrites the first of the next list.
TEST_P(PackedUsed, descriptors_lie_where_each_chain_began)
{
	const std::array lens{2u, 1u, 3u};
	for (const unsigned n : lens)
		offer(b, n);
	ASSERT_EQ(b.fetch(), 3u);
	for (u32 i = 0; i < 3; i++)
		b.queue.complete(b.batch[i], 10 + i);
	ASSERT_TRUE(b.queue.publish());
	unsigned n = 0;
	for (u32 i = 0; i < 3; i++) {
		const auto at = b.at(n);
		EXPECT_EQ(used_at(b, at.index).id, b.batch[i].id);
		EXPECT_EQ(used_at(b, at.index).len, 10 + i);
		EXPECT_TRUE(driver::is_packed_used(used_at(b, at.index).flags, at.wrap));
		n += lens[i];
	}
}

// 2.8.2, 2.8.12: written in the order in which they complete, not in that of the ring.
TEST_P(PackedUsed, out_of_order_are_written_in_the_order_of_completion)
{
	std::array order{0u, 1u, 2u};
	const std::array lens{2u, 1u, 3u};
	do {
		driver::Token first = driver::no_token;
		for (const unsigned n : lens) {
			const auto token = b.offer(driver::Chain(
				n, {PackedBench::guest_base, 100, true}));
			first = std::min(first, token);
		}
		b.batch.clear();
		ASSERT_EQ(b.fetch(), 3u);
		auto at = b.ring.next_used();
		for (const u32 i : order)
			b.queue.complete(b.batch[i], 20 + i);
		ASSERT_TRUE(b.queue.publish());
		for (const u32 i : order) {
			// 2.8.6: the place of the next is that of this one and its length.
			EXPECT_EQ(used_at(b, at.index).id, b.batch[i].id);
			at = at.after(lens[i], size);
			const auto used = b.ring.collect();
			ASSERT_TRUE(used);
			EXPECT_EQ(used->token, first + i);
			EXPECT_EQ(used->len, 20 + i);
		}
		EXPECT_FALSE(b.ring.collect());
	} while (std::next_permutation(order.begin(), order.end()));
}

// Ids stay out of order over many laps, with buffers in flight all the time.
TEST_P(PackedUsed, out_of_order_for_many_laps)
{
	BufferBatch flying;
	std::vector<Buffer> held;
	u64 seed = 1;
	unsigned collected = 0;
	for (unsigned step = 0; step < 500; step++) {
		seed = seed * 6364136223846793005 + 1;
		while (b.ring.free_descriptors() >= 2)
			offer(b, 1 + (seed >> 40) % 2);
		flying.clear();
		const u32 got = b.queue.fetch(flying, 10);
		for (u32 i = 0; i < got; i++)
			held.push_back(flying[i]);
		ASSERT_FALSE(held.empty());
		const std::size_t at = (seed >> 33) % held.size();
		b.queue.complete(held[at], 1 + step);
		const u16 id = held[at].id;
		held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
		ASSERT_TRUE(b.queue.publish());
		const auto used = b.ring.collect();
		ASSERT_TRUE(used);
		ASSERT_NE(used->token, driver::no_token);
		ASSERT_EQ(used->id, id);
		ASSERT_EQ(used->len, 1 + step);
		ASSERT_FALSE(b.ring.collect());
		collected++;
	}
	EXPECT_EQ(collected, 500u);
}

// 2.8.9: the first of those shown at once is written last, as the driver polls it; 2.8.15: none is
// changed after its USED flag was.
TEST_P(PackedUsed, first_one_is_written_last)
{
	for (unsigned round = 0; round < 4; round++) {
		const auto first = b.ring.next_used();
		for (unsigned i = 0; i < 3; i++)
			offer(b, 1 + i % 2);
		b.batch.clear();
		ASSERT_EQ(b.fetch(), 3u);
		b.kernel.memory.record(true);
		bool shown = false;
		b.kernel.memory.after(host::Access::write, b.slot_address(0), 16 * size,
				      [&](const auto &) {
					      EXPECT_FALSE(shown);
					      shown = b.ring.has_used();
				      });
		for (u32 i = 0; i < 3; i++)
			b.queue.complete(b.batch[i], 1);
		EXPECT_TRUE(b.kernel.memory.records().empty()) << "before publish()";
		ASSERT_TRUE(b.queue.publish());
		const auto &records = b.kernel.memory.records();
		ASSERT_EQ(records.size(), 3u);
		for (const auto &r : records) {
			EXPECT_EQ(r.kind, host::Access::write);
			EXPECT_EQ(r.len, 8u) << "len, id and flags at once";
			EXPECT_EQ(r.at % 16, 8u);
		}
		EXPECT_EQ(records.back().at, b.slot_address(first.index) + 8);
		for (unsigned i = 0; i < 3; i++)
			EXPECT_EQ(b.kernel.memory.count(host::Access::write, records[i].at, 8), 1u);
		EXPECT_TRUE(shown);
		b.kernel.memory.record(false);
		b.kernel.memory.drop_hooks();
		while (b.ring.collect()) {
		}
	}
}

TEST(PackedPublish, nothing_completed_writes_nothing)
{
	PackedBench b;
	b.kernel.memory.record(true);
	EXPECT_TRUE(b.queue.publish());
	EXPECT_TRUE(b.kernel.memory.records().empty());
}

// 2.8: the device writes descriptors and its own event suppression, and reads the driver's.
TEST(PackedPublish, device_writes_descriptors_and_its_own_area_only)
{
	PackedBench b({.features = feature(VNA_VIRTIO_RING_F_EVENT_IDX)});
	b.kernel.memory.record(true);
	b.queue.disable_notify();
	for (unsigned i = 0; i < 40; i++) {
		offer(b);
		ASSERT_EQ(b.consume(1), 1u);
		(void)b.queue.should_signal();
		(void)b.queue.enable_notify();
		ASSERT_TRUE(b.ring.collect());
	}
	const auto areas = b.ring.areas();
	for (const auto &r : b.kernel.memory.records()) {
		const bool device = r.at >= b.user(areas.device) &&
				    r.at + r.len <= b.user(areas.device) + 4;
		const bool desc = r.at >= b.slot_address(0) && r.at + r.len <= b.slot_address(16);
		if (r.kind == host::Access::write)
			EXPECT_TRUE(device || desc);
		else
			EXPECT_FALSE(device) << "write-only by the device";
	}
}

// The driver must not see a part of a frame, which may need as many buffers as a batch has.
TEST(PackedPublish, as_many_as_a_batch_holds_are_shown_at_once)
{
	PackedBench b({.size = 1024, .first = 1000, .indirect_entries = 0});
	for (unsigned i = 0; i < 1024; i++)
		offer(b);
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

// A driver that makes slots available again which the device has not used (2.8.16 forbids it) does
// no harm: more slots than the ring has are used, and the position is where that ends.
TEST(PackedPublish, slots_offered_again_while_in_use_are_counted_rightly)
{
	for (const unsigned size : {1u, 3u, 16u}) {
		for (unsigned laps = 2; laps <= 5; laps++) {
			PackedBench b({.size = size, .features = feature(VNA_VIRTIO_RING_F_EVENT_IDX),
				       .indirect_entries = 0});
			b.ring.table().set_driver_flags(VRING_PACKED_EVENT_FLAG_DISABLE);
			(void)b.queue.should_signal();
			driver::PackedPosition at = b.first();
			for (unsigned i = 0; i < laps * size; i++) {
				b.ring.table().set_desc(at.index, PackedBench::guest_base, 1, 0);
				b.ring.table().set_flags(at.index,
							 driver::packed_available(at.wrap));
				at = at.after(1, size);
				ASSERT_EQ(b.fetch(1), 1u);
			}
			EXPECT_EQ(b.queue.base(), at.encoded() | b.first().encoded() * 0x10000u);
			for (u32 i = 0; i < laps * size; i++)
				b.queue.complete(b.batch[i], 0);
			ASSERT_TRUE(b.queue.publish());
			EXPECT_EQ(b.queue.base(), packed_base(at));
			// Every slot was passed, so every wish is fulfilled.
			b.ring.table().set_driver_off_wrap(at.encoded());
			b.ring.table().set_driver_flags(VRING_PACKED_EVENT_FLAG_DESC);
			EXPECT_TRUE(b.queue.should_signal());
			EXPECT_FALSE(b.queue.should_signal());
			b.queue.discard(b.batch, 0);
			EXPECT_EQ(b.queue.error(), RingError::none);
		}
	}
}

// What was forgotten when the queue was unbound is not shown later.
TEST(PackedPublish, forgets_what_the_owner_will_set_up_anew)
{
	PackedBench b;
	offer(b);
	ASSERT_EQ(b.fetch(), 1u);
	b.queue.complete(b.batch[0], 1);
	b.queue.forget();
	EXPECT_EQ(b.queue.shadowed(), 0u);
	b.kernel.memory.record(true);
	EXPECT_TRUE(b.queue.publish());
	EXPECT_TRUE(b.kernel.memory.records().empty());
}

} // namespace
} // namespace vna
