// SPDX-License-Identifier: GPL-2.0-only
// Devices by number: in order, never the same number for two, none again before its time.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <vector>

#include "core/control/registry.hh"

namespace vna
{

namespace
{

std::vector<u32> ids(const Registry &registry)
{
	std::vector<u32> all;
	for (const Registry::Entry *entry = registry.at_or_after(0); entry; entry = entry->next)
		all.push_back(entry->id);
	return all;
}

TEST(Registry, gives_ascending_ids_and_none_again)
{
	Registry registry;
	Registry::Entry a, b, c;
	ASSERT_TRUE(registry.add(a));
	ASSERT_TRUE(registry.add(b));
	EXPECT_EQ(a.id, 1u);
	EXPECT_EQ(b.id, 2u);
	registry.remove(b);
	EXPECT_EQ(b.id, 0u);
	ASSERT_TRUE(registry.add(c));
	EXPECT_EQ(c.id, 3u);
	EXPECT_EQ(ids(registry), (std::vector<u32>{1, 3}));
}

TEST(Registry, finds_by_id_or_the_next_higher_one)
{
	Registry registry;
	Registry::Entry a, b, c;
	EXPECT_EQ(registry.at_or_after(0), nullptr);
	ASSERT_TRUE(registry.add(a) && registry.add(b) && registry.add(c));
	registry.remove(b);
	EXPECT_EQ(registry.at_or_after(0), &a);
	EXPECT_EQ(registry.at_or_after(1), &a);
	EXPECT_EQ(registry.at_or_after(2), &c);
	EXPECT_EQ(registry.at_or_after(4), nullptr);
	EXPECT_EQ(registry.at_or_after(~0u), nullptr);
}

TEST(Registry, another_generation_after_each_change)
{
	Registry registry;
	Registry::Entry a;
	const u32 before = registry.generation();
	EXPECT_NE(before, 0u);
	ASSERT_TRUE(registry.add(a));
	const u32 between = registry.generation();
	EXPECT_NE(between, before);
	registry.remove(a);
	EXPECT_NE(registry.generation(), between);
	registry.remove(a); // is not in it
	EXPECT_EQ(registry.generation(), between + 1);
}

TEST(Registry, wraps_to_the_lowest_id_that_is_free)
{
	Registry registry(~0u - 2);
	Registry::Entry a, b, c, d;
	ASSERT_TRUE(registry.add(a) && registry.add(b));
	EXPECT_EQ(a.id, ~0u - 1);
	EXPECT_EQ(b.id, ~0u);
	ASSERT_TRUE(registry.add(c));
	EXPECT_EQ(c.id, 1u);
	ASSERT_TRUE(registry.add(d));
	EXPECT_EQ(d.id, 2u);
	EXPECT_EQ(ids(registry), (std::vector<u32>{1, 2, ~0u - 1, ~0u}));
}

TEST(Registry, passes_over_ids_in_use_after_the_wrap)
{
	Registry registry;
	Registry::Entry a, b, c;
	ASSERT_TRUE(registry.add(a) && registry.add(b));
	registry.restart_at(~0u - 1);
	ASSERT_TRUE(registry.add(c));
	EXPECT_EQ(c.id, ~0u);
	Registry::Entry d;
	ASSERT_TRUE(registry.add(d));
	EXPECT_EQ(d.id, 3u);
	registry.restart_at(~0u - 1); // the last is taken
	Registry::Entry e;
	ASSERT_TRUE(registry.add(e));
	EXPECT_EQ(e.id, 4u);
	EXPECT_EQ(ids(registry), (std::vector<u32>{1, 2, 3, 4, ~0u}));
}

TEST(Registry, stays_in_order_whoever_comes_and_goes)
{
	Registry registry;
	std::mt19937 random(7);
	std::vector<std::unique_ptr<Registry::Entry>> in;
	std::set<u32> want;
	for (unsigned i = 0; i < 2000; i++) {
		if (random() % 500 == 0)
			registry.restart_at(~0u - random() % 8);
		if (in.size() < 20 && random() % 2) {
			in.push_back(std::make_unique<Registry::Entry>());
			ASSERT_TRUE(registry.add(*in.back()));
			ASSERT_TRUE(want.insert(in.back()->id).second);
		} else if (!in.empty()) {
			std::swap(in[random() % in.size()], in.back());
			want.erase(in.back()->id);
			registry.remove(*in.back());
			in.pop_back();
		}
		ASSERT_EQ(ids(registry), std::vector<u32>(want.begin(), want.end()));
	}
}

} // namespace

} // namespace vna
