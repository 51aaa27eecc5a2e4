// SPDX-License-Identifier: GPL-2.0-only
#include "malformed.hh"

namespace vna
{

namespace
{

using Target = PackedTarget;
using D = PackedDescriptor;
constexpr u16 next = desc_f_next, write = desc_f_write, indirect = desc_f_indirect;
constexpr u64 no_indirect = feature(VNA_VIRTIO_RING_F_INDIRECT_DESC);
constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr bool in_wish = true;

// A chain of two whose second descriptor has these bits for what says that it is available.
void second_says(const Target &t, u16 bits)
{
	t.desc(1, t.data(64), 64);
	const unsigned second = t.at(1).index;
	t.ring.table().set_flags(second, bits);
	t.desc(0, t.data(64), 64, next);
}

} // namespace

void Target::desc(unsigned n, u64 addr, u32 len, u16 flags, u16 id) const
{
	const auto slot = at(n);
	ring.table().set_desc(slot.index, addr, len, id);
	ring.table().set_flags(slot.index,
			       static_cast<u16>(flags | driver::packed_available(slot.wrap)));
}

void Target::table(const std::vector<PackedDescriptor> &entries) const
{
	desc(0, place(entries), static_cast<u32>(entries.size() * sizeof(PackedDescriptor)),
	     indirect);
}

const std::vector<Malformed> malformed_packed_rings = {
	// 2.8.21.1: an id that the driver took from as many as there are slots.
	{"packed_id_just_beyond_the_ring", RingError::id_out_of_ring, true, 0,
	 [](const Target &t) {
		 t.desc(0, t.data(64), 64, 0, static_cast<u16>(t.ring.size()));
	 }},
	{"packed_id_65535", RingError::id_out_of_ring, true, 0,
	 [](const Target &t) { t.desc(0, t.data(64), 64, 0, 0xffff); }},
	{"packed_id_of_a_chain_beyond_the_ring", RingError::id_out_of_ring, true, 0,
	 [](const Target &t) {
		 t.desc(1, t.data(64), 64, 0, static_cast<u16>(t.ring.size()));
		 t.desc(0, t.data(64), 64, next, 2);
	 }},
	{"packed_id_of_a_table_beyond_the_ring", RingError::id_out_of_ring, true, 0,
	 [](const Target &t) {
		 t.desc(0, t.place<D>({{t.data(64), 64, 0, 0}}), 16, indirect,
			static_cast<u16>(t.ring.size()));
	 }},

	// 2.8.6: the first descriptor of a list is made available after all others.
	{"packed_second_not_available", RingError::chain_vanished, true, 0,
	 [](const Target &t) {
		 second_says(t, driver::packed_used(!t.at(1).wrap)); // as it was a lap ago
	 }},
	{"packed_second_used", RingError::chain_vanished, true, 0,
	 [](const Target &t) { second_says(t, driver::packed_used(t.at(1).wrap)); }},
	{"packed_second_available_in_another_lap", RingError::chain_vanished, true, 0,
	 [](const Target &t) { second_says(t, driver::packed_available(!t.at(1).wrap)); }},
	{"packed_fifth_not_available", RingError::chain_vanished, true, 0,
	 [](const Target &t) {
		 for (unsigned n = 4; n-- > 0;)
			 t.desc(n, t.data(64), 64, next);
	 }},
	// 2.8.17: no longer than the queue; this one runs into its own first descriptor.
	{"packed_chain_longer_than_the_ring", RingError::chain_too_long, false, 0,
	 [](const Target &t) {
		 const u64 data = t.data(64);
		 for (unsigned n = 0; n < t.ring.size(); n++) {
			 const auto slot = t.ring.next_used().after(n, t.ring.size());
			 t.ring.table().set_desc(slot.index, data, 64, 0);
			 t.ring.table().set_flags(
				 slot.index,
				 static_cast<u16>(next | driver::packed_available(slot.wrap)));
		 }
	 }},
	{"packed_chain_of_2_to_the_32_bytes", RingError::chain_too_big, true, 0,
	 [](const Target &t) {
		 t.desc(1, phantom.guest_phys_addr, 1u << 31);
		 t.desc(0, phantom.guest_phys_addr, 1u << 31, next);
	 }},
	{"packed_readable_and_writable_bytes_of_2_to_the_32", RingError::chain_too_big, true, 0,
	 [](const Target &t) {
		 t.desc(1, phantom.guest_phys_addr, 1u << 31, write);
		 t.desc(0, phantom.guest_phys_addr, 1u << 31, next);
	 }},
	{"packed_table_of_1025_pieces", RingError::too_many_segments, true, 0,
	 [](const Target &t) { t.table(std::vector<D>(1025, {t.data(64), 64, 0, 0})); }},

	// A descriptor's memory (2.8.4).
	{"packed_length_zero", RingError::zero_length, true, 0,
	 [](const Target &t) { t.desc(0, t.data(64), 0); }},
	{"packed_second_length_zero", RingError::zero_length, true, 0,
	 [](const Target &t) {
		 t.desc(1, t.data(64), 0, write);
		 t.desc(0, t.data(64), 64, next);
	 }},
	{"packed_address_wraps", RingError::address_wrap, true, 0,
	 [](const Target &t) { t.desc(0, ~0ull, 2); }},
	{"packed_address_unmapped", RingError::address_unmapped, true, 0,
	 [](const Target &t) { t.desc(0, t.guest.unmapped(), 64); }},
	{"packed_last_byte_unmapped", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 const auto &region = t.guest.regions().back();
		 t.desc(0, region.base + region.size - 63, 64);
	 }},
	{"packed_byte_before_the_region", RingError::address_unmapped, true, 0,
	 [](const Target &t) { t.desc(0, t.guest.regions()[0].base - 1, 64); }},
	{"packed_last_address_unmapped", RingError::address_unmapped, true, 0,
	 [](const Target &t) { t.desc(0, ~0ull, 1); }},
	// 2.8.17: writable elements come after readable ones.
	{"packed_readable_after_writable", RingError::readable_after_writable, true, 0,
	 [](const Target &t) {
		 t.desc(1, t.data(64), 64);
		 t.desc(0, t.data(64), 64, write | next);
	 }},

