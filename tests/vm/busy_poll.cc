/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Workers that look for more for a while when a queue ran dry: that it saves the kick, misses
 * nothing at its end, holds up nobody, and that an idle device does not.
 */
#include "ktap.hh"
#include "lifecycle_process.hh"
#include "lossless.hh"
#include "support/child.hh"
#include "support/counters.hh"
#include "support/live.hh"
#include "support/worker_abi.hh"

#include <csignal>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;
bool oracle;
constexpr std::uint32_t longest = ~0u; /* microseconds: more than an hour */

/* An address that no process can have mapped: the first page. */
const void *const bad_pointer = reinterpret_cast<const void *>(8);

int set_timeout(const VhostDevice &device, unsigned queue, std::uint32_t us)
{
	const vhost_vring_state state{queue, us};
	return device.request(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &state);
}

std::uint32_t timeout_of(const VhostDevice &device, unsigned queue)
{
	vhost_vring_state state{queue, 12345};
	CHECK_ERRNO(device.request(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &state), 0);
	CHECK_EQUAL(state.index, queue);
	return state.num;
}

void set_timeouts(const VhostDevice &device, std::uint32_t us)
{
	for (const unsigned queue : {rx_queue, tx_queue})
		CHECK_ERRNO(set_timeout(device, queue, us), 0);
}

/* Whoever is waited for needs a processor too. */
void need_processors()
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ktap::skip("one processor only");
}

std::uint64_t looks(const VhostDevice &device)
{
	const Counters counters(device.fd());
	return counters.at("rx.polls") + counters.at("tx.polls");
}

/* --- requests --- */

void timeouts_are_told_as_they_were_set()
{
	const VhostDevice device(device_path);
	CHECK_ERRNO(set_timeout(device, tx_queue, 1), EPERM);
	CHECK_ERRNO(device.set_owner(), 0);
	CHECK_EQUAL(timeout_of(device, rx_queue), 0);
	CHECK_ERRNO(set_timeout(device, rx_queue, longest), 0);
	CHECK_ERRNO(set_timeout(device, tx_queue, 50), 0);
	CHECK_EQUAL(timeout_of(device, rx_queue), longest);
	CHECK_EQUAL(timeout_of(device, tx_queue), 50);
	for (const unsigned long request :
	     {VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VHOST_GET_VRING_BUSYLOOP_TIMEOUT}) {
		const vhost_vring_state beyond{2, 1};
		CHECK_ERRNO(device.request(request, &beyond), ENOBUFS);
		CHECK_ERRNO(device.request(request, bad_pointer), EFAULT);
		CHECK_EQUAL(in_child([&] { return device.request(request, &beyond); }), EPERM);
	}
	CHECK_EQUAL(timeout_of(device, tx_queue), 50);
	CHECK_ERRNO(device.reset_owner(), 0);
	CHECK_ERRNO(device.set_owner(), 0);
	CHECK_EQUAL(timeout_of(device, rx_queue), 0);
	CHECK_EQUAL(timeout_of(device, tx_queue), 0);
}

/* --- what it saves --- */

/*
 * Whether the device is at it when the guest sends is up to the scheduler, so there are many tries.
 * It says so by wanting no kick, and must then find what it was not told of.
 */
void buffers_are_found_without_a_kick()
{
	need_processors();
	Live live(device_path, {.features = feature::version_1 | feature::event_idx});
	set_timeouts(live.rig.device, 20000);
	const auto frame = make_frame(60, 1);
	unsigned without = 0;
	for (unsigned i = 0; i < 500; ++i) {
		offer_frame(live.rig, frame);
		live.rig.tx.ring().publish();
		if (live.rig.tx.ring().needs_kick())
			live.rig.tx.kick();
		else
			++without;
		(void)live.rig.tx.wait_used();
		(void)live.wire.far.receive();
		std::this_thread::sleep_for(std::chrono::microseconds(200));
	}
	CHECK(without, "it asked for a kick each time");
	if (oracle)
		return;
	const Counters counters(live.rig.device.fd());
	CHECK(counters.at("tx.poll_hits"), "nothing was found by looking");
	CHECK(counters.at("tx.polls") >= counters.at("tx.poll_hits"));
	CHECK_EQUAL(counters.at("tx.kicks"), 500 - without);
}

/* --- what it must not cost --- */

