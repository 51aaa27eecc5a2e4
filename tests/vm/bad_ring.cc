/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings that break the rules and frames that lie. A malformed ring stops its queue and nothing
 * else: its error eventfd fires, the log names the rule in one line, the device's other queue and
 * other devices go on, and setting the queue up again starts it. A bad frame is dropped and
 * counted, and its buffer comes back.
 */
#include "driver/net_header.hh"
#include "ktap.hh"
#include "support/bad_ring.hh"
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

/* A frame that waits for the receive queue while it is broken. */
constexpr std::uint64_t waiting_seed = 4242;

/* The ring's format: what holds for one holds for the other. */
struct Format {
	const char *prefix; /* of the tests' names */
	std::uint64_t features;
	const std::vector<BadRing> &(*rings)();

	bool packed() const { return features & feature::packed; }
	/* One of its bad rings: an address in descriptor 0 that is none. */
	const BadRing &bad(unsigned queue) const
	{
		const auto &all = rings();
		return *std::find_if(all.begin(), all.end(), [&](const BadRing &bad) {
			return bad.rule == std::string_view("address_unmapped") &&
			       bad.queue == queue;
		});
	}
};

constexpr Format formats[] = {
	{"", feature::version_1, bad_split_rings},
	{"packed: ", feature::version_1 | feature::packed, bad_packed_rings},
};

/* Descriptor 0, to which a mended ring's first entry refers. */
void mend(Queue &queue, driver::Gpa gpa, bool packed)
{
	if (packed)
		queue.packed_table().set_desc(0, gpa, buffer_bytes, 0);
	else
		queue.split_table().set_desc(0, gpa, buffer_bytes, 0, 0);
}

