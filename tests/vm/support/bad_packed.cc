/* SPDX-License-Identifier: GPL-2.0-only */
#include "bad_ring.hh"

namespace vna::vm
{

namespace
{

constexpr std::uint16_t next_flag = VRING_DESC_F_NEXT;
constexpr std::uint16_t write_flag = VRING_DESC_F_WRITE;
constexpr std::uint16_t indirect_flag = VRING_DESC_F_INDIRECT;

struct Desc {
	driver::Gpa addr;
	std::uint32_t len;
	std::uint16_t flags; /* NEXT, WRITE, INDIRECT */
	std::uint16_t id = 0;
};

struct Bench {
	Bench(Rig &rig, Queue &queue)
	    : rig(rig), table(queue.packed_table()), good(rig.memory.allocate(buffer_bytes)),
	      start(queue.ring().base() & 0x7fff)
	{
	}

	Rig &rig;
	driver::PackedTable &table;
	driver::Gpa good; /* a buffer of buffer_bytes */
	unsigned start;	  /* slot, in the lap with wrap counter 1 */

	/* The slot so far behind the start, with these bits of its flags for avail and used. */
	void set(unsigned i, const Desc &desc, std::uint16_t state)
	{
		const unsigned slot = (start + i) % table.size();
		table.set_desc(slot, desc.addr, desc.len, desc.id);
		table.set_flags(slot, static_cast<std::uint16_t>(desc.flags | state));
	}
	void set_available(unsigned i, const Desc &desc)
	{
		set(i, desc, driver::packed_available(start + i < table.size()));
	}
	/* A chain of these, the first of them last (§2.8.6). */
	void offer(std::initializer_list<Desc> chain)
	{
		for (auto i = static_cast<unsigned>(chain.size()); i--;)
			set_available(i, chain.begin()[i]);
	}
	/* A chain of count descriptors of bytes each; slot missing is in that other state. */
	void offer_without(unsigned count, unsigned missing, std::uint16_t state,
			   std::uint16_t flags = 0)
	{
		for (unsigned i = count; i--;) {
			const bool more = i + 1 < count;
			const Desc desc{good, 30,
					static_cast<std::uint16_t>(flags | (more ? next_flag : 0))};
			if (i == missing)
				set(i, desc, state);
			else
				set_available(i, desc);
		}
	}
	/* A ring full of descriptors that all have a next one. */
	void offer_endless(std::uint16_t flags = 0)
	{
		for (unsigned i = table.size(); i--;)
			set_available(i, {good, 1, static_cast<std::uint16_t>(flags | next_flag)});
	}

