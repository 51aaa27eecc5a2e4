// SPDX-License-Identifier: GPL-2.0-only
// The device's half of making buffers available: virtio 1.2 sections 2.7.4 to 2.7.6 and 2.7.13.
#include "ring_bench.hh"

#include <array>

namespace vna
{
namespace
{

TEST(SplitFetch, finds_nothing_in_an_empty_ring)
{
	RingBench b;
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.queue.error(), RingError::none);
}

// 2.7.13.2: what is in the ring is not the device's before the index says so.
TEST(SplitFetch, does_not_look_beyond_the_index)
{
	RingBench b;
	ASSERT_TRUE(b.ring.add(b.readable({100})));
	b.kernel.memory.record(true);
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.kernel.memory.records().size(), 1u) << "the index and nothing else";
	b.ring.publish();
	EXPECT_EQ(b.fetch(), 1u);
}

// 2.7.4.1: no assumption about the arrangement of descriptors.
struct Shape {
	const char *name;
	std::vector<u32> readable;
	std::vector<u32> writable;
};

using ShapeParam = std::tuple<Shape, int>;

// Every shape with its descriptors direct, and with a table after the first few.
std::vector<ShapeParam> shapes()
{
	std::vector<ShapeParam> all;
	for (const Shape &shape :
	     {Shape{"one_readable", {1514}, {}}, Shape{"one_writable", {}, {65535}},
	      Shape{"one_byte", {1}, {}}, Shape{"header_and_data", {12, 1514}, {}},
	      Shape{"four_writable", {}, {12, 1, 7, 4096}}, Shape{"both", {12, 100}, {1, 2, 3}},
	      Shape{"sixteen", std::vector<u32>(16, 3), {}}}) {
		const int n = static_cast<int>(shape.readable.size() + shape.writable.size());
		for (int first = -1; first < std::min(n, 3); first++)
			all.emplace_back(shape, first);
	}
	return all;
}

class SplitShape : public testing::TestWithParam<ShapeParam>
{
protected:
	// The second parameter is AddOptions::direct_first, or -1 for no indirect table.
	[[nodiscard]] static driver::AddOptions how()
	{
		const int first = std::get<1>(GetParam());
		if (first < 0)
			return {};
		return {true, static_cast<unsigned>(first)};
	}
	[[nodiscard]] driver::Chain chain(RingBench &b) const
	{
		const Shape &shape = std::get<0>(GetParam());
		auto chain = driver::allocate_chain(b.guest, shape.readable, false);
		const auto more = driver::allocate_chain(b.guest, shape.writable, true);
		chain.insert(chain.end(), more.begin(), more.end());
		return chain;
	}
};

// 2.7.5.3.2: zero or more normal descriptors and then one that is indirect.
TEST_P(SplitShape, is_fetched_as_it_was_offered)
{
	RingBench b;
	const auto c = chain(b);
	b.offer(c, how());
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	b.expect_buffer(0, c);
	u64 readable = 0, writable = 0;
	for (const auto &s : c)
		(s.writable ? writable : readable) += s.len;
	EXPECT_EQ(b.batch[0].readable_len, readable);
	EXPECT_EQ(b.batch[0].writable_len, writable);
	EXPECT_EQ(b.batch[0].id, b.ring.table().avail_entry(0));
	const driver::AddOptions options = how();
	EXPECT_EQ(b.batch[0].descs, options.indirect ? options.direct_first + 1 : c.size());
}

TEST_P(SplitShape, is_read_once)
{
	RingBench b;
	b.offer(chain(b), how());
	b.kernel.memory.record(true);
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_TRUE(b.read_descriptors_once());
	EXPECT_FALSE(b.kernel.memory.read_twice(b.user(b.ring.indirect().gpa(0)), 16 * 32 * 16));
}

// What was read first counts, whatever the guest writes there afterwards.
TEST_P(SplitShape, is_as_it_was_when_read_first)
{
	RingBench b;
	const auto c = chain(b);
	b.offer(c, how());
	b.flip_descriptors_after_read();
	b.kernel.memory.flip_after_read(b.user(b.ring.indirect().gpa(0)), 16 * 32 * 16);
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	b.expect_buffer(0, c);
}

INSTANTIATE_TEST_SUITE_P(Split, SplitShape, testing::ValuesIn(shapes()), [](const auto &info) {
	const int first = std::get<1>(info.param);
	return std::get<0>(info.param).name +
	       (first < 0 ? std::string("_direct") : "_indirect_after_" + std::to_string(first));
});

