// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a device when the things around it come and go under traffic: the tap, its
 * interface, the owner, the descriptor, the kick eventfds, the memory table. In each case nobody
 * hangs, no frame is changed, buffers keep coming back, and afterwards nothing is left.
 * VNA_TIMES says how often each comes and goes.
 */
#include "ktap.hh"
#include "lifecycle_process.hh"
#include "lifecycle_traffic.hh"
#include "support/counters.hh"
#include "support/netdev.hh"

#include <algorithm>
#include <cstdlib>
#include <linux/if_tun.h>
#include <mutex>
#include <sys/ioctl.h>

using namespace vna;
using namespace vna::vm;

namespace {

std::string device_path;
unsigned references_at_start;

bool on_oracle()
{
	return device_path == "/dev/vhost-net";
}

unsigned references()
{
	return module_references(on_oracle() ? "vhost_net" : "vhost_net_alt");
}

/* A tap and its far end. */
struct TapEnd {
	TapEnd(const std::string &name, std::uint8_t source, const TapOptions &options = {})
		: tap(name, options), far(name, source)
	{
	}

	Tap tap;
	FarEnd far;
};

constexpr std::uint8_t first_source = 2, second_source = 3;

/* How often things come and go: what is left over each time, or goes wrong now and then, shows. */
const unsigned times = [] {
	const char *const asked = std::getenv("VNA_TIMES");
	return asked ? static_cast<unsigned>(std::atoi(asked)) : 25u;
}();

/* Each of them may take as long as a test. */
bool goes_on(unsigned round)
{
	alarm(ktap::Suite::watchdog_seconds);
	return round < times;
}

/* --- taps that go --- */

/* What the worker did with the frames that it took: all are accounted for. */
void check_transmit_counters(const Guest &guest)
{
	const Counters counters(guest.rig.device.fd());
	const std::uint64_t dropped = counters.at("tx.drop_backend");
	CHECK(dropped > 0, "no drop is counted");
	CHECK_EQUAL(counters.at("tx.buffers"), guest.sender.returned());
	CHECK_EQUAL(counters.at("tx.packets") + dropped + counters.at("tx.drop_nomem"),
		    guest.sender.returned());
}

void a_tap_deleted_while_the_guest_sends_drops_its_frames()
{
	Guest guest(device_path);
	TapEnd first("vna0", first_source);
	guest.rig.attach(first.tap.fd());
	guest.sender.start();
	first.far.sink.start();
	sends(first.far);
	delete_link("vna0");
	guest.sender.reach(guest.sender.returned() + 200);
	first.far.sink.finish();

	TapEnd second("vna1", second_source);
	second.far.sink.start();
	guest.rig.attach(second.tap.fd());
	sends(second.far);
	guest.sender.finish();
	second.far.sink.finish();
	CHECK(second.far.sink.numbers().back() == guest.sender.sent() - 1);
	check_transmit_counters(guest);
}

void a_tap_deleted_while_the_guest_receives_is_replaced()
{
	Guest guest(device_path);
	TapEnd first("vna0", first_source);
	guest.rig.attach(first.tap.fd());
	guest.reader.start();
	first.far.start();
	receives(guest, first.far);
	delete_link("vna0");

	TapEnd second("vna1", second_source);
	second.far.start();
	guest.rig.attach(second.tap.fd());
	receives(guest, second.far);
	guest.reader.abandon();
}

void taps_deleted_under_traffic_both_ways_are_replaced()
{
	Guest guest(device_path);
	guest.start();
	std::uint64_t sent = 0;
	for (unsigned round = 0; goes_on(round); ++round) {
		TapEnd end("vna" + std::to_string(round % 2), second_source);
		/* From where the last one was, or its numbers would look late. */
		FarSource source(end.far.socket, first_source, guest_mac, sent);
		end.far.sink.start();
		source.start();
		guest.rig.attach(end.tap.fd());
		sends(end.far, 10);
		guest.reader.reach(first_source, guest.reader.received(first_source) + 10);
		delete_link(end.tap.name());
		guest.sender.reach(guest.sender.returned() + 20);
		source.finish();
		end.far.sink.finish();
		sent = source.sent();
	}
	guest.finish();
	check_transmit_counters(guest);
}

void a_tap_lives_as_long_as_the_device_holds_it()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	flows(guest, end.far);
	end.tap.close();
	flows(guest, end.far);
	guest.rig.detach();
	wait_until([] { return !exists("vna0"); }, "the tap is still there");
	guest.abandon();
}

