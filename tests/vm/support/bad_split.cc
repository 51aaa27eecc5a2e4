/* SPDX-License-Identifier: GPL-2.0-only */
#include "bad_ring.hh"

#include <algorithm>

namespace vna::vm
{

namespace
{

constexpr std::uint16_t next_flag = VRING_DESC_F_NEXT;
constexpr std::uint16_t write_flag = VRING_DESC_F_WRITE;
constexpr std::uint16_t indirect_flag = VRING_DESC_F_INDIRECT;

struct Bench {
	Bench(Rig &rig, Queue &queue)
	    : rig(rig), table(queue.split_table()), good(rig.memory.allocate(buffer_bytes))
	{
	}

	Rig &rig;
	driver::SplitTable &table;
	driver::Gpa good; /* a buffer of buffer_bytes */

	/* Make chain head available, as the first entry there ever was. */
	void offer(std::uint16_t head, std::uint16_t count = 1)
	{
		table.set_avail_entry(0, head);
		table.set_avail_idx(static_cast<std::uint16_t>(table.avail_idx() + count));
	}

	/* An indirect table of these descriptors, in guest memory. */
	driver::Gpa indirect(std::initializer_list<vring_desc> descriptors)
	{
		const driver::Gpa gpa = rig.memory.allocate(16 * descriptors.size());
		std::copy(descriptors.begin(), descriptors.end(),
			  reinterpret_cast<vring_desc *>(rig.memory.at(gpa)));
		return gpa;
	}

