// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/memory/translator.hh"
#include "driver/payload.hh"
#include "host/fake_kernel.hh"

namespace vna
{
namespace
{

constexpr u64 top = ~0ull;

using Given = std::vector<vna_vhost_memory_region>;

class Regions
{
public:
	explicit Regions(const Given &given) { result_ = RegionTable::make(given, table_); }
	~Regions()
	{
		if (table_)
			RegionTable::destroy(table_);
	}

	[[nodiscard]] int result() const { return result_; }
	[[nodiscard]] const RegionTable *table() const { return table_; }
	[[nodiscard]] std::size_t size() const { return table_->regions().size(); }
	// What one look-up finds: the user address and how far it goes.
	struct Run {
		u64 len;
		u64 user;
		bool operator==(const Run &) const = default;
	};
	[[nodiscard]] Run run(u64 guest, u64 len) const
	{
		Translator translate(table_);
		u64 user = 0;
		const u64 n = translate.run(guest, len, user);
		return {n, n ? user : 0};
	}

private:
	host::FakeKernel kernel_;
	RegionTable *table_ = nullptr;
	int result_;
};

constexpr Regions::Run none{0, 0};

TEST(RegionTable, without_regions_translates_nothing)
{
	Regions r({});
	ASSERT_EQ(r.result(), 0);
	EXPECT_EQ(r.run(0, 1), none);
	EXPECT_EQ(r.run(top, 1), none);
}

TEST(RegionTable, no_table_translates_nothing)
{
	Translator translate;
	u64 user;
	EXPECT_EQ(translate.run(0, 1, user), 0u);
}

TEST(RegionTable, holds_its_first_and_last_byte_and_no_other)
{
	Regions r({{0x1000, 0x100, 0x70000, 0}});
	EXPECT_EQ(r.run(0xfff, 1), none);
	EXPECT_EQ(r.run(0x1000, 1), (Regions::Run{1, 0x70000}));
	EXPECT_EQ(r.run(0x10ff, 1), (Regions::Run{1, 0x700ff}));
	EXPECT_EQ(r.run(0x1100, 1), none);
}

TEST(RegionTable, a_run_ends_with_its_region)
{
	Regions r({{0x1000, 0x100, 0x70000, 0}});
	EXPECT_EQ(r.run(0x10f0, 16), (Regions::Run{16, 0x700f0}));
	EXPECT_EQ(r.run(0x10f0, 17), (Regions::Run{16, 0x700f0}));
	EXPECT_EQ(r.run(0x1000, 0x101), (Regions::Run{0x100, 0x70000}));
}

TEST(RegionTable, adjacent_regions_are_separate_runs)
{
	Regions r({{0x1000, 0x100, 0x70000, 0}, {0x1100, 0x100, 0x90000, 0}});
	EXPECT_EQ(r.run(0x10ff, 2), (Regions::Run{1, 0x700ff}));
	EXPECT_EQ(r.run(0x1100, 2), (Regions::Run{2, 0x90000}));
}

TEST(RegionTable, may_end_at_the_last_address)
{
	Regions r({{top - 0xfff, 0x1000, 0x70000, 0}});
	ASSERT_EQ(r.result(), 0);
	EXPECT_EQ(r.run(top, 1), (Regions::Run{1, 0x70fff}));
	EXPECT_EQ(r.run(top - 0xfff, 0x1000), (Regions::Run{0x1000, 0x70000}));
	EXPECT_EQ(r.run(top - 0x1000, 1), none);
}

TEST(RegionTable, may_hold_all_but_one_byte_of_the_address_space)
{
	Regions r({{0, top, 0, 0}});
	ASSERT_EQ(r.result(), 0);
	EXPECT_EQ(r.run(1, top - 1), (Regions::Run{top - 1, 1}));
	EXPECT_EQ(r.run(top, 1), none);
}

TEST(RegionTable, of_two_that_overlap_the_lower_start_wins)
{
	for (const Given &given :
	     {Given{{0x1000, 0x200, 0x10000, 0}, {0x1100, 0x200, 0x20000, 0}},
	      Given{{0x1100, 0x200, 0x20000, 0}, {0x1000, 0x200, 0x10000, 0}}}) {
		Regions r(given);
		EXPECT_EQ(r.run(0x1100, 0x200), (Regions::Run{0x100, 0x10100}));
		EXPECT_EQ(r.run(0x1200, 0x200), (Regions::Run{0x100, 0x20100}));
		// Also where the other was found last.
		Translator translate(r.table());
		u64 user = 0;
		EXPECT_EQ(translate.run(0x1250, 1, user), 1u);
		EXPECT_EQ(translate.run(0x1150, 1, user), 1u);
		EXPECT_EQ(user, 0x10150u);
	}
}

TEST(RegionTable, of_two_with_one_start_the_earlier_wins_and_the_longer_continues)
{
	Regions r({{0x1000, 0x100, 0x10000, 0}, {0x1000, 0x200, 0x20000, 0}});
	EXPECT_EQ(r.run(0x1000, 0x200), (Regions::Run{0x100, 0x10000}));
	EXPECT_EQ(r.run(0x1100, 0x200), (Regions::Run{0x100, 0x20100}));
}

TEST(RegionTable, one_within_another_has_no_effect)
{
	Regions r({{0x1000, 0x1000, 0x10000, 0}, {0x1400, 0x100, 0x20000, 0}});
	EXPECT_EQ(r.size(), 1u);
	EXPECT_EQ(r.run(0x1400, 0x100), (Regions::Run{0x100, 0x10400}));
}

TEST(RegionTable, one_within_another_that_ends_the_address_space_has_no_effect)
{
	Regions r({{top - 0xff, 0x100, 0x10000, 0}, {top - 0xf, 0x10, 0x20000, 0}});
	EXPECT_EQ(r.size(), 1u);
	EXPECT_EQ(r.run(top, 1), (Regions::Run{1, 0x100ff}));
}

struct Refused {
	const char *name;
	vna_vhost_memory_region region;
};

class RegionRefused : public testing::TestWithParam<Refused>
{
};

TEST_P(RegionRefused, with_efault_and_nothing_left_allocated)
{
	Regions r({{0x1000, 0x100, 0x10000, 0}, GetParam().region});
	EXPECT_EQ(r.result(), -EFAULT);
	EXPECT_EQ(r.table(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(RegionTable, RegionRefused,
			 testing::Values(Refused{"empty", {0x2000, 0, 0x20000, 0}},
					 Refused{"empty_at_zero", {0, 0, 0x20000, 0}},
					 Refused{"wraps_by_one", {top, 2, 0x20000, 0}},
					 Refused{"wraps_by_much", {top - 10, top, 0x20000, 0}}),
			 [](const auto &info) { return info.param.name; });

TEST(RegionTable, of_many_in_any_order_finds_each)
{
	host::FakeKernel kernel;
	driver::Random random(7);
	for (const std::size_t n : {1u, 2u, 3u, 31u, 64u, 509u}) {
		Given given;
		for (u64 i = 0; i < n; i++)
			given.push_back(
				{i * 0x3000, 0x1000 + (i % 3) * 0x1000, 0x100000 + i * 0x10000, 0});
		for (std::size_t i = n; i-- > 1;)
			std::swap(given[i], given[random.between(0, i)]);
		RegionTable *table = nullptr;
		ASSERT_EQ(RegionTable::make(given, table), 0);
		ASSERT_EQ(table->regions().size(), n);
		for (const auto &g : given) {
			for (const u64 at : {u64{0}, g.memory_size - 1}) {
				const Region *found = table->find(g.guest_phys_addr + at);
				ASSERT_NE(found, nullptr);
				EXPECT_EQ(found->user, g.userspace_addr);
			}
		}
		for (std::size_t i = 1; i < n; i++)
			EXPECT_LT(table->regions()[i - 1].last, table->regions()[i].start);
		RegionTable::destroy(table);
	}
}

// A table of overlapping regions against the plain rule: of those that hold an address, the
// lowest start, then the earliest.
TEST(RegionTable, agrees_with_a_search_of_all_regions)
{
	host::FakeKernel kernel;
	driver::Random random(11);
	for (unsigned round = 0; round < 200; round++) {
		Given given(random.between(1, 9));
		for (auto &g : given)
			g = {random.between(0, 100), random.between(1, 60),
			     random.between(1, 1000) * 1000, 0};
		RegionTable *table = nullptr;
		ASSERT_EQ(RegionTable::make(given, table), 0);
		for (u64 at = 0; at < 170; at++) {
			const vna_vhost_memory_region *best = nullptr;
			for (const auto &g : given) {
				if (at >= g.guest_phys_addr &&
				    at - g.guest_phys_addr < g.memory_size &&
				    (!best || g.guest_phys_addr < best->guest_phys_addr))
					best = &g;
			}
			Translator translate(table);
			u64 user = 0;
			ASSERT_EQ(translate.run(at, 1, user), best ? 1u : 0u);
			if (best) {
				ASSERT_EQ(user,
					  best->userspace_addr + (at - best->guest_phys_addr));
			}
		}
		RegionTable::destroy(table);
	}
}

TEST(RegionTable, translates_by_the_right_region_whatever_it_found_last)
{
	Regions r({{0x1000, 0x100, 0x10000, 0}, {0x3000, 0x100, 0x30000, 0}});
	Translator translate(r.table());
	u64 user = 0;
	EXPECT_EQ(translate.run(0x1000, 1, user), 1u);
	EXPECT_EQ(translate.run(0x3010, 1, user), 1u);
	EXPECT_EQ(user, 0x30010u);
	EXPECT_EQ(translate.run(0x2000, 1, user), 0u);
	EXPECT_EQ(translate.run(0x1010, 1, user), 1u);
	EXPECT_EQ(user, 0x10010u);
	EXPECT_EQ(translate.run(0x1100, 1, user), 0u);
	EXPECT_EQ(translate.run(0xfff, 1, user), 0u);
}

TEST(RegionTable, knows_whether_all_of_it_is_user_space)
{
	constexpr u64 end = host::UserMemory::end;
	EXPECT_TRUE(Regions({{0, 0x1000, end - 0x1000, 0}}).table()->user_ok());
	EXPECT_FALSE(Regions({{0, 0x1001, end - 0x1000, 0}}).table()->user_ok());
	EXPECT_FALSE(Regions({{0, 0x1000, 0x10000, 0}, {0x1000, 0x1000, top - 0x7ff, 0}})
			     .table()
			     ->user_ok());
}

TEST(RegionTable, is_not_made_without_memory)
{
	host::FakeKernel kernel;
	kernel.fail_alloc_at(1);
	RegionTable *table = nullptr;
	const Given given{{0x1000, 0x100, 0x10000, 0}};
	EXPECT_EQ(RegionTable::make(given, table), -ENOMEM);
	EXPECT_EQ(table, nullptr);
}

} // namespace
} // namespace vna
