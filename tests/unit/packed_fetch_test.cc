// SPDX-License-Identifier: GPL-2.0-only
// The device's half of making buffers available in a packed ring: virtio 1.2 sections 2.8.1 to
// 2.8.7, 2.8.12, 2.8.15, 2.8.18 and 2.8.21.
#include "ring_bench.hh"

#include <algorithm>
#include <array>

namespace vna
{
namespace
{

constexpr u16 next = desc_f_next, write = desc_f_write, indirect = desc_f_indirect;

// 2.8.15: nothing is used before AVAIL is seen to change, and a fresh ring is all zeroes (2.8.13).
TEST(PackedFetch, finds_nothing_in_an_empty_ring)
{
	for (const unsigned size : {1u, 3u, 16u}) {
		for (const bool wrap : {false, true}) {
			PackedBench b({.size = size, .wrap = wrap});
			EXPECT_EQ(b.fetch(), 0u);
			EXPECT_EQ(b.queue.error(), RingError::none);
			EXPECT_EQ(b.queue.base(), packed_base({0, wrap}));
		}
	}
}

// 2.8.1: both bits count; what was used in this lap or any other is not available.
TEST(PackedFetch, takes_only_what_both_bits_say_is_available)
{
	for (const bool wrap : {false, true}) {
		for (const u16 bits : {u16{0}, PackedDescriptor::f_avail, PackedDescriptor::f_used,
				       u16(PackedDescriptor::f_avail | PackedDescriptor::f_used)}) {
			PackedBench b({.wrap = wrap});
			b.desc(0, b.guest.allocate(64), 64);
			b.ring.table().set_flags(0, bits);
			EXPECT_EQ(b.fetch(), bits == driver::packed_available(wrap)) << bits;
			EXPECT_EQ(b.queue.error(), RingError::none);
		}
	}
}

// 2.8.6: the first descriptor of a list is made available last: before that no other is anyone's
// business.  All that is looked at is flags.
TEST(PackedFetch, does_not_read_a_chain_that_is_not_available_yet)
{
	PackedBench b;
	ASSERT_TRUE(b.ring.add(b.readable({1, 2, 3})));
	ASSERT_TRUE(b.ring.add(b.readable({4})));
	b.kernel.memory.record(true);
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.copies(), 0u);
	for (const auto &r : b.kernel.memory.records()) {
		EXPECT_EQ(r.kind, host::Access::read);
		EXPECT_EQ(r.len, 2u);
		EXPECT_EQ((r.at - b.slot_address(0)) % 16, 14u);
	}
	EXPECT_FALSE(b.queue.enable_notify());
	b.ring.publish();
	EXPECT_EQ(b.fetch(), 2u);
}

// 2.8.2: a single place is polled: what comes later in the ring does not count before it.
TEST(PackedFetch, does_not_pass_a_slot_that_is_not_available)
{
	PackedBench b;
	const u64 data = b.guest.allocate(64);
	b.desc(0, data, 1);
	b.desc(2, data, 3);
	EXPECT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.queue.error(), RingError::none);
	b.desc(1, data, 2);
	ASSERT_EQ(b.fetch(), 2u);
	EXPECT_EQ(b.batch[1].readable_len, 2u);
	EXPECT_EQ(b.batch[2].readable_len, 3u);
}

// Shapes, from every place of a small ring, so that many of them lie across its end.

struct PackedShape {
	const char *name;
	std::vector<u32> readable;
	std::vector<u32> writable;
	bool in_table = false;
};

void PrintTo(const PackedShape &s, std::ostream *out)
{
	*out << s.name;
}

const PackedShape packed_shapes[] = {
	{"one_readable", {1514}, {}},
	{"one_writable", {}, {65535}},
	{"one_byte", {1}, {}},
	{"header_and_data", {12, 1514}, {}},
	{"four_writable", {}, {12, 1, 7, 4096}},
	{"both", {12, 100}, {1, 2, 3}},
	{"whole_ring", std::vector<u32>(7, 3), {}},
	{"table_of_one", {9}, {}, true},
	{"table_of_both", {12, 100}, {1, 2, 3}, true},
	{"table_of_seven", {1}, std::vector<u32>(6, 5), true},
};