void a_persistent_tap_is_let_go_and_taken_again()
{
	Guest guest(device_path);
	guest.start();
	{
		TapEnd end("vna0", first_source);
		CHECK(!ioctl(end.tap.fd(), TUNSETPERSIST, 1));
		guest.rig.attach(end.tap.fd());
		end.far.start();
		flows(guest, end.far);
		/* One queue: nobody else has it before the device lets go. */
		end.tap.close();
		guest.rig.detach();
		CHECK(exists("vna0"));
	}
	TapEnd again("vna0", second_source);
	guest.rig.attach(again.tap.fd());
	again.far.start();
	flows(guest, again.far);
	CHECK(!ioctl(again.tap.fd(), TUNSETPERSIST, 0));
	CHECK(exists("vna0"));
	guest.finish();
	guest.rig.detach();
	again.tap.close();
	wait_until([] { return !exists("vna0"); }, "the tap is still there");
}

void a_macvtap_deleted_under_traffic_is_replaced()
{
	const Link wire = Link::veth("vna2", "vna3");
	set_up("vna2");
	set_up("vna3");
	wait_running("vna2");
	wait_running("vna3");
	const Link lower = Link::macvtap("vna4", "vna2");
	set_up("vna4");
	wait_running("vna4");
	const Mac mac = mac_of("vna4");
	const Tap first = Tap::of_macvtap("vna4");

	Guest guest(device_path, mac);
	FarEnd far("vna3", first_source, mac);
	guest.rig.attach(first.fd());
	guest.start();
	far.start();
	flows(guest, far);
	/* By its lower device's death, which takes it along. */
	delete_link("vna2");
	/* It takes frames and forgets them: the buffers come back all the same. */
	guest.sender.reach(guest.sender.returned() + 50);
	CHECK(!exists("vna4"));

	TapEnd second("vna0", second_source);
	FarSource source(second.far.socket, second_source, mac);
	source.start();
	second.far.sink.start();
	guest.rig.attach(second.tap.fd());
	sends(second.far);
	guest.reader.reach(second_source, 40);
	guest.finish();
}

void a_dead_tap_is_refused_and_the_old_one_goes_on()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	flows(guest, end.far);
	const Tap dead("vna1");
	delete_link("vna1");
	for (unsigned round = 0; round < 20; ++round) {
		CHECK_ERRNO(guest.rig.device.set_backend(tx_queue, dead.fd()), EINVAL);
		CHECK_ERRNO(guest.rig.device.set_backend(rx_queue, dead.fd()), EINVAL);
		flows(guest, end.far, 5);
	}
	guest.finish();
	end.far.finish();
	CHECK_EQUAL(end.far.sink.received(), guest.sender.sent());
}

/* --- taps that rest --- */

void a_queue_detached_from_its_tap_and_attached_again_resumes()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source, { .multi_queue = true });
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	for (unsigned round = 0; goes_on(round); ++round) {
		flows(guest, end.far, 5);
		end.tap.attach(false);
		guest.sender.reach(guest.sender.returned() + 20);
		end.tap.attach(true);
	}
	flows(guest, end.far);
	guest.finish();
}

void an_interface_set_down_and_up_resumes()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	for (unsigned round = 0; goes_on(round); ++round) {
		flows(guest, end.far, 5);
		set_up("vna0", false);
		guest.sender.reach(guest.sender.returned() + 20);
		set_up("vna0");
	}
	flows(guest, end.far);
	guest.finish();
}

void a_tap_without_carrier_takes_frames_and_resumes()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	for (unsigned round = 0; round < 5; ++round) {
		flows(guest, end.far, 20);
		unsigned carrier = 0;
		CHECK(!ioctl(end.tap.fd(), TUNSETCARRIER, &carrier));
		guest.sender.reach(guest.sender.returned() + 40);
		carrier = 1;
		CHECK(!ioctl(end.tap.fd(), TUNSETCARRIER, &carrier));
	}
	flows(guest, end.far);
	guest.finish();
}

/* --- the backend, replaced --- */

