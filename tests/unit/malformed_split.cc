// SPDX-License-Identifier: GPL-2.0-only
#include "malformed.hh"

namespace vna
{

void Malformed::make(driver::DriverRing &ring, driver::GuestMemory &guest,
		     host::UserMemory &memory) const
{
	if (split_)
		split_({{dynamic_cast<driver::SplitRing &>(ring), guest, memory}});
	else
		packed_({{dynamic_cast<driver::PackedRing &>(ring), guest, memory}});
}

std::vector<Malformed> malformed_rings()
{
	std::vector<Malformed> all = malformed_split_rings;
	all.insert(all.end(), malformed_packed_rings.begin(), malformed_packed_rings.end());
	return all;
}

namespace
{

using Target = SplitTarget;
using D = SplitDescriptor;
constexpr u16 at = Target::at;
constexpr u16 next = desc_f_next, write = desc_f_write, indirect = desc_f_indirect;
constexpr u64 no_indirect = feature(VNA_VIRTIO_RING_F_INDIRECT_DESC);

} // namespace

void Target::table(const std::vector<SplitDescriptor> &entries) const
{
	desc(at, place(entries), static_cast<u32>(entries.size() * sizeof(SplitDescriptor)),
	     indirect);
}

void Target::expose(u16 head) const
{
	auto &table = ring.table();
	const u16 index = table.avail_idx();
	table.set_avail_entry(index, head);
	table.set_avail_idx(static_cast<u16>(index + 1));
}

const std::vector<Malformed> malformed_split_rings = {
	// The available ring (2.7.6).
	{"index_ahead_by_more_than_the_ring", RingError::avail_index_jump, false, 0,
	 [](const Target &t) {
		 auto &table = t.ring.table();
		 // By one: what was used is what was fetched.
		 table.set_avail_idx(static_cast<u16>(table.used_idx() + t.ring.size() + 1));
	 }},
	// 2.7.6.1: the driver must not decrement the index.
	{"index_moved_back", RingError::avail_index_jump, false, 0,
	 [](const Target &t) {
		 auto &table = t.ring.table();
		 table.set_avail_idx(static_cast<u16>(table.used_idx() - 1));
	 }},
	{"head_just_beyond_the_table", RingError::head_out_of_ring, true, 0,
	 [](const Target &t) { t.expose(static_cast<u16>(t.ring.size())); }},
	{"head_65535", RingError::head_out_of_ring, true, 0,
	 [](const Target &t) { t.expose(0xffff); }},

	// Chains (2.7.5).
	{"next_just_beyond_the_table", RingError::next_out_of_table, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 64, next, static_cast<u16>(t.ring.size()));
		 t.expose(at);
	 }},
	{"chain_loops_on_itself", RingError::chain_too_long, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 64, next, at);
		 t.expose(at);
	 }},
	{"chain_loops_over_two", RingError::chain_too_long, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 64, next, at + 1);
		 t.desc(at + 1, t.data(64), 64, next, at);
		 t.expose(at);
	 }},
	// 2.7.5.2: not longer than 2^32 bytes in total.
	{"chain_of_2_to_the_32_bytes", RingError::chain_too_big, true, 0,
	 [](const Target &t) {
		 t.desc(at, phantom.guest_phys_addr, 1u << 31, next, at + 1);
		 t.desc(at + 1, phantom.guest_phys_addr, 1u << 31);
		 t.expose(at);
	 }},
	{"readable_and_writable_bytes_of_2_to_the_32", RingError::chain_too_big, true, 0,
	 [](const Target &t) {
		 t.desc(at, phantom.guest_phys_addr, 1u << 31, next, at + 1);
		 t.desc(at + 1, phantom.guest_phys_addr, 1u << 31, write);
		 t.expose(at);
	 }},
	{"table_of_1025_pieces", RingError::too_many_segments, true, 0,
	 [](const Target &t) {
		 std::vector<D> entries;
		 const u64 data = t.data(64);
		 for (u16 i = 0; i < 1025; i++)
			 entries.push_back({data, 64, next, static_cast<u16>(i + 1)});
		 entries.back().flags = 0;
		 t.table(entries);
		 t.expose(at);
	 }},

	// A descriptor's memory (2.7.5).
	{"length_zero", RingError::zero_length, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 0);
		 t.expose(at);
	 }},
	{"second_length_zero", RingError::zero_length, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 64, next, at + 1);
		 t.desc(at + 1, t.data(64), 0, write);
		 t.expose(at);
	 }},
	{"address_wraps", RingError::address_wrap, true, 0,
	 [](const Target &t) {
		 t.desc(at, ~0ull, 2);
		 t.expose(at);
	 }},
	{"address_unmapped", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.guest.unmapped(), 64);
		 t.expose(at);
	 }},
	{"last_byte_unmapped", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 const auto &region = t.guest.regions().back();
		 t.desc(at, region.base + region.size - 63, 64);
		 t.expose(at);
	 }},
	{"byte_before_the_region", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.guest.regions()[0].base - 1, 64);
		 t.expose(at);
	 }},
	{"last_address_unmapped", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 t.desc(at, ~0ull, 1);
		 t.expose(at);
	 }},
	// 2.7.4.2: writable elements come after readable ones.
	{"readable_after_writable", RingError::readable_after_writable, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 64, write | next, at + 1);
		 t.desc(at + 1, t.data(64), 64);
		 t.expose(at);
	 }},
	{"readable_after_writable_in_a_table", RingError::readable_after_writable, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, write | next, 1}, {t.data(64), 64, 0, 0}});
		 t.expose(at);
	 }},

	// Indirect tables (2.7.5.3.1).
	{"indirect_not_negotiated", RingError::indirect_not_negotiated, true, no_indirect,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, 0, 0}});
		 t.expose(at);
	 }},
	{"indirect_and_next", RingError::indirect_with_next, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, 0, 0}});
		 t.ring.table().desc(at).flags |= next;
		 t.expose(at);
	 }},
	{"indirect_in_a_table", RingError::indirect_nested, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, next, 1}, {t.data(64), 64, indirect, 0}});
		 t.expose(at);
	 }},
	{"table_of_no_bytes", RingError::indirect_size, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 0, indirect);
		 t.expose(at);
	 }},
	{"table_of_15_bytes", RingError::indirect_size, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 15, indirect);
		 t.expose(at);
	 }},
	{"table_of_17_bytes", RingError::indirect_size, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.data(64), 17, indirect);
		 t.expose(at);
	 }},
	{"table_of_65537_entries", RingError::indirect_size, true, 0,
	 [](const Target &t) {
		 t.desc(at, phantom.guest_phys_addr, 65537 * 16, indirect);
		 t.expose(at);
	 }},
	{"table_wraps", RingError::address_wrap, true, 0,
	 [](const Target &t) {
		 t.desc(at, ~0ull - 14, 32, indirect);
		 t.expose(at);
	 }},
	{"table_unmapped", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 t.desc(at, t.guest.unmapped(), 16, indirect);
		 t.expose(at);
	 }},
	{"table_cut_off_within_a_descriptor", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 const auto &region = t.guest.regions()[0];
		 t.desc(at, region.base + region.size - 8, 16, indirect);
		 t.expose(at);
	 }},
	{"table_loops", RingError::chain_too_long, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, next, 1}, {t.data(64), 64, next, 0}});
		 t.expose(at);
	 }},
	{"next_just_beyond_an_indirect_table", RingError::next_out_of_table, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, next, 1}, {t.data(64), 64, next, 2}});
		 t.expose(at);
	 }},
	{"length_zero_in_a_table", RingError::zero_length, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, next, 1}, {t.data(64), 0, 0, 0}});
		 t.expose(at);
	 }},

	// The ring is not there.
	{"available_index_faults", RingError::ring_fault, false, 0,
	 [](const Target &t) { t.memory.fault(t.user(t.ring.areas().driver) + 2, 2); }},
	{"available_entries_fault", RingError::ring_fault, false, 0,
	 [](const Target &t) {
		 t.memory.fault(t.user(t.ring.areas().driver) + 4, 2 * t.ring.size());
	 }},
	{"descriptor_faults", RingError::ring_fault, true, 0,
	 [](const Target &t) {
		 t.memory.fault(t.user(t.ring.areas().descriptor) + 16 * at, 16);
		 t.expose(at);
	 }},
	{"table_faults", RingError::ring_fault, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, 0, 0}});
		 t.memory.fault(t.user(t.ring.table().desc(at).addr), 16);
		 t.expose(at);
	 }},
};

} // namespace vna