class PackedShapes : public testing::TestWithParam<std::tuple<PackedShape, u16, bool>>
{
protected:
	static constexpr unsigned size = 7;

	PackedShapes() : b({.size = size, .first = std::get<1>(GetParam()),
			    .wrap = std::get<2>(GetParam())})
	{
		const PackedShape &shape = std::get<0>(GetParam());
		chain = driver::allocate_chain(b.guest, shape.readable, false);
		const auto more = driver::allocate_chain(b.guest, shape.writable, true);
		chain.insert(chain.end(), more.begin(), more.end());
		how = {.indirect = shape.in_table};
	}
	[[nodiscard]] unsigned descs() const
	{
		return how.indirect ? 1 : static_cast<unsigned>(chain.size());
	}

	PackedBench b;
	driver::Chain chain;
	driver::AddOptions how;
};

TEST_P(PackedShapes, is_fetched_as_it_was_offered)
{
	b.offer(chain, how);
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	b.expect_buffer(0, chain);
	u64 readable = 0, writable = 0;
	for (const auto &s : chain)
		(s.writable ? writable : readable) += s.len;
	EXPECT_EQ(b.batch[0].readable_len, readable);
	EXPECT_EQ(b.batch[0].writable_len, writable);
	EXPECT_EQ(b.batch[0].descs, descs());
	// 2.8.6: the id is that of the last descriptor; the driver's has a trap in the others.
	EXPECT_EQ(b.batch[0].id, b.ring.table().desc(b.at(descs() - 1).index).id);
	EXPECT_EQ(b.queue.base(), b.base_after(1, descs()));
	EXPECT_EQ(b.fetch(), 0u) << "once";
	EXPECT_EQ(b.queue.error(), RingError::none);
}

// Flags are looked at, then all is copied, once; tables are read once.
TEST_P(PackedShapes, is_copied_once)
{
	b.offer(chain, how);
	b.kernel.memory.record(true);
	ASSERT_EQ(b.fetch(), 1u);
	for (unsigned i = 0; i < size; i++)
		EXPECT_FALSE(b.kernel.memory.read_twice(b.slot_address(i), 14)) << "slot " << i;
	const u64 table = b.user(b.ring.indirect().gpa(0));
	EXPECT_FALSE(b.kernel.memory.read_twice(table, 16 * 32 * size));
	EXPECT_EQ(b.kernel.memory.count(host::Access::read, table, 16 * 32 * size), how.indirect);
	EXPECT_LE(b.copies(), 2u) << "one, and one behind the ring's end";
}

// Whatever the guest writes there after the copy, what was copied counts.
TEST_P(PackedShapes, is_as_it_was_when_copied)
{
	b.offer(chain, how);
	b.flip_descriptors_after_read();
	b.kernel.memory.flip_after_read(b.user(b.ring.indirect().gpa(0)), 16 * 32 * size);
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	b.expect_buffer(0, chain);
}

// Flags that change after the copy: NEXT, INDIRECT and WRITE are those of the copy too.
TEST_P(PackedShapes, has_the_flags_that_it_had_when_copied)
{
	b.offer(chain, how);
	for (unsigned i = 0; i < size; i++) {
		b.kernel.memory.after(
			host::Access::read, b.slot_address(i), 16, [&, i](const auto &access) {
				if (access.len > 2)
					b.ring.table().desc(i).flags ^= next | write | indirect;
			});
	}
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	b.expect_buffer(0, chain);
}

// A descriptor that is not available any more when it is looked at, though its list's first was,
// is none to guess about; one whose flags were read is as they said.
TEST_P(PackedShapes, that_vanishes_while_it_is_read_is_not_delivered_in_part)
{
	for (unsigned gone = 0; gone < descs(); gone++) {
		b.ring.reset(b.first());
		b.queue.set_base(b.ring.base());
		ASSERT_TRUE(b.queue.start());
		b.queue.clear_error();
		b.offer(chain, how);
		const auto slot = b.at(gone);
		bool done = false;
		b.kernel.memory.after(host::Access::read, b.slot_address(b.at(0).index) + 14, 2,
				      [&](const auto &) {
					      if (!std::exchange(done, true))
						      b.ring.table().desc(slot.index).flags ^=
							      PackedDescriptor::f_avail |
							      PackedDescriptor::f_used;
				      });
		b.batch.clear();
		EXPECT_EQ(b.fetch(), gone ? 0u : 1u);
		EXPECT_TRUE(done);
		EXPECT_EQ(b.queue.error(), gone ? RingError::chain_vanished : RingError::none);
		EXPECT_EQ(b.queue.base(), b.base_after(gone ? 0 : 1, gone ? 0 : descs()));
		if (!gone)
			b.expect_buffer(0, chain);
		b.kernel.memory.drop_hooks();
	}
}