void every_frame_arrives_at_one_of_two_taps_that_take_turns()
{
	Guest guest(device_path);
	TapEnd first("vna0", first_source), second("vna1", second_source);
	first.far.start();
	second.far.start();
	guest.rig.attach(first.tap.fd());
	guest.start();
	for (unsigned round = 0; goes_on(round); ++round) {
		TapEnd &end = round % 2 ? first : second;
		guest.rig.attach(end.tap.fd());
		flows(guest, end.far, 5);
	}
	guest.finish();
	first.far.finish();
	second.far.finish();

	/* Each sink has found its own in order. */
	std::vector<std::uint64_t> all;
	std::merge(first.far.sink.numbers().begin(), first.far.sink.numbers().end(),
		   second.far.sink.numbers().begin(), second.far.sink.numbers().end(),
		   std::back_inserter(all));
	CHECK_EQUAL(all.size(), guest.sender.sent());
	for (std::size_t i = 0; i < all.size(); ++i)
		CHECK(all[i] == i, "frame %zu is lost or came twice", i);
}

void send_frames(const PacketSocket &far, unsigned count, std::uint64_t first = 0)
{
	for (std::uint64_t i = first; i < first + count; ++i)
		CHECK_ERRNO(far.send(numbered_frame(i, guest_mac, first_source)), 0);
}

void frames_that_wait_in_a_tap_stay_there_for_its_return()
{
	/* The device may have taken them off already, for want of buffers: it gives them back. */
	Guest guest(device_path);
	TapEnd first("vna0", first_source), second("vna1", second_source);
	guest.rig.attach(first.tap.fd());
	constexpr unsigned count = 100;
	send_frames(first.far.socket, count);
	guest.rig.attach(second.tap.fd());
	guest.reader.start();
	second.far.source.start();
	receives(guest, second.far);
	guest.rig.attach(first.tap.fd());
	guest.reader.reach(first_source, count);
	guest.reader.abandon();
}

/* --- owners --- */

/* An owner with traffic both ways. Says so when it flows, and goes on until it is killed. */
void own_a_busy_device(const Word &ready, const std::function<void(Guest &)> &then)
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	flows(guest, end.far, 20);
	if (then)
		then(guest);
	ready.say();
	pause();
}

void nothing_is_left_of(pid_t owner)
{
	wait_until([&] { return workers_of(owner).empty(); }, "the worker is still there");
	wait_until([] { return references() == references_at_start; },
		   "the module is still in use");
	wait_until([] { return !exists("vna0"); }, "the tap is still there");
}

void an_owner_killed_under_traffic_leaves_nothing()
{
	for (unsigned round = 0; goes_on(round); ++round) {
		const Word ready;
		ChildProcess owner([&] { own_a_busy_device(ready, nullptr); });
		CHECK(ready.heard(), "the owner does not get that far");
		const pid_t pid = owner.pid();
		CHECK_EQUAL(workers_of(pid).size(), 1);
		owner.kill();
		nothing_is_left_of(pid);
	}
}

void an_owner_that_exits_without_closing_leaves_nothing()
{
	for (unsigned round = 0; round < 3; ++round) {
		const Word ready;
		ChildProcess owner([&] { own_a_busy_device(ready, [](Guest &) { _exit(0); }); });
		const pid_t pid = owner.pid();
		owner.wait();
		nothing_is_left_of(pid);
	}
}

constexpr unsigned long owners_requests[] = {
	VHOST_SET_VRING_NUM,  VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,  VHOST_SET_VRING_ADDR,
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,   VHOST_SET_MEM_TABLE,
	VHOST_RESET_OWNER,    VHOST_NET_SET_BACKEND,
};

/*
 * Every request of a process that has the descriptor and is not the owner is refused. Allocates
 * nothing: its caller may be the fork of a process with threads.
 */
bool is_refused(const VhostDevice &device)
{
	alignas(8) const char argument[256] = {};
	for (const unsigned long number : owners_requests)
		if (device.request(number, argument) != EPERM)
			return false;
	return device.set_owner() == EBUSY;
}