	/* Descriptor 0 refers to a table of len bytes; offered. */
	void offer_indirect(driver::Gpa gpa, std::uint32_t len, std::uint16_t more_flags = 0)
	{
		const auto flags = static_cast<std::uint16_t>(indirect_flag | more_flags);
		table.set_desc(0, gpa, len, flags, 1);
		table.set_desc(1, good, buffer_bytes, 0, 0);
		offer(0);
	}
};

constexpr std::uint64_t split_features = feature::version_1 | feature::indirect;

const std::initializer_list<BadRingBy<void (*)(Bench &)>> list = {
	/* §2.7.5: chains */
	{"a chain that loops", tx_queue, "chain_too_long",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 30, next_flag, 1);
		 b.table.set_desc(1, b.good, 30, next_flag, 0);
		 b.offer(0);
	 }},
	{"a descriptor that is its own next", tx_queue, "chain_too_long",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 1, next_flag, 0);
		 b.offer(0);
	 }},
	{"a chain that loops", rx_queue, "chain_too_long",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 30, next_flag | write_flag, 1);
		 b.table.set_desc(1, b.good, 30, next_flag | write_flag, 0);
		 b.offer(0);
	 }},
	{"next just beyond the table", tx_queue, "next_out_of_table",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 30, next_flag, 256);
		 b.offer(0);
	 }},
	{"next of 65535", tx_queue, "next_out_of_table",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 30, next_flag, 65535);
		 b.offer(0);
	 }},
	{"next beyond the table", rx_queue, "next_out_of_table",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 30, next_flag | write_flag, 300);
		 b.offer(0);
	 }},
	{"a zero-length descriptor", tx_queue, "zero_length",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 0, next_flag, 1);
		 b.table.set_desc(1, b.good, buffer_bytes, 0, 0);
		 b.offer(0);
	 },
	 "takes it for an empty segment"},
	{"a zero-length descriptor", rx_queue, "zero_length",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 0, next_flag | write_flag, 1);
		 b.table.set_desc(1, b.good, buffer_bytes, write_flag, 0);
		 b.offer(0);
	 },
	 "takes it for an empty segment"},
	{"a chain of more than 2^32 bytes", tx_queue, "chain_too_big",
	 [](Bench &b) {
		 /* 256 descriptors of a whole 16 MB region each, and 16 MB is 2^24.
		  */
		 for (std::uint16_t i = 0; i < 256; ++i)
			 b.table.set_desc(i, Rig::first_gpa, 16 << 20, i < 255 ? next_flag : 0,
					  static_cast<std::uint16_t>(i + 1));
		 b.offer(0);
	 },
	 "drops it as a frame"},
	{"a chain of more pieces than one message takes", tx_queue, "too_many_segments",
	 [](Bench &b) {
		 constexpr unsigned count = 1025;
		 const driver::Gpa gpa = b.rig.memory.allocate(16 * count);
		 auto *entry = reinterpret_cast<vring_desc *>(b.rig.memory.at(gpa));
		 for (unsigned i = 0; i < count; ++i)
			 entry[i] = {b.good, 1, i + 1 < count ? next_flag : std::uint16_t{0},
				     static_cast<std::uint16_t>(i + 1)};
		 b.offer_indirect(gpa, 16 * count);
	 }},

	/* §2.7.6: the available ring */
	{"a head just beyond the table", tx_queue, "head_out_of_ring",
	 [](Bench &b) { b.offer(256); }},
	{"a head of 65535", tx_queue, "head_out_of_ring", [](Bench &b) { b.offer(65535); }},
	{"a head beyond the table", rx_queue, "head_out_of_ring", [](Bench &b) { b.offer(256); }},
	{"an available index that jumps by more than the ring", tx_queue, "avail_index_jump",
	 [](Bench &b) { b.offer(0, 257); }},
	{"an available index that goes back", tx_queue, "avail_index_jump",
	 [](Bench &b) { b.offer(0, 65535); }},
	{"an available index that jumps by more than the ring", rx_queue, "avail_index_jump",
	 [](Bench &b) { b.offer(0, 257); }},

	/* Addresses */
	{"an address outside the memory table", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.table.set_desc(0, b.rig.memory.unmapped(), buffer_bytes, 0, 0);
		 b.offer(0);
	 }},
	{"an address outside the memory table", rx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.table.set_desc(0, b.rig.memory.unmapped(), buffer_bytes, write_flag, 0);
		 b.offer(0);
	 }},
	{"an address below all memory", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.table.set_desc(0, 0, buffer_bytes, 0, 0);
		 b.offer(0);
	 }},
	{"a buffer that runs on past the last region", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 const driver::Gpa end = b.rig.seam() + (16 << 20);
		 b.table.set_desc(0, end - 10, buffer_bytes, 0, 0);
		 b.offer(0);
	 }},
	{"a buffer that runs on past the last region", rx_queue, "address_unmapped",
	 [](Bench &b) {
		 const driver::Gpa end = b.rig.seam() + (16 << 20);
		 b.table.set_desc(0, end - 10, buffer_bytes, write_flag, 0);
		 b.offer(0);
	 }},
	{"an address whose sum with the length wraps", tx_queue, "address_wrap",
	 [](Bench &b) {
		 b.table.set_desc(0, -16ULL, buffer_bytes, 0, 0);
		 b.offer(0);
	 }},
	{"an address whose sum with the length wraps", rx_queue, "address_wrap",
	 [](Bench &b) {
		 b.table.set_desc(0, -16ULL, buffer_bytes, write_flag, 0);
		 b.offer(0);
	 }},
	{"a length of 2^32 - 1", tx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 0xffffffff, 0, 0);
		 b.offer(0);
	 }},

	/* §2.7.5.3: indirect tables */
	{"an indirect table of an odd size", tx_queue, "indirect_size",
	 [](Bench &b) {
		 b.offer_indirect(b.indirect({{b.good, buffer_bytes, 0, 0}}), 17);
	 }},
	{"an indirect table of 15 bytes", tx_queue, "indirect_size",
	 [](Bench &b) {
		 b.offer_indirect(b.indirect({{b.good, buffer_bytes, 0, 0}}), 15);
	 }},
	{"an indirect table of no entry", tx_queue, "indirect_size",
	 [](Bench &b) {
		 b.offer_indirect(b.indirect({{b.good, buffer_bytes, 0, 0}}), 0);
	 }},
	{"an indirect table of 65537 entries", tx_queue, "indirect_size",
	 [](Bench &b) { b.offer_indirect(Rig::first_gpa, 16 * 65537); }},
	{"an indirect table in an indirect table", tx_queue, "indirect_nested",
	 [](Bench &b) {
		 const driver::Gpa inner = b.indirect({{b.good, buffer_bytes, 0, 0}});
		 b.offer_indirect(b.indirect({{inner, 16, indirect_flag, 0}}), 16);
	 }},
	{"an indirect table in an indirect table", rx_queue, "indirect_nested",
	 [](Bench &b) {
		 const driver::Gpa inner = b.indirect({{b.good, buffer_bytes, write_flag, 0}});
		 b.offer_indirect(b.indirect({{inner, 16, indirect_flag, 0}}), 16);
	 }},
	{"a descriptor both indirect and chained", tx_queue, "indirect_with_next",
	 [](Bench &b) {
		 b.offer_indirect(b.indirect({{b.good, buffer_bytes, 0, 0}}), 16, next_flag);
	 },
	 "goes on behind the table"},
	{"an indirect table that was not negotiated", tx_queue, "indirect_not_negotiated",
	 [](Bench &b) {
		 b.offer_indirect(b.indirect({{b.good, buffer_bytes, 0, 0}}), 16);
	 },
	 "takes it", feature::version_1},
	{"an indirect table outside the memory table", tx_queue, "address_unmapped",
	 [](Bench &b) { b.offer_indirect(b.rig.memory.unmapped(), 16); }},
	{"an indirect table whose address wraps", tx_queue, "address_wrap",
	 [](Bench &b) { b.offer_indirect(-16ULL, 64); }},
	{"an indirect chain that loops", tx_queue, "chain_too_long",
	 [](Bench &b) {
		 b.offer_indirect(
			 b.indirect({{b.good, 30, next_flag, 1}, {b.good, 30, next_flag, 0}}), 32);
	 }},
	{"an indirect next beyond its table", tx_queue, "next_out_of_table",
	 [](Bench &b) {
		 b.offer_indirect(b.indirect({{b.good, 30, next_flag, 1}}), 16);
	 }},
	{"an address outside the memory table in an indirect table", rx_queue, "address_unmapped",
	 [](Bench &b) {
		 b.offer_indirect(
			 b.indirect({{b.rig.memory.unmapped(), buffer_bytes, write_flag, 0}}), 16);
	 }},

	/* §2.6.4.2 and §5.1.6: directions */
	{"a device-readable descriptor after a device-writable one", tx_queue,
	 "readable_after_writable",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 30, next_flag | write_flag, 1);
		 b.table.set_desc(1, b.good, 30, 0, 0);
		 b.offer(0);
	 }},
	{"a device-readable descriptor after a device-writable one", rx_queue,
	 "readable_after_writable",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 30, next_flag | write_flag, 1);
		 b.table.set_desc(1, b.good, 30, 0, 0);
		 b.offer(0);
	 }},
	{"a device-writable descriptor", tx_queue, "writable_on_transmit",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, buffer_bytes, write_flag, 0);
		 b.offer(0);
	 }},
	{"a device-writable descriptor behind the frame", tx_queue, "writable_on_transmit",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, buffer_bytes, next_flag, 1);
		 b.table.set_desc(1, b.good, 30, write_flag, 0);
		 b.offer(0);
	 }},
	{"a device-readable descriptor", rx_queue, "readable_on_receive",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, buffer_bytes, 0, 0);
		 b.offer(0);
	 }},
	{"a device-readable descriptor before the buffer", rx_queue, "readable_on_receive",
	 [](Bench &b) {
		 b.table.set_desc(0, b.good, 12, next_flag, 1);
		 b.table.set_desc(1, b.good, buffer_bytes, write_flag, 0);
		 b.offer(0);
	 }},
};

} /* namespace */

const std::vector<BadRing> &bad_split_rings()
{
	static const auto all = bad_rings(split_features, list);
	return all;
}

} /* namespace vna::vm */