INSTANTIATE_TEST_SUITE_P(
	Packed, PackedShapes,
	testing::Combine(testing::ValuesIn(packed_shapes), testing::Values(0, 1, 3, 5, 6),
			 testing::Bool()),
	[](const auto &info) {
		return std::string(std::get<0>(info.param).name) + "_from_" +
		       std::to_string(std::get<1>(info.param)) +
		       (std::get<2>(info.param) ? "_wrap_1" : "_wrap_0");
	});

// 2.8.5: lists of either kind may be mixed in a ring.
TEST(PackedFetch, takes_direct_and_indirect_lists_by_turns)
{
	PackedBench b({.size = 16, .first = 11});
	std::vector<driver::Chain> chains;
	for (unsigned i = 0; i < 6; i++) {
		chains.push_back(driver::allocate_chain(
			b.guest, std::vector<u32>(1 + i % 3, 10 + i), i % 2));
		b.offer(chains.back(), {.indirect = i % 2 == 0});
	}
	ASSERT_EQ(b.fetch(), 6u) << name_of(b.queue.error());
	for (u32 i = 0; i < 6; i++)
		b.expect_buffer(i, chains[i]);
}

// 2.8.12: descriptors are processed in the order of the ring, whatever their ids.
TEST(PackedFetch, keeps_the_order_of_the_ring)
{
	PackedBench b;
	const u64 data = b.guest.allocate(64);
	const std::array ids{3, 1, 15, 2};
	for (unsigned i = 0; i < 4; i++)
		b.desc(i, data, 10 + i, 0, ids[i]);
	ASSERT_EQ(b.fetch(), 4u);
	for (u32 i = 0; i < 4; i++) {
		EXPECT_EQ(b.batch[i].id, ids[i]);
		EXPECT_EQ(b.batch[i].readable_len, 10u + i);
	}
}

TEST(PackedFetch, ignores_flags_that_mean_nothing)
{
	PackedBench b;
	const u64 data = b.guest.allocate(64);
	const u16 reserved = static_cast<u16>(~(PackedDescriptor::f_avail |
						PackedDescriptor::f_used | next | write |
						indirect));
	b.desc(1, data, 2, reserved);
	b.desc(0, data, 1, next | reserved);
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable_len, 3u);
}

TEST(PackedFetch, takes_a_chain_of_2_to_the_32_bytes_less_one)
{
	PackedBench b;
	b.desc(1, phantom.guest_phys_addr, (1u << 31) - 1);
	b.desc(0, phantom.guest_phys_addr, 1u << 31, next);
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable_len, 0xffffffffu);
}

TEST(PackedFetch, takes_no_more_than_asked_for_and_the_rest_next_time)
{
	PackedBench b({.size = 7, .first = 5});
	for (unsigned i = 0; i < 3; i++)
		b.offer(b.readable({10 + i, 1}));
	EXPECT_EQ(b.fetch(1), 1u);
	EXPECT_EQ(b.queue.base(), b.base_after(1, 2));
	EXPECT_EQ(b.fetch(1), 1u);
	EXPECT_EQ(b.fetch(5), 1u);
	for (u32 i = 0; i < 3; i++)
		EXPECT_EQ(b.batch[i].readable_len, 11 + i);
}

