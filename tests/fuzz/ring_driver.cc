// SPDX-License-Identifier: GPL-2.0-only
// The driver's deeds, sane and otherwise, and the order of everything.
#include <algorithm>

#include "ring_world.hh"

namespace vna::fuzz
{

namespace
{

// Where the memory table has the data area at first.
constexpr u64 data_guest = 0x10000;
constexpr u64 nowhere_guest = 1ull << 40;

constexpr u32 packed_sizes[] = {1, 2, 3, 4, 5, 7, 8, 16, 31, 64, 100, 256, 300, 700, 1023, 1024};

host::FakeKernel &kernel()
{
	static host::FakeKernel kernel; // whose memory and allocator are asked for
	return kernel;
}

constexpr u64 feature(unsigned bit, bool on)
{
	return u64{on} << bit;
}

Features features_of(u8 bits, bool packed)
{
	return Features(feature(VNA_VIRTIO_F_VERSION_1, packed) |
			feature(VNA_VIRTIO_F_RING_PACKED, packed) |
			feature(VNA_VIRTIO_RING_F_EVENT_IDX, bits & 1) |
			feature(VNA_VIRTIO_RING_F_INDIRECT_DESC, bits & 2) |
			feature(VNA_VIRTIO_F_IN_ORDER, bits & 4) |
			feature(VNA_VIRTIO_F_NOTIFY_ON_EMPTY, bits & 8));
}

} // namespace

RingWorld::RingWorld(Input &in, bool packed) : in_(in), arena_(kernel().memory), packed_(packed)
{
	const u8 how = in_.byte();
	features_ = features_of(how, packed_);
	event_idx_ = how & 1;
	size_ = packed_ ? packed_sizes[how >> 4] : 1u << std::min(how >> 4, 10);
	ring_.set_features(features_);
	queue().set_size(size_);
	queue().set_transmits(in_.chance());
	arena_.lay_out(queue());
	queue().set_addresses(arena_.addresses());
	set_regions({{data_guest, Arena::data_bytes, arena_.user(Arena::data), 0},
		     {nowhere_guest, Arena::nowhere_bytes, Arena::nowhere, 0}});
	start(true);
}

RingWorld::~RingWorld()
{
	RegionTable::destroy(table_);
}

void RingWorld::set_regions(std::vector<NaiveRegions::Given> given)
{
	RegionTable *made = nullptr;
	if (RegionTable::make(given, made))
		host::trap("a table that is right is refused");
	queue().set_memory(made);
	if (table_)
		RegionTable::destroy(table_);
	table_ = made;
	regions_ = NaiveRegions(std::move(given));
}

void RingWorld::run()
{
	while (!in_.empty()) {
		const u8 what = in_.byte() % 32;
		switch (what) {
		case 0:
			poke();
			continue;
		case 1:
			describe();
			continue;
		case 2:
		case 3:
		case 4:
		case 5:
		case 6:
			offer();
			continue;
		case 7:
			offer_raw();
			continue;
		case 8:
		case 9:
			wish();
			continue;
		case 10:
			offer_long();
			continue;
		case 11:
			map_memory();
			continue;
		case 12:
			race();
			continue;
		case 13:
			fail();
			continue;
		case 14:
			start(true);
			continue;
		case 15:
			renegotiate();
			continue;
		default:
			break;
		}
		if (failed()) { // a queue that is stopped
			start(false);
			continue;
		}
		switch (what) {
		case 16:
		case 17:
		case 18:
		case 19:
			fetch();
			break;
		case 20:
			discard();
			break;
		case 21:
		case 22:
		case 23:
		case 24:
			complete();
			break;
		case 25:
		case 26:
			publish();
			break;
		case 27:
		case 28:
			should_signal();
			break;
		case 29:
		case 30:
			enable_notify();
			break;
		case 31:
			disable_notify();
			break;
		}
	}
}

u64 RingWorld::offset(Arena::Area area)
{
	return in_.below(static_cast<u32>(arena_.bytes(area)));
}

u64 RingWorld::address()
{
	const u8 how = in_.byte();
	if (how < 0xa0)
		return data_guest + in_.below(Arena::data_bytes);
	if (how < 0xb0)
		return nowhere_guest + in_.get<u32>();
	if (how < 0xc0 || regions_.given().empty())
		return in_.number();
	// About a border of a region.
	const auto &g = regions_.given()[how % regions_.given().size()];
	return (how & 0x10 ? g.guest_phys_addr : g.guest_phys_addr + g.memory_size) + in_.byte() -
	       128;
}

// Mostly below @count, now and then about it, where mistakes are, or anything.
u16 RingWorld::index(u32 count)
{
	const u8 how = in_.byte();
	if (how < 0xc0)
		return static_cast<u16>(in_.below(count));
	if (how < 0xf0)
		return static_cast<u16>(count + how % 4 - 2);
	return in_.word();
}

u32 RingWorld::length()
{
	const u8 how = in_.byte();
	if (how < 0xc0)
		return how;
	if (how < 0xe0)
		return in_.word();
	return static_cast<u32>(in_.number());
}

void RingWorld::put_desc(Arena::Area area, u64 at, u64 addr, u32 len, u16 flags, u16 other)
{
	arena_.put(area, at, addr);
	arena_.put(area, at + 8, len);
	arena_.put(area, at + 12, packed_ ? other : flags);
	arena_.put(area, at + 14, packed_ ? flags : other);
}

// Any bytes anywhere.
void RingWorld::poke()
{
	const auto area = static_cast<Arena::Area>(in_.below(Arena::areas));
	const u64 at = offset(area);
	std::array<std::byte, 32> bytes;
	const auto some = std::span(bytes).first(1 + in_.below(bytes.size()));
	in_.fill(some);
	arena_.put(area, at, some);
	device_area_ours_ &= area != Arena::device;
}

// The flags of a packed descriptor in the driver's lap.
u16 RingWorld::lap_flags(u32 index) const
{
	const bool wrap = index >= driver_at_.index ? driver_at_.wrap : !driver_at_.wrap;
	return wrap ? PackedDescriptor::f_avail : PackedDescriptor::f_used;
}

// A descriptor, offered or not.
void RingWorld::describe()
{
	const u32 at = in_.below(size_);
	const u8 how = in_.byte();
	const u16 flags = static_cast<u16>((how & 7) | (packed_ && how & 8 ? lap_flags(at) : 0));
	const u64 addr = address();
	const u32 len = length();
	put_desc(Arena::desc, 16ull * at, addr, len, flags, index(size_));
}

// A chain as a driver makes them, most of the time right; a split ring's index moves with it.
void RingWorld::offer()
{
	const u8 how = in_.byte();
	const u32 count = std::min(1u + (how & 3), size_), readable = how >> 2 & 3;
	const bool indirect = (how & 0x70) == 0x70;
	const u16 head = static_cast<u16>(next_desc_ % size_);
	const u16 id = how & 0x80 ? index(size_) : head;
	const NaivePosition first = driver_at_;
	u16 first_flags = 0;
	for (u32 i = 0; i < (indirect ? 1 : count); i++) {
		u64 addr = address();
		u32 len = length();
		u16 flags = i < readable ? 0 : desc_f_write;
		if (indirect) {
			flags = desc_f_indirect;
			const u64 at = in_.below(Arena::data_bytes);
			addr = data_guest + at;
			len = 16 * count;
			table(at, count);
		} else if (i + 1 < count) {
			flags |= desc_f_next;
		}
		if (packed_) {
			flags |= lap_flags(driver_at_.index);
			if (!i)
				first_flags = flags;
			put_desc(Arena::desc, 16ull * driver_at_.index, addr, len, flags, id);
			driver_at_.step(size_);
		} else {
			const u16 at = static_cast<u16>(next_desc_++ % size_);
			put_desc(Arena::desc, 16ull * at, addr, len, flags,
				 static_cast<u16>(next_desc_ % size_));
		}
	}
	if (packed_) {
		arena_.put(Arena::desc, 16ull * first.index + 14, first_flags);
		return;
	}
	const u16 index = avail_index();
	arena_.put(Arena::driver, 4 + 2ull * (index % size_), head);
	arena_.put(Arena::driver, 2, static_cast<u16>(index + 1));
}

// One indirect table, long, of entries that are all alike.
void RingWorld::offer_long()
{
	const u32 count = 1 + in_.word() % (Arena::data_bytes / 16);
	const u64 addr = address();
	const u32 len = length();
	const u16 write = in_.chance() ? desc_f_write : 0;
	for (u32 i = 0; i < count; i++)
		put_desc(Arena::data, 16ull * i, addr, len,
			 static_cast<u16>(write | (i + 1 < count ? desc_f_next : 0)),
			 static_cast<u16>(i + 1));
	expose(data_guest, 16 * count, desc_f_indirect);
}

// One descriptor.
void RingWorld::expose(u64 addr, u32 len, u16 flags)
{
	const u16 index = packed_ ? driver_at_.index : static_cast<u16>(next_desc_++ % size_);
	if (packed_)
		flags |= lap_flags(index);
	put_desc(Arena::desc, 16ull * index, addr, len, flags, packed_ ? index : 0);
	if (packed_)
		return driver_at_.step(size_);
	const u16 now = avail_index();
	arena_.put(Arena::driver, 4 + 2ull * (now % size_), index);
	arena_.put(Arena::driver, 2, static_cast<u16>(now + 1));
}

// An entry with any head and index, or any flags.
void RingWorld::offer_raw()
{
	const u8 how = in_.byte();
	if (packed_) {
		arena_.put(Arena::desc, 16ull * driver_at_.index + 14, in_.word());
		if (how & 1)
			driver_at_.step(size_);
		if (how & 2) // where the device is, at once
			driver_at_ = avail_at_;
		return;
	}
	const u16 now = avail_index();
	arena_.put(Arena::driver, 4 + 2ull * (now % size_), index(size_));
	if (how & 1) // by one, as it should, or by about as many as the ring holds
		arena_.put(Arena::driver, 2, static_cast<u16>(now + 1));
	else
		arena_.put(Arena::driver, 2, static_cast<u16>(avail_ + index(size_)));
}

// What it says of notifications.
void RingWorld::wish()
{
	const u8 how = in_.byte();
	const auto near = static_cast<u16>(in_.byte() - 64);
	if (packed_) {
		NaivePosition at = used_at_;
		for (u32 n = near % (2 * size_ + 1); n; n--)
			at.step(size_);
		if (how & 0x80)
			at.index = index(size_);
		arena_.put(Arena::driver, 0, at.bits());
		arena_.put(Arena::driver, 2, static_cast<u16>(how & 0x40 ? in_.word() : how & 3));
		return;
	}
	arena_.put(Arena::driver, 0, static_cast<u16>(how & 1));
	arena_.put(Arena::driver, 4 + 2ull * size_,
		   how & 0x80 ? in_.word() : static_cast<u16>(used_ + near));
}

// Entries of an indirect table.
void RingWorld::table(u64 at, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		const u8 how = in_.byte();
		const bool more = i + 1 < count;
		u16 flags = (how & 1 ? desc_f_write : 0) | (more ? desc_f_next : 0);
		u16 next = static_cast<u16>(i + 1);
		if (how >= 0xe0) {
			flags = in_.byte() & 7;
			next = index(count);
		}
		const u64 addr = address();
		put_desc(Arena::data, at + 16ull * i, addr, length(), flags, next);
	}
}

