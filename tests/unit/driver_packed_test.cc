// SPDX-License-Identifier: GPL-2.0-only
// The driver's side of packed and in-order rings against a device played by hand: what the
// library gets wrong, a test of the core would lay at the core's door.
#include <gtest/gtest.h>

#include "driver/packed_ring.hh"
#include "driver/payload.hh"
#include "driver/split_ring.hh"

#include <algorithm>
#include <deque>
#include <vector>

namespace vna::driver
{
namespace
{

constexpr Gpa ram = 0x100000;

struct Guest {
	Guest() { memory.add_region(ram, 4 << 20); }
	GuestMemory memory;
};

// Segments that differ; nobody looks at the bytes.
Chain chain_of(unsigned count, bool writable = true, std::uint32_t each = 100)
{
	static Gpa next = ram;
	Chain chain;
	for (unsigned i = 0; i < count; i++)
		chain.push_back({next += 0x1000, each + i, writable});
	return chain;
}

// A device that believes all it reads.
class PackedDevice
{
public:
	PackedDevice(PackedTable &table, PackedPosition start = {})
	    : table_(table), avail_(start), used_(start)
	{
	}

	struct Buffer {
		std::uint16_t id;
		unsigned descriptors;
		Chain chain;
	};

	bool available() const
	{
		return is_packed_available(table_.flags(avail_.index), avail_.wrap);
	}
	Buffer fetch()
	{
		Buffer buffer{0, 0, {}};
		std::uint16_t flags;
		do {
			flags = table_.flags(avail_.index);
			EXPECT_TRUE(is_packed_available(flags, avail_.wrap))
				<< "slot " << avail_.index;
			const vring_packed_desc &desc = table_.desc(avail_.index);
			buffer.id = desc.id;
			buffer.chain.push_back(
				{desc.addr, desc.len, (flags & VRING_DESC_F_WRITE) != 0});
			buffer.descriptors++;
			avail_ = avail_.after(1, table_.size());
		} while (flags & VRING_DESC_F_NEXT);
		return buffer;
	}
	// Descriptors to skip: more than the buffer's own for a batch that it is the last of.
	void use(std::uint16_t id, unsigned descriptors, std::uint32_t len)
	{
		const auto write = static_cast<std::uint16_t>(len ? VRING_DESC_F_WRITE : 0);
		table_.set_used(
			used_.index,
			{len, id, static_cast<std::uint16_t>(packed_used(used_.wrap) | write)});
		used_ = used_.after(descriptors, table_.size());
	}
	void use(const Buffer &buffer, std::uint32_t len)
	{
		use(buffer.id, buffer.descriptors, len);
	}
	PackedPosition used() const { return used_; }

private:
	PackedTable &table_;
	PackedPosition avail_, used_;
};

std::uint16_t bits(const PackedTable &table, unsigned slot)
{
	return table.flags(slot) & (packed_f_avail | packed_f_used);
}

TEST(PackedRing, shows_a_chain_by_the_flags_of_its_first_descriptor)
{
	Guest guest;
	PackedRing ring(guest.memory, {.size = 7, .packed = true});
	PackedTable &table = ring.table();
	Chain chain = chain_of(2, false);
	chain.push_back(chain_of(1, true)[0]);

	ASSERT_EQ(ring.add(chain), 0u);
	EXPECT_EQ(bits(table, 0), 0);
	EXPECT_EQ(table.flags(1), packed_f_avail | VRING_DESC_F_NEXT);
	EXPECT_EQ(table.flags(2), packed_f_avail | VRING_DESC_F_WRITE);
	EXPECT_EQ(ring.publish(), 1u);
	EXPECT_EQ(table.flags(0), packed_f_avail | VRING_DESC_F_NEXT);

	PackedDevice device(table);
	const auto buffer = device.fetch();
	EXPECT_EQ(buffer.chain, chain);
	EXPECT_NE(table.desc(0).id, buffer.id) << "the id counts in the last descriptor only";
	EXPECT_EQ(ring.free_descriptors(), 4u);
	EXPECT_EQ(ring.publish(), 0u);
}

TEST(PackedRing, shows_all_that_was_added_by_one_store)
{
	Guest guest;
	PackedRing ring(guest.memory, {.size = 7, .packed = true});
	for (unsigned i = 0; i < 3; i++)
		ASSERT_TRUE(ring.add(chain_of(2)));
	EXPECT_FALSE(is_packed_available(ring.table().flags(0), true));
	for (unsigned i = 1; i < 6; i++)
		EXPECT_TRUE(is_packed_available(ring.table().flags(i), true)) << "slot " << i;
	EXPECT_FALSE(ring.has_used());
	EXPECT_EQ(ring.publish(), 3u);
	PackedDevice device(ring.table());
	for (unsigned i = 0; i < 3; i++)
		device.fetch();
	EXPECT_FALSE(device.available());
}

TEST(PackedRing, refuses_what_the_ring_or_the_format_has_no_room_for)
{
	Guest guest;
	PackedRing ring(guest.memory, {.size = 3, .packed = true, .indirect_entries = 4});
	EXPECT_FALSE(ring.add({}));
	EXPECT_FALSE(ring.add(chain_of(4)));
	EXPECT_FALSE(ring.add(chain_of(4), {.indirect = true})) << "2.8.17";
	EXPECT_FALSE(ring.add(chain_of(2), {.indirect = true, .direct_first = 1})) << "2.8.5";
	EXPECT_TRUE(ring.add(chain_of(2)));
	EXPECT_FALSE(ring.add(chain_of(2)));
	EXPECT_TRUE(ring.add(chain_of(3), {.indirect = true}));
	EXPECT_FALSE(ring.add(chain_of(1)));
	EXPECT_EQ(ring.free_descriptors(), 0u);
}

TEST(PackedRing, has_only_write_flags_in_an_indirect_table)
{
	Guest guest;
	PackedRing ring(guest.memory, {.size = 3, .packed = true});
	Chain chain = chain_of(1, false);
	for (const Segment &segment : chain_of(2, true))
		chain.push_back(segment);
	ASSERT_TRUE(ring.add(chain_of(1)));
	ASSERT_TRUE(ring.add(chain, {.indirect = true}));
	ring.publish();

	PackedTable &table = ring.table();
	EXPECT_EQ(table.flags(1), packed_f_avail | VRING_DESC_F_INDIRECT);
	EXPECT_EQ(table.desc(1).len, 48u);
	const auto *entry = reinterpret_cast<const vring_packed_desc *>(
		guest.memory.at(table.desc(1).addr, 48));
	ASSERT_NE(entry, nullptr);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(entry[i].addr, chain[i].gpa);
		EXPECT_EQ(entry[i].len, chain[i].len);
		EXPECT_EQ(entry[i].flags, i ? VRING_DESC_F_WRITE : 0);
	}
}

// Size, and where to start.
struct Start {
	unsigned size;
	PackedPosition at;
};

std::vector<Start> starts()
{
	std::vector<Start> all;
	for (const unsigned size : {1u, 3u, 7u})
		for (std::uint16_t index = 0; index < size; index++)
			for (const bool wrap : {true, false})
				all.push_back({size, {index, wrap}});
	return all;
}

std::string name_of(const testing::TestParamInfo<Start> &info)
{
	return std::to_string(info.param.size) + "_from_" + std::to_string(info.param.at.index) +
	       (info.param.at.wrap ? "_wrap_1" : "_wrap_0");
}

class PackedLaps : public testing::TestWithParam<Start>
{
protected:
	RingConfig config(bool event_idx = false, bool in_order = false) const
	{
		const Start &start = GetParam();
		return {.size = start.size,
			.event_idx = event_idx,
			.packed = true,
			.in_order = in_order,
			.first_index = start.at.index,
			.first_wrap = start.at.wrap};
	}
	const unsigned size = GetParam().size;
	Guest guest;
	Random random{GetParam().size * 100 + GetParam().at.encoded()};
};
INSTANTIATE_TEST_SUITE_P(Starts, PackedLaps, testing::ValuesIn(starts()), name_of);

TEST_P(PackedLaps, pass_chains_whatever_the_order_of_use)
{
	PackedRing ring(guest.memory, config());
	PackedDevice device(ring.table(), GetParam().at);
	struct Given {
		Token token;
		PackedDevice::Buffer buffer;
	};
	std::deque<std::pair<Token, Chain>> shown;
	std::vector<Given> fetched;
	std::deque<std::pair<Given, std::uint32_t>> used;
	EXPECT_FALSE(device.available());
	EXPECT_FALSE(is_packed_used(ring.table().flags(GetParam().at.index), GetParam().at.wrap));

	for (unsigned step = 0; step < 3000; step++) {
		switch (random.between(0, 3)) {
		case 0: {
			std::vector<std::pair<Token, Chain>> batch;
			for (auto n = random.between(1, 3); n--;) {
				const Chain chain =
					chain_of(static_cast<unsigned>(random.between(1, size)));
				const auto room = ring.free_descriptors();
				const auto token = ring.add(chain);
				ASSERT_EQ(token.has_value(), room >= chain.size());
				if (token)
					batch.emplace_back(*token, chain);
			}
			EXPECT_EQ(device.available(), !shown.empty());
			EXPECT_EQ(ring.publish(), batch.size());
			shown.insert(shown.end(), batch.begin(), batch.end());
			break;
		}
		case 1:
			ASSERT_EQ(device.available(), !shown.empty());
			if (shown.empty())
				break;
			fetched.push_back({shown.front().first, device.fetch()});
			ASSERT_EQ(fetched.back().buffer.chain, shown.front().second);
			shown.pop_front();
			break;
		case 2: {
			if (fetched.empty())
				break;
			const auto at =
				static_cast<std::ptrdiff_t>(random.between(0, fetched.size() - 1));
			const auto len = static_cast<std::uint32_t>(step % 50);
			device.use(fetched[at].buffer, len);
			used.emplace_back(fetched[at], len);
			fetched.erase(fetched.begin() + at);
			break;
		}
		case 3: {
			ASSERT_EQ(ring.has_used(), !used.empty());
			const auto got = ring.collect();
			ASSERT_EQ(got.has_value(), !used.empty());
			if (!got)
				break;
			EXPECT_EQ(got->token, used.front().first.token);
			EXPECT_EQ(got->id, used.front().first.buffer.id);
			EXPECT_EQ(got->len, used.front().second);
			used.pop_front();
			EXPECT_EQ(ring.next_used() == device.used(), used.empty());
			break;
		}
		}
		ASSERT_EQ(ring.outstanding(), shown.size() + fetched.size() + used.size());
	}
}

TEST_P(PackedLaps, pass_batches_that_one_used_descriptor_stands_for)
{
	PackedRing ring(guest.memory, config(true, true));
	PackedDevice device(ring.table(), GetParam().at);
	Token next_added = 0, next_collected = 0;

	for (unsigned step = 0; step < 500; step++) {
		std::vector<Chain> chains;
		for (;;) {
			Chain chain = chain_of(static_cast<unsigned>(random.between(1, 3)));
			const auto token = ring.add(chain);
			if (!token)
				break;
			ASSERT_EQ(*token, next_added++);
			chains.push_back(std::move(chain));
		}
		ring.publish();
		// All, some or one of them at a time, and all at the end.
		std::vector<PackedDevice::Buffer> fetched;
		while (device.available())
			fetched.push_back(device.fetch());
		ASSERT_EQ(fetched.size(), chains.size());
		for (std::size_t first = 0; first < fetched.size();) {
			const auto n = random.between(1, fetched.size() - first);
			unsigned descriptors = 0;
			for (std::size_t i = 0; i < n; i++)
				descriptors += fetched[first + i].descriptors;
			device.use(fetched[first + n - 1].id, descriptors, 5);
			for (std::size_t i = 0; i < n; i++) {
				ASSERT_TRUE(ring.has_used());
				EXPECT_FALSE(ring.enable_notifications(1));
				EXPECT_FALSE(
					ring.enable_notifications(static_cast<unsigned>(n - i)));
				EXPECT_TRUE(ring.enable_notifications(
					static_cast<unsigned>(n - i + 1)));
				const auto got = ring.collect();
				ASSERT_TRUE(got);
				EXPECT_EQ(got->token, next_collected++);
				EXPECT_EQ(got->id, fetched[first + i].id);
				EXPECT_EQ(got->len,
					  i + 1 < n ? chain_length(chains[first + i]) : 5);
			}
			ASSERT_FALSE(ring.has_used());
			EXPECT_EQ(ring.next_used(), device.used());
			first += n;
		}
		ASSERT_EQ(ring.outstanding(), 0u);
		ASSERT_EQ(ring.free_descriptors(), size);
	}
}

// Every event position against every number of descriptors shown at once.
TEST_P(PackedLaps, kick_when_the_slot_asked_for_is_shown)
{
	for (unsigned event = 0; event < 2 * size; event++) {
		for (unsigned n = 1; n <= size; n++) {
			PackedRing ring(guest.memory, config(true));
			PackedDevice device(ring.table(), GetParam().at);
			const PackedPosition slot = PackedPosition{}.after(event % size, size);
			const PackedPosition asked = event < size ? slot : slot.after(size, size);
			ring.table().set_device_off_wrap(asked.encoded());
			ring.table().set_device_flags(VRING_PACKED_EVENT_FLAG_DESC);
			bool expected = false;
			for (unsigned i = 0; i < n; i++)
				expected |= GetParam().at.after(i, size) == asked;
			for (unsigned i = 0; i < n; i++)
				ASSERT_TRUE(ring.add(chain_of(1)));
			EXPECT_FALSE(ring.needs_kick());
			ring.publish();
			EXPECT_EQ(ring.needs_kick(), expected)
				<< "event " << asked.index << '/' << asked.wrap << ", " << n;
			EXPECT_FALSE(ring.needs_kick()) << "nothing new since";
		}
	}
}

TEST_P(PackedLaps, ask_for_the_slot_of_the_next_buffers_to_be_used)
{
	PackedRing ring(guest.memory, config(true));
	PackedDevice device(ring.table(), GetParam().at);
	const PackedTable &table = ring.table();
	const auto asked = [&] {
		EXPECT_EQ(table.driver_flags(), VRING_PACKED_EVENT_FLAG_DESC);
		return table.driver_off_wrap();
	};

	for (unsigned round = 0; round < 2 * size + 1; round++) {
		EXPECT_TRUE(ring.enable_notifications());
		EXPECT_EQ(asked(), device.used().encoded());
		const unsigned lens[] = {size > 2 ? 2u : 1u, 1u};
		const unsigned n = size > 1 ? 2 : 1;
		for (unsigned i = 0; i < n; i++)
			ASSERT_TRUE(ring.add(chain_of(lens[i])));
		ring.publish();
		// The last one's used descriptor comes behind those of the first.
		EXPECT_TRUE(ring.enable_notifications(n));
		EXPECT_EQ(asked(), n == 1 ? device.used().encoded()
					  : device.used().after(lens[0], size).encoded());
		device.use(device.fetch(), 1);
		EXPECT_EQ(ring.enable_notifications(n), n > 1);
		EXPECT_FALSE(ring.enable_notifications(1));
		if (n > 1)
			device.use(device.fetch(), 1);
		EXPECT_FALSE(ring.enable_notifications(n));
		while (ring.collect()) {
		}
	}
	ring.disable_notifications();
	EXPECT_EQ(table.driver_flags(), VRING_PACKED_EVENT_FLAG_DISABLE);
}

TEST_P(PackedLaps, end_where_the_base_says)
{
	PackedRing ring(guest.memory, config());
	PackedDevice device(ring.table(), GetParam().at);
	for (unsigned i = 0; i < 3 * size + 1; i++) {
		const std::uint32_t half = GetParam().at.index + i;
		const bool wrap = GetParam().at.wrap != (half / size % 2 == 1);
		const std::uint32_t position = half % size | (wrap ? 0x8000u : 0u);
		EXPECT_EQ(ring.base(), position | position << 16);
		ASSERT_TRUE(ring.add(chain_of(1)));
		ring.publish();
		EXPECT_EQ(ring.base(), position | position << 16) << "not collected yet";
		device.use(device.fetch(), 0);
		ASSERT_TRUE(ring.collect());
	}
	ring.reset(0);
	EXPECT_EQ(ring.base(), 0x80008000u);
	EXPECT_EQ(ring.free_descriptors(), size);
	ASSERT_TRUE(ring.add(chain_of(1)));
	ring.publish();
	EXPECT_TRUE(PackedDevice(ring.table()).available());
}

// Whatever it writes, the driver neither crashes nor spins, nor gives a buffer back twice.
TEST_P(PackedLaps, survive_a_device_that_writes_anything)
{
	for (const bool in_order : {false, true}) {
		PackedRing ring(guest.memory, config(true, in_order));
		PackedTable &table = ring.table();
		std::vector<bool> outstanding;
		for (unsigned step = 0; step < 2000; step++) {
			while (random.between(0, 3)) {
				const auto n = random.between(1, size);
				if (!ring.add(chain_of(static_cast<unsigned>(n))))
					break;
				outstanding.push_back(true);
			}
			if (random.between(0, 1))
				ring.publish();
			for (auto n = random.between(0, size); n--;) {
				const auto slot =
					static_cast<unsigned>(random.between(0, size - 1));
				const auto id = static_cast<std::uint16_t>(
					random.between(0, 7) ? random.between(0, size)
							     : random.next());
				table.set_used(slot, {7, id,
						      static_cast<std::uint16_t>(
							      packed_used(random.next() & 1) |
							      (random.next() & 0x7f7f))});
			}
			table.set_device_off_wrap(static_cast<std::uint16_t>(random.next()));
			table.set_device_flags(static_cast<std::uint16_t>(random.next() & 3));
			(void)ring.needs_kick();
			(void)ring.enable_notifications(
				static_cast<unsigned>(random.between(1, 2 * size)));
			unsigned collected = 0;
			while (ring.has_used()) {
				const auto got = ring.collect();
				ASSERT_TRUE(got);
				ASSERT_LE(++collected, 2 * size);
				if (got->token == no_token)
					continue;
				ASSERT_TRUE(outstanding.at(got->token));
				outstanding[got->token] = false;
			}
			EXPECT_FALSE(ring.collect());
		}
	}
}

TEST(PackedRing, kicks_as_the_device_asks_without_event_index)
{
	Guest guest;
	PackedRing ring(guest.memory, {.size = 3, .packed = true});
	PackedDevice device(ring.table());
	const auto kicks = [&](std::uint16_t flags) {
		ring.table().set_device_flags(flags);
		EXPECT_TRUE(ring.add(chain_of(1)));
		ring.publish();
		const bool is = ring.needs_kick();
		device.use(device.fetch(), 0);
		EXPECT_TRUE(ring.collect());
		return is;
	};
	for (unsigned i = 0; i < 4; i++) {
		EXPECT_TRUE(kicks(VRING_PACKED_EVENT_FLAG_ENABLE));
		EXPECT_FALSE(kicks(VRING_PACKED_EVENT_FLAG_DISABLE));
		EXPECT_TRUE(kicks(VRING_PACKED_EVENT_FLAG_DESC)) << "not negotiated";
	}
	EXPECT_TRUE(ring.enable_notifications(5));
	EXPECT_EQ(ring.table().driver_flags(), VRING_PACKED_EVENT_FLAG_ENABLE);
	ring.disable_notifications();
	EXPECT_EQ(ring.table().driver_flags(), VRING_PACKED_EVENT_FLAG_DISABLE);
	EXPECT_TRUE(ring.add(chain_of(1)));
	ring.publish();
	device.use(device.fetch(), 0);
	EXPECT_FALSE(ring.enable_notifications(5)) << "any count means each";
}

TEST(PackedRing, ignores_the_length_of_what_was_not_written)
{
	Guest guest;
	PackedRing ring(guest.memory, {.size = 3, .packed = true});
	ASSERT_TRUE(ring.add(chain_of(1, false)));
	ring.publish();
	ring.table().set_used(0, {1234, PackedDevice(ring.table()).fetch().id, packed_used(true)});
	EXPECT_EQ(ring.collect()->len, 0u); // 2.8.4
}

TEST(PackedRing, reports_an_id_that_it_does_not_hold)
{
	Guest guest;
	PackedRing ring(guest.memory, {.size = 3, .packed = true});
	PackedDevice device(ring.table());
	ASSERT_TRUE(ring.add(chain_of(1)));
	ASSERT_TRUE(ring.add(chain_of(1)));
	ring.publish();
	const auto first = device.fetch();
	device.use(3, 1, 1);
	device.use(first, 1);
	EXPECT_EQ(ring.collect()->token, no_token);
	EXPECT_EQ(ring.collect()->token, 0u);
	ASSERT_TRUE(ring.add(chain_of(1)));
	EXPECT_EQ(ring.outstanding(), 2u);
	device.use(first, 1); // its id has a new owner that was not published
	EXPECT_EQ(ring.collect()->token, no_token);
	EXPECT_EQ(ring.outstanding(), 2u);
}

// --- in order, split ---

// A device on a split table that uses a batch by one entry (2.7.9).
class SplitDevice
{
public:
	SplitDevice(SplitTable &table, std::uint16_t index)
	    : table_(table), avail_(index), used_(index)
	{
	}
	bool available() const { return avail_ != table_.avail_idx(); }
	std::uint16_t fetch() { return table_.avail_entry(avail_++); }
	void use(std::uint32_t head, std::uint32_t len, unsigned batch = 1)
	{
		table_.set_used_entry(used_, {head, len});
		used_ = static_cast<std::uint16_t>(used_ + batch);
		table_.set_used_idx(used_);
	}

private:
	SplitTable &table_;
	std::uint16_t avail_, used_;
};

class SplitInOrder : public testing::TestWithParam<std::uint16_t>
{
protected:
	SplitRing make(unsigned size, bool event_idx = true)
	{
		return SplitRing(guest.memory, {.size = size,
						.event_idx = event_idx,
						.in_order = true,
						.first_index = GetParam()});
	}
	Guest guest;
	Random random{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Starts, SplitInOrder, testing::Values(0, 3, 65530),
			 [](const auto &info) { return "from_" + std::to_string(info.param); });

TEST_P(SplitInOrder, descriptors_are_used_in_the_order_of_the_table)
{
	SplitRing ring = make(8);
	SplitDevice device(ring.table(), GetParam());
	std::deque<std::uint16_t> heads;
	unsigned at = 0; // 2.7.5: from offset 0, wherever the index starts
	for (unsigned step = 0; step < 200; step++) {
		const unsigned n = 1 + step % 3;
		ASSERT_TRUE(ring.add(chain_of(n), {.indirect = step % 5 == 0}));
		ring.publish();
		heads.push_back(device.fetch());
		EXPECT_EQ(heads.back(), at);
		const unsigned direct = step % 5 == 0 ? 1 : n;
		for (unsigned i = 1; i < direct; i++) {
			EXPECT_EQ(ring.table().desc(at).next, (at + 1) % 8);
			at = (at + 1) % 8;
		}
		at = (at + 1) % 8;
		while (heads.size() > 1) {
			device.use(heads.front(), 1);
			heads.pop_front();
			ASSERT_TRUE(ring.collect());
		}
	}
}

TEST_P(SplitInOrder, batches_that_one_entry_stands_for)
{
	for (const unsigned size : {1u, 2u, 8u}) {
		SplitRing ring = make(size);
		SplitDevice device(ring.table(), GetParam());
		Token next_collected = 0;
		for (unsigned step = 0; step < 300; step++) {
			std::vector<Chain> chains;
			for (;;) {
				Chain chain = chain_of(static_cast<unsigned>(random.between(1, 2)));
				if (!ring.add(chain))
					break;
				chains.push_back(std::move(chain));
			}
			ring.publish();
			std::vector<std::uint16_t> heads;
			while (device.available())
				heads.push_back(device.fetch());
			for (std::size_t first = 0; first < heads.size();) {
				const auto n = static_cast<unsigned>(
					random.between(1, heads.size() - first));
				device.use(heads[first + n - 1], 9, n);
				for (unsigned i = 0; i < n; i++) {
					ASSERT_TRUE(ring.has_used());
					EXPECT_FALSE(ring.enable_notifications(n - i));
					EXPECT_TRUE(ring.enable_notifications(n - i + 1));
					const auto got = ring.collect();
					ASSERT_TRUE(got);
					EXPECT_EQ(got->token, next_collected++);
					EXPECT_EQ(got->id, heads[first + i]);
					EXPECT_EQ(got->len,
						  i + 1 < n ? chain_length(chains[first + i]) : 9);
				}
				ASSERT_FALSE(ring.has_used());
				first += n;
			}
			ASSERT_EQ(ring.outstanding(), 0u);
			ASSERT_EQ(ring.free_descriptors(), size);
		}
	}
}

TEST_P(SplitInOrder, a_batch_longer_than_the_index_says_is_the_devices_fault)
{
	SplitRing ring = make(8);
	SplitDevice device(ring.table(), GetParam());
	for (unsigned i = 0; i < 3; i++)
		ASSERT_TRUE(ring.add(chain_of(1)));
	ring.publish();
	device.use(2, 1, 1);
	EXPECT_EQ(ring.collect()->token, no_token);
	EXPECT_FALSE(ring.collect());
	device.use(0, 1, 1);
	EXPECT_EQ(ring.collect()->token, 0u);
	device.use(0, 1, 1); // used twice
	EXPECT_EQ(ring.collect()->token, no_token);
	device.use(8, 1, 1);
	EXPECT_EQ(ring.collect()->token, no_token);
	device.use(2, 1, 2);
	EXPECT_EQ(ring.collect()->token, 1u);
	EXPECT_EQ(ring.collect()->token, 2u);
	EXPECT_EQ(ring.outstanding(), 0u);
}

TEST(MakeRing, makes_the_format_asked_for)
{
	Guest guest;
	const auto packed = make_ring(guest.memory, {.size = 5, .packed = true});
	const auto split = make_ring(guest.memory, {.size = 4});
	EXPECT_NE(dynamic_cast<PackedRing *>(packed.get()), nullptr);
	EXPECT_NE(dynamic_cast<SplitRing *>(split.get()), nullptr);
	const RingAreas areas = packed->areas();
	EXPECT_EQ(areas.descriptor % 16, 0u);
	EXPECT_EQ(areas.driver % 4, 0u);
	EXPECT_EQ(areas.device % 4, 0u);
}

} // namespace
} // namespace vna::driver