// Also where a chain has had more copied than was asked for.
TEST(PackedFetch, takes_no_more_than_asked_for_behind_a_long_chain)
{
	PackedBench b;
	b.offer(b.readable({1, 2, 3, 4}));
	for (unsigned i = 0; i < 6; i++)
		b.offer(b.readable({10 + i}));
	EXPECT_EQ(b.fetch(2), 2u);
	EXPECT_EQ(b.batch.size(), 2u);
	EXPECT_EQ(b.queue.base(), b.base_after(2, 5));
	EXPECT_EQ(b.fetch(3), 3u);
	EXPECT_EQ(b.fetch(3), 2u);
	for (u32 i = 0; i < 6; i++)
		EXPECT_EQ(b.batch[1 + i].readable_len, 10 + i);
}

// Copies: as many descriptors as are available and wanted, in one access (64 at most).
TEST(PackedFetch, copies_a_run_of_descriptors_with_one_access)
{
	for (const unsigned n : {1u, 2u, 16u, 63u, 64u, 65u, 200u}) {
		PackedBench b({.size = 256, .indirect_entries = 0});
		const u64 data = b.guest.allocate(64);
		for (unsigned i = n; i-- > 0;)
			b.desc(i, data, 1 + i);
		b.kernel.memory.record(true);
		ASSERT_EQ(b.fetch(), n);
		EXPECT_EQ(b.copies(), (n + 63) / 64) << n;
		for (u32 i = 0; i < n; i++)
			ASSERT_EQ(b.batch[i].readable_len, 1 + i);
	}
}

TEST(PackedFetch, copies_again_at_the_ends_of_the_ring_only)
{
	PackedBench b({.size = 40, .first = 30, .indirect_entries = 0});
	for (unsigned i = 0; i < 20; i++)
		b.offer({{b.guest.allocate(64), 1 + i, false}});
	b.kernel.memory.record(true);
	ASSERT_EQ(b.fetch(), 20u);
	EXPECT_EQ(b.copies(), 2u);
}

// A window over all of a small ring must not pass for the next lap's.
TEST(PackedFetch, a_full_ring_is_taken_once)
{
	for (const unsigned size : {1u, 2u, 3u, 5u, 16u, 64u}) {
		PackedBench b({.size = size, .indirect_entries = 0});
		const u64 data = b.guest.allocate(64);
		for (unsigned i = 0; i < size; i++)
			b.offer({{data, 1 + i, false}});
		EXPECT_EQ(b.fetch(), size);
		EXPECT_EQ(b.fetch(), 0u);
		EXPECT_EQ(b.queue.error(), RingError::none);
		EXPECT_EQ(b.queue.base(), b.base_after(size, size));
	}
}

// Indirect tables (2.8.7).

class PackedTables : public testing::TestWithParam<unsigned>
{
protected:
	PackedTables()
	{
		const u64 data = b.guest.allocate(65536);
		gpa = b.guest.allocate(16 * n);
		// 2.8.7: ids and flags but WRITE are reserved in a table, and ignored.
		for (unsigned i = 0; i < n; i++)
			b.put(gpa + 16 * i,
			      {data + i, 1 + i, static_cast<u16>(i * 7),
			       static_cast<u16>(i % 2 ? 0xffff & ~write : 0)});
		b.desc(0, gpa, 16 * n, indirect);
	}
	void expect()
	{
		ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
		const auto segs = b.batch.segments(b.batch[0]);
		ASSERT_EQ(segs.size(), n);
		for (unsigned i = 0; i < n; i++)
			ASSERT_EQ(segs[i].len, 1 + i);
		EXPECT_EQ(b.batch[0].descs, 1u);
	}
	const unsigned n = GetParam();
	PackedBench b;
	u64 gpa;
};

TEST_P(PackedTables, are_read_once_in_their_order_and_up_to_64_with_one_access)
{
	b.kernel.memory.record(true);
	expect();
	EXPECT_FALSE(b.kernel.memory.read_twice(b.user(gpa), 16 * n));
	EXPECT_EQ(b.kernel.memory.count(host::Access::read, b.user(gpa), 16 * n),
		  1 + (n > 64 ? (n - 64 + 15) / 16 : 0));
}

TEST_P(PackedTables, are_as_they_were_when_read)
{
	b.kernel.memory.flip_after_read(b.user(gpa), 16 * n);
	expect();
}

INSTANTIATE_TEST_SUITE_P(Packed, PackedTables,
			 testing::Values(1, 2, 15, 16, 17, 63, 64, 65, 80, 81, 400, 1024),
			 [](const auto &info) { return std::to_string(info.param); });