	/* An indirect table of these, in guest memory. */
	driver::Gpa indirect(std::initializer_list<vring_packed_desc> descriptors)
	{
		const driver::Gpa gpa = rig.memory.allocate(16 * descriptors.size());
		std::copy(descriptors.begin(), descriptors.end(),
			  reinterpret_cast<vring_packed_desc *>(rig.memory.at(gpa)));
		return gpa;
	}
	driver::Gpa good_table() { return indirect({{good, buffer_bytes, 0, 0}}); }
};

constexpr std::uint64_t packed_features = feature::version_1 | feature::indirect | feature::packed;

const std::initializer_list<BadRingBy<void (*)(Bench &)>> list = {
	/* §2.8.13: buffer ids */
	{"an id just beyond the ring", tx_queue, "id_out_of_ring",
	 [](Bench &b) {
		 b.offer({{b.good, buffer_bytes, 0, 256}});
	 }},
	{"an id of 65535", tx_queue, "id_out_of_ring",
	 [](Bench &b) {
		 b.offer({{b.good, buffer_bytes, 0, 65535}});
	 }},
	{"an id beyond the ring in a chain's last descriptor", tx_queue, "id_out_of_ring",
	 [](Bench &b) {
		 b.offer({{b.good, 12, next_flag, 0}, {b.good, frame_bytes, 0, 256}});
	 }},
	{"an id beyond the ring", rx_queue, "id_out_of_ring",
	 [](Bench &b) {
		 b.offer({{b.good, buffer_bytes, write_flag, 256}});
	 }},
	{"an id beyond the ring for an indirect table", tx_queue, "id_out_of_ring",
	 [](Bench &b) {
		 b.offer({{b.good_table(), 16, indirect_flag, 256}});
	 }},

	/* §2.8.6, §2.8.17: chains */
	{"a chain longer than the ring", tx_queue, "chain_too_long",
	 [](Bench &b) { b.offer_endless(); }},
	{"a chain longer than the ring", rx_queue, "chain_too_long",
	 [](Bench &b) { b.offer_endless(write_flag); }},
	{"a chain longer than the ring, from its middle", tx_queue, "chain_too_long",
	 [](Bench &b) { b.offer_endless(); }, nullptr, 0, 100},
	{"a chain whose second descriptor is not available", tx_queue, "chain_vanished",
	 [](Bench &b) {
		 b.offer({{b.good, 30, next_flag}});
	 }},
	{"a chain whose second descriptor is not available", rx_queue, "chain_vanished",
	 [](Bench &b) {
		 b.offer({{b.good, 30, next_flag | write_flag}});
	 }},
	{"a chain whose second descriptor is used", tx_queue, "chain_vanished",
	 [](Bench &b) { b.offer_without(3, 1, driver::packed_used(true)); }},
	{"a chain whose last descriptor is of the lap before", tx_queue, "chain_vanished",
	 [](Bench &b) { b.offer_without(3, 2, driver::packed_available(false)); }},
	{"a chain with a gap far behind its head", tx_queue, "chain_vanished",
	 [](Bench &b) { b.offer_without(200, 150, 0); }},
	{"a chain that goes on at the ring's start with the old wrap counter", tx_queue,
	 "chain_vanished", [](Bench &b) { b.offer_without(3, 1, driver::packed_available(true)); },
	 nullptr, 0, 255},
	{"a chain that goes on at the ring's start with the old wrap counter", rx_queue,
	 "chain_vanished",
	 [](Bench &b) { b.offer_without(3, 1, driver::packed_available(true), write_flag); },
	 nullptr, 0, 255},
	{"a zero-length descriptor", tx_queue, "zero_length",
	 [](Bench &b) {
		 b.offer({{b.good, 0, next_flag}, {b.good, buffer_bytes, 0}});
	 }},
	{"a zero-length descriptor", rx_queue, "zero_length",
	 [](Bench &b) {
		 b.offer({{b.good, 0, write_flag}});
	 }},
	{"a zero-length descriptor in an indirect table", tx_queue, "zero_length",
	 [](Bench &b) {
		 const auto gpa = b.indirect({{b.good, buffer_bytes, 0, 0}, {b.good, 0, 0, 0}});
		 b.offer({{gpa, 32, indirect_flag}});
	 }},
	{"a chain of more than 2^32 bytes", tx_queue, "chain_too_big",
	 [](Bench &b) {
		 /* 256 descriptors of a whole 16 MB region each, and 16 MB is 2^24. */
		 for (unsigned i = 256; i--;)
			 b.set_available(i, {Rig::first_gpa, 16 << 20,
					     i < 255 ? next_flag : std::uint16_t{0}});
	 }},
	{"a chain of more pieces than one message takes", tx_queue, "too_many_segments",
	 [](Bench &b) {
		 constexpr unsigned count = 1025;
		 const driver::Gpa gpa = b.rig.memory.allocate(16 * count);
		 auto *entry = reinterpret_cast<vring_packed_desc *>(b.rig.memory.at(gpa));
		 for (unsigned i = 0; i < count; ++i)
			 entry[i] = {b.good, 1, 0, 0};
		 b.offer({{gpa, 16 * count, indirect_flag}});
	 }},

	/* Addresses */
	{"an address outside the memory table", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.offer({{b.rig.memory.unmapped(), buffer_bytes, 0}});
	 }},
	{"an address outside the memory table", rx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.offer({{b.rig.memory.unmapped(), buffer_bytes, write_flag}});
	 }},
	{"an address below all memory", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.offer({{0, buffer_bytes, 0}});
	 }},
	{"a buffer that runs on past the last region", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.offer({{b.rig.seam() + (16 << 20) - 10, buffer_bytes, 0}});
	 }},
	{"a buffer that runs on past the last region", rx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.offer({{b.rig.seam() + (16 << 20) - 10, buffer_bytes, write_flag}});
	 }},
	{"an address whose sum with the length wraps", tx_queue, "address_wrap",
	 [](Bench &b) {
		 b.offer({{-16ULL, buffer_bytes, 0}});
	 }},
	{"an address whose sum with the length wraps", rx_queue, "address_wrap",
	 [](Bench &b) {
		 b.offer({{-16ULL, buffer_bytes, write_flag}});
	 }},
	{"a length of 2^32 - 1", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.offer({{b.good, 0xffffffff, 0}});
	 }},

	/* §2.8.7, §2.8.19: indirect tables */
	{"an indirect table of an odd size", tx_queue, "indirect_size",
	 [](Bench &b) {
		 b.offer({{b.good_table(), 17, indirect_flag}});
	 }},
	{"an indirect table of 15 bytes", tx_queue, "indirect_size",
	 [](Bench &b) {
		 b.offer({{b.good_table(), 15, indirect_flag}});
	 }},
	{"an indirect table of no entry", tx_queue, "indirect_size",
	 [](Bench &b) {
		 b.offer({{b.good_table(), 0, indirect_flag}});
	 }},
	{"an indirect table of 65537 entries", tx_queue, "indirect_size",
	 [](Bench &b) {
		 b.offer({{Rig::first_gpa, 16 * 65537, indirect_flag}});
	 }},
	{"a descriptor both indirect and chained", tx_queue, "indirect_with_next",
	 [](Bench &b) {
		 b.offer({{b.good_table(), 16, indirect_flag | next_flag},
			  {b.good, buffer_bytes, 0}});
	 }},
	{"an indirect table at the end of a chain", tx_queue, "indirect_with_next",
	 [](Bench &b) {
		 b.offer({{b.good, 12, next_flag}, {b.good_table(), 16, indirect_flag}});
	 }},
	{"an indirect table in the middle of a chain", rx_queue, "indirect_with_next",
	 [](Bench &b) {
		 const auto gpa = b.indirect({{b.good, buffer_bytes, 0, write_flag}});
		 b.offer({{b.good, 12, next_flag | write_flag},
			  {gpa, 16, indirect_flag | next_flag},
			  {b.good, 12, write_flag}});
	 }},
	{"an indirect table that was not negotiated", tx_queue, "indirect_not_negotiated",
	 [](Bench &b) {
		 b.offer({{b.good_table(), 16, indirect_flag}});
	 },
	 nullptr, packed_features & ~feature::indirect},
	{"an indirect table outside the memory table", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.offer({{b.rig.memory.unmapped(), 16, indirect_flag}});
	 }},
	{"an indirect table whose address wraps", tx_queue, "address_wrap",
	 [](Bench &b) {
		 b.offer({{-16ULL, 64, indirect_flag}});
	 }},
	{"an address outside the memory table in an indirect table", rx_queue, "address_unmapped",
	 [](Bench &b) {
		 const auto gpa =
			 b.indirect({{b.rig.memory.unmapped(), buffer_bytes, 0, write_flag}});
		 b.offer({{gpa, 16, indirect_flag}});
	 }},

	/* §2.8.5 and §5.1.6: directions */
	{"a device-readable descriptor after a device-writable one", tx_queue,
	 "readable_after_writable",
	 [](Bench &b) {
		 b.offer({{b.good, 30, next_flag | write_flag}, {b.good, 30, 0}});
	 }},
	{"a device-readable descriptor after a device-writable one", rx_queue,
	 "readable_after_writable",
	 [](Bench &b) {
		 b.offer({{b.good, 30, next_flag | write_flag}, {b.good, 30, 0}});
	 }},
	{"a device-writable descriptor", tx_queue, "writable_on_transmit",
	 [](Bench &b) {
		 b.offer({{b.good, buffer_bytes, write_flag}});
	 }},
	{"a device-writable descriptor behind the frame", tx_queue, "writable_on_transmit",
	 [](Bench &b) {
		 b.offer({{b.good, buffer_bytes, next_flag}, {b.good, 30, write_flag}});
	 }},
	{"a device-readable descriptor", rx_queue, "readable_on_receive",
	 [](Bench &b) {
		 b.offer({{b.good, buffer_bytes, 0}});
	 }},
	{"a device-readable descriptor before the buffer", rx_queue, "readable_on_receive",
	 [](Bench &b) {
		 b.offer({{b.good, 12, next_flag}, {b.good, buffer_bytes, write_flag}});
	 }},

	/* §2.8.10: what the driver wants to be told of, looked at once a buffer is used */
	{"an event just beyond the ring", tx_queue, "event_out_of_ring",
	 [](Bench &b) {
		 b.table.set_driver_off_wrap(256 | 0x8000);
		 b.table.set_driver_flags(VRING_PACKED_EVENT_FLAG_DESC);
		 b.offer({{b.good, buffer_bytes, 0}});
	 },
	 nullptr, packed_features | feature::event_idx, 0, true},
	{"an event at 32767", rx_queue, "event_out_of_ring",
	 [](Bench &b) {
		 b.table.set_driver_off_wrap(32767);
		 b.table.set_driver_flags(VRING_PACKED_EVENT_FLAG_DESC);
		 b.offer({{b.good, buffer_bytes, write_flag}});
	 },
	 nullptr, packed_features | feature::event_idx, 0, true},
	{"event flags of 3", tx_queue, "event_flags",
	 [](Bench &b) {
		 b.table.set_driver_flags(3);
		 b.offer({{b.good, buffer_bytes, 0}});
	 },
	 nullptr, packed_features | feature::event_idx, 0, true},
	{"an event at a descriptor, which was not negotiated", tx_queue, "event_flags",
	 [](Bench &b) {
		 b.table.set_driver_flags(VRING_PACKED_EVENT_FLAG_DESC);
		 b.offer({{b.good, buffer_bytes, 0}});
	 },
	 nullptr, 0, 0, true},
	{"an event at a descriptor, which was not negotiated", rx_queue, "event_flags",
	 [](Bench &b) {
		 b.table.set_driver_flags(VRING_PACKED_EVENT_FLAG_DESC);
		 b.offer({{b.good, buffer_bytes, write_flag}});
	 },
	 nullptr, 0, 0, true},
};

} /* namespace */

const std::vector<BadRing> &bad_packed_rings()
{
	static const auto all = bad_rings(packed_features, list);
	return all;
}

} /* namespace vna::vm */