void nothing_is_lost_at_its_end()
{
	for (const std::uint64_t packed : {std::uint64_t{0}, feature::packed}) {
		if (packed && oracle)
			continue;
		for (const std::uint32_t timeout : {1u, 20u, 300u, 5000u}) {
			Lossless traffic(device_path, {.features = feature::version_1 |
								   feature::event_idx | packed});
			set_timeouts(traffic.guest.rig.device, timeout);
			/* With pauses in which it gives up, or nearly so. */
			for (unsigned i = 0; i < 10; ++i)
				flows(traffic.guest, traffic.end.far, 10);
			traffic.finish();
			Live live(device_path,
				  {.features = feature::version_1 | packed}, "vna1");
			set_timeouts(live.rig.device, timeout);
			for (unsigned i = 0; i < 40; ++i) {
				live.pass(1);
				std::this_thread::sleep_for(
					std::chrono::microseconds(timeout * (i % 4) / 2));
			}
		}
	}
}

void an_idle_device_does_not_look()
{
	Live live(device_path);
	for (const std::uint32_t timeout : {0u, 1000u}) {
		set_timeouts(live.rig.device, timeout);
		live.pass(200);
		/* What it looks for now it does not find. */
		std::this_thread::sleep_for(std::chrono::milliseconds(300));
		const std::uint64_t before = looks(live.rig.device);
		const std::uint64_t ticks = worker_of(getpid()).ticks();
		std::this_thread::sleep_for(std::chrono::milliseconds(800));
		CHECK_EQUAL(looks(live.rig.device), before);
		CHECK(worker_of(getpid()).ticks() - ticks < 25, "it is awake");
	}
}

void queues_can_be_handed_over_meanwhile()
{
	need_processors();
	Lossless traffic(device_path);
	const VhostDevice &device = traffic.guest.rig.device;
	std::uint32_t other = 0;
	CHECK_ERRNO(new_worker(device, other), 0);
	for (const std::uint32_t timeout : {100u, longest}) {
		set_timeouts(device, timeout);
		for (unsigned round = 0; round < 60; ++round) {
			for (const unsigned queue : {rx_queue, tx_queue})
				CHECK_ERRNO(attach_worker(device, queue,
							  (round + queue) % 2 ? other : 0),
					    0);
			if (round % 10 == 9)
				flows(traffic.guest, traffic.end.far, 10);
		}
	}
	traffic.finish();
}

/* None of these waits for the hour to pass. */
void its_owner_can_change_all_meanwhile()
{
	need_processors();
	for (unsigned round = 0; round < 5; ++round) {
		Live live(device_path);
		const VhostDevice &device = live.rig.device;
		set_timeouts(device, longest);
		live.pass();
		CHECK_ERRNO(device.set_mem_table(mem_table(live.rig.memory)), 0);
		live.pass();
		for (const unsigned queue : {rx_queue, tx_queue}) {
			CHECK_ERRNO(device.set_backend(queue, -1), 0);
			CHECK_ERRNO(device.set_backend(queue, live.wire.tap.fd()), 0);
		}
		live.pass();
		set_timeouts(device, 0);
		live.pass();
		set_timeouts(device, longest);
		live.pass();
		if (round % 2)
			CHECK_ERRNO(device.reset_owner(), 0);
	}
	CHECK(workers_of(getpid()).empty());
}

void its_owner_can_be_stopped_and_killed_meanwhile()
{
	need_processors();
	for (const bool stopped : {false, true}) {
		const Word ready;
		ChildProcess owner([&] {
			Live live(device_path);
			set_timeouts(live.rig.device, longest);
			live.pass();
			ready.say();
			for (;;)
				pause();
		});
		CHECK(ready.heard(), "the owner does not get that far");
		const pid_t pid = owner.pid();
		if (stopped)
			CHECK(!::kill(pid, SIGSTOP));
		owner.kill();
		wait_until([&] { return workers_of(pid).empty(); }, "a worker is still there");
	}
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	oracle = suite.oracle();
	constexpr const char *holds = "its queues are locked for as long as it looks";

	suite.add("requests: timeouts are told as they were set, and forgotten with the owner",
		  timeouts_are_told_as_they_were_set);
	suite.add("a worker that looks finds buffers without a kick", buffers_are_found_without_a_kick);
	suite.add("no frame is lost when it gives up", nothing_is_lost_at_its_end);
	suite.add_stricter("an idle device does not look", "no counters",
			   an_idle_device_does_not_look);
	suite.add_stricter("queues can be handed over while a worker looks", "one worker",
			   queues_can_be_handed_over_meanwhile);
	suite.add_stricter("the owner can change everything while a worker looks for an hour",
			   holds, its_owner_can_change_all_meanwhile);
	suite.add_stricter("the owner can be stopped and killed while a worker looks for an hour",
			   holds, its_owner_can_be_stopped_and_killed_meanwhile);
	return suite.run();
}