// 2.8.7: the WRITE flag of the descriptor that refers to a table is reserved and ignored.
TEST(PackedIndirect, write_flag_of_the_reference_means_nothing)
{
	PackedBench b;
	const u64 table = b.guest.allocate(16);
	b.put(table, {b.guest.allocate(64), 64, 0, 0});
	b.desc(0, table, 16, indirect | write);
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.batch[0].readable, 1u);
	EXPECT_EQ(b.batch[0].writable, 0u);
}

// 2.8.17: for the entries of a table too, where they are looked at.
TEST(PackedIndirect, readable_after_writable_in_a_table_is_refused_but_for_transmission)
{
	for (const bool transmits : {false, true}) {
		PackedBench b;
		b.queue.set_transmits(transmits);
		const u64 data = b.guest.allocate(64), table = b.guest.allocate(32);
		b.put(table, {data, 1, 0, write});
		b.put(table + 16, {data, 2, 0, 0});
		b.desc(0, table, 32, indirect);
		EXPECT_EQ(b.fetch(), transmits);
		EXPECT_EQ(b.queue.error(),
			  transmits ? RingError::none : RingError::readable_after_writable);
		if (transmits) {
			EXPECT_EQ(b.batch[0].readable, 2u);
		}
	}
}

// The descriptors of the ring itself count for transmission as well.
TEST(PackedIndirect, write_flag_of_a_direct_descriptor_counts_for_transmission)
{
	PackedBench b;
	b.queue.set_transmits(true);
	b.offer(b.writable({64}));
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.batch[0].writable, 1u);
}

// Memory: as in a split ring, a descriptor over two regions is two segments.
TEST(PackedMemory, a_descriptor_over_two_regions_is_two_segments)
{
	PackedBench b;
	const auto r = b.guest.regions()[0];
	b.add_region(r.base + r.size, 4096);
	b.desc(0, r.base + r.size - 10, 30);
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	ASSERT_EQ(b.batch[0].readable, 2u);
	EXPECT_EQ(b.batch.segments(b.batch[0])[0].len, 10u);
	EXPECT_EQ(b.batch.segments(b.batch[0])[1].len, 20u);
}

TEST(PackedMemory, a_table_over_two_regions_is_read_if_no_descriptor_is_cut)
{
	PackedBench b;
	const auto r = b.guest.regions()[0];
	b.add_region(r.base + r.size, 4096);
	const u64 data = b.guest.allocate(64), table = r.base + r.size - 5 * 16;
	for (u16 i = 0; i < 20; i++)
		b.put(table + 16 * i, {data, 1u + i, 0, 0});
	b.desc(0, table, 20 * 16, indirect);
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable_len, 210u);
}

// A chain for which the batch has no room is left.
TEST(PackedRoom, chain_that_does_not_fit_is_left_for_the_next_batch)
{
	PackedBench b({.size = 8});
	const u64 data = b.guest.allocate(64), table = b.guest.allocate(1024 * 16);
	for (u16 i = 0; i < 1024; i++)
		b.put(table + 16 * i, {data, 1, 0, 0});
	b.desc(1, table, 1024 * 16, indirect);
	b.desc(0, data, 1);
	EXPECT_EQ(b.fetch(), 1u) << "no room for 1024 more";
	EXPECT_TRUE(b.batch.out_of_room());
	EXPECT_EQ(b.queue.error(), RingError::none);
	b.batch.clear();
	EXPECT_EQ(b.fetch(), 1u);
	EXPECT_FALSE(b.batch.out_of_room());
	EXPECT_EQ(b.batch[0].readable, 1024u);
}

TEST(PackedRoom, batch_takes_1024_buffers_of_a_larger_ring)
{
	PackedBench b({.size = 1500, .indirect_entries = 0});
	const u64 data = b.guest.allocate(64);
	for (unsigned i = 0; i < 1500; i++)
		b.offer({{data, 1, false}});
	EXPECT_EQ(b.fetch(5000), 1024u);
	EXPECT_TRUE(b.batch.out_of_room());
	b.batch.clear();
	EXPECT_EQ(b.fetch(5000), 476u);
	EXPECT_FALSE(b.batch.out_of_room());
}