// 2.7.13.3: the order is the available ring's, not the table's.
TEST(SplitFetch, keeps_the_order_of_the_available_ring)
{
	RingBench b;
	const u64 data = b.guest.allocate(64);
	for (unsigned i = 0; i < 4; i++)
		b.desc(i, data, 10 + i);
	b.expose({3, 1, 0, 2});
	ASSERT_EQ(b.fetch(), 4u);
	for (u32 i = 0; i < 4; i++) {
		EXPECT_EQ(b.batch[i].id, (std::array{3, 1, 0, 2})[i]);
		EXPECT_EQ(b.batch[i].readable_len, 10u + b.batch[i].id);
	}
}

// A chain may use the table's descriptors in any order, and reserved flags mean nothing.
TEST(SplitFetch, follows_next_in_any_direction_and_ignores_it_without_the_flag)
{
	RingBench b;
	const u64 data = b.guest.allocate(64);
	b.desc(9, data, 1, desc_f_next, 15);
	b.desc(15, data, 2, desc_f_next, 0);
	b.desc(0, data, 3, 0xfff8, 0xffff);
	b.expose({9});
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable_len, 6u);
	EXPECT_EQ(b.batch[0].descs, 3u);
}

// 2.7.5.3.1: a chain as long as the queue is the longest.
TEST(SplitFetch, takes_a_chain_as_long_as_the_queue)
{
	RingBench b;
	const auto chain = driver::cut(b.guest.allocate(160), 160, 10, false);
	b.offer(chain);
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.batch[0].descs, 16u);
}

// 2.7.5.2: more than 2^32 bytes are forbidden; the last that 32 bits count is not.
TEST(SplitFetch, takes_a_chain_of_2_to_the_32_bytes_less_one)
{
	RingBench b;
	b.desc(0, phantom.guest_phys_addr, 1u << 31, desc_f_next, 1);
	b.desc(1, phantom.guest_phys_addr, (1u << 31) - 1);
	b.expose({0});
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable_len, 0xffffffffu);
}

// Memory.

class SplitStraddle : public testing::Test
{
protected:
	SplitStraddle()
	{
		const auto &r = b.guest.regions()[0];
		second = r.base + r.size;
		b.add_region(second, 4096);
		b.add_region(second + 4096, 4096);
		// A hole of a page, then one more.
		b.add_region(second + 3 * 4096, 4096);
	}
	void expect(std::initializer_list<std::pair<u64, u64>> pieces)
	{
		ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
		const auto segs = b.batch.segments(b.batch[0]);
		ASSERT_EQ(segs.size(), pieces.size());
		std::size_t i = 0;
		for (const auto &[gpa, len] : pieces) {
			EXPECT_EQ(segs[i].addr, b.user(gpa));
			EXPECT_EQ(segs[i].len, len);
			i++;
		}
	}

	RingBench b;
	u64 second;
};

TEST_F(SplitStraddle, a_descriptor_over_two_regions_is_two_segments)
{
	b.desc(0, second - 10, 30);
	b.expose({0});
	expect({{second - 10, 10}, {second, 20}});
	EXPECT_EQ(b.batch[0].readable_len, 30u);
}

TEST_F(SplitStraddle, a_descriptor_over_three_regions_is_three_segments)
{
	b.desc(0, second - 1, 4098, desc_f_write);
	b.expose({0});
	expect({{second - 1, 1}, {second, 4096}, {second + 4096, 1}});
	EXPECT_EQ(b.batch[0].writable, 3u);
}

TEST_F(SplitStraddle, a_descriptor_that_ends_with_a_region_is_one_segment)
{
	b.desc(0, second + 4096, 4096);
	b.expose({0});
	expect({{second + 4096, 4096}});
}

TEST_F(SplitStraddle, a_hole_within_a_descriptor_is_unmapped)
{
	b.desc(0, second + 4096, 4097);
	b.expose({0});
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.queue.error(), RingError::address_unmapped);
}

TEST_F(SplitStraddle, a_table_over_two_regions_is_read_if_no_descriptor_is_cut)
{
	const u64 data = b.guest.allocate(100);
	const u64 table = second - 5 * 16;
	for (u16 i = 0; i < 20; i++) {
		const SplitDescriptor d{data + i, 1u + i,
				   static_cast<u16>(i < 19 ? desc_f_next : 0),
				   static_cast<u16>(i + 1)};
		b.put(table + 16 * i, d);
	}
	b.desc(0, table, 20 * 16, desc_f_indirect);
	b.expose({0});
	b.kernel.memory.record(true);
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable, 20u);
	EXPECT_EQ(b.batch[0].readable_len, 210u);
	EXPECT_FALSE(b.kernel.memory.read_twice(b.user(second), 15 * 16));
}

TEST_F(SplitStraddle, a_table_descriptor_over_two_regions_is_unmapped)
{
	const u64 table = second - 8;
	b.desc(0, table, 16, desc_f_indirect);
	b.expose({0});
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.queue.error(), RingError::address_unmapped);
}

// Batches.