// Another memory table, of pieces of the data area and of nothing, over each other.
void RingWorld::map_memory()
{
	std::vector<NaiveRegions::Given> given;
	u64 guest = data_guest;
	for (u32 n = in_.below(8); n; n--) {
		const u8 how = in_.byte();
		NaiveRegions::Given g{};
		if (how & 1) {
			const u32 at = in_.below(Arena::data_bytes);
			g.memory_size = 1 + in_.below(Arena::data_bytes - at);
			g.userspace_addr = arena_.user(Arena::data, at);
		} else {
			g.memory_size = 1ull + in_.get<u32>();
			g.userspace_addr = Arena::nowhere + in_.get<u32>();
		}
		// Behind the one before, or over it, or wherever.
		g.guest_phys_addr = how & 0x80 ? in_.number() : guest - (how & 0x40 ? in_.byte() : 0);
		if (NaiveRegions::last(g) < g.guest_phys_addr)
			g.guest_phys_addr = 0 - g.memory_size; // up to the very end
		guest = g.guest_phys_addr + g.memory_size;
		given.push_back(g);
	}
	set_regions(std::move(given));
}

// A change between two accesses of the device.
void RingWorld::race()
{
	const auto area = static_cast<Arena::Area>(in_.below(Arena::areas));
	const u64 at = offset(area);
	arena_.race({in_.below(32), area, at, in_.get<u64>(), static_cast<u8>(1 + in_.below(8))});
	device_area_ours_ &= area != Arena::device;
}

// Memory that is not there.
void RingWorld::fail()
{
	const u8 how = in_.byte();
	if (how < 0x60)
		return arena_.fail_at(1 + how % 32);
	if (how >= 0xa0)
		return arena_.heal();
	const auto area = static_cast<Arena::Area>(in_.below(Arena::areas));
	const u64 at = offset(area);
	arena_.fault(area, at, 1 + in_.byte());
}

// Other features of the same format; what needs an order is done with.
void RingWorld::renegotiate()
{
	const u8 bits = in_.byte();
	if (!shadow_.empty() || batch_.size())
		return;
	features_ = features_of(static_cast<u8>((bits & ~1) | (event_idx_ ? 1 : 0)), packed_);
	ring_.set_features(features_);
}

} // namespace vna::fuzz