// Giving back, and where to begin.

TEST(PackedDiscard, chains_are_fetched_again)
{
	for (const bool wrap : {false, true}) {
		for (u16 first = 0; first < 13; first++) {
			PackedBench b({.size = 13, .first = first, .wrap = wrap});
			std::vector<driver::Chain> chains;
			const std::array lens{2u, 1u, 4u, 3u, 3u};
			for (const unsigned len : lens) {
				chains.push_back(driver::allocate_chain(
					b.guest, std::vector<u32>(len, 10 + len), false));
				b.offer(chains.back());
			}
			for (u32 back = 0; back <= 5; back++) {
				b.batch.clear();
				ASSERT_EQ(b.fetch(), 5u);
				b.queue.discard(b.batch, back);
				ASSERT_EQ(b.batch.size(), 5 - back);
				unsigned kept = 0;
				for (u32 i = 0; i < 5 - back; i++)
					kept += lens[i];
				ASSERT_EQ(b.queue.base(), b.base_after(5 - back, kept));
				ASSERT_EQ(b.fetch(), back);
				for (u32 i = 0; i < 5; i++)
					b.expect_buffer(i, chains[i]);
				b.queue.discard(b.batch, 5);
				ASSERT_EQ(b.queue.base(), b.base_after(0, 0));
			}
		}
	}
}

// VRING_BASE: both positions with their wrap counters.
TEST(PackedBase, is_both_positions_with_their_wrap_counters)
{
	PackedBench b({.size = 7});
	EXPECT_EQ(b.queue.base(), 0x80008000u);
	b.offer(b.readable({1, 2, 3, 4, 5}));
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.queue.base(), 0x80008005u) << "fetched and not used";
	b.queue.complete(b.batch[0], 0);
	ASSERT_TRUE(b.queue.publish());
	EXPECT_EQ(b.queue.base(), 0x80058005u);
	ASSERT_TRUE(b.ring.collect());
	b.offer(b.readable({1, 2, 3, 4}));
	b.batch.clear();
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.queue.base(), 0x80050002u) << "the wrap counter turns";
	for (const u32 base : {0x80038003u, 0x00038001u, 0x80020006u, 0x00010001u}) {
		b.queue.set_base(base);
		EXPECT_EQ(b.queue.base(), base);
		ASSERT_TRUE(b.queue.start());
		EXPECT_EQ(b.queue.base(), base) << "start() leaves it";
	}
}

TEST(PackedBase, has_one_value_with_a_half_for_both)
{
	for (const u32 base : {0x8003u, 0x0003u, 0x0000u}) {
		PackedBench b({.size = 7});
		b.queue.set_base(base);
		EXPECT_EQ(b.queue.base(), base);
	}
	// As DPDK's virtio-user starts.
	PackedBench b({.size = 7});
	b.queue.set_base(0x8000);
	EXPECT_EQ(b.queue.base(), 0x80008000u);
	ASSERT_TRUE(b.queue.start());
	b.offer(b.writable({5}));
	EXPECT_EQ(b.consume(5), 1u);
	EXPECT_EQ(b.ring.collect()->token, 0u);
}

TEST(PackedBase, is_where_fetching_and_using_begin)
{
	for (u16 first = 0; first < 5; first++) {
		for (const bool wrap : {false, true}) {
			PackedBench b({.size = 5, .first = first, .wrap = wrap});
			for (unsigned i = 0; i < 12; i++) {
				const auto token = b.offer(b.writable({10, 20}));
				ASSERT_EQ(b.consume(7), 1u);
				const auto used = b.ring.collect();
				ASSERT_TRUE(used);
				EXPECT_EQ(used->token, token);
				EXPECT_EQ(used->len, 7u);
				EXPECT_EQ(b.queue.base(), b.ring.base());
			}
		}
	}
}

TEST(PackedBase, beyond_the_ring_is_no_set_up)
{
	PackedBench b({.size = 5});
	EXPECT_TRUE(b.queue.base_ok(~0u));
	for (const u32 bad : {0x80008005u, 0x80058000u, 0xffffffffu, 0x8005u}) {
		b.queue.set_base(bad);
		EXPECT_FALSE(b.queue.set_up_ok()) << bad;
	}
	for (const u32 good : {0x80048004u, 0x8004u, 0x0u, 0x00048000u}) {
		b.queue.set_base(good);
		EXPECT_TRUE(b.queue.set_up_ok()) << good;
	}
}

