// SPDX-License-Identifier: GPL-2.0-only
// A ring alone: the core's device side against the driver's library, with no device around.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "core/virtqueue/packed.hh"
#include "core/virtqueue/split.hh"
#include "driver/packed_ring.hh"
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
	bool wrap = true; // of a packed ring: the wrap counter there
	unsigned indirect_entries = 32;
	u64 memory = 4 << 20; // bytes of the region that holds the ring
};

// What the bench of any format can do: tests that hold for all are written against it.
class AnyRingBench
{
public:
	using Segments = driver::Chain;
	static constexpr u64 guest_base = 0x100000;

	virtual ~AnyRingBench() { RegionTable::destroy(table_); }
	AnyRingBench(const AnyRingBench &) = delete;
	AnyRingBench &operator=(const AnyRingBench &) = delete;

	[[nodiscard]] const RingOptions &options() const { return options_; }

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

	// Offers a chain of the given shape and makes it available.
	driver::Token offer(const Segments &chain, const driver::AddOptions &how = {})
	{
		const auto token = driver_side.add(chain, how);
		EXPECT_TRUE(token.has_value());
		driver_side.publish();
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

	u32 fetch(u32 max = BufferBatch::capacity) { return device_side.fetch(batch, max); }
	// Fetches, completes and shows everything there is.
	u32 consume(u32 len = 0)
	{
		batch.clear();
		const u32 n = fetch();
		for (u32 i = 0; i < n; i++)
			device_side.complete(batch[i], len);
		EXPECT_TRUE(device_side.publish());
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
	// The base of a device that has fetched so many chains, of so many descriptors in all, and
	// used none.
	[[nodiscard]] virtual u32 base_after(unsigned chains, unsigned descs) const = 0;

	host::FakeKernel kernel;
	driver::GuestMemory guest;
	Virtqueue &device_side;
	driver::DriverRing &driver_side;
	BufferBatch batch;

protected:
	// @device and @driver are made later, by who derives, who then calls start().
	AnyRingBench(const RingOptions &options, Virtqueue &device, driver::DriverRing &driver)
	    : device_side(device), driver_side(driver), options_(options)
	{
		guest.add_region(guest_base, options.memory);
		kernel.memory.allow(guest.regions()[0].user, guest.regions()[0].size);
	}
	[[nodiscard]] static driver::RingConfig config(const RingOptions &options)
	{
		const Features features{options.features};
		return {.size = options.size,
			.event_idx = features.has(VNA_VIRTIO_RING_F_EVENT_IDX),
			.packed = features.has(VNA_VIRTIO_F_RING_PACKED),
			.in_order = features.has(VNA_VIRTIO_F_IN_ORDER),
			.indirect_entries = options.indirect_entries,
			.first_index = options.first,
			.first_wrap = options.wrap,
			.region = 0};
	}
	void start()
	{
		remap();
		device_side.set_size(options_.size);
		device_side.set_features(Features{options_.features});
		const auto areas = driver_side.areas();
		device_side.set_addresses(
			{user(areas.descriptor), user(areas.driver), user(areas.device)});
		device_side.set_base(driver_side.base());
		EXPECT_TRUE(device_side.set_up_ok());
		EXPECT_TRUE(device_side.start());
	}

private:
	void remap()
	{
		std::vector<vna_vhost_memory_region> given{phantom};
		for (const auto &r : guest.regions())
			given.push_back({r.base, r.size, host::UserMemory::address_of(r.user), 0});
		RegionTable *made = nullptr;
		ASSERT_EQ(RegionTable::make(given, made), 0);
		device_side.set_memory(made);
		if (table_)
			RegionTable::destroy(table_);
		table_ = made;
	}

	const RingOptions options_;
	RegionTable *table_ = nullptr;
};

// Of a split ring.
class RingBench : public AnyRingBench
{
public:
	explicit RingBench(const RingOptions &options = {})
	    : AnyRingBench(options, queue, ring), ring(guest, config(options))
	{
		start();
	}

	// Writes a descriptor and offers @head by hand, for what no driver does.
	void desc(unsigned i, u64 addr, u32 len, u16 flags = 0, u16 next = 0)
	{
		ring.table().set_desc(i, addr, len, flags, next);
	}
	void put(u64 gpa, const SplitDescriptor &d) { std::memcpy(guest.at(gpa, 16), &d, 16); }
	void expose(const std::vector<u16> &heads)
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
	[[nodiscard]] u32 base_after(unsigned chains, unsigned) const override
	{
		return static_cast<u16>(options().first + chains);
	}

	SplitQueue queue;
	driver::SplitRing ring;
};

// The one value that tells both of a packed ring's positions, where they are the same.
[[nodiscard]] inline u32 packed_base(const driver::PackedPosition &at)
{
	return at.encoded() * 0x10001u;
}

// Of a packed one.
class PackedBench : public AnyRingBench
{
public:
	static constexpr u64 packed = feature(VNA_VIRTIO_F_RING_PACKED);

	explicit PackedBench(const RingOptions &options = {})
	    : AnyRingBench(with_packed(options), queue, ring), ring(guest, config(this->options()))
	{
		start();
	}

	[[nodiscard]] driver::PackedPosition first() const
	{
		return {options().first, options().wrap};
	}
	// The slot that lies @n, up to a lap, behind the first.
	[[nodiscard]] driver::PackedPosition at(unsigned n) const
	{
		return first().after(n, ring.size());
	}

	// Writes a descriptor into the @n-th slot from the first, for what no driver does: as it
	// is available in the lap that it comes up in.  The id is the slot's index by default.
	void desc(unsigned n, u64 addr, u32 len, u16 flags = 0, int id = -1)
	{
		const auto slot = at(n);
		ring.table().set_desc(slot.index, addr, len,
				      id < 0 ? slot.index : static_cast<u16>(id));
		ring.table().set_flags(slot.index, static_cast<u16>(
							   flags | driver::packed_available(slot.wrap)));
	}
	void put(u64 gpa, const PackedDescriptor &d) { std::memcpy(guest.at(gpa, 16), &d, 16); }

	[[nodiscard]] u64 slot_address(unsigned index) const
	{
		return user(ring.areas().descriptor) + 16ull * index;
	}
	// Recorded reads of descriptors that are more than a look at the flags.
	[[nodiscard]] unsigned copies() const
	{
		unsigned n = 0;
		const u64 begin = slot_address(0), end = slot_address(ring.size());
		for (const auto &r : kernel.memory.records())
			n += r.kind == host::Access::read && r.at >= begin && r.at < end &&
			     r.len > 2;
		return n;
	}
	// Everything of a slot but the flags, which are looked at before the rest is read.
	void flip_descriptors_after_read()
	{
		for (unsigned i = 0; i < ring.size(); i++)
			kernel.memory.flip_after_read(slot_address(i), 14);
	}
	[[nodiscard]] u32 base_after(unsigned, unsigned descs) const override
	{
		return at(descs).encoded() | first().encoded() * 0x10000u;
	}

	PackedQueue queue;
	driver::PackedRing ring;

private:
	static RingOptions with_packed(RingOptions options)
	{
		options.features |= packed;
		return options;
	}
};

// A bench of the format that the features ask for.
[[nodiscard]] inline std::unique_ptr<AnyRingBench> make_bench(const RingOptions &options = {})
{
	if (Features{options.features}.has(VNA_VIRTIO_F_RING_PACKED))
		return std::make_unique<PackedBench>(options);
	return std::make_unique<RingBench>(options);
}

inline std::string name_of(RingError error)
{
	return describe(error).name;
}

} // namespace vna
