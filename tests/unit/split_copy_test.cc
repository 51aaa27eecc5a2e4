// SPDX-License-Identifier: GPL-2.0-only
// How the split ring's descriptors are copied: in runs where the heads lie close together, and
// rightly wherever they lie.
#include "ring_bench.hh"

#include <algorithm>
#include <numeric>

namespace vna
{
namespace
{

// Heads of a ring of 256, and the length of each one's chain.
struct Heads {
	const char *name;
	std::vector<u16> heads;
	unsigned each = 1;
	unsigned copies; // accesses to the table that a fetch of all takes at most
};

void PrintTo(const Heads &h, std::ostream *out)
{
	*out << h.name;
}

std::vector<u16> every(unsigned step, unsigned n, unsigned from = 0)
{
	std::vector<u16> heads(n);
	for (unsigned i = 0; i < n; i++)
		heads[i] = static_cast<u16>(from + i * step);
	return heads;
}

std::vector<u16> reversed(std::vector<u16> heads)
{
	std::reverse(heads.begin(), heads.end());
	return heads;
}

// Far from each other, in no order.
std::vector<u16> scattered(unsigned n)
{
	std::vector<u16> heads(n);
	for (unsigned i = 0; i < n; i++)
		heads[i] = static_cast<u16>(i * 151 % 256);
	return heads;
}

// Pairs swapped: neither up nor down.
std::vector<u16> swapped(unsigned n)
{
	std::vector<u16> heads = every(1, n);
	for (unsigned i = 0; i + 1 < n; i += 2)
		std::swap(heads[i], heads[i + 1]);
	return heads;
}

class SplitHeads : public testing::TestWithParam<Heads>
{
protected:
	static constexpr unsigned size = 256;

	SplitHeads() : b({.size = size, .indirect_entries = 0})
	{
		const Heads &p = GetParam();
		data = b.guest.allocate(8192);
		// What no head names is malformed: no one must look at it.
		for (unsigned i = 0; i < size; i++)
			b.desc(i, ~0ull, 0, 0xffff, 0xffff);
		for (unsigned i = 0; i < p.heads.size(); i++) {
			for (unsigned k = 0; k < p.each; k++) {
				const bool more = k + 1 < p.each;
				b.desc(p.heads[i] + k, data + 16 * k, length(i, k),
				       more ? desc_f_next : 0,
				       more ? static_cast<u16>(p.heads[i] + k + 1) : 0);
			}
		}
		b.expose(p.heads);
	}
	static u32 length(unsigned i, unsigned k) { return 1 + i + 300 * k; }
	void expect_all()
	{
		const Heads &p = GetParam();
		ASSERT_EQ(b.batch.size(), p.heads.size()) << name_of(b.queue.error());
		for (u32 i = 0; i < b.batch.size(); i++) {
			ASSERT_EQ(b.batch[i].id, p.heads[i]);
			const auto segs = b.batch.segments(b.batch[i]);
			ASSERT_EQ(segs.size(), p.each);
			for (unsigned k = 0; k < p.each; k++)
				ASSERT_EQ(segs[k].len, length(i, k)) << "buffer " << i;
		}
	}
	[[nodiscard]] unsigned copies() const
	{
		return b.kernel.memory.count(host::Access::read,
					     b.user(b.ring.areas().descriptor), 16 * size);
	}