// 2.8, 2.8.10.1: sizes and alignments.
TEST(PackedSetUp, sizes_and_areas_are_those_of_the_format)
{
	PackedBench b;
	for (const u32 good : {1u, 2u, 3u, 255u, 256u, 257u, 32767u, 32768u}) {
		EXPECT_TRUE(b.queue.size_ok(good)) << good;
		b.queue.set_size(good);
		EXPECT_EQ(b.queue.desc_area().bytes, 16 * good);
	}
	for (const u32 bad : {0u, 32769u, 65535u, 65536u, 0x80000000u, ~0u})
		EXPECT_FALSE(b.queue.size_ok(bad)) << bad;
	EXPECT_EQ(b.queue.desc_area().align, 16u);
	for (const auto &area : {b.queue.driver_area(), b.queue.device_area()}) {
		EXPECT_EQ(area.bytes, 4u);
		EXPECT_EQ(area.align, 4u);
	}
	const RingAddresses good{0x10000, 0x20004, 0x30008};
	EXPECT_TRUE(b.queue.aligned(good));
	EXPECT_FALSE(b.queue.aligned({good.desc + 8, good.driver, good.device}));
	EXPECT_FALSE(b.queue.aligned({good.desc, good.driver + 2, good.device}));
	EXPECT_FALSE(b.queue.aligned({good.desc, good.driver, good.device + 2}));
	b.queue.set_size(16);
	EXPECT_TRUE(b.queue.set_up_ok());
	b.queue.set_addresses({good.desc + 8, good.driver, good.device});
	EXPECT_FALSE(b.queue.set_up_ok());
}

// Sizes and laps (2.8.1).

class PackedSize : public testing::TestWithParam<std::tuple<unsigned, unsigned, bool>>
{
};

TEST_P(PackedSize, every_slot_comes_round_in_order)
{
	const auto [size, asked, wrap] = GetParam();
	const unsigned each = std::min(asked, size); // no chain is longer than the ring
	PackedBench b({.size = size, .first = static_cast<u16>(size / 3), .wrap = wrap,
		       .indirect_entries = 0});
	const u64 data = b.guest.allocate(65536);
	u64 expected = 0;
	driver::Token token = 0;
	const unsigned total = std::min((5 * size + 7) / each, 40000u);
	for (unsigned offered = 0; offered < total;) {
		const unsigned room = b.ring.free_descriptors() / each;
		const unsigned n = std::min(offered % 3 ? (room + 1) / 2 : room, total - offered);
		for (unsigned i = 0; i < n; i++, offered++) {
			const u32 len = 1 + offered % 4096;
			driver::Chain chain{{data, len, true}};
			while (chain.size() < each)
				chain.push_back({data, 1, true});
			ASSERT_TRUE(b.ring.add(chain));
		}
		b.ring.publish();
		for (unsigned done = 0; done < n;) {
			b.batch.clear();
			const u32 got = b.fetch(offered % 5 ? 64 : 1);
			ASSERT_GT(got, 0u) << name_of(b.queue.error());
			for (u32 i = 0; i < got; i++, expected++) {
				const u32 len = 1 + expected % 4096;
				ASSERT_EQ(b.batch[i].writable_len, len + each - 1);
				ASSERT_EQ(b.batch[i].descs, each);
				b.queue.complete(b.batch[i], len);
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
		ASSERT_EQ(b.queue.base(), b.ring.base());
	}
	EXPECT_EQ(token, total);
}

INSTANTIATE_TEST_SUITE_P(Packed, PackedSize,
			 testing::Combine(testing::Values(1, 2, 3, 5, 7, 255, 256, 32768),
					  testing::Values(1, 2, 3, 5), testing::Bool()),
			 [](const auto &info) {
				 return std::to_string(std::get<0>(info.param)) + "_by_" +
					std::to_string(std::get<1>(info.param)) +
					(std::get<2>(info.param) ? "_wrap_1" : "_wrap_0");
			 });

} // namespace
} // namespace vna
