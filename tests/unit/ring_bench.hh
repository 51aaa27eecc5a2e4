// SPDX-License-Identifier: GPL-2.0-only
// A split ring alone: the core's device side against the driver's library, with no device around.
#pragma once

#include <gtest/gtest.h>

#include <cstring>

#include "core/virtqueue/split.hh"
#include "driver/split_ring.hh"
#include "host/fake_kernel.hh"

namespace vna
{

constexpr u64 feature(unsigned bit)
{
	return 1ull << bit;
}

// A part of every bench's memory table that has addresses and no memory: whoever translates it
// may, whoever touches it traps.
constexpr vna_vhost_memory_region phantom{1ull << 40, 8ull << 30, 0x500000000000, 0};

struct RingOptions {
	unsigned size = 16;
	u64 features = feature(VNA_VIRTIO_F_VERSION_1) | feature(VNA_VIRTIO_RING_F_INDIRECT_DESC);
	u16 first = 0; // where the indices start
	unsigned indirect_entries = 32;
	u64 memory = 4 << 20; // bytes of the region that holds the ring
};

class RingBench
{
public:
	using Segments = driver::Chain;
	static constexpr u64 guest_base = 0x100000;

	explicit RingBench(const RingOptions &options = {})
	    : options_(options), region_(guest.add_region(guest_base, options.memory)),
	      ring(guest, {.size = options.size,
			   .event_idx = Features{options.features}.has(VNA_VIRTIO_RING_F_EVENT_IDX),
			   .indirect_entries = options.indirect_entries,
			   .first_index = options.first,
			   .region = 0})
	{
		kernel.memory.allow(guest.regions()[0].user, guest.regions()[0].size);
		remap();
		queue.set_size(options.size);
		queue.set_features(Features{options.features});
		queue.set_addresses({user(ring.areas().descriptor), user(ring.areas().driver),
				     user(ring.areas().device)});
		queue.set_base(options.first);
		EXPECT_TRUE(queue.start());
	}
	~RingBench() { RegionTable::destroy(table_); }

	// The user address of a guest address.
	[[nodiscard]] u64 user(u64 gpa) const
	{
		return host::UserMemory::address_of(guest.at(gpa));
	}
	// Another region for data, known to the device; returns its index.
	std::size_t add_region(u64 base, u64 size)
	{
		const std::size_t index = guest.add_region(base, size);
		kernel.memory.allow(guest.regions()[index].user, guest.regions()[index].size);
		remap();
		return index;
	}

	// Offers a chain of the given shape and moves the index.
	driver::Token offer(const Segments &chain, const driver::AddOptions &how = {})
	{
		const auto token = ring.add(chain, how);
		EXPECT_TRUE(token.has_value());
		ring.publish();
		return token.value_or(driver::no_token);
	}
	// Readable segments of these lengths, each in a place of its own.
	Segments readable(std::initializer_list<u32> lens)
	{
		return driver::allocate_chain(guest, std::vector<u32>(lens), false);
	}
	Segments writable(std::initializer_list<u32> lens)
	{
		return driver::allocate_chain(guest, std::vector<u32>(lens), true);
	}

	// Writes a descriptor and offers @head by hand, for what no driver does.
	void desc(unsigned i, u64 addr, u32 len, u16 flags = 0, u16 next = 0)
	{
		ring.table().set_desc(i, addr, len, flags, next);
	}
	void put(u64 gpa, const SplitDescriptor &d) { std::memcpy(guest.at(gpa, 16), &d, 16); }
	void expose(std::initializer_list<u16> heads)
	{
		auto &table = ring.table();
		u16 index = table.avail_idx();
		for (const u16 head : heads)
			table.set_avail_entry(index++, head);
		table.set_avail_idx(index);
	}

	// Bytes that the device may look at once only: descriptors and available entries.
	[[nodiscard]] bool read_descriptors_once() const
	{
		const auto areas = ring.areas();
		return !kernel.memory.read_twice(user(areas.descriptor), 16ull * ring.size()) &&
		       !kernel.memory.read_twice(user(areas.driver) + 4, 2ull * ring.size());
	}
	void flip_descriptors_after_read()
	{
		const auto areas = ring.areas();
		kernel.memory.flip_after_read(user(areas.descriptor), 16ull * ring.size());
		kernel.memory.flip_after_read(user(areas.driver) + 4, 2ull * ring.size());
	}

	u32 fetch(u32 max = BufferBatch::capacity) { return queue.fetch(batch, max); }
	// Fetches, completes and shows everything there is.
	u32 consume(u32 len = 0)
	{
		batch.clear();
		const u32 n = fetch();
		for (u32 i = 0; i < n; i++)
			queue.complete(batch[i], len);
		EXPECT_TRUE(queue.publish());
		batch.clear();
		return n;
	}
	// The segments of buffer @i as the device sees them, against a chain's.
	void expect_buffer(u32 i, const Segments &chain)
	{
		const Buffer &buffer = batch[i];
		const auto segs = batch.segments(buffer);
		ASSERT_EQ(segs.size(), chain.size());
		for (std::size_t s = 0; s < chain.size(); s++) {
			EXPECT_EQ(segs[s].addr, user(chain[s].gpa)) << "segment " << s;
			EXPECT_EQ(segs[s].len, chain[s].len) << "segment " << s;
			EXPECT_EQ(s >= buffer.readable, chain[s].writable) << "segment " << s;
		}
	}

private:
	void remap()
	{
		std::vector<vna_vhost_memory_region> given{phantom};
		for (const auto &r : guest.regions())
			given.push_back({r.base, r.size, host::UserMemory::address_of(r.user), 0});
		RegionTable *made = nullptr;
		ASSERT_EQ(RegionTable::make(given, made), 0);
		queue.set_memory(made);
		if (table_)
			RegionTable::destroy(table_);
		table_ = made;
	}

	const RingOptions options_;

public:
	host::FakeKernel kernel;
	driver::GuestMemory guest;

private:
	const std::size_t region_;
	RegionTable *table_ = nullptr;

public:
	driver::SplitRing ring;
	SplitQueue queue;
	BufferBatch batch;
};

inline std::string name_of(RingError error)
{
	return describe(error).name;
}

} // namespace vna