	// Indirect tables (2.8.7, 2.8.19).
	{"packed_indirect_not_negotiated", RingError::indirect_not_negotiated, true, no_indirect,
	 [](const Target &t) { t.table({{t.data(64), 64, 0, 0}}); }},
	{"packed_indirect_and_next", RingError::indirect_with_next, true, 0,
	 [](const Target &t) {
		 t.desc(1, t.data(64), 64);
		 t.desc(0, t.place<D>({{t.data(64), 64, 0, 0}}), 16, indirect | next);
	 }},
	{"packed_indirect_after_a_direct_one", RingError::indirect_with_next, true, 0,
	 [](const Target &t) {
		 t.desc(1, t.place<D>({{t.data(64), 64, 0, 0}}), 16, indirect);
		 t.desc(0, t.data(64), 64, next);
	 }},
	{"packed_table_of_no_bytes", RingError::indirect_size, true, 0,
	 [](const Target &t) { t.desc(0, t.data(64), 0, indirect); }},
	{"packed_table_of_15_bytes", RingError::indirect_size, true, 0,
	 [](const Target &t) { t.desc(0, t.data(64), 15, indirect); }},
	{"packed_table_of_17_bytes", RingError::indirect_size, true, 0,
	 [](const Target &t) { t.desc(0, t.data(64), 17, indirect); }},
	{"packed_table_of_65537_entries", RingError::indirect_size, true, 0,
	 [](const Target &t) { t.desc(0, phantom.guest_phys_addr, 65537 * 16, indirect); }},
	{"packed_table_wraps", RingError::address_wrap, true, 0,
	 [](const Target &t) { t.desc(0, ~0ull - 14, 32, indirect); }},
	{"packed_table_unmapped", RingError::address_unmapped, true, 0,
	 [](const Target &t) { t.desc(0, t.guest.unmapped(), 16, indirect); }},
	{"packed_table_cut_off_within_a_descriptor", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 const auto &region = t.guest.regions()[0];
		 t.desc(0, region.base + region.size - 8, 16, indirect);
	 }},
	{"packed_length_zero_in_a_table", RingError::zero_length, true, 0,
	 [](const Target &t) { t.table({{t.data(64), 64, 0, 0}, {t.data(64), 0, 0, 0}}); }},
	{"packed_address_unmapped_in_a_table", RingError::address_unmapped, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, 0, 0}, {t.guest.unmapped(), 64, 0, 0}});
	 }},

	// The ring is not there.
	{"packed_descriptor_faults", RingError::ring_fault, true, 0,
	 [](const Target &t) {
		 t.desc(0, t.data(64), 64);
		 t.memory.fault(&t.ring.table().desc(t.at(0).index), 8);
	 }},
	{"packed_second_descriptor_faults", RingError::ring_fault, true, 0,
	 [](const Target &t) {
		 t.desc(1, t.data(64), 64);
		 t.desc(0, t.data(64), 64, next);
		 t.memory.fault(&t.ring.table().desc(t.at(1).index), 8);
	 }},
	{"packed_flags_fault", RingError::ring_fault, true, 0,
	 [](const Target &t) { t.memory.fault(&t.ring.table().desc(t.at(0).index).flags, 2); }},
	{"packed_table_faults", RingError::ring_fault, true, 0,
	 [](const Target &t) {
		 t.table({{t.data(64), 64, 0, 0}});
		 t.memory.fault(t.user(t.ring.table().desc(t.at(0).index).addr), 16);
	 }},

	// Driver event suppression (2.8.10, 2.8.14).
	{"packed_event_flags_reserved", RingError::event_flags, true, 0,
	 [](const Target &t) { t.ring.table().set_driver_flags(3); }, event_idx, in_wish},
	{"packed_event_flags_reserved_without_event_index", RingError::event_flags, true,
	 event_idx, [](const Target &t) { t.ring.table().set_driver_flags(3); }, 0, in_wish},
	{"packed_event_at_a_descriptor_not_negotiated", RingError::event_flags, true, event_idx,
	 [](const Target &t) { t.ring.table().set_driver_flags(2); }, 0, in_wish},
	{"packed_event_just_beyond_the_ring", RingError::event_out_of_ring, true, 0,
	 [](const Target &t) {
		 t.ring.table().set_driver_off_wrap(static_cast<u16>(t.ring.size()));
		 t.ring.table().set_driver_flags(2);
	 },
	 event_idx, in_wish},
	{"packed_event_at_32767", RingError::event_out_of_ring, true, 0,
	 [](const Target &t) {
		 t.ring.table().set_driver_off_wrap(0xffff);
		 t.ring.table().set_driver_flags(2);
	 },
	 event_idx, in_wish},
	{"packed_event_flags_fault", RingError::ring_fault, true, 0,
	 [](const Target &t) { t.memory.fault(t.user(t.ring.areas().driver) + 2, 2); }, 0,
	 in_wish},
	{"packed_event_position_faults", RingError::ring_fault, true, 0,
	 [](const Target &t) {
		 t.ring.table().set_driver_flags(2);
		 t.memory.fault(t.user(t.ring.areas().driver), 2);
	 },
	 event_idx, in_wish},
};

} // namespace vna
