/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings that break the rules and frames that lie. A malformed ring stops its queue and nothing
 * else: its error eventfd fires, the log names the rule in one line, the device's other queue and
 * other devices go on, and setting the queue up again starts it. A bad frame is dropped and
 * counted, and its buffer comes back.
 */
#include "driver/net_header.hh"
#include "ktap.hh"
#include "support/counters.hh"
#include "support/kernel_log.hh"
#include "support/live.hh"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <sys/mman.h>
#include <thread>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;
bool oracle;

constexpr std::uint16_t next_flag = VRING_DESC_F_NEXT;
constexpr std::uint16_t write_flag = VRING_DESC_F_WRITE;
constexpr std::uint16_t indirect_flag = VRING_DESC_F_INDIRECT;

constexpr std::uint32_t frame_bytes = 60;
constexpr std::uint32_t buffer_bytes = 12 + frame_bytes;
/* A frame that waits for the receive queue while it is broken. */
constexpr std::uint64_t waiting_seed = 4242;

/* What a case writes with: the ring, and a good buffer of buffer_bytes. */
struct Bench {
	Rig &rig;
	driver::SplitTable &table;
	driver::Gpa good;

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

struct BadRing {
	const char *name;
	unsigned queue;
	const char *rule; /* its name in the log */
	std::function<void(Bench &)> write;
	const char *vhost_net = nullptr; /* what vhost-net does instead, if it does not object */
	std::uint64_t features = feature::version_1 | feature::indirect;
};

const std::vector<BadRing> &bad_rings()
{
	static const std::vector<BadRing> all = {
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
			 /* 256 descriptors of a whole 16 MB region each, and 16 MB is 2^24. */
			 for (std::uint16_t i = 0; i < 256; ++i)
				 b.table.set_desc(i, Rig::first_gpa, 16 << 20,
						  i < 255 ? next_flag : 0,
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
				 entry[i] = {b.good, 1,
					     i + 1 < count ? next_flag : std::uint16_t{0},
					     static_cast<std::uint16_t>(i + 1)};
			 b.offer_indirect(gpa, 16 * count);
		 }},

		/* §2.7.6: the available ring */
		{"a head just beyond the table", tx_queue, "head_out_of_ring",
		 [](Bench &b) { b.offer(256); }},
		{"a head of 65535", tx_queue, "head_out_of_ring", [](Bench &b) { b.offer(65535); }},
		{"a head beyond the table", rx_queue, "head_out_of_ring",
		 [](Bench &b) { b.offer(256); }},
		{"an available index that jumps by more than the ring", tx_queue,
		 "avail_index_jump", [](Bench &b) { b.offer(0, 257); }},
		{"an available index that goes back", tx_queue, "avail_index_jump",
		 [](Bench &b) { b.offer(0, 65535); }},
		{"an available index that jumps by more than the ring", rx_queue,
		 "avail_index_jump", [](Bench &b) { b.offer(0, 257); }},

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
			 const driver::Gpa inner =
				 b.indirect({{b.good, buffer_bytes, write_flag, 0}});
			 b.offer_indirect(b.indirect({{inner, 16, indirect_flag, 0}}), 16);
		 }},
		{"a descriptor both indirect and chained", tx_queue, "indirect_with_next",
		 [](Bench &b) {
			 b.offer_indirect(b.indirect({{b.good, buffer_bytes, 0, 0}}), 16,
					  next_flag);
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
			 b.offer_indirect(b.indirect({{b.good, 30, next_flag, 1},
						      {b.good, 30, next_flag, 0}}),
					  32);
		 }},
		{"an indirect next beyond its table", tx_queue, "next_out_of_table",
		 [](Bench &b) {
			 b.offer_indirect(b.indirect({{b.good, 30, next_flag, 1}}), 16);
		 }},
		{"an address outside the memory table in an indirect table", rx_queue,
		 "address_unmapped",
		 [](Bench &b) {
			 b.offer_indirect(b.indirect({{b.rig.memory.unmapped(), buffer_bytes,
						       write_flag, 0}}),
					  16);
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
	return all;
}

const char *queue_name(unsigned queue)
{
	return queue == tx_queue ? "tx" : "rx";
}

/* Lines that say that a queue was stopped. */
std::vector<std::string> stop_lines(KernelLog &log)
{
	std::vector<std::string> stops;
	for (std::string &line : log.take())
		if (line.find(" stopped: ") != std::string::npos)
			stops.push_back(std::move(line));
	return stops;
}

void other_queue_passes(Live &live, unsigned bad)
{
	if (bad == tx_queue)
		live.receiver.run(live.wire.far);
	else
		transmit(live.rig, live.wire.far, {.count = 3, .seed = 70});
}

/* All of a queue's set-up again with an empty ring, as after a driver's reset. */
void set_up_again(Live &live, Queue &queue)
{
	const VhostDevice &device = live.rig.device;
	CHECK_ERRNO(device.set_backend(queue.index(), -1), 0);
	queue.ring().reset();
	queue.take_errors();
	queue.configure(device);
	CHECK_ERRNO(device.set_backend(queue.index(), live.wire.tap.fd()), 0);
}

void both_queues_pass(Live &live, unsigned bad)
{
	transmit(live.rig, live.wire.far, {.count = 3, .seed = 80});
	if (bad == tx_queue) {
		live.receiver.run(live.wire.far);
		return;
	}
	/* The frame that waited is not lost: it was the ring that was bad. */
	Receiver receiver(live.rig, {});
	receiver.offer();
	receiver.expect(frame_bytes, waiting_seed);
	receiver.run(live.wire.far);
}

/* Put a bad ring before the device and wait until it objects. */
void break_queue(Live &live, const BadRing &bad)
{
	Queue &queue = bad.queue == tx_queue ? live.rig.tx : live.rig.rx;
	Bench bench{live.rig, queue.ring().table(), live.rig.memory.allocate(buffer_bytes)};
	bad.write(bench);
	queue.kick();
	/* Buffers for reception are looked at when there is something to receive. */
	if (bad.queue == rx_queue)
		CHECK_ERRNO(live.wire.far.send(
				    make_frame(frame_bytes, waiting_seed, guest_mac, far_mac)),
			    0);
	CHECK(queue.wait_error(), "the error eventfd does not fire");
}

void stops_its_queue_only(const BadRing &bad)
{
	Live live(device_path, {.features = bad.features});
	Live other(device_path, {}, "vna1");
	Queue &queue = bad.queue == tx_queue ? live.rig.tx : live.rig.rx;
	KernelLog log;

	break_queue(live, bad);
	CHECK(!queue.ring().table().used_idx(), "a bad buffer was used");
	other_queue_passes(live, bad.queue);
	other.pass();

	if (!oracle) {
		/* It has stopped for good: a kick finds nobody, the log and the count stay. */
		queue.take_errors();
		queue.kick();
		other_queue_passes(live, bad.queue);
		CHECK_EQUAL(queue.take_errors(), 0);
		const auto stops = stop_lines(log);
		CHECK_EQUAL(stops.size(), 1);
		const std::string expected = std::string("queue ") + queue_name(bad.queue) +
					     " stopped: " + bad.rule + ":";
		CHECK(stops[0].find(expected) != std::string::npos, "the log says: %s",
		      stops[0].c_str());
		const Counters counters(live.rig.device.fd());
		CHECK_EQUAL(counters.at(queue_name(bad.queue) + std::string(".ring_errors")), 1);
		CHECK_EQUAL(counters.at(queue_name(bad.queue ^ 1) + std::string(".ring_errors")),
			    0);
	}

	set_up_again(live, queue);
	both_queues_pass(live, bad.queue);
	CHECK_EQUAL(queue.take_errors(), 0);
}

const BadRing &bad_ring(const char *rule, unsigned queue)
{
	const auto &all = bad_rings();
	return *std::find_if(all.begin(), all.end(), [&](const BadRing &bad) {
		return bad.rule == std::string_view(rule) && bad.queue == queue;
	});
}

/* --- starting again --- */

/* The bad descriptor mended where it is, and one request: the frame in it goes out. */
template <typename Request> void starts_again_by(Request request)
{
	Live live(device_path);
	const BadRing &bad = bad_ring("address_unmapped", tx_queue);
	break_queue(live, bad);
	live.rig.tx.take_errors();

	const auto frame = make_frame(frame_bytes, 9);
	const driver::Gpa gpa = live.rig.memory.allocate(buffer_bytes);
	std::copy(frame.begin(), frame.end(), live.rig.memory.at(gpa + 12));
	live.rig.tx.ring().table().set_desc(0, gpa, buffer_bytes, 0, 0);
	CHECK_ERRNO(request(live), 0);
	check_frame(live.wire.far.receive(), frame_bytes, 9);
	live.rig.detach();
	CHECK_EQUAL(live.rig.tx.ring().table().used_idx(), 1);
	CHECK_EQUAL(live.rig.tx.take_errors(), 0);
}

void a_ring_still_bad_stops_its_queue_again()
{
	Live live(device_path);
	break_queue(live, bad_ring("head_out_of_ring", tx_queue));
	for (unsigned i = 0; i < 3; ++i) {
		live.rig.tx.take_errors();
		CHECK_ERRNO(live.rig.device.set_addr(live.rig.tx.addr()), 0);
		CHECK(live.rig.tx.wait_error(), "no error at start %u", i);
		live.receiver.run(live.wire.far);
	}
	set_up_again(live, live.rig.tx);
	live.pass();
}

void a_ring_broken_again_and_again_does_not_fill_the_log()
{
	Live live(device_path);
	KernelLog log;
	constexpr unsigned times = 100;
	break_queue(live, bad_ring("head_out_of_ring", tx_queue));
	for (unsigned i = 1; i < times; ++i) {
		live.rig.tx.take_errors();
		CHECK_ERRNO(live.rig.device.set_addr(live.rig.tx.addr()), 0);
		CHECK(live.rig.tx.wait_error());
	}
	const std::size_t lines = stop_lines(log).size();
	CHECK(lines >= 1 && lines <= times / 2, "%zu lines for %u errors", lines, times);
	CHECK_EQUAL(Counters(live.rig.device.fd()).at("tx.ring_errors"), times);
}

void without_an_error_descriptor_the_queue_stops_too()
{
	Live live(device_path);
	CHECK_ERRNO(live.rig.device.set_err(tx_queue, -1), 0);
	Bench bench{live.rig, live.rig.tx.ring().table(), live.rig.memory.allocate(buffer_bytes)};
	bad_ring("head_out_of_ring", tx_queue).write(bench);
	live.rig.tx.kick();
	live.receiver.run(live.wire.far);
	live.rig.detach();
	CHECK_EQUAL(live.rig.tx.ring().table().used_idx(), 0);
}

void a_device_closes_with_its_queues_stopped()
{
	{
		Live live(device_path);
		break_queue(live, bad_ring("head_out_of_ring", tx_queue));
		break_queue(live, bad_ring("head_out_of_ring", rx_queue));
	}
	Live(device_path).pass();
}

void good_buffers_before_a_bad_one_are_used()
{
	Live live(device_path);
	driver::SplitTable &table = live.rig.tx.ring().table();
	for (unsigned i = 0; i < 5; ++i)
		offer_frame(live.rig, make_frame(frame_bytes, 20 + i));
	table.set_desc(5, live.rig.memory.unmapped(), 100, 0, 0);
	table.set_avail_entry(5, 5);
	table.set_avail_idx(6);
	live.rig.tx.kick();
	for (unsigned i = 0; i < 5; ++i)
		check_frame(live.wire.far.receive(), frame_bytes, 20 + i);
	CHECK(live.rig.tx.wait_error());
	poll_used(live.rig.tx, 5);
	CHECK(!live.rig.tx.ring().collect());
}

/* --- memory that is not there --- */

/* A ring in memory of its own, which goes away under the device. */
void an_unmapped_ring_stops_its_queue()
{
	Live live(device_path);
	const std::size_t bytes = 16384;
	void *const place =
		mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(place != MAP_FAILED);
	vhost_vring_addr addr = live.rig.tx.addr();
	addr.desc_user_addr = reinterpret_cast<std::uintptr_t>(place);
	addr.avail_user_addr = addr.desc_user_addr + 4096;
	addr.used_user_addr = addr.desc_user_addr + 8192;
	CHECK_ERRNO(live.rig.device.set_addr(addr), 0);
	/* The device looks at the new place once before it goes. */
	live.rig.tx.kick();
	live.receiver.run(live.wire.far);
	live.rig.tx.take_errors();
	CHECK(!munmap(place, bytes));
	live.rig.tx.kick();
	CHECK(live.rig.tx.wait_error(), "the error eventfd does not fire");
	live.receiver.run(live.wire.far);
	set_up_again(live, live.rig.tx);
	live.pass();
}

/* A region that the memory table promises and the process does not have. */
driver::Gpa promise_missing_memory(Live &live)
{
	void *const place = mmap(nullptr, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(place != MAP_FAILED);
	constexpr driver::Gpa gpa = 1ULL << 40;
	auto table = mem_table(live.rig.memory);
	table.push_back({gpa, 65536, reinterpret_cast<std::uintptr_t>(place), 0});
	CHECK_ERRNO(live.rig.device.set_mem_table(table), 0);
	return gpa;
}

void a_frame_in_missing_memory_harms_nobody()
{
	Live live(device_path);
	Live other(device_path, {}, "vna1");
	const driver::Gpa gpa = promise_missing_memory(live);
	const driver::Segment missing{gpa, buffer_bytes, false};
	CHECK(live.rig.tx.ring().add({&missing, 1}));
	live.rig.tx.publish();
	live.receiver.run(live.wire.far);
	other.pass();
	set_up_again(live, live.rig.tx);
	live.pass();
}

void a_receive_buffer_in_missing_memory_harms_nobody()
{
	Live live(device_path);
	Live other(device_path, {}, "vna1");
	const driver::Gpa gpa = promise_missing_memory(live);
	const driver::Segment missing{gpa, 2048, true};
	CHECK(live.rig.rx.ring().add({&missing, 1}));
	live.rig.rx.publish();
	CHECK_ERRNO(live.wire.far.send(make_frame(frame_bytes, 1, guest_mac, far_mac)), 0);
	transmit(live.rig, live.wire.far, {.count = 3});
	other.pass();
	CHECK_ERRNO(live.rig.device.set_backend(rx_queue, -1), 0);
	/* Whether that frame was lost is not promised: have no part in it. */
	live.rig.rx.ring().reset();
	live.rig.rx.configure(live.rig.device);
	Wire fresh("vna2");
	CHECK_ERRNO(live.rig.device.set_backend(rx_queue, fresh.tap.fd()), 0);
	Receiver(live.rig, {}).run(fresh.far);
}

/* --- bad frames --- */

/* Offer one buffer on the transmit queue, have it used, and see that frames pass behind it. */
void is_dropped_and_counted(std::span<const std::byte> bytes, const char *counter)
{
	Live live(device_path);
	KernelLog log;
	live.pass(1);
	const std::uint32_t length = static_cast<std::uint32_t>(bytes.size());
	const driver::Chain chain = driver::allocate_chain(live.rig.memory, {{length}}, false);
	chain_write(live.rig.memory, chain, bytes);
	const auto token = live.rig.tx.ring().add(chain);
	CHECK(token);
	live.rig.tx.publish();
	const driver::Used used = live.rig.tx.wait_used();
	CHECK_EQUAL(used.token, *token);
	CHECK_EQUAL(used.len, 0);
	/* live.pass() would meet the bad frame at the far end if it had got through. */
	live.pass();
	CHECK_EQUAL(live.rig.tx.take_errors(), 0);
	if (oracle)
		return;
	const Counters counters(live.rig.device.fd());
	CHECK_EQUAL(counters.at(std::string("tx.") + counter), 1);
	CHECK_EQUAL(counters.at("tx.packets"), 4);
	CHECK_EQUAL(counters.at("tx.buffers"), 5);
	CHECK_EQUAL(stop_lines(log).size(), 0);
}

void is_dropped_and_counted(const virtio_net_hdr &header, std::size_t len)
{
	std::vector<std::byte> bytes(12);
	std::memcpy(bytes.data(), &header, sizeof(header));
	const auto frame = make_frame(len, 13);
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	is_dropped_and_counted(bytes, "drop_header");
}

struct Lie {
	const char *name;
	virtio_net_hdr header;
	std::size_t len;
	const char *vhost_net = nullptr;
};

constexpr std::uint8_t needs_csum = VIRTIO_NET_HDR_F_NEEDS_CSUM;
constexpr std::uint8_t tcp4 = VIRTIO_NET_HDR_GSO_TCPV4;

/* Small frames take vhost-net's batch, long ones do not: both are asked. */
constexpr Lie lies[] = {
	{"gso_size 0", {needs_csum, tcp4, 54, 0, 34, 16}, 200},
	{"gso_size 0, long", {needs_csum, tcp4, 54, 0, 34, 16}, 9000},
	{"an unknown gso_type", {needs_csum, 0x55, 54, 100, 34, 16}, 200},
	{"hdr_len beyond the frame", {0, 0, 9000, 0, 0, 0}, 200, "sends it"},
	{"hdr_len beyond the frame, long", {0, 0, 60000, 0, 0, 0}, 9000},
	/* By three bytes: from 7.2 on, tun counts two of the virtio-net header's as the frame's. */
	{"hdr_len just beyond the frame", {0, 0, 203, 0, 0, 0}, 200, "sends it"},
	{"hdr_len just beyond the frame, long", {0, 0, 9003, 0, 0, 0}, 9000},
	{"csum_start beyond the frame",
	 {needs_csum, 0, 0, 0, 60000, 16},
	 200,
	 "tries the same frame for ever"},
	{"csum_offset beyond the frame",
	 {needs_csum, 0, 0, 0, 34, 60000},
	 200,
	 "tries the same frame for ever"},
	{"csum_start beyond the frame, long", {needs_csum, 0, 0, 0, 60000, 16}, 9000},
	{"csum_start at the end", {needs_csum, 0, 0, 0, 200, 0}, 200},
	{"csum_start and csum_offset wrap", {needs_csum, 0, 0, 0, 65535, 65535}, 200},
};

void bad_frames_without_end_leave_room_for_reception()
{
	Live live(device_path);
	std::atomic<bool> done = false;
	/* Its own memory for the buffer: the receiver allocates from the rig's at the same time. */
	live.receiver.offer();
	const driver::Segment tiny{live.rig.memory.allocate(16), 13, false};
	std::atomic<std::uint64_t> dropped = 0;
	std::thread flood([&] {
		driver::SplitRing &ring = live.rig.tx.ring();
		ring.disable_notifications();
		while (!done) {
			while (ring.add({&tiny, 1})) {
			}
			live.rig.tx.publish();
			while (ring.collect())
				++dropped;
		}
	});
	try {
		for (unsigned i = 0; i < 20; ++i)
			live.receiver.run(live.wire.far);
	} catch (...) {
		done = true;
		flood.join();
		throw;
	}
	done = true;
	flood.join();
	CHECK(dropped > 0);
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	oracle = suite.oracle();

	for (const BadRing &bad : bad_rings()) {
		const std::string name = std::string(bad.queue == tx_queue ? "TX: " : "RX: ") +
					 bad.name + " stops that queue, and a new set-up starts it";
		const auto test = [&bad] { stops_its_queue_only(bad); };
		if (bad.vhost_net)
			suite.add_stricter(name, bad.vhost_net, test);
		else
			suite.add(name, test);
	}

	suite.add_stricter("a mended ring starts by SET_VRING_ADDR", "needs a kick", [] {
		starts_again_by(
			[](Live &live) { return live.rig.device.set_addr(live.rig.tx.addr()); });
	});
	suite.add("a mended ring starts by NET_SET_BACKEND, away and back", [] {
		starts_again_by([](Live &live) {
			CHECK_ERRNO(live.rig.device.set_backend(tx_queue, -1), 0);
			return live.rig.device.set_backend(tx_queue, live.wire.tap.fd());
		});
	});
	suite.add_stricter(
		"a mended ring starts by NET_SET_BACKEND, the same again", "needs a kick", [] {
			starts_again_by([](Live &live) {
				return live.rig.device.set_backend(tx_queue, live.wire.tap.fd());
			});
		});
	suite.add_stricter("a ring that is still bad stops its queue again", "needs a kick",
			   a_ring_still_bad_stops_its_queue_again);
	suite.add_stricter("a ring broken again and again does not fill the log", "logs nothing",
			   a_ring_broken_again_and_again_does_not_fill_the_log);
	suite.add("without an error eventfd a bad ring stops its queue too",
		  without_an_error_descriptor_the_queue_stops_too);
	suite.add("a device closes with both queues stopped",
		  a_device_closes_with_its_queues_stopped);
	suite.add("good buffers before a bad one are used", good_buffers_before_a_bad_one_are_used);

	suite.add("a ring that is unmapped stops its queue", an_unmapped_ring_stops_its_queue);
	suite.add("TX: a frame in memory that the process does not have harms nobody",
		  a_frame_in_missing_memory_harms_nobody);
	suite.add("RX: a buffer in memory that the process does not have harms nobody",
		  a_receive_buffer_in_missing_memory_harms_nobody);

	for (const std::size_t len : {1, 5, 9, 10, 11, 12, 13, 25}) {
		/* 12 bytes of header and 13 of frame are one too few. */
		const auto test = [len] {
			is_dropped_and_counted(std::vector<std::byte>(len), "drop_short");
		};
		const std::string name = "TX: a buffer of " + std::to_string(len) +
					 " bytes is dropped, counted and given back";
		if (len < 12)
			suite.add_stricter(name, "tries the same frame for ever", test);
		else
			suite.add(name, test);
	}
	for (const Lie &lie : lies) {
		const std::string name = std::string("TX: a header that lies (") + lie.name +
					 ") is dropped, counted and given back";
		const auto test = [&lie] { is_dropped_and_counted(lie.header, lie.len); };
		if (lie.vhost_net)
			suite.add_stricter(name, lie.vhost_net, test);
		else
			suite.add(name, test);
	}
	suite.add("TX: a frame longer than any is dropped, counted and given back",
		  [] { is_dropped_and_counted(std::vector<std::byte>(70000), "drop_long"); });
	suite.add("TX: bad frames without end leave room for reception",
		  bad_frames_without_end_leave_room_for_reception);
	return suite.run();
}