TEST(SplitFetch, takes_no_more_than_asked_for)
{
	RingBench b;
	for (unsigned i = 0; i < 8; i++)
		b.offer(b.readable({10 + i}));
	EXPECT_EQ(b.fetch(5), 5u);
	EXPECT_EQ(b.batch.size(), 5u);
	EXPECT_FALSE(b.batch.out_of_room());
	EXPECT_EQ(b.queue.base(), 5u);
	EXPECT_EQ(b.fetch(5), 3u);
	ASSERT_EQ(b.batch.size(), 8u);
	for (u32 i = 0; i < 8; i++)
		EXPECT_EQ(b.batch[i].readable_len, 10 + i);
	EXPECT_EQ(b.fetch(5), 0u);
}

// The index is read again only where what it said is not enough.
TEST(SplitFetch, reads_the_index_once_for_what_it_covers)
{
	RingBench b;
	for (unsigned i = 0; i < 8; i++)
		b.offer(b.readable({10}));
	b.kernel.memory.record(true);
	EXPECT_EQ(b.fetch(4), 4u);
	EXPECT_EQ(b.fetch(4), 4u);
	EXPECT_EQ(b.kernel.memory.count(host::Access::read, b.user(b.ring.areas().driver) + 2, 2),
		  1u);
}

TEST(SplitFetch, leaves_a_chain_for_which_the_batch_has_no_room)
{
	RingBench b({.indirect_entries = 400});
	std::vector<driver::Chain> chains;
	for (unsigned i = 0; i < 3; i++) {
		chains.push_back(driver::cut(b.guest.allocate(800), 800, 2, false));
		// By hand: longer than the queue, which is the driver's to heed, not ours.
		const u64 table = b.guest.allocate(400 * 16);
		for (u16 k = 0; k < 400; k++) {
			const SplitDescriptor d{chains[i][k].gpa, 2,
					   static_cast<u16>(k < 399 ? desc_f_next : 0),
					   static_cast<u16>(k + 1)};
			b.put(table + 16 * k, d);
		}
		b.desc(i, table, 400 * 16, desc_f_indirect);
	}
	b.expose({0, 1, 2});
	EXPECT_EQ(b.fetch(), 2u);
	EXPECT_TRUE(b.batch.out_of_room());
	EXPECT_EQ(b.queue.error(), RingError::none);
	EXPECT_EQ(b.queue.base(), 2u);

	b.batch.drop_front(1);
	EXPECT_EQ(b.fetch(), 1u);
	EXPECT_FALSE(b.batch.out_of_room());
	ASSERT_EQ(b.batch.size(), 2u);
	b.expect_buffer(0, chains[1]);
	b.expect_buffer(1, chains[2]);
}

TEST(SplitFetch, fills_a_batch_to_its_capacity_and_no_further)
{
	RingBench b({.size = 2048, .indirect_entries = 0});
	const u64 data = b.guest.allocate(64);
	for (unsigned i = 0; i < 1500; i++)
		b.offer({{data, 1 + i % 64, false}});
	EXPECT_EQ(b.fetch(5000), 1024u);
	EXPECT_TRUE(b.batch.full());
	EXPECT_TRUE(b.batch.out_of_room());
	b.batch.clear();
	EXPECT_EQ(b.fetch(), 476u);
}

TEST(SplitFetch, takes_the_largest_chain_into_an_empty_batch)
{
	RingBench b({.indirect_entries = 0});
	const u64 data = b.guest.allocate(2048);
	const u64 table = b.guest.allocate(1024 * 16);
	for (u16 k = 0; k < 1024; k++) {
		const SplitDescriptor d{data + k, 1, static_cast<u16>(k < 1023 ? desc_f_next : 0),
				   static_cast<u16>(k + 1)};
		b.put(table + 16 * k, d);
	}
	b.desc(0, table, 1024 * 16, desc_f_indirect);
	b.desc(1, data, 1);
	b.expose({1, 0});
	EXPECT_EQ(b.fetch(), 1u) << "no room for 1024 more";
	EXPECT_TRUE(b.batch.out_of_room());
	b.batch.clear();
	EXPECT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.batch[0].readable, 1024u);
}

TEST(BufferBatch, keeps_segments_of_what_is_not_dropped)
{
	RingBench b;
	std::vector<driver::Chain> chains;
	for (unsigned i = 1; i <= 4; i++) {
		chains.push_back(driver::allocate_chain(b.guest, std::vector<u32>(i, 5 + i), true));
		b.offer(chains.back());
	}
	ASSERT_EQ(b.fetch(), 4u);
	EXPECT_EQ(b.batch.segments(), 10u);
	EXPECT_EQ(b.batch.segments(1, 2).size(), 5u);
	EXPECT_EQ(b.batch.segments(1, 2)[0].addr, b.user(chains[1][0].gpa));
	b.batch.drop_front(2);
	ASSERT_EQ(b.batch.size(), 2u);
	EXPECT_EQ(b.batch.segments(), 7u);
	b.expect_buffer(0, chains[2]);
	b.expect_buffer(1, chains[3]);
	b.queue.discard(b.batch, 1);
	EXPECT_EQ(b.batch.segments(), 3u);
	b.batch.drop_front(1);
	EXPECT_EQ(b.batch.size(), 0u);
	EXPECT_EQ(b.batch.segments(), 0u);
}