	RingBench b;
	u64 data;
};

TEST_P(SplitHeads, are_fetched_as_they_were_offered)
{
	b.kernel.memory.record(true);
	b.fetch();
	expect_all();
	EXPECT_LE(copies(), GetParam().copies);
}

TEST_P(SplitHeads, are_fetched_one_by_one_too)
{
	while (b.fetch(1)) {
	}
	expect_all();
}

// Nothing but the copy counts, however much of the table goes with it.
TEST_P(SplitHeads, are_as_they_were_when_copied)
{
	const Heads &p = GetParam();
	const u64 table = b.user(b.ring.areas().descriptor);
	// A descriptor may be copied for nothing before it is copied to be used: only what changes
	// after its chain was made counts here, so each is spoilt when its batch is complete.
	std::vector<bool> copied(size);
	b.kernel.memory.after(host::Access::read, table, 16 * size, [&](const host::Access &a) {
		for (u64 at = a.at; at < a.at + a.len; at += 16)
			copied[(at - table) / 16] = true;
	});
	b.fetch();
	expect_all();
	for (const u16 head : p.heads)
		EXPECT_TRUE(copied[head]) << "head " << head << " was not read";
	for (unsigned i = 0; i < size; i++)
		b.desc(i, ~0ull, 0, 0xffff, 0xffff);
	expect_all();
}

// 2.7.13.3.1: descriptors are read after the index that covers them, those copied ahead too.
TEST_P(SplitHeads, are_read_after_the_index_that_covers_them)
{
	auto &table = b.ring.table();
	const u16 all = table.avail_idx();
	const auto n = static_cast<u32>(all);
	// The second half's descriptors are not there when the first half is fetched.
	const u16 half = static_cast<u16>(n / 2);
	table.set_avail_idx(half);
	std::vector<vring_desc> later;
	for (unsigned i = half; i < n; i++) {
		for (unsigned k = 0; k < GetParam().each; k++) {
			vring_desc &d = table.desc(GetParam().heads[i] + k);
			later.push_back(d);
			d = {~0ull, 0, 0xffff, 0xffff};
		}
	}
	EXPECT_EQ(b.fetch(), half) << name_of(b.queue.error());
	auto next = later.begin();
	for (unsigned i = half; i < n; i++) {
		for (unsigned k = 0; k < GetParam().each; k++)
			table.desc(GetParam().heads[i] + k) = *next++;
	}
	table.set_avail_idx(all);
	EXPECT_EQ(b.fetch(), n - half) << name_of(b.queue.error());
	expect_all();
}

INSTANTIATE_TEST_SUITE_P(
	Split, SplitHeads,
	testing::Values(Heads{"ascending", every(1, 64), 1, 1},
			Heads{"ascending_256", every(1, 256), 1, 4},
			Heads{"ascending_to_the_end", every(1, 40, 216), 1, 1},
			Heads{"descending", reversed(every(1, 64)), 1, 1},
			Heads{"descending_256", reversed(every(1, 256)), 1, 4},
			Heads{"one_at_the_start", {0}, 1, 1}, Heads{"one_at_the_end", {255}, 1, 1},
			Heads{"swapped", swapped(64), 1, 3},
			Heads{"every_third", every(3, 64), 1, 64 / 21 + 1},
			Heads{"every_fourth", every(4, 60), 1, 5},
			Heads{"scattered", scattered(64), 1, 64},
			Heads{"the_ends_by_turns", {0, 255, 1, 254, 2, 253}, 1, 6},
			Heads{"chains_of_three_in_runs", every(3, 80), 3, 5},
			Heads{"chains_of_three_descending", reversed(every(3, 80)), 3, 80 * 2},
			Heads{"chains_of_two_scattered", {200, 10, 100, 250, 50, 254}, 2, 11},
			Heads{"chains_of_seven", every(7, 36), 7, 45},
			Heads{"chains_of_100", {0, 100}, 100, 51}),
	[](const auto &info) { return info.param.name; });

// With as many heads as fit, a run of one-descriptor chains is one access, as is that to the
// available ring.
TEST(SplitCopy, a_run_of_heads_is_copied_with_one_access)
{
	for (const unsigned n : {1u, 2u, 3u, 16u, 63u, 64u}) {
		for (const bool down : {false, true}) {
			RingBench b({.size = 128, .indirect_entries = 0});
			const u64 data = b.guest.allocate(64);
			auto heads = every(1, n, 20);
			for (const u16 head : heads)
				b.desc(head, data, 1);
			b.expose(down ? reversed(heads) : heads);
			b.kernel.memory.record(true);
			EXPECT_EQ(b.fetch(), n);
			const auto areas = b.ring.areas();
			const auto &memory = b.kernel.memory;
			EXPECT_EQ(memory.count(host::Access::read, b.user(areas.descriptor),
					       16 * 128),
				  1u)
				<< n;
			EXPECT_EQ(memory.count(host::Access::read, b.user(areas.driver) + 4, 256),
				  1u);
			EXPECT_EQ(memory.records().size(), 3u) << "and the index";
			EXPECT_TRUE(b.read_descriptors_once());
		}
	}
}

// Where descriptors lie apart, a few are copied beside each at most.
TEST(SplitCopy, scattered_heads_do_not_copy_what_lies_between)
{
	for (const unsigned step : {509u, 63u, 20u, 5u}) {
		RingBench b({.size = 32768, .indirect_entries = 0});
		const u64 data = b.guest.allocate(64);
		const auto heads = every(step, 64);
		for (const u16 head : heads)
			b.desc(head, data, 1);
		b.expose(heads);
		b.kernel.memory.record(true);
		EXPECT_EQ(b.fetch(), 64u);
		u64 bytes = 0;
		for (const auto &r : b.kernel.memory.records())
			bytes += r.len;
		// The last one's step goes with each copy, as its chain may be as long.
		EXPECT_LE(bytes, 64u * 16 * 6 + 64 * 2 + 2) << step;
	}
}

// A run downwards of which one cannot be read: those that can are taken one by one, each from its
// own place.
TEST(SplitCopy, a_descriptor_that_faults_does_not_stop_those_before_it)
{
	for (const bool down : {false, true}) {
		for (unsigned bad = 0; bad < 8; bad++) {
			RingBench b;
			const u64 data = b.guest.allocate(64);
			auto heads = every(1, 8, 3);
			for (const u16 head : heads)
				b.desc(head, data, 100u + head);
			if (down)
				heads = reversed(heads);
			b.expose(heads);
			b.kernel.memory.fault(
				b.user(b.ring.areas().descriptor) + 16ull * heads[bad], 16);
			EXPECT_EQ(b.fetch(), bad);
			for (u32 i = 0; i < bad; i++)
				EXPECT_EQ(b.batch[i].readable_len, 100u + heads[i]);
			EXPECT_EQ(b.fetch(), 0u);
			EXPECT_EQ(b.queue.error(), RingError::ring_fault);
			b.kernel.memory.heal();
			b.queue.clear_error();
			EXPECT_EQ(b.fetch(), 8 - bad);
			for (u32 i = 0; i < 8; i++)
				EXPECT_EQ(b.batch[i].readable_len, 100u + heads[i]);
		}
	}
}

// A head beyond the ring ends the run before it, and is named when it is its turn.
TEST(SplitCopy, a_head_beyond_the_ring_does_not_stretch_the_run)
{
	RingBench b;
	const u64 data = b.guest.allocate(64);
	for (const u16 head : {14, 15})
		b.desc(head, data, 1u + head);
	b.expose({14, 15, 16, 14});
	EXPECT_EQ(b.fetch(), 2u);
	EXPECT_EQ(b.queue.error(), RingError::none);
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.queue.error(), RingError::head_out_of_ring);
	EXPECT_EQ(b.queue.base(), 2u);
}

// The guest's chain may lead out of the run that was copied, back into it, and out again.
TEST(SplitCopy, a_chain_may_leave_the_run_and_return)
{
	RingBench b({.size = 256, .indirect_entries = 0});
	const u64 data = b.guest.allocate(64);
	const std::vector<u16> way{5, 200, 6, 201, 7, 8, 100, 9};
	for (std::size_t i = 0; i < way.size(); i++) {
		const bool more = i + 1 < way.size();
		b.desc(way[i], data, static_cast<u32>(i + 1), more ? desc_f_next : 0,
		       more ? way[i + 1] : u16{0});
	}
	b.desc(10, data, 77);
	b.expose({5, 10});
	ASSERT_EQ(b.fetch(), 2u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].descs, 8u);
	EXPECT_EQ(b.batch[0].readable_len, 36u);
	EXPECT_EQ(b.batch[1].readable_len, 77u);
}

} // namespace
} // namespace vna
