// SPDX-License-Identifier: GPL-2.0-only
// The memory table as it is exchanged under queues that read it.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "core/memory/translator.hh"
#include "host/fake_kernel.hh"

namespace vna
{
namespace
{

using Given = std::vector<vna_vhost_memory_region>;

constexpr vna_vhost_memory_region low{0x10000, 0x10000, 0x7f0000000000, 0};
constexpr vna_vhost_memory_region high{0x100000, 0x10000, 0x7f1000000000, 0};

class MemoryTable : public testing::Test
{
protected:
	MemoryTable()
	{
		memory.add(reader);
		memory.add(other);
	}
	~MemoryTable() override { EXPECT_FALSE(memory.publish(nullptr)) << "a turn was left"; }
	static RegionTable *made(const Given &given)
	{
		RegionTable *table = nullptr;
		EXPECT_EQ(RegionTable::make(given, table), 0);
		return table;
	}
	// Whether someone may have to wait.
	bool publish(const Given &given) { return memory.publish(made(given)); }
	static u64 at(Translator &translator, u64 guest)
	{
		u64 user = 0;
		return translator.run(guest, 1, user) ? user : 0;
	}
	[[nodiscard]] std::size_t tables() { return kernel.leaks().size(); }

	host::FakeKernel kernel{}; // for its allocator
	Memory memory;
	Memory::Reader reader, other;
	Translator translate{&reader};
};

TEST_F(MemoryTable, what_is_added_is_there_within_a_turn)
{
	EXPECT_FALSE(publish({low}));
	translate.begin();
	EXPECT_EQ(at(translate, low.guest_phys_addr), low.userspace_addr);
	EXPECT_EQ(at(translate, high.guest_phys_addr), 0u);
	EXPECT_FALSE(publish({low, high})) << "an addition has no one to wait for";
	EXPECT_EQ(at(translate, high.guest_phys_addr), high.userspace_addr);
	translate.end();
	EXPECT_TRUE(publish({})) << "both were used";
}

TEST_F(MemoryTable, a_table_appears_within_a_turn)
{
	translate.begin();
	EXPECT_EQ(at(translate, low.guest_phys_addr), 0u);
	EXPECT_FALSE(publish({low}));
	EXPECT_EQ(at(translate, low.guest_phys_addr), low.userspace_addr);
	translate.end();
	EXPECT_TRUE(publish({}));
}

// The window is what a loop over descriptors translates by.
TEST_F(MemoryTable, an_addition_leaves_the_window)
{
	EXPECT_FALSE(publish({low}));
	translate.begin();
	(void)at(translate, low.guest_phys_addr);
	translate.end();
	EXPECT_FALSE(publish({low, high}));
	translate.begin();
	u64 user;
	EXPECT_TRUE(translate.whole(low.guest_phys_addr, low.memory_size, user));
	translate.end();
	// Elsewhere in the guest, too.
	EXPECT_FALSE(publish({low, {0x900000, 0x1000, 0x7f2000000000, 0}}));
	translate.begin();
	EXPECT_TRUE(translate.whole(low.guest_phys_addr, low.memory_size, user));
	translate.end();
	EXPECT_TRUE(publish({}));
}

TEST_F(MemoryTable, what_is_removed_or_changed_is_gone_in_the_next_turn)
{
	auto moved = low;
	moved.userspace_addr += 0x1000;
	auto cut = low;
	cut.memory_size -= 0x1000;
	auto later = low;
	later.guest_phys_addr += 0x1000;
	later.memory_size -= 0x1000;
	for (const Given &given : {Given{}, Given{high}, Given{moved}, Given{cut}, Given{later}}) {
		EXPECT_FALSE(publish({}));
		EXPECT_FALSE(publish({low}));
		translate.begin();
		(void)at(translate, low.guest_phys_addr);
		translate.end();
		EXPECT_TRUE(publish(given));
		translate.begin();
		u64 user;
		EXPECT_FALSE(translate.whole(low.guest_phys_addr, low.memory_size, user));
		const u64 now = given.empty() || given[0].guest_phys_addr != low.guest_phys_addr ?
					0 :
					given[0].userspace_addr;
		EXPECT_EQ(at(translate, low.guest_phys_addr), now);
		translate.end();
		(void)publish({});
	}
}

TEST_F(MemoryTable, nobody_waits_for_the_end_of_what_was_never_used)
{
	EXPECT_FALSE(publish({low, high}));
	translate.begin();
	(void)at(translate, low.guest_phys_addr);
	EXPECT_FALSE(publish({low}));
	auto moved = high;
	moved.guest_phys_addr <<= 1;
	EXPECT_FALSE(publish({low, high}));
	EXPECT_FALSE(publish({low, moved}));
	EXPECT_EQ(at(translate, high.guest_phys_addr), 0u);
	EXPECT_EQ(at(translate, moved.guest_phys_addr), moved.userspace_addr);
	EXPECT_TRUE(publish({low}));
	translate.end();
	EXPECT_TRUE(publish({}));
}

// Use is remembered through any number of tables, in pieces or as a part of more.
TEST_F(MemoryTable, use_is_remembered)
{
	EXPECT_FALSE(publish({low}));
	translate.begin();
	(void)at(translate, low.guest_phys_addr);
	EXPECT_FALSE(publish({low, high}));
	auto first = low, rest = low;
	first.memory_size = 0x4000;
	rest.guest_phys_addr += 0x4000;
	rest.userspace_addr += 0x4000;
	rest.memory_size -= 0x4000;
	EXPECT_FALSE(publish({first, rest})) << "cut in two";
	auto more = low;
	more.memory_size *= 2;
	EXPECT_FALSE(publish({more})) << "joined, and grown";
	EXPECT_TRUE(publish({high}));
	translate.end();
	EXPECT_FALSE(publish({}));
}

TEST_F(MemoryTable, a_window_outlives_only_tables_that_agree)
{
	// A table of the same size may come to lie where one was freed.
	for (u64 i = 1; i < 100; i++) {
		auto next = low;
		next.userspace_addr += i << 20;
		(void)publish({next});
		memory.reclaim();
		translate.begin();
		EXPECT_EQ(at(translate, low.guest_phys_addr), next.userspace_addr);
		translate.end();
	}
	EXPECT_TRUE(publish({}));
}

TEST_F(MemoryTable, a_table_is_freed_after_its_last_reader)
{
	Translator second{&other};
	EXPECT_FALSE(publish({low}));
	const RegionTable *held = memory.table();
	translate.begin();
	second.begin();
	EXPECT_FALSE(publish({low, high}));
	EXPECT_EQ(held->regions().size(), 1u); // ASan would tell
	translate.end();
	memory.reclaim();
	EXPECT_EQ(held->regions().size(), 1u);
	EXPECT_TRUE(other.reading());
	second.end();
	EXPECT_FALSE(other.reading());
	memory.reclaim();
	EXPECT_FALSE(publish({}));
}

// Threads that translate while the table changes: when publish() has told that there is someone
// to wait for, and these have been waited for, no one finds what was removed; and where it told
// that there is no one, no one had.
TEST_F(MemoryTable, removed_memory_is_not_used_after_the_wait)
{
	constexpr int rounds = 500;
	std::atomic<u64> gone{0}; // no user address below this is good in a turn that begins now
	std::atomic<bool> stop{false};
	std::atomic<int> locks[2]{};
	const auto lock = [&](int i) {
		while (locks[i].exchange(1, std::memory_order_acquire))
			std::this_thread::yield();
	};
	const auto unlock = [&](int i) { locks[i].store(0, std::memory_order_release); };
	std::atomic<u64> found{0}, wrong{0};
	const auto turns = [&](int i, Memory::Reader &mine) {
		Translator by{&mine};
		while (!stop.load(std::memory_order_relaxed)) {
			lock(i);
			by.begin();
			for (int n = 0; n < 4; n++) {
				const u64 limit = gone.load(std::memory_order_seq_cst);
				const u64 user = at(by, low.guest_phys_addr);
				if (user) {
					found.fetch_add(1, std::memory_order_relaxed);
					// What was gone before the look is not found.
					if (user < limit)
						wrong.fetch_add(1, std::memory_order_relaxed);
				}
			}
			by.end();
			unlock(i);
		}
	};
	std::thread a(turns, 0, std::ref(reader)), b(turns, 1, std::ref(other));
	// Until both sides have been at it, however late the readers get a CPU.
	for (u64 i = 1; i <= rounds || (!found && i <= 1000 * rounds); i++) {
		auto next = low;
		next.userspace_addr = i << 20;
		const bool in_use = publish(i % 3 ? Given{next} : Given{next, high});
		if (in_use) {
			Memory::Reader *const readers[] = {&reader, &other};
			for (int q = 0; q < 2; q++) {
				if (readers[q]->reading()) {
					lock(q);
					unlock(q);
				}
			}
			memory.reclaim();
		}
		gone.store(i << 20, std::memory_order_seq_cst);
		if (i % 64 == 0)
			std::this_thread::yield();
	}
	stop = true;
	a.join();
	b.join();
	EXPECT_EQ(wrong, 0u);
	EXPECT_GT(found, 0u);
	(void)memory.publish(nullptr);
	memory.reclaim();
}

} // namespace
} // namespace vna