void an_heir_of_a_killed_owners_descriptor_can_only_close_it()
{
	/* The heir becomes our child when the owner is gone. */
	CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	const Word ready, killed, told, close_it;
	ChildProcess owner([&] {
		own_a_busy_device(ready, [&](Guest &guest) {
			if (fork())
				return;
			bool fine = killed.heard();
			fine = fine && is_refused(guest.rig.device);
			/* Events for a worker that may be gone. */
			guest.rig.tx.kick();
			guest.rig.rx.kick();
			fine = fine && is_refused(guest.rig.device);
			told.say();
			fine = fine && close_it.heard();
			guest.rig.device.close();
			_exit(fine ? 0 : 1);
		});
	});
	CHECK(ready.heard(), "the owner does not get that far");
	const pid_t pid = owner.pid();
	owner.kill();
	/* The device and its tap live: frames are events for it. */
	CHECK(exists("vna0"));
	CHECK_EQUAL(references(), references_at_start + 1);
	killed.say();
	{
		const PacketSocket far("vna0", test_ethertype);
		FarSource source(far, first_source);
		source.start();
		CHECK(told.heard(), "the heir hangs");
	}
	close_it.say();
	int status = 0;
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 0));
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "the heir is not refused, or hangs: %#x",
	      status);
	nothing_is_left_of(pid);
}

void a_forked_child_cannot_use_the_device_and_its_parent_goes_on()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	flows(guest, end.far);
	for (unsigned round = 0; round < 5; ++round) {
		std::fflush(stdout);
		const pid_t pid = fork();
		CHECK(pid >= 0);
		/* The copy of a process with threads: no more than requests and the end. */
		if (!pid)
			_exit(is_refused(guest.rig.device) ? 0 : 1);
		flows(guest, end.far, 10);
		int status = 0;
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		CHECK(!WEXITSTATUS(status), "the child is not refused");
	}
	flows(guest, end.far);
	guest.finish();
	end.far.finish();
	CHECK_EQUAL(end.far.sink.received(), guest.sender.sent());
}

/* --- the worker --- */

void each_device_has_a_worker_named_after_its_owner()
{
	const pid_t self = getpid();
	CHECK_EQUAL(workers_of(self).size(), 0);
	VhostDevice first(device_path), second(device_path);
	CHECK_EQUAL(workers_of(self).size(), 0);
	CHECK_ERRNO(first.set_owner(), 0);
	CHECK_EQUAL(workers_of(self).size(), 1);
	CHECK_ERRNO(second.set_owner(), 0);
	CHECK_EQUAL(workers_of(self).size(), 2);
	CHECK_ERRNO(first.reset_owner(), 0);
	wait_until([&] { return workers_of(self).size() == 1; }, "a worker stays after its reset");
	CHECK_ERRNO(first.set_owner(), 0);
	first.close();
	second.close();
	wait_until([&] { return workers_of(self).empty(); }, "a worker stays after its device");
}

void the_worker_is_in_its_owners_cgroup()
{
	const Cgroup group("vna-lifecycle");
	Guest guest(device_path);
	CHECK(worker_of(getpid()).cgroup() == group.path(), "it is in %s",
	      worker_of(getpid()).cgroup().c_str());
	/* And works from there. */
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	flows(guest, end.far);
	guest.finish();
}

/*
 * The worker's time on a processor in a period in which one that never rests would have had 80
 * ticks. The limit is far from both: it is no measure of anything else.
 */
void check_worker_rests(const char *when)
{
	const Task worker = worker_of(getpid());
	/* What is under way may come to its end. */
	std::this_thread::sleep_for(std::chrono::milliseconds(300));
	const std::uint64_t before = worker.ticks();
	std::this_thread::sleep_for(std::chrono::milliseconds(800));
	const std::uint64_t ticks = worker.ticks() - before;
	CHECK(ticks < 25, "%s the worker took %llu ticks of 80", when,
	      static_cast<unsigned long long>(ticks));
}

void a_device_rests_after_traffic()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	check_worker_rests("before traffic");
	guest.start();
	end.far.start();
	flows(guest, end.far, 200);
	guest.sender.finish();
	end.far.finish();
	check_worker_rests("after traffic");
	guest.reader.abandon();
	guest.rig.detach();
	check_worker_rests("without a backend");
}

