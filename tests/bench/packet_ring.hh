// SPDX-License-Identifier: GPL-2.0-only
// The driver's side of a ring whose packets are all alike: plain stores through
// the hooks, so that it runs wherever the core does.
#pragma once

#include "core/memory/translator.hh"
#include "core/virtqueue/virtqueue.hh"
#include "shape.h"

namespace vna::bench {

class PacketRing {
public:
	// The ring and what it points to lie at guest address guest_base.
	static constexpr u64 guest_base = 1ull << 32;

	PacketRing(const vna_bench_shape &shape, u64 user) : shape_(shape), user_(user) {}

	[[nodiscard]] RingAddresses addresses() const
	{
		return {user_ + desc_at, user_ + driver_at, user_ + device_at};
	}
	// Descriptors in the ring itself that a packet takes.
	[[nodiscard]] u32 descs() const { return shape_.packet == VNA_BENCH_CHAIN ? 3 : 1; }
	// Packets that fill the ring.
	[[nodiscard]] u32 capacity() const { return shape_.size / descs(); }

	// Writes what stays as it is from lap to lap.  False, here and below: a fault.
	[[nodiscard]] bool prepare();
	// Makes the next @packets available and asks to be told of the first's use.
	[[nodiscard]] bool offer(u32 packets);
	// Whether @batch is what was last offered, translated.
	[[nodiscard]] bool fetched(BufferBatch &batch) const;
	// Whether the last offered @packets were used, in batches of the shape's.
	[[nodiscard]] bool used(u32 packets);

private:
	struct Place {
		u32 index = 0;
		bool wrap = true;
	};
	// Of the user memory.
	static constexpr u64 desc_at = 0, driver_at = 1 << 16, device_at = 2 << 16;
	static constexpr u64 tables_at = 4 << 16, data_at = 1 << 20, page = 4096;

	[[nodiscard]] u64 data(u32 packet, u32 segment) const
	{
		return guest_base + data_at + (packet * 3ull + segment) * page;
	}
	[[nodiscard]] u64 table(u32 packet) const { return tables_at + packet * 64ull; }
	// Of the segments of a packet: virtio-net header, Ethernet header, the rest.
	[[nodiscard]] u32 length(u32 segment) const
	{
		constexpr u32 lens[] = {12, 14, 50};
		return shape_.packet == VNA_BENCH_DIRECT ? 76 : lens[segment];
	}
	[[nodiscard]] bool offer_split(u32 packets);
	[[nodiscard]] bool offer_packed(u32 packets);
	[[nodiscard]] bool used_split(u32 packets);
	[[nodiscard]] bool used_packed(u32 packets);
	// A descriptor at @at in the user memory, of either format: @last is next and
	// flags of one, id and flags of the other.
	[[nodiscard]] bool desc(u64 at, u64 addr, u32 len, u16 first, u16 last);
	void advance(Place &place, u32 n) const;

	const vna_bench_shape shape_;
	const u64 user_;
	u32 packet_ = 0; // the next one, of capacity()
	u32 last_ = 0; // the last one offered
	u16 index_ = 0; // split: the available index
	Place next_, first_; // packed: where the next one goes; where the last offer began
};

} // namespace vna::bench
