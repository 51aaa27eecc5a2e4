// SPDX-License-Identifier: GPL-2.0-only
// Indirect tables of every order and length: virtio 1.2 section 2.7.5.3.
#include <algorithm>

#include "ring_bench.hh"

#include <cstring>
#include <numeric>

namespace vna
{
namespace
{

// A table whose chain visits its entries in a given order; entry order[i] has i + 1 bytes.
class Indirect
{
public:
	explicit Indirect(RingBench &bench, const std::vector<u16> &order, unsigned unused = 0,
			  u16 ref_flags = 0)
	    : entries_(order.size() + unused)
	{
		const u64 data = bench.guest.allocate(65536 + order.size());
		gpa = bench.guest.allocate(entries_ * 16);
		for (std::size_t i = 0; i < order.size(); i++) {
			const bool last = i + 1 == order.size();
			const SplitDescriptor d{data + i, static_cast<u32>(i + 1),
					   static_cast<u16>(last ? 0 : desc_f_next),
					   last ? u16{0xffff} : order[i + 1]};
			bench.put(gpa + 16 * order[i], d);
		}
		bench.desc(0, gpa, static_cast<u32>(16 * entries_),
			   static_cast<u16>(desc_f_indirect | ref_flags));
		bench.expose({0});
		n = order.size();
		bench_ = &bench;
	}
	void expect() const
	{
		ASSERT_EQ(bench_->fetch(), 1u) << name_of(bench_->queue.error());
		const auto segs = bench_->batch.segments(bench_->batch[0]);
		ASSERT_EQ(segs.size(), n);
		for (std::size_t i = 0; i < n; i++)
			ASSERT_EQ(segs[i].len, i + 1);
	}

	u64 gpa;
	std::size_t n;

private:
	std::size_t entries_;
	RingBench *bench_;
};

std::vector<u16> sequence(std::size_t n)
{
	std::vector<u16> order(n);
	std::iota(order.begin(), order.end(), u16{0});
	return order;
}

class IndirectLength : public testing::TestWithParam<unsigned>
{
};

TEST_P(IndirectLength, in_sequence_is_read_once_and_in_runs)
{
	RingBench b;
	const Indirect table(b, sequence(GetParam()));
	b.kernel.memory.record(true);
	table.expect();
	EXPECT_FALSE(b.kernel.memory.read_twice(b.user(table.gpa), 16 * table.n));
	EXPECT_EQ(b.kernel.memory.count(host::Access::read, b.user(table.gpa), 16 * table.n),
		  1 + (table.n > 64 ? (table.n - 64 + 15) / 16 : 0));
}

TEST_P(IndirectLength, in_sequence_is_as_it_was_when_read_first)
{
	RingBench b;
	const Indirect table(b, sequence(GetParam()));
	b.kernel.memory.flip_after_read(b.user(table.gpa), 16 * table.n);
	table.expect();
}

// The first is index 0, then next alone tells (2.7.5.3).
TEST_P(IndirectLength, backwards_is_followed)
{
	RingBench b;
	auto order = sequence(GetParam());
	std::reverse(order.begin() + 1, order.end());
	Indirect(b, order).expect();
}

TEST_P(IndirectLength, by_leaps_is_followed)
{
	const std::size_t n = GetParam();
	RingBench b;
	std::vector<u16> order;
	for (std::size_t start = 0; start < 17; start++) {
		for (std::size_t i = start; i < n; i += 17)
			order.push_back(static_cast<u16>(i));
	}
	Indirect(b, order).expect();
}

TEST_P(IndirectLength, may_leave_entries_unused)
{
	RingBench b;
	Indirect(b, sequence(GetParam()), 40).expect();
}

INSTANTIATE_TEST_SUITE_P(Split, IndirectLength,
			 testing::Values(1, 2, 3, 15, 16, 17, 31, 32, 33, 48, 400, 1024),
			 [](const auto &info) { return std::to_string(info.param); });

// 2.7.5.3.2: the write flag of the descriptor that refers to a table is ignored.
TEST(SplitIndirect, write_flag_of_the_reference_means_nothing)
{
	RingBench b;
	Indirect(b, sequence(3), 0, desc_f_write).expect();
	EXPECT_EQ(b.batch[0].readable, 3u);
	EXPECT_EQ(b.batch[0].writable, 0u);
}

TEST(SplitIndirect, table_may_have_readable_and_writable_entries_after_direct_ones)
{
	RingBench b;
	auto chain = b.readable({5, 6, 7});
	const auto more = b.writable({8, 9});
	chain.insert(chain.end(), more.begin(), more.end());
	b.offer(chain, {.indirect = true, .direct_first = 2});
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.batch[0].descs, 3u);
	b.expect_buffer(0, chain);
}

// Order holds for the whole chain, over the border of the table (2.7.4.2).
TEST(SplitIndirect, readable_in_a_table_after_a_direct_writable_one_is_refused)
{
	RingBench b;
	auto chain = b.writable({5});
	const auto more = b.readable({6});
	chain.insert(chain.end(), more.begin(), more.end());
	b.offer(chain, {.indirect = true, .direct_first = 1});
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.queue.error(), RingError::readable_after_writable);
}

TEST(SplitIndirect, largest_table_is_65536_entries_of_which_a_chain_may_use_few)
{
	RingBench b({.memory = 8 << 20});
	const u64 data = b.guest.allocate(64);
	const u64 table = b.guest.allocate(65536 * 16);
	const SplitDescriptor first{data, 1, desc_f_next, 65535}, last{data, 2, 0, 0};
	b.put(table, first);
	b.put(table + 65535 * 16, last);
	b.desc(0, table, 65536 * 16, desc_f_indirect);
	b.expose({0});
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable_len, 3u);
}

// A guest that turns the table into a loop while it is read gets nowhere.
TEST(SplitIndirect, table_that_changes_while_it_is_read_ends)
{
	RingBench b;
	const Indirect table(b, sequence(400));
	b.kernel.memory.after(host::Access::read, b.user(table.gpa), 400 * 16, [&](const auto &) {
		const u16 back = 0;
		std::memcpy(b.guest.at(table.gpa + 399 * 16 + 14, 2), &back, 2);
		const u16 flags = desc_f_next;
		std::memcpy(b.guest.at(table.gpa + 399 * 16 + 12, 2), &flags, 2);
	});
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.queue.error(), RingError::chain_too_long);
}

} // namespace
} // namespace vna