void a_device_rests_while_frames_wait_for_buffers()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	send_frames(end.far.socket, 50);
	check_worker_rests("with frames and no buffers");
	send_frames(end.far.socket, 50, 50);
	check_worker_rests("with more frames");
	guest.rig.rx.kick();
	check_worker_rests("after a kick for nothing");
	guest.reader.start();
	guest.reader.reach(first_source, 100);
	guest.reader.abandon();
}

/* Receive buffers of this many bytes, header included; the guest shows them later. */
void add_receive_buffers(Rig &rig, unsigned count, std::size_t bytes)
{
	for (unsigned i = 0; i < count; ++i)
		CHECK(rig.rx.ring().add(make_chain(rig.memory, Shape::one, rig.header_size(),
						   bytes - rig.header_size(), true, rig.seam())));
}

void add_transmit_frames(Rig &rig, unsigned count, std::size_t bytes)
{
	for (unsigned i = 0; i < count; ++i)
		CHECK(rig.tx.ring().add(make_chain(rig.memory, Shape::one, rig.header_size(),
						   bytes, false, rig.seam())));
}

void a_device_rests_while_a_frame_waits_for_more_buffers()
{
	Rig rig(device_path, { .features = feature::version_1 | feature::mrg_rxbuf });
	TapEnd end("vna0", first_source);
	rig.attach(end.tap.fd());
	const auto offer = [&](unsigned count) {
		add_receive_buffers(rig, count, 112);
		rig.rx.publish();
	};
	offer(3);
	CHECK_ERRNO(end.far.socket.send(make_frame(1400, 1, guest_mac, far_mac)), 0);
	check_worker_rests("with too few buffers for a frame");
	offer(3);
	check_worker_rests("with more of them");
	CHECK(!rig.rx.ring().has_used());
	offer(20);
	/* 1400 + 12 bytes in pieces of 112: not one more, not one less. */
	for (unsigned i = 0; i < 13; ++i)
		rig.rx.wait_used();
	CHECK(!rig.rx.ring().has_used());
}

void a_device_rests_when_its_tap_is_gone()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.reader.start();
	end.far.start();
	receives(guest, end.far);
	delete_link("vna0");
	end.far.finish();
	check_worker_rests("with its tap gone");
	guest.rig.rx.kick();
	guest.rig.tx.kick();
	check_worker_rests("after kicks");
	if (on_oracle())
		return; /* it loses the buffers, see above */
	guest.sender.start();
	guest.sender.reach(200);
	guest.sender.finish();
	check_worker_rests("after it dropped frames");
}

void a_device_rests_when_its_interface_is_down_or_its_queue_detached()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source, { .multi_queue = true });
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	flows(guest, end.far);
	set_up("vna0", false);
	guest.sender.finish();
	end.far.source.finish();
	check_worker_rests("with its interface down");
	set_up("vna0");
	end.tap.attach(false);
	check_worker_rests("with its queue detached");
}

/* --- the device, closed and set up anew --- */

void a_descriptor_closed_with_frames_pending_ends_cleanly()
{
	const Tap tap("vna0");
	const PacketSocket far("vna0", test_ethertype);
	for (unsigned round = 0; round < 50; ++round) {
		Rig rig(device_path, {});
		rig.attach(tap.fd());
		send_frames(far, 16);
		add_receive_buffers(rig, 24, 1526);
		add_transmit_frames(rig, 64, 60);
		rig.rx.publish();
		rig.tx.publish();
		send_frames(far, 16, 16);
		/* At once; with the first frames through; by reset. */
		if (round % 3 == 1)
			rig.tx.wait_used();
		if (round % 3 == 2)
			CHECK_ERRNO(rig.device.reset_owner(), 0);
		rig.device.close();
		CHECK_EQUAL(references(), references_at_start);
	}
	wait_until([] { return workers_of(getpid()).empty(); }, "a worker stays after its device");

	/* The tap works on, for another device, once the frames from before are gone. */
	char frame[2048];
	while (read(tap.fd(), frame, sizeof(frame)) > 0)
		;
	Guest guest(device_path);
	FarEnd end("vna0", second_source);
	guest.rig.attach(tap.fd());
	guest.start();
	end.start();
	flows(guest, end);
	guest.finish();
}