// Sizes and wraps.

// 2.7: the size is a power of two up to 32768; 2.7.13.3: indices wrap at 65536.
class SplitSize : public testing::TestWithParam<std::tuple<unsigned, u16>>
{
};

TEST_P(SplitSize, every_entry_comes_round_in_order)
{
	const auto [size, first] = GetParam();
	RingBench b({.size = size, .first = first, .indirect_entries = 0});
	const u64 data = b.guest.allocate(4096);
	u64 expected = 0;
	driver::Token token = 0;
	const unsigned total = std::min(3 * size + 7, 70000u);
	for (unsigned offered = 0; offered < total;) {
		// Sometimes all of the ring, sometimes a part.
		const unsigned n =
			std::min(offered % 3 == 0 ? size : size / 2 + 1, total - offered);
		for (unsigned i = 0; i < n; i++, offered++)
			b.offer({{data, 1 + offered % 4096, true}});
		for (unsigned done = 0; done < n;) {
			b.batch.clear();
			const u32 got = b.fetch();
			ASSERT_GT(got, 0u) << name_of(b.queue.error());
			for (u32 i = 0; i < got; i++, expected++) {
				ASSERT_EQ(b.batch[i].writable_len, 1 + expected % 4096);
				b.queue.complete(b.batch[i], b.batch[i].writable_len);
			}
			ASSERT_TRUE(b.queue.publish());
			done += got;
		}
		while (const auto used = b.ring.collect()) {
			ASSERT_EQ(used->token, token);
			ASSERT_EQ(used->len, 1 + token % 4096);
			token++;
		}
		ASSERT_EQ(b.ring.outstanding(), 0u);
	}
	EXPECT_EQ(token, total);
	EXPECT_EQ(b.queue.base(), static_cast<u16>(first + total));
}

INSTANTIATE_TEST_SUITE_P(Split, SplitSize,
			 testing::Combine(testing::Values(1, 2, 4, 8, 64, 256, 1024, 32768),
					  testing::Values(0, 65530, 32767)),
			 [](const auto &info) {
				 return std::to_string(std::get<0>(info.param)) + "_from_" +
					std::to_string(std::get<1>(info.param));
			 });

// A full ring is legal, one more is not: see avail_index_jump for that.
TEST(SplitFetch, takes_a_full_ring_at_the_wrap)
{
	RingBench b({.first = 65535});
	for (unsigned i = 0; i < 16; i++)
		b.offer(b.readable({10}));
	EXPECT_EQ(b.fetch(), 16u);
	EXPECT_EQ(b.queue.base(), 15u);
}

// Giving back.

TEST(SplitDiscard, chains_are_fetched_again)
{
	RingBench b;
	std::vector<driver::Chain> chains;
	for (unsigned i = 0; i < 5; i++) {
		chains.push_back(b.readable({10 + i, 3}));
		b.offer(chains.back());
	}
	ASSERT_EQ(b.fetch(), 5u);
	b.queue.discard(b.batch, 3);
	EXPECT_EQ(b.batch.size(), 2u);
	EXPECT_EQ(b.queue.base(), 2u);
	ASSERT_EQ(b.fetch(), 3u);
	for (u32 i = 0; i < 5; i++)
		b.expect_buffer(i, chains[i]);
}

TEST(SplitDiscard, goes_back_over_the_wrap)
{
	RingBench b({.first = 65534});
	for (unsigned i = 0; i < 4; i++)
		b.offer(b.readable({10}));
	ASSERT_EQ(b.fetch(), 4u);
	b.queue.discard(b.batch, 4);
	EXPECT_EQ(b.queue.base(), 65534u);
	EXPECT_EQ(b.fetch(), 4u);
}

TEST(SplitBase, is_where_fetching_begins)
{
	RingBench b;
	for (unsigned i = 0; i < 6; i++)
		b.offer(b.readable({10 + i}));
	b.queue.set_base(4);
	EXPECT_EQ(b.queue.base(), 4u);
	ASSERT_EQ(b.fetch(), 2u);
	EXPECT_EQ(b.batch[0].readable_len, 14u);
	EXPECT_EQ(b.queue.base(), 6u);
	// What was seen of the index before does not count any more.
	b.batch.clear();
	b.queue.set_base(0);
	EXPECT_EQ(b.fetch(), 6u);
}

} // namespace
} // namespace vna