/* Whether the device has used anything of a ring that began with wrap counter 1 or index 0. */
bool is_used(Queue &queue, bool packed)
{
	if (packed)
		return driver::is_packed_used(
			queue.packed_table().flags(queue.ring().base() & 0x7fff), true);
	return queue.split_table().used_idx();
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

void both_queues_pass(Live &live, const BadRing &bad)
{
	transmit(live.rig, live.wire.far, {.count = 3, .seed = 80});
	if (bad.queue == tx_queue) {
		live.receiver.run(live.wire.far);
		return;
	}
	/* The frame that waited is not lost: it was the ring that was bad. */
	Receiver receiver(live.rig, {});
	receiver.offer();
	if (!bad.used)
		receiver.expect(frame_bytes, waiting_seed);
	receiver.run(live.wire.far);
}

/* Put a bad ring before the device and wait until it objects. */
void break_queue(Live &live, const BadRing &bad)
{
	Queue &queue = bad.queue == tx_queue ? live.rig.tx : live.rig.rx;
	bad.write(live.rig, queue);
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
	Live live(device_path, {.features = bad.features, .first_index = bad.first_index});
	Live other(device_path, {}, "vna1");
	Queue &queue = bad.queue == tx_queue ? live.rig.tx : live.rig.rx;
	KernelLog log;

	break_queue(live, bad);
	CHECK_EQUAL(is_used(queue, bad.features & feature::packed), bad.used);
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
	both_queues_pass(live, bad);
	CHECK_EQUAL(queue.take_errors(), 0);
}

/* --- starting again --- */

/* The bad descriptor mended where it is, and one request: the frame in it goes out. */
template <typename Request> void starts_again_by(const Format &format, Request request)
{
	Live live(device_path, {.features = format.features});
	break_queue(live, format.bad(tx_queue));
	live.rig.tx.take_errors();

	const auto frame = make_frame(frame_bytes, 9);
	const driver::Gpa gpa = live.rig.memory.allocate(buffer_bytes);
	std::copy(frame.begin(), frame.end(), live.rig.memory.at(gpa + 12));
	mend(live.rig.tx, gpa, format.packed());
	CHECK_ERRNO(request(live), 0);
	check_frame(live.wire.far.receive(), frame_bytes, 9);
	live.rig.detach();
	CHECK(is_used(live.rig.tx, format.packed()));
	CHECK_EQUAL(live.rig.tx.take_errors(), 0);
}

void a_ring_still_bad_stops_its_queue_again(const Format &format)
{
	Live live(device_path, {.features = format.features});
	break_queue(live, format.bad(tx_queue));
	for (unsigned i = 0; i < 3; ++i) {
		live.rig.tx.take_errors();
		CHECK_ERRNO(live.rig.device.set_addr(live.rig.tx.addr()), 0);
		CHECK(live.rig.tx.wait_error(), "no error at start %u", i);
		live.receiver.run(live.wire.far);
	}
	set_up_again(live, live.rig.tx);
	live.pass();
}

void a_ring_broken_again_and_again_does_not_fill_the_log(const Format &format)
{
	Live live(device_path, {.features = format.features});
	KernelLog log;
	constexpr unsigned times = 100;
	break_queue(live, format.bad(tx_queue));
	for (unsigned i = 1; i < times; ++i) {
		live.rig.tx.take_errors();
		CHECK_ERRNO(live.rig.device.set_addr(live.rig.tx.addr()), 0);
		CHECK(live.rig.tx.wait_error());
	}
	const std::size_t lines = stop_lines(log).size();
	CHECK(lines >= 1 && lines <= times / 2, "%zu lines for %u errors", lines, times);
	CHECK_EQUAL(Counters(live.rig.device.fd()).at("tx.ring_errors"), times);
}

void without_an_error_descriptor_the_queue_stops_too(const Format &format)
{
	Live live(device_path, {.features = format.features});
	CHECK_ERRNO(live.rig.device.set_err(tx_queue, -1), 0);
	format.bad(tx_queue).write(live.rig, live.rig.tx);
	live.rig.tx.kick();
	live.receiver.run(live.wire.far);
	live.rig.detach();
	CHECK(!is_used(live.rig.tx, format.packed()));
}

void a_device_closes_with_its_queues_stopped(const Format &format)
{
	{
		Live live(device_path, {.features = format.features});
		break_queue(live, format.bad(tx_queue));
		break_queue(live, format.bad(rx_queue));
	}
	Live(device_path).pass();
}

void good_buffers_before_a_bad_one_are_used(const Format &format)
{
	Live live(device_path, {.features = format.features});
	Queue &tx = live.rig.tx;
	for (unsigned i = 0; i < 5; ++i)
		offer_frame(live.rig, make_frame(frame_bytes, 20 + i));
	if (format.packed()) {
		tx.packed_table().set_desc(5, live.rig.memory.unmapped(), 100, 0);
		tx.packed_table().set_flags(5, driver::packed_available(true));
		tx.ring().publish();
	} else {
		tx.split_table().set_desc(5, live.rig.memory.unmapped(), 100, 0, 0);
		tx.split_table().set_avail_entry(5, 5);
		tx.ring().publish();
		tx.split_table().set_avail_idx(6);
	}
	tx.kick();
	for (unsigned i = 0; i < 5; ++i)
		check_frame(live.wire.far.receive(), frame_bytes, 20 + i);
	CHECK(tx.wait_error());
	poll_used(tx, 5);
	CHECK(!tx.ring().collect());
}

/* --- what is no fault --- */

/* Neither available nor used, or of another lap: the slot holds nothing, and the queue waits. */
void wrap_bits_that_make_no_sense_are_nothing_available(const Format &format)
{
	Live live(device_path, {.features = format.features});
	driver::PackedTable &table = live.rig.tx.packed_table();
	const driver::Gpa bad = live.rig.memory.unmapped();
	for (const std::uint16_t state :
	     {driver::packed_used(true), driver::packed_available(false),
	      driver::packed_used(false)}) {
		table.set_desc(0, bad, buffer_bytes, 0xffff);
		table.set_flags(0, static_cast<std::uint16_t>(state | VRING_DESC_F_NEXT |
							      VRING_DESC_F_INDIRECT | 0x7f78));
		live.rig.tx.kick();
		live.rig.rx.kick();
		live.receiver.run(live.wire.far);
	}
	live.rig.detach();
	CHECK_EQUAL(live.rig.tx.take_errors(), 0);
	CHECK_EQUAL(Counters(live.rig.device.fd()).at("tx.ring_errors"), 0);
	live.rig.attach(live.wire.tap.fd());
	live.pass();
}

/*
 * §2.8.7: WRITE is the only flag in a table; the others, and the id, are ignored. On a transmit
 * queue WRITE is, too: DPDK's driver leaves it set in the tables that it transmits.
 */
void flags_in_an_indirect_table_are_ignored(const Format &format, std::uint16_t first,
					    std::uint16_t second)
{
	Live live(device_path, {.features = format.features | feature::indirect});
	driver::PackedTable &table = live.rig.tx.packed_table();
	const auto frame = make_frame(frame_bytes, 33);
	const driver::Gpa gpa = live.rig.memory.allocate(buffer_bytes);
	std::copy(frame.begin(), frame.end(), live.rig.memory.at(gpa + 12));
	const driver::Gpa entries = live.rig.memory.allocate(32);
	auto *entry = reinterpret_cast<vring_packed_desc *>(live.rig.memory.at(entries));
	entry[0] = {gpa, 20, 0xffff, first};
	entry[1] = {gpa + 20, buffer_bytes - 20, 0xffff, second};
	table.set_desc(0, entries, 32, 7);
	/* Its own WRITE is ignored, too. */
	table.set_flags(0, driver::packed_available(true) | VRING_DESC_F_INDIRECT |
				   VRING_DESC_F_WRITE);
	live.rig.tx.kick();
	check_frame(live.wire.far.receive(), frame_bytes, 33);
	live.rig.detach();
	CHECK(driver::is_packed_used(table.flags(0), true));
	CHECK_EQUAL(table.used(0).id, 7);
	CHECK_EQUAL(live.rig.tx.take_errors(), 0);
}

/* --- memory that is not there --- */

/* A ring in memory of its own, which goes away under the device. */
void an_unmapped_ring_stops_its_queue(const Format &format)
{
	Live live(device_path, {.features = format.features});
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

void a_frame_in_missing_memory_harms_nobody(const Format &format)
{
	Live live(device_path, {.features = format.features});
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

void a_receive_buffer_in_missing_memory_harms_nobody(const Format &format)
{
	Live live(device_path, {.features = format.features});
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
void is_dropped_and_counted(const Format &format, std::span<const std::byte> bytes,
			    const char *counter)
{
	Live live(device_path, {.features = format.features});
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

void is_dropped_and_counted(const Format &format, const virtio_net_hdr &header, std::size_t len)
{
	std::vector<std::byte> bytes(12);
	std::memcpy(bytes.data(), &header, sizeof(header));
	const auto frame = make_frame(len, 13);
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	is_dropped_and_counted(format, bytes, "drop_header");
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

void bad_frames_without_end_leave_room_for_reception(const Format &format)
{
	Live live(device_path, {.features = format.features});
	std::atomic<bool> done = false;
	/* Its own memory for the buffer: the receiver allocates from the rig's at the same time. */
	live.receiver.offer();
	const driver::Segment tiny{live.rig.memory.allocate(16), 13, false};
	std::atomic<std::uint64_t> dropped = 0;
	std::thread flood([&] {
		driver::DriverRing &ring = live.rig.tx.ring();
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
		/* The flood may be late. */
		for (unsigned i = 0; i < 20 || (!dropped && i < 10000); ++i)
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

/* The suite as tests of one format see it. */
class Group
{
public:
	Group(ktap::Suite &suite, const Format &format) : format(format), suite_(suite) {}

	/* vhost_net: what it does instead, if it does. */
	void add(const std::string &name, std::function<void(const Format &)> body,
		 const char *vhost_net = nullptr)
	{
		const auto test = [body = std::move(body), &format = format] {
			need_features(device_path, format.features);
			body(format);
		};
		if (vhost_net)
			suite_.add_stricter(format.prefix + name, vhost_net, test);
		else
			suite_.add(format.prefix + name, test);
	}

	const Format &format;

private:
	ktap::Suite &suite_;
};

void add_bad_rings(Group &group)
{
	for (const BadRing &bad : group.format.rings())
		group.add(
			std::string(bad.queue == tx_queue ? "TX: " : "RX: ") + bad.name +
				" stops that queue, and a new set-up starts it",
			[&bad](const Format &) { stops_its_queue_only(bad); }, bad.vhost_net);
	group.add("good buffers before a bad one are used", good_buffers_before_a_bad_one_are_used);
	group.add("without an error eventfd a bad ring stops its queue too",
		  without_an_error_descriptor_the_queue_stops_too);
	group.add("a device closes with both queues stopped",
		  a_device_closes_with_its_queues_stopped);
}

void add_restarts(Group &group)
{
	group.add(
		"a mended ring starts by SET_VRING_ADDR",
		[](const Format &format) {
			starts_again_by(format, [](Live &live) {
				return live.rig.device.set_addr(live.rig.tx.addr());
			});
		},
		"needs a kick");
	group.add("a mended ring starts by NET_SET_BACKEND, away and back",
		  [](const Format &format) {
			  starts_again_by(format, [](Live &live) {
				  CHECK_ERRNO(live.rig.device.set_backend(tx_queue, -1), 0);
				  return live.rig.device.set_backend(tx_queue, live.wire.tap.fd());
			  });
		  });
	group.add(
		"a mended ring starts by NET_SET_BACKEND, the same again",
		[](const Format &format) {
			starts_again_by(format, [](Live &live) {
				return live.rig.device.set_backend(tx_queue, live.wire.tap.fd());
			});
		},
		"needs a kick");
	group.add("a ring that is still bad stops its queue again",
		  a_ring_still_bad_stops_its_queue_again, "needs a kick");
	group.add("a ring broken again and again does not fill the log",
		  a_ring_broken_again_and_again_does_not_fill_the_log, "logs nothing");
}

void add_missing_memory(Group &group)
{
	group.add("a ring that is unmapped stops its queue", an_unmapped_ring_stops_its_queue);
	group.add("TX: a frame in memory that the process does not have harms nobody",
		  a_frame_in_missing_memory_harms_nobody);
	group.add("RX: a buffer in memory that the process does not have harms nobody",
		  a_receive_buffer_in_missing_memory_harms_nobody);
}

void add_bad_frames(Group &group)
{
	for (const std::size_t len : {1, 5, 9, 10, 11, 12, 13, 25})
		/* 12 bytes of header and 13 of frame are one too few. */
		group.add(
			"TX: a buffer of " + std::to_string(len) +
				" bytes is dropped, counted and given back",
			[len](const Format &format) {
				is_dropped_and_counted(format, std::vector<std::byte>(len),
						       "drop_short");
			},
			len < 12 ? "tries the same frame for ever" : nullptr);
	for (const Lie &lie : lies)
		group.add(
			std::string("TX: a header that lies (") + lie.name +
				") is dropped, counted and given back",
			[&lie](const Format &format) {
				is_dropped_and_counted(format, lie.header, lie.len);
			},
			lie.vhost_net);
	group.add("TX: a frame longer than any is dropped, counted and given back",
		  [](const Format &format) {
			  is_dropped_and_counted(format, std::vector<std::byte>(70000),
						 "drop_long");
		  });
	group.add("TX: bad frames without end leave room for reception",
		  bad_frames_without_end_leave_room_for_reception);
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	oracle = suite.oracle();

	for (const Format &format : formats) {
		Group group(suite, format);
		add_bad_rings(group);
		add_restarts(group);
		add_missing_memory(group);
		add_bad_frames(group);
		if (!format.packed())
			continue;
		group.add("wrap bits that make no sense are nothing available",
			  wrap_bits_that_make_no_sense_are_nothing_available);
		constexpr auto all_but_write = static_cast<std::uint16_t>(~VRING_DESC_F_WRITE);
		group.add("flags in an indirect table but WRITE are ignored",
			  [](const Format &format) {
				  flags_in_an_indirect_table_are_ignored(format, all_but_write,
									 all_but_write);
			  });
		group.add("TX: WRITE in an indirect table is ignored", [](const Format &format) {
			flags_in_an_indirect_table_are_ignored(format, VRING_DESC_F_WRITE, 0);
		});
	}
	return suite.run();
}