void reset_under_traffic_and_set_up_again()
{
	Guest guest(device_path);
	Rig &rig = guest.rig;
	TapEnd end("vna0", first_source);
	end.far.start();
	rig.attach(end.tap.fd());
	for (unsigned round = 0; goes_on(round); ++round) {
		guest.start();
		flows(guest, end.far, 5);
		CHECK_ERRNO(rig.device.reset_owner(), 0);
		guest.abandon();
		rig.rx.ring().reset();
		rig.tx.ring().reset();
		guest.sender.forget();
		guest.reader.forget();
		CHECK_ERRNO(rig.device.set_owner(), 0);
		CHECK_ERRNO(rig.device.set_features(rig.features()), 0);
		CHECK_ERRNO(rig.device.set_mem_table(mem_table(rig.memory)), 0);
		rig.rx.configure(rig.device);
		rig.tx.configure(rig.device);
		rig.attach(end.tap.fd());
	}
	guest.start();
	flows(guest, end.far);
	guest.finish();
}

/*
 * A kick eventfd that a hypervisor replaces: first the guest's notifications go to the new one,
 * then the device is told. None is lost in between, as an eventfd remembers.
 */
class Kick {
public:
	Kick() : fd_(fresh()) {}

	void operator()()
	{
		/* Not between a look at which it is and the kick. */
		const std::lock_guard lock(mutex_);
		const std::uint64_t one = 1;
		CHECK(write(fd_.get(), &one, sizeof(one)) == sizeof(one));
	}

	void replace(const VhostDevice &device, unsigned queue)
	{
		UniqueFd old(fresh());
		{
			const std::lock_guard lock(mutex_);
			std::swap(fd_, old);
		}
		CHECK_ERRNO(device.set_kick(queue, fd_.get()), 0);
	}

private:
	static UniqueFd fresh() { return UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

	std::mutex mutex_;
	UniqueFd fd_;
};

void a_replaced_kick_descriptor_loses_no_wake_up()
{
	Kick rx_kick, tx_kick;
	Rig rig(device_path, { .features = feature::version_1 | feature::event_idx });
	rx_kick.replace(rig.device, rx_queue);
	tx_kick.replace(rig.device, tx_queue);
	/* One buffer each way: every one needs a kick of its own, and a lost one is a stall. */
	Sender sender(rig, { .buffers = 1, .kick = std::ref(tx_kick) });
	Reader reader(rig, guest_mac, { .buffers = 1, .kick = std::ref(rx_kick) });
	TapEnd end("vna0", first_source);
	rig.attach(end.tap.fd());
	reader.start();
	sender.start();
	end.far.sink.start();
	end.far.source.start_lossless(reader);
	for (unsigned round = 0; round < 200; ++round) {
		rx_kick.replace(rig.device, rx_queue);
		tx_kick.replace(rig.device, tx_queue);
		if (round % 10)
			continue;
		sender.reach(sender.returned() + 5);
		reader.reach(first_source, reader.received(first_source) + 5);
	}
	sender.finish();
	end.far.source.finish();
	reader.reach(first_source, end.far.source.sent());
	reader.abandon();
	end.far.sink.finish();
	CHECK_EQUAL(end.far.sink.received(), sender.sent());
}

/* --- fairness --- */

constexpr std::uint16_t other_ethertype = 0x88b7;

void receiving_has_its_share_while_the_guest_sends_all_it_can()
{
	Guest guest(device_path);
	const Tap tap("vna0");
	/* Nobody takes what the guest sends: the worker is the one who is busy. */
	const PacketSocket far("vna0", other_ethertype);
	FarSource source(far, first_source);
	Sender flood(guest.rig, { .buffers = 128, .largest = 65000 });
	guest.rig.attach(tap.fd());
	flood.start_flood();
	flood.reach(500);
	guest.reader.start();
	source.start();
	const std::uint64_t before = flood.returned();
	guest.reader.reach(first_source, 500);
	ktap::note("500 frames received while %llu were sent",
		   static_cast<unsigned long long>(flood.returned() - before));
	flood.finish();
	guest.reader.abandon();
}

void sending_has_its_share_while_frames_come_in_all_the_time()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.reader.start();
	FarSource more(end.far.socket, second_source);
	end.far.source.start();
	more.start();
	guest.reader.reach(first_source, 200);
	const std::uint64_t before = guest.reader.returned();
	end.far.sink.start();
	guest.sender.start();
	guest.sender.reach(500);
	ktap::note("500 frames sent while %llu were received",
		   static_cast<unsigned long long>(guest.reader.returned() - before));
	guest.finish();
	end.far.sink.finish();
	CHECK_EQUAL(end.far.sink.received(), guest.sender.sent());
}

