/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames that are sent by reference to the guest's pages:
 *
 *	guest ring -> device under test -> tap vna0 -> bridge vnb0 -> port
 *
 * where the port consumes them (a dummy), holds them (a dummy behind a queueing discipline) or
 * has them copied (a veth pair with a packet socket at its end). Nothing but the port's own time
 * decides when a buffer comes back: not the next kick, and no other frame.
 */
#include "ktap.hh"
#include "lifecycle_process.hh"
#include "support/bind.hh"
#include "support/counters.hh"
#include "support/mode.hh"
#include "support/netdev.hh"
#include "support/packet_socket.hh"
#include "support/tap.hh"
#include "support/traffic.hh"

#include <chrono>
#include <cstdlib>
#include <linux/if_tun.h>
#include <fstream>
#include <functional>
#include <optional>
#include <sys/resource.h>
#include <thread>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;
unsigned references_at_start;

constexpr unsigned threshold = 4096;
constexpr unsigned slots = 64;
constexpr std::size_t long_frame = 16000, short_frame = 200;

void command(const std::string &line)
{
	CHECK(!std::system(line.c_str()), "%s", line.c_str());
}

void wait_for(const std::function<bool()> &done, const char *what)
{
	const auto deadline = std::chrono::steady_clock::now() + patience;
	while (!done()) {
		CHECK(std::chrono::steady_clock::now() < deadline, "%s", what);
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
}

constexpr Mode by_format[] = {
	{"split", feature::version_1 | feature::indirect | feature::event_idx},
	{"split, in order", feature::version_1 | feature::indirect | feature::in_order},
	{"packed", feature::version_1 | feature::indirect | feature::packed | feature::event_idx},
	{"packed, in order",
	 feature::version_1 | feature::indirect | feature::packed | feature::in_order},
	{"split, the device's header", feature::version_1 | feature::device_header, false},
};

bool ordered(const Mode &mode)
{
	return mode.features & feature::in_order;
}

/* The bridge and the dummy that is its port; also the veth pair in its place. */
class Net
{
public:
	explicit Net(bool far_end = false) : bridge_(Link::bridge("vnb0")), port_(make(far_end))
	{
		set_mtu("vnp0", 65521);
		set_master("vnp0", "vnb0");
		set_up("vnp0");
		if (far_end) {
			set_mtu("vnp1", 65521);
			set_up("vnp1");
			wait_running("vnp0");
			wait_running("vnp1");
		}
		set_up("vnb0");
	}

	/* From now on frames stay for so long, 200s at most. */
	static void hold(const char *how)
	{
		command("tc qdisc replace dev vnp0 root netem limit 100000 delay " +
			std::string(how));
	}
	/* What is held is dropped, which ends it too. */
	static void let_go() { command("tc qdisc del dev vnp0 root"); }

private:
	static Link make(bool far_end)
	{
		return far_end ? Link::veth("vnp0", "vnp1") : Link::dummy("vnp0");
	}

	Link bridge_, port_;
};

TapOptions tap_options(const Mode &mode, bool multi_queue = false)
{
	TapOptions options;
	options.header = mode.tap_header;
	options.header_size = header_size(mode);
	options.multi_queue = multi_queue;
	return options;
}

/* A tap that is a port of the bridge. */
Tap bridged_tap(const Mode &mode, const std::string &name = "vna0", bool multi_queue = false)
{
	Tap tap(name, tap_options(mode, multi_queue));
	set_master(name, "vnb0");
	return tap;
}

class Guest
{
public:
	explicit Guest(const Mode &mode, unsigned size = 256)
	    : rig(device_path, {.features = mode.features, .size = size})
	{
	}

	void offer(std::size_t len, Shape shape = Shape::one)
	{
		offer_frame(rig, make_frame(len, next_++), shape);
	}
	void send(std::size_t len, Shape shape = Shape::one)
	{
		offer(len, shape);
		rig.tx.publish();
	}
	/* The next buffer that comes back, without a kick. */
	driver::Token take()
	{
		const driver::Used used = rig.tx.wait_used();
		CHECK_EQUAL(used.len, 0);
		return used.token;
	}
	void take_all()
	{
		while (rig.tx.ring().outstanding())
			take();
	}
	/* What has come back, without a wait. */
	unsigned collect()
	{
		unsigned n = 0;
		while (rig.tx.ring().collect())
			++n;
		return n;
	}
	std::uint64_t count(const char *name) const
	{
		return Counters(rig.device.fd()).at(std::string("tx.") + name);
	}
	void reach(const char *name, std::uint64_t value) const
	{
		wait_for([&] { return count(name) >= value; }, name);
	}
	Rig rig;

private:
	std::uint64_t next_ = 1;
};

/* Nothing is left of devices and of frames in flight. */
void check_nothing_left()
{
	wait_for([] { return module_references("vhost_net_alt") == references_at_start; },
		 "frames in flight, or a device, are left");
}

/* --- frames go by reference, or are copied --- */

void frames_that_are_consumed_go_by_reference(const Mode &mode)
{
	const Net net;
	const Tap tap = bridged_tap(mode);
	Guest guest(mode);
	guest.rig.attach(tap.fd());
	unsigned sent = 0;
	const auto mark = guest.rig.memory.mark(0);
	for (const Shape shape : {Shape::one, Shape::header_alone, Shape::three}) {
		if (shape != Shape::one && !(mode.features & feature::indirect))
			continue;
		for (unsigned round = 0; round < 4; ++round) {
			for (unsigned i = 0; i < 16; ++i, ++sent)
				guest.offer(i % 4 ? long_frame + i : 65000, shape);
			guest.rig.tx.publish();
			guest.take_all();
			guest.rig.memory.release(mark, 0);
		}
	}
	CHECK_EQUAL(guest.count("packets"), sent);
	CHECK_EQUAL(guest.count("zerocopy") + guest.count("copied_pages"), sent);
	CHECK(guest.count("copied_pages") <= sent / 4, "%llu have too many pages",
	      static_cast<unsigned long long>(guest.count("copied_pages")));
	CHECK_EQUAL(guest.count("zerocopy_copied"), 0);
	CHECK_EQUAL(statistic("vnp0", "tx_packets"), sent);
}

void every_byte_arrives(const Mode &mode)
{
	const Net net(true);
	const PacketSocket far("vnp1", test_ethertype);
	const Tap tap = bridged_tap(mode);
	Guest guest(mode);
	guest.rig.attach(tap.fd());
	for (const Shape shape : {Shape::one, Shape::header_split, Shape::seventeen}) {
		Traffic traffic;
		traffic.count = 60;
		traffic.batch = 20;
		traffic.largest = 65000;
		traffic.shape = shape;
		transmit(guest.rig, far, traffic);
	}
	/* A veth's other end is a receiver of the host's: it has the pages copied. */
	CHECK(guest.count("zerocopy") > 0);
	CHECK_EQUAL(guest.count("zerocopy_copied"), guest.count("zerocopy"));
	CHECK(guest.count("copied_backoff") > guest.count("zerocopy"));
	CHECK(guest.count("copied_short") > 0);
}

/* By what the pages hold when the frame leaves, whoever held it in between. */
void every_byte_of_frames_that_were_held_arrives(const Mode &mode)
{
	const Net net(true);
	const PacketSocket far("vnp1", test_ethertype);
	const Tap tap = bridged_tap(mode);
	Guest guest(mode);
	guest.rig.attach(tap.fd());
	Net::hold("30ms");
	for (unsigned i = 1; i <= 12; ++i)
		guest.offer(long_frame + i);
	guest.rig.tx.publish();
	for (unsigned i = 1; i <= 12; ++i)
		check_frame(far.receive(), long_frame + i, i);
	guest.take_all();
	CHECK(guest.count("zerocopy") >= 12);
}

/*
 * Some kernels copy what a packet socket gets, others let it hold the pages until it is read: then
 * vhost-net waits for that, in SET_BACKEND too.
 */
void an_unread_packet_socket_holds_nobody_up(const Mode &mode)
{
	const Net net;
	for (const bool bridged : {false, true}) {
		const Tap tap("vna0", tap_options(mode));
		std::optional<PacketSocket> on_tap(std::in_place, "vna0", 0);
		const PacketSocket on_port("vnp0", 0);
		if (bridged)
			set_master("vna0", "vnb0");
		Guest guest(mode);
		const auto mark = guest.rig.memory.mark(0);
		for (const bool closed : {true, false}) {
			guest.rig.attach(tap.fd());
			const std::uint64_t before = guest.count("packets");
			for (unsigned i = 0; i < 60; ++i)
				guest.offer(long_frame);
			guest.rig.tx.publish();
			guest.reach("packets", before + 60);
			if (closed) {
				on_tap.reset();
				guest.take_all();
				on_tap.emplace("vna0", 0);
			}
			guest.rig.detach();
			guest.collect();
			CHECK_EQUAL(guest.rig.tx.ring().outstanding(), 0);
			guest.rig.memory.release(mark, 0);
			unsigned base = 0;
			CHECK_ERRNO(guest.rig.device.get_base(tx_queue, base), 0);
			CHECK_ERRNO(guest.rig.device.set_base(tx_queue, base), 0);
		}
		CHECK(guest.count("zerocopy") > 0);
	}
	check_nothing_left();
}

void buffers_come_back_without_another_kick(const Mode &mode)
{
	const Net net;
	const Tap tap = bridged_tap(mode);
	Guest guest(mode);
	guest.rig.attach(tap.fd());
	Net::hold("100ms 80ms"); /* which also changes their order */
	for (unsigned round = 0; round < 3; ++round) {
		for (unsigned i = 0; i < 30; ++i)
			guest.offer(i % 3 ? long_frame : short_frame);
		guest.rig.tx.publish();
		guest.take_all();
	}
	CHECK_EQUAL(guest.count("zerocopy"), 60);
	CHECK_EQUAL(guest.count("zerocopy_copied"), 0);
	Net::let_go();
}

void only_in_order_do_others_wait_for_a_frame_in_flight(const Mode &mode)
{
	const Net net;
	const Tap tap = bridged_tap(mode);
	Guest guest(mode);
	guest.rig.attach(tap.fd());
	Net::hold("200s");
	guest.send(long_frame);
	guest.send(short_frame);
	guest.send(long_frame);
	guest.reach("packets", 3);
	if (ordered(mode)) {
		guest.reach("zerocopy", 2);
		CHECK_EQUAL(guest.collect(), 0);
	} else {
		guest.take();
		CHECK_EQUAL(guest.rig.tx.ring().outstanding(), 2);
	}
	Net::let_go();
	guest.take_all();
}

/* One frame that never leaves does not stop the others. */
void frames_without_a_slot_are_copied(const Mode &mode)
{
	const Net net;
	const Tap tap = bridged_tap(mode);
	Guest guest(mode);
	guest.rig.attach(tap.fd());
	Net::hold("200s");
	const auto mark = guest.rig.memory.mark(0);
	for (unsigned i = 0; i < slots; ++i)
		guest.offer(long_frame);
	guest.rig.tx.publish();
	guest.reach("zerocopy", slots);
	for (unsigned i = 0; i < 100; ++i)
		guest.offer(long_frame);
	guest.rig.tx.publish();
	guest.reach("copied_slots", 100);
	if (!ordered(mode)) {
		for (unsigned i = 0; i < 100; ++i)
			guest.take();
	}
	CHECK_EQUAL(guest.collect(), 0);
	Net::let_go();
	guest.take_all();
	CHECK_EQUAL(guest.count("zerocopy"), slots);
	guest.rig.memory.release(mark, 0);
}

/*
 * VHOST_NET_ALT_BIND with frames in flight from the tap before: they are as good as sent, and their
 * buffers come back when they land, whichever tap there is then.
 */
void both_queues_are_swapped_with_frames_in_flight(const Mode &mode)
{
	const Net net;
	const Tap first = bridged_tap(mode), second("vna1", tap_options(mode));
	Guest guest(mode);
	const std::uint32_t id = id_of(guest.rig.device);
	const VhostDevice any(device_path);
	/* One at a time on the bridge, which would have clones for two. */
	const auto put_on_bridge = [](const char *in, const char *out) {
		command(std::string("ip link set nomaster dev ") + out);
		set_master(in, "vnb0");
	};
	const auto send_ten = [&](std::uint64_t before) {
		for (unsigned i = 0; i < 10; ++i)
			guest.offer(long_frame);
		guest.rig.tx.publish();
		guest.reach("zerocopy", before + 10);
	};
	CHECK_ERRNO(bind_both(guest.rig.device, first.fd()), 0);
	Net::hold("200s");
	send_ten(0);
	CHECK_ERRNO(bind_both(guest.rig.device, second.fd()), 0);
	put_on_bridge("vna1", "vna0");
	send_ten(10);
	CHECK_ERRNO(bind_both(any, first.fd(), id), 0);
	CHECK_EQUAL(guest.collect(), 0);
	/* Off, by who cannot show the guest anything: what lands meanwhile waits. */
	CHECK_ERRNO(unbind_both(any, id), 0);
	Net::let_go();
	CHECK_ERRNO(bind_both(any, second.fd(), id), 0);
	guest.take_all();
	CHECK_EQUAL(guest.count("packets"), 20);
	CHECK_EQUAL(guest.count("zerocopy_orphaned"), 0);
	guest.send(long_frame);
	guest.take_all();
	CHECK_EQUAL(guest.count("zerocopy") + guest.count("copied_backoff"), 21);
}

/* The ring is set up anew in between: what was in flight is not of that ring. */
void frames_in_flight_of_a_ring_that_was(const Mode &mode)
{
	const Net net;
	const Tap tap = bridged_tap(mode);
	Guest guest(mode);
	const VhostDevice any(device_path);
	guest.rig.attach(tap.fd());
	Net::hold("200s");
	for (unsigned i = 0; i < 4; ++i)
		guest.offer(long_frame);
	guest.rig.tx.publish();
	guest.reach("zerocopy", 4);
	CHECK_ERRNO(unbind_both(any, id_of(guest.rig.device)), 0);
	guest.rig.tx.ring().reset();
	guest.rig.tx.configure(guest.rig.device);
	guest.rig.attach(tap.fd());
	Net::let_go();
	guest.send(short_frame);
	guest.take();
	CHECK(!guest.collect());
}

/* --- the owner's limit --- */

void an_owner_has_no_more_pages_locked_than_he_may()
{
	const Mode &mode = by_format[0];
	const Net net;
	const Tap tap = bridged_tap(mode);
	Net::hold("200s");
	/* 16000 bytes behind the first 256 lie in 4 pages or 5. */
	constexpr rlim_t pages = 23;
	ChildProcess child([&] {
		Guest guest(mode);
		const rlimit limit{pages * 4096, pages * 4096};
		CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
		CHECK(!setresuid(65534, 65534, 65534));
		CHECK(!prctl(PR_SET_DUMPABLE, 1)); /* for its counters */
		guest.rig.attach(tap.fd());
		for (unsigned i = 0; i < 20; ++i)
			guest.offer(long_frame);
		guest.rig.tx.publish();
		guest.reach("packets", 20);
		const std::uint64_t referred = guest.count("zerocopy");
		CHECK(referred == 4 || referred == 5, "%llu frames",
		      static_cast<unsigned long long>(referred));
		CHECK_EQUAL(guest.count("copied_limit"), 20 - referred);
	});
	child.wait();
	Net::let_go();
	check_nothing_left();

	/* What has landed is charged no more: it is the same user. */
	ChildProcess next([&] {
		Guest guest(mode);
		const rlimit limit{pages * 4096, pages * 4096};
		CHECK(!setrlimit(RLIMIT_MEMLOCK, &limit));
		CHECK(!setresuid(65534, 65534, 65534));
		CHECK(!prctl(PR_SET_DUMPABLE, 1));
		guest.rig.attach(tap.fd());
		for (unsigned i = 0; i < 100; ++i) {
			guest.send(i % 2 ? long_frame : short_frame);
			guest.take();
		}
		CHECK_EQUAL(guest.count("zerocopy"), 50);
	});
	next.wait();
}

/* --- things that go while frames are in flight --- */

/* Held for ever: nobody waits for long, and nothing is lost or freed too early. */
void a_queue_lets_go_of_frames_that_never_land(const Mode &mode)
{
	const Net net;
	const Tap tap = bridged_tap(mode);
	{
		Guest guest(mode);
		guest.rig.attach(tap.fd());
		Net::hold("200s");
		for (unsigned i = 0; i < 10; ++i)
			guest.offer(i % 2 ? long_frame : short_frame);
		guest.rig.tx.publish();
		guest.reach("packets", 10);
		guest.rig.detach();
		CHECK_EQUAL(guest.count("zerocopy_orphaned"), 5);
		guest.collect();
		CHECK_EQUAL(guest.rig.tx.ring().outstanding(), 0);

		/* It starts anew where it stopped; the port holds what comes now too. */
		unsigned base = 0;
		CHECK_ERRNO(guest.rig.device.get_base(tx_queue, base), 0);
		CHECK_ERRNO(guest.rig.device.set_base(tx_queue, base), 0);
		guest.rig.attach(tap.fd());
		guest.send(short_frame);
		guest.take();
		guest.send(long_frame);
		guest.reach("zerocopy", 6);
	}
	/* The device has gone, frames of it have not. */
	CHECK(module_references("vhost_net_alt") > references_at_start);
	Net::let_go();
	check_nothing_left();
}

constexpr unsigned rounds = 200;

/* Frames in flight, and more to come. */
void send_some(Guest &guest)
{
	const std::uint64_t before = guest.count("zerocopy");
	for (unsigned i = 0; i < 6; ++i)
		guest.offer(i % 3 ? long_frame : short_frame);
	guest.rig.tx.publish();
	guest.reach("zerocopy", before + 4);
}

/* As many rounds in each format: what happens, then all buffers come back. */
void in_each_format(const std::function<void(Guest &, const Mode &)> &once)
{
	constexpr unsigned formats = std::size(by_format);
	{
		const Net net;
		Net::hold("20ms 15ms");
		for (const Mode &mode : by_format) {
			Guest guest(mode, 64);
			const auto mark = guest.rig.memory.mark(0);
			for (unsigned i = 0; i < rounds / formats; ++i) {
				alarm(ktap::Suite::watchdog_seconds);
				once(guest, mode);
				guest.take_all();
				guest.rig.memory.release(mark, 0);
			}
		}
	}
	check_nothing_left();
}

void taps_are_deleted()
{
	in_each_format([](Guest &guest, const Mode &mode) {
		const Tap tap = bridged_tap(mode);
		guest.rig.attach(tap.fd());
		send_some(guest);
		delete_link("vna0");
	});
}

void queues_are_detached()
{
	std::optional<Tap> tap;
	const Mode *current = nullptr;
	in_each_format([&](Guest &guest, const Mode &mode) {
		if (std::exchange(current, &mode) != &mode) {
			tap.reset();
			tap = bridged_tap(mode, "vna0", true);
			guest.rig.attach(tap->fd());
		}
		send_some(guest);
		tap->attach(false);
		guest.take_all();
		tap->attach(true);
	});
}

void interfaces_go_down_and_up()
{
	std::optional<Tap> tap;
	const Mode *current = nullptr;
	in_each_format([&](Guest &guest, const Mode &mode) {
		if (std::exchange(current, &mode) != &mode) {
			tap.reset();
			tap = bridged_tap(mode);
			guest.rig.attach(tap->fd());
		}
		send_some(guest);
		set_up("vna0", false);
		guest.offer(long_frame); /* refused */
		guest.rig.tx.publish();
		guest.take_all();
		set_up("vna0");
	});
}

void backends_are_swapped()
{
	std::optional<Tap> tap, other;
	const Mode *current = nullptr;
	in_each_format([&](Guest &guest, const Mode &mode) {
		if (std::exchange(current, &mode) != &mode) {
			tap.reset();
			other.reset();
			tap = bridged_tap(mode);
			/* Not on the bridge, which would have clones for the two. */
			other.emplace("vna1", tap_options(mode));
			guest.rig.attach(tap->fd());
		}
		send_some(guest);
		guest.rig.attach(other->fd());
		send_some(guest); /* to nobody */
		guest.rig.attach(tap->fd());
	});
}

void rings_are_reset()
{
	std::optional<Tap> tap;
	const Mode *current = nullptr;
	in_each_format([&](Guest &guest, const Mode &mode) {
		if (std::exchange(current, &mode) != &mode) {
			tap.reset();
			tap = bridged_tap(mode);
			guest.rig.attach(tap->fd());
		}
		send_some(guest);
		guest.rig.detach();
		guest.collect();
		CHECK_EQUAL(guest.rig.tx.ring().outstanding(), 0);
		unsigned base = 0;
		CHECK_ERRNO(guest.rig.device.get_base(tx_queue, base), 0);
		CHECK_ERRNO(guest.rig.device.set_base(tx_queue, base), 0);
		guest.rig.attach(tap->fd());
	});
}

void guests_are_killed()
{
	{
		const Net net;
		Net::hold("20ms 15ms");
		for (unsigned i = 0; i < rounds; ++i) {
			alarm(ktap::Suite::watchdog_seconds);
			const Mode &mode = by_format[i % std::size(by_format)];
			const Word ready;
			ChildProcess child([&] {
				const Tap tap = bridged_tap(mode);
				Guest guest(mode, 64);
				guest.rig.attach(tap.fd());
				send_some(guest);
				ready.say();
				pause();
			});
			CHECK(ready.heard(), "the guest does not come up");
			child.kill();
		}
	}
	check_nothing_left();
}

/* Frames that never land keep their pages, the user's charge and the module, not the owner. */
void a_killed_guest_leaves_frames_that_land_later()
{
	const Net net;
	Net::hold("200s");
	for (const Mode &mode : by_format) {
		const Word ready;
		ChildProcess child([&] {
			const Tap tap = bridged_tap(mode);
			Guest guest(mode);
			guest.rig.attach(tap.fd());
			send_some(guest);
			ready.say();
			pause();
		});
		CHECK(ready.heard(), "the guest does not come up");
		child.kill();
	}
	CHECK(module_references("vhost_net_alt") > references_at_start);
	Net::let_go();
	check_nothing_left();
}

/* A module's parameter, as it was before when this ends. */
class Parameter
{
public:
	Parameter(const std::string &path, unsigned value) : path_(path)
	{
		std::ifstream(path_) >> before_;
		write(value);
	}
	~Parameter() { write(before_); }
	Parameter(const Parameter &) = delete;

private:
	void write(unsigned value) const { std::ofstream(path_) << value << std::flush; }

	std::string path_;
	unsigned before_ = 0;
};

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	std::optional<Parameter> parameter;
	const std::string path = "/sys/module/vhost_net_alt/parameters/zerocopy";
	if (!suite.oracle() && !access(path.c_str(), W_OK)) {
		parameter.emplace(path, threshold);
		references_at_start = module_references("vhost_net_alt");
	}
	const auto add = [&](const std::string &name, const std::function<void()> &body) {
		suite.add_stricter(name, "has no counters for it, and waits for ever", body);
	};
	using Body = void (*)(const Mode &);
	const std::pair<const char *, Body> each[] = {
		{"frames that are consumed go by reference",
		 frames_that_are_consumed_go_by_reference},
		{"every byte arrives", every_byte_arrives},
		{"every byte of frames that were held arrives",
		 every_byte_of_frames_that_were_held_arrives},
		{"an unread packet socket holds nobody up",
		 an_unread_packet_socket_holds_nobody_up},
		{"buffers come back without another kick", buffers_come_back_without_another_kick},
		{"only in order do others wait for a frame in flight",
		 only_in_order_do_others_wait_for_a_frame_in_flight},
		{"frames without a slot are copied", frames_without_a_slot_are_copied},
		{"a queue lets go of frames that never land",
		 a_queue_lets_go_of_frames_that_never_land},
		{"both queues are swapped with frames in flight",
		 both_queues_are_swapped_with_frames_in_flight},
		{"frames in flight of a ring that was", frames_in_flight_of_a_ring_that_was},
	};
	for (const auto &[name, body] : each)
		for (const Mode &mode : by_format)
			add(std::string(name) + ": " + mode.name, [body, &mode] { body(mode); });
	add("an owner has no more pages locked than he may",
	    an_owner_has_no_more_pages_locked_than_he_may);
	const std::string times = " " + std::to_string(rounds) + " times with frames in flight";
	add("taps are deleted" + times, taps_are_deleted);
	add("queues are detached" + times, queues_are_detached);
	add("interfaces go down and up" + times, interfaces_go_down_and_up);
	add("backends are swapped" + times, backends_are_swapped);
	add("rings are reset" + times, rings_are_reset);
	add("guests are killed" + times, guests_are_killed);
	add("a killed guest leaves frames that land later",
	    a_killed_guest_leaves_frames_that_land_later);
	return suite.run();
}
