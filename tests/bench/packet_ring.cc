// SPDX-License-Identifier: GPL-2.0-only
#include "packet_ring.hh"

#include "core/virtqueue/descriptor.hh"

namespace vna::bench {

namespace {

// Virtio 1.2 sections 2.7.6, 2.7.8 and 2.8.14.
constexpr u64 ring_idx = 2, ring_entries = 4;
constexpr u64 event_position = 0, event_flags = 2;
constexpr u16 event_f_desc = 2;

} // namespace

bool PacketRing::desc(u64 at, u64 addr, u32 len, u16 first, u16 last)
{
	const u64 words[] = {addr, len | static_cast<u64>(first) << 32 |
					   static_cast<u64>(last) << 48};
	return !vna_env_copy_to_user(user_ + at, words, sizeof words);
}

void PacketRing::advance(Place &place, u32 n) const
{
	place.index += n;
	if (place.index >= shape_.size) {
		place.index -= shape_.size;
		place.wrap = !place.wrap;
	}
}

bool PacketRing::prepare()
{
	const u16 write = shape_.writable ? desc_f_write : 0;
	const bool packed = shape_.packed;
	for (u32 p = 0; p < capacity(); p++) {
		for (u32 s = 0; s < 3 && shape_.packet == VNA_BENCH_INDIRECT; s++) {
			const u16 flags = write | (!packed && s < 2 ? desc_f_next : 0);
			const u16 next = static_cast<u16>(s < 2 ? s + 1 : 0);
			if (!desc(table(p) + 16 * s, data(p, s), length(s), packed ? 0 : flags,
				  packed ? flags : next))
				return false;
		}
		// The heads of a split ring ascend.
		for (u32 s = 0; s < descs() && !packed; s++) {
			const u32 at = p * descs() + s;
			const u16 flags = write | (s + 1 < descs() ? desc_f_next : 0);
			const bool ok =
				shape_.packet == VNA_BENCH_INDIRECT ?
					desc(desc_at + 16 * at, guest_base + table(p), 48,
					     desc_f_indirect, 0) :
					desc(desc_at + 16 * at, data(p, s), length(s), flags,
					     static_cast<u16>(at + 1));
			if (!ok)
				return false;
		}
	}
	// The packed ring's flags of the first round say: not available.
	const u64 zero = 0;
	for (u32 i = 0; i < shape_.size && packed; i++) {
		if (!desc(desc_at + 16 * i, 0, 0, 0, 0))
			return false;
	}
	return !vna_env_copy_to_user(user_ + driver_at, &zero, 4) &&
	       !vna_env_copy_to_user(user_ + device_at, &zero, 4);
}

bool PacketRing::offer(u32 packets)
{
	return shape_.packed ? offer_packed(packets) : offer_split(packets);
}

bool PacketRing::used(u32 packets)
{
	return shape_.packed ? used_packed(packets) : used_split(packets);
}

bool PacketRing::fetched(BufferBatch &batch) const
{
	const u32 segments = shape_.packet == VNA_BENCH_DIRECT ? 1 : 3;
	for (u32 i = 0; i < batch.size(); i++) {
		const u32 packet = (last_ + capacity() - (batch.size() - 1 - i)) % capacity();
		const auto segs = batch.segments(batch[i]);
		if (segs.size() != segments || (batch[i].writable != 0) != (shape_.writable != 0))
			return false;
		for (u32 s = 0; s < segments; s++) {
			if (segs[s].addr != user_ + (data(packet, s) - guest_base) ||
			    segs[s].len != length(s))
				return false;
		}
	}
	return true;
}

bool PacketRing::offer_split(u32 packets)
{
	const u64 driver = user_ + driver_at;
	if (vna_env_put_u16(driver + ring_entries + 2 * shape_.size, index_))
		return false;
	for (u32 i = 0; i < packets; i++) {
		last_ = packet_;
		packet_ = packet_ + 1 == capacity() ? 0 : packet_ + 1;
		const u32 slot = index_++ & (shape_.size - 1);
		if (vna_env_put_u16(driver + ring_entries + 2 * slot,
				    static_cast<u16>(last_ * descs())))
			return false;
	}
	return !vna_env_put_u16(driver + ring_idx, index_);
}

bool PacketRing::used_split(u32 packets)
{
	const u64 device = user_ + device_at;
	u16 index;
	if (vna_env_get_u16(&index, device + ring_idx) || index != index_)
		return false;
	// In order one entry, the first of the batch, stands for all of it (2.7.9).
	const u32 last_batch = (packets - 1) % shape_.batch + 1;
	const u32 back = shape_.in_order && !shape_.writable ? last_batch : 1;
	u16 id;
	return !vna_env_get_u16(&id, device + ring_entries +
					     8ull * ((index - back) & (shape_.size - 1))) &&
	       id == last_ * descs();
}

bool PacketRing::offer_packed(u32 packets)
{
	first_ = next_;
	const u64 driver = user_ + driver_at;
	if (vna_env_put_u16(driver + event_position,
			    static_cast<u16>(next_.index | next_.wrap << 15)) ||
	    vna_env_put_u16(driver + event_flags, event_f_desc))
		return false;
	for (u32 i = 0; i < packets; i++) {
		last_ = packet_;
		packet_ = packet_ + 1 == capacity() ? 0 : packet_ + 1;
		const u16 id = static_cast<u16>(last_);
		for (u32 s = 0; s < descs(); s++) {
			const u16 available = next_.wrap ? PackedDescriptor::f_avail :
							   PackedDescriptor::f_used;
			const u16 flags = available | (shape_.writable ? desc_f_write : 0) |
					  (s + 1 < descs() ? desc_f_next : 0);
			const u64 at = desc_at + 16 * next_.index;
			const bool ok = shape_.packet == VNA_BENCH_INDIRECT ?
						desc(at, guest_base + table(last_), 48, id,
						     available | desc_f_indirect) :
						desc(at, data(last_, s), length(s), id, flags);
			if (!ok)
				return false;
			advance(next_, 1);
		}
	}
	return true;
}

bool PacketRing::used_packed(u32 packets)
{
	constexpr u16 both = PackedDescriptor::f_avail | PackedDescriptor::f_used;
	// Where the last batch began, and whose id is to be found there (2.8.9).
	const u32 last_batch = (packets - 1) % shape_.batch + 1;
	Place place = first_;
	for (u32 i = 0; i < packets - last_batch; i++)
		advance(place, descs());
	const bool one = shape_.in_order && !shape_.writable;
	const u32 expected = (last_ + capacity() - (one ? 0 : last_batch - 1)) % capacity();
	const u64 at = user_ + desc_at + 16 * place.index;
	u16 id, flags;
	return !vna_env_get_u16(&id, at + 12) && !vna_env_get_u16(&flags, at + 14) &&
	       id == expected && (flags & both) == (place.wrap ? both : 0);
}

} // namespace vna::bench