/*
 * A turn ends after 256 frames, so that the other queue gets its own, whatever becomes of the
 * frames. Rings of 1024 hold more than three turns' worth.
 */
constexpr unsigned many = 900;

RigOptions long_rings()
{
	return { .features = feature::version_1, .size = 1024 };
}

void check_turns(const Rig &rig, const std::string &queue, const char *counter)
{
	const Counters counters(rig.device.fd());
	CHECK_EQUAL(counters.at(queue + counter), many);
	CHECK(counters.at(queue + ".requeues") >= 3, "%u frames took %llu turns", many,
	      static_cast<unsigned long long>(counters.at(queue + ".requeues") + 1));
}

void a_turn_of_sending_ends(std::size_t frame_bytes, const char *counter)
{
	Rig rig(device_path, long_rings());
	const Tap tap("vna0");
	rig.attach(tap.fd());
	add_transmit_frames(rig, many, frame_bytes);
	rig.tx.publish();
	for (unsigned i = 0; i < many; ++i)
		rig.tx.wait_used();
	rig.detach();
	check_turns(rig, "tx", counter);
}

void a_turn_of_receiving_ends()
{
	Rig rig(device_path, long_rings());
	const Tap tap("vna0");
	const PacketSocket far("vna0", other_ethertype);
	rig.attach(tap.fd());
	send_frames(far, many);
	add_receive_buffers(rig, many, 1526);
	rig.rx.publish();
	for (unsigned i = 0; i < many; ++i)
		rig.rx.wait_used();
	rig.detach();
	check_turns(rig, "rx", ".packets");
}

void a_turn_of_dropping_what_comes_in_ends()
{
	Rig rig(device_path, long_rings());
	const Tap tap("vna0");
	const PacketSocket far("vna0", other_ethertype);
	rig.attach(tap.fd());
	send_frames(far, many);
	/* Too small for any frame, and never used. */
	add_receive_buffers(rig, 1, 32);
	rig.rx.publish();
	wait_until([&] { return Counters(rig.device.fd()).at("rx.drop_buffer") == many; },
		   "not all frames are dropped");
	rig.detach();
	CHECK(!rig.rx.ring().has_used());
	check_turns(rig, "rx", ".drop_buffer");
}

/* --- memory --- */

void an_equal_memory_table_replaced_under_traffic_loses_nothing()
{
	Guest guest(device_path);
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.sink.start();
	end.far.source.start_lossless(guest.reader);
	for (unsigned round = 0; round < 200; ++round) {
		CHECK_ERRNO(guest.rig.device.set_mem_table(mem_table(guest.rig.memory)), 0);
		if (round % 10 == 0)
			flows(guest, end.far, 5);
	}
	guest.sender.finish();
	end.far.source.finish();
	guest.reader.reach(first_source, end.far.source.sent());
	guest.reader.abandon();
	end.far.sink.finish();
	CHECK_EQUAL(end.far.sink.received(), guest.sender.sent());
}

/* --- the end --- */

void nothing_is_left()
{
	nothing_is_left_of(getpid());
	/* Nor of the owners that were children of this process: their names start the same. */
	for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
		std::string comm;
		std::getline(std::ifstream(entry.path() / "comm"), comm);
		CHECK(!comm.starts_with("vhost-"), "%s is still there", comm.c_str());
	}
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	/* --list needs no module. */
	if (!access(device_path.c_str(), F_OK))
		references_at_start = references();

	suite.add_stricter("tap deleted while the guest sends: frames are dropped and counted, "
			   "buffers come back, a new tap takes over",
			   "loses the buffers of a batch that the tap refuses",
			   a_tap_deleted_while_the_guest_sends_drops_its_frames);
	suite.add("tap deleted while the guest receives: a new tap takes over",
		  a_tap_deleted_while_the_guest_receives_is_replaced);
	suite.add_stricter("tap deleted under traffic both ways, over and over",
			   "loses the buffers of a batch that the tap refuses",
			   taps_deleted_under_traffic_both_ways_are_replaced);
	suite.add("tap closed by its opener: lives until the device lets go",
		  a_tap_lives_as_long_as_the_device_holds_it);
	suite.add("persistent tap: let go, opened anew and taken again",
		  a_persistent_tap_is_let_go_and_taken_again);
	suite.add("macvtap deleted under traffic: buffers come back, a tap takes over",
		  a_macvtap_deleted_under_traffic_is_replaced);
	suite.add("dead tap: refused with EINVAL, the old one passes every frame",
		  a_dead_tap_is_refused_and_the_old_one_goes_on);

	suite.add("tap's queue detached and attached under traffic, over and over: resumes",
		  a_queue_detached_from_its_tap_and_attached_again_resumes);
	suite.add("interface set down and up under traffic, over and over: resumes",
		  an_interface_set_down_and_up_resumes);
	suite.add("carrier taken and given back under traffic: resumes",
		  a_tap_without_carrier_takes_frames_and_resumes);

	suite.add("tap swapped under traffic, over and over: every frame arrives at one, in order",
		  every_frame_arrives_at_one_of_two_taps_that_take_turns);
	suite.add("tap swapped while frames wait in it: they are there at its return",
		  frames_that_wait_in_a_tap_stay_there_for_its_return);

	suite.add("owner killed under traffic, over and over: nothing is left",
		  an_owner_killed_under_traffic_leaves_nothing);
	suite.add("owner exits without closing: nothing is left",
		  an_owner_that_exits_without_closing_leaves_nothing);
	suite.add("owner killed, its child has the descriptor: EPERM, and closing ends it",
		  an_heir_of_a_killed_owners_descriptor_can_only_close_it);
	suite.add("child with the descriptor: EPERM, its parent loses no frame",
		  a_forked_child_cannot_use_the_device_and_its_parent_goes_on);

	suite.add("worker: one a device, from SET_OWNER to its end, named vhost-<owner's pid>",
		  each_device_has_a_worker_named_after_its_owner);
	suite.add("worker: in its owner's cgroup", the_worker_is_in_its_owners_cgroup);
	suite.add("no busy waiting: before and after traffic, without a backend",
		  a_device_rests_after_traffic);
	suite.add("no busy waiting: frames wait for buffers",
		  a_device_rests_while_frames_wait_for_buffers);
	suite.add("no busy waiting: a frame waits for more buffers than there are",
		  a_device_rests_while_a_frame_waits_for_more_buffers);
	suite.add("no busy waiting: the tap is gone", a_device_rests_when_its_tap_is_gone);
	suite.add("no busy waiting: interface down, queue detached",
		  a_device_rests_when_its_interface_is_down_or_its_queue_detached);

	suite.add("descriptor closed with frames pending both ways, 50 times",
		  a_descriptor_closed_with_frames_pending_ends_cleanly);
	suite.add("RESET_OWNER under traffic, set up again, over and over",
		  reset_under_traffic_and_set_up_again);
	suite.add("SET_VRING_KICK: replaced 200 times under traffic, no wake-up is lost",
		  a_replaced_kick_descriptor_loses_no_wake_up);

	const char *const no_counters = "shows no counters";
	suite.add("fairness: frames come in while the guest sends all it can",
		  receiving_has_its_share_while_the_guest_sends_all_it_can);
	suite.add("fairness: the guest sends while frames come in all the time",
		  sending_has_its_share_while_frames_come_in_all_the_time);
	suite.add_stricter("fairness: a turn of sending ends", no_counters,
			   [] { a_turn_of_sending_ends(60, ".packets"); });
	suite.add_stricter("fairness: a turn of dropping short frames ends", no_counters,
			   [] { a_turn_of_sending_ends(5, ".drop_short"); });
	suite.add_stricter("fairness: a turn of receiving ends", no_counters,
			   a_turn_of_receiving_ends);
	suite.add_stricter("fairness: a turn of dropping frames too long for their buffers ends",
			   no_counters, a_turn_of_dropping_what_comes_in_ends);

	suite.add("SET_MEM_TABLE: replaced 200 times under traffic, no frame lost or changed",
		  an_equal_memory_table_replaced_under_traffic_loses_nothing);

	suite.add("afterwards no worker is left, and the module is as free as it was",
		  nothing_is_left);
	return suite.run();
}
