/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VHOST_NET_ALT_BIND and UNBIND: a backend that is swapped while the device is at work, by its owner
 * and by others who may. With frames in flight: zerocopy.cc.
 */
#include "ktap.hh"
#include "lifecycle_traffic.hh"
#include "support/bind.hh"
#include "support/child.hh"
#include "support/counters.hh"
#include "support/live.hh"
#include "support/mode.hh"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <linux/if_tun.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

using namespace vna;
using namespace vna::vm;

namespace {

std::string device_path;

/* --- traffic --- */

constexpr std::uint8_t first_source = 2, second_source = 3;
constexpr unsigned swaps = 200;

/* A tap and who is at its far end, who sends no more than the tap holds for sure. */
struct TapEnd {
	TapEnd(const std::string &name, std::uint8_t source) : tap(name), far(name, source) {}

	void start(const Reader &reader)
	{
		far.source.start_lossless(reader);
		far.sink.start();
	}

	Tap tap;
	FarEnd far;
};

/*
 * Every frame of the guest's comes out of one tap or the other, in order, and every one of theirs
 * comes to the guest: what is taken, or waits, when its tap is not bound is there at its return.
 */
void swaps_lose_nothing(const Mode &mode, bool by_id)
{
	Guest guest(device_path, guest_mac, {.features = mode.features});
	TapEnd first("vna0", first_source), second("vna1", second_source);
	const VhostDevice any(device_path);
	const VhostDevice &asks = by_id ? any : guest.rig.device;
	const std::uint32_t id = by_id ? id_of(guest.rig.device) : 0;
	CHECK_ERRNO(bind_both(guest.rig.device, first.tap.fd()), 0);
	guest.start();
	first.start(guest.reader);
	second.start(guest.reader);
	for (unsigned round = 0; round < swaps; ++round) {
		alarm(ktap::Suite::watchdog_seconds);
		TapEnd &end = round % 2 ? first : second;
		CHECK_ERRNO(bind_both(asks, end.tap.fd(), id), 0);
		/* Now and then, on either, and in between without a frame of the new one's. */
		if (round % 7 == 0)
			flows(guest, end.far, 5);
	}
	guest.sender.finish();
	for (TapEnd *end : {&second, &first}) {
		CHECK_ERRNO(bind_both(asks, end->tap.fd(), id), 0);
		end->far.source.finish();
		guest.reader.reach(end->far.source.source(), end->far.source.sent());
		end->far.sink.finish();
	}
	guest.reader.abandon();

	std::vector<std::uint64_t> all;
	std::ranges::merge(first.far.sink.numbers(), second.far.sink.numbers(),
			   std::back_inserter(all));
	CHECK_EQUAL(all.size(), guest.sender.sent());
	for (std::size_t i = 0; i < all.size(); ++i)
		CHECK(all[i] == i, "frame %zu is lost or came twice", i);
	CHECK(!first.far.sink.numbers().empty() && !second.far.sink.numbers().empty());
	const Counters counters(guest.rig.device.fd());
	CHECK_EQUAL(counters.at("tx.packets"), guest.sender.sent());
	CHECK_EQUAL(counters.at("rx.packets"), first.far.source.sent() + second.far.source.sent());
	CHECK_EQUAL(guest.rig.rx.take_errors() + guest.rig.tx.take_errors(), 0);
}

/* Frames pass both ways over this wire, every byte checked. */
void passes(Live &live, const PacketSocket &far, std::uint64_t seed)
{
	transmit(live.rig, far, {.count = 20, .seed = seed});
	live.receiver.run(far);
}

void frames_without_a_buffer_go_back_to_the_old_tap()
{
	Live live(device_path);
	const Wire second("vna1");
	constexpr unsigned count = 5;
	for (unsigned i = 0; i < count; ++i)
		CHECK_ERRNO(live.wire.far.send(make_frame(100, i, guest_mac, far_mac)), 0);
	/* The guest has offered no buffer: the device has taken some and waits. */
	wait_until([&] { return Counters(live.rig.device.fd()).at("rx.no_buffers") > 0; },
		   "the device does not look at them");
	std::uint32_t returned;
	CHECK_ERRNO(bind_both(live.rig.device, second.tap.fd(), 0, &returned), 0);
	CHECK(returned >= 1 && returned <= count, "%u went back", returned);
	/* They are in the tap again, in front. */
	for (unsigned i = 0; i < count; ++i) {
		std::array<std::byte, 2000> bytes;
		const ssize_t got = read(live.wire.tap.fd(), bytes.data(), bytes.size());
		CHECK_EQUAL(got, 112);
		check_frame(std::span(bytes).subspan(12, 100), 100, i, guest_mac, far_mac);
	}
	passes(live, second.far, 7);
}

/* --- who may --- */

void another_process_swaps_by_id()
{
	Live live(device_path);
	const Wire second("vna1");
	const std::uint32_t id = id_of(live.rig.device);
	live.pass(5);
	const auto elsewhere = [&](const auto &act) {
		CHECK_EQUAL(in_child([&] {
				    const VhostDevice any(device_path);
				    act(any);
				    return 0;
			    }),
			    0);
	};
	elsewhere([&](const VhostDevice &any) {
		CHECK_ERRNO(bind_both(any, second.tap.fd(), id), 0);
	});
	passes(live, second.far, 7);
	/* Off and on again: the ring is read by the worker, who has the owner's memory. */
	elsewhere([&](const VhostDevice &any) { CHECK_ERRNO(unbind_both(any, id), 0); });
	CHECK_ERRNO(live.rig.device.set_backend(tx_queue, -1), 0);
	elsewhere([&](const VhostDevice &any) {
		CHECK_ERRNO(bind_both(any, live.wire.tap.fd(), id), 0);
	});
	live.pass(20);
	/* The owner himself. */
	CHECK_ERRNO(unbind_both(live.rig.device), 0);
	CHECK_ERRNO(bind_both(live.rig.device, second.tap.fd()), 0);
	passes(live, second.far, 70);
}

void who_may_not_is_refused()
{
	Live live(device_path);
	const Wire second("vna1");
	const int fd = second.tap.fd();
	const std::uint32_t id = id_of(live.rig.device);
	const VhostDevice any(device_path);
	CHECK_ERRNO(bind_both(any, fd), EPERM); /* owns nothing */
	CHECK_EQUAL(in_child([&] {
			    CHECK_ERRNO(bind_both(live.rig.device, fd), EPERM); /* nor does he */
			    CHECK_ERRNO(unbind_both(live.rig.device), EPERM);
			    CHECK(!setresuid(65534, 65534, 65534));
			    CHECK_ERRNO(bind_both(any, fd, id), EPERM);
			    CHECK_ERRNO(unbind_both(any, id), EPERM);
			    return 0;
		    }),
		    0);
	/* Root of a user namespace of its own is nobody here; in another network namespace it may. */
	CHECK_EQUAL(in_child([&] {
			    CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWNET));
			    CHECK_ERRNO(bind_both(any, fd, id), EPERM);
			    return 0;
		    }),
		    0);
	live.pass(5);
	CHECK_EQUAL(in_child([&] {
			    CHECK(!unshare(CLONE_NEWNET));
			    CHECK_ERRNO(bind_both(any, fd, id), 0);
			    return 0;
		    }),
		    0);
	passes(live, second.far, 7);
}

/* Whose page it is, he may keep it away: under the device's lock, in this case. */
void who_waits_for_the_owner_can_be_killed()
{
	Live live(device_path);
	const Wire second("vna1");
	const std::uint32_t id = id_of(live.rig.device);
	void *const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
	CHECK(page != MAP_FAILED);
	const UniqueFd faults(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC)));
	uffdio_api api{};
	api.api = UFFD_API;
	uffdio_register missing{};
	missing.range = {reinterpret_cast<std::uintptr_t>(page), 4096};
	missing.mode = UFFDIO_REGISTER_MODE_MISSING;
	CHECK(!ioctl(faults.get(), UFFDIO_API, &api));
	CHECK(!ioctl(faults.get(), UFFDIO_REGISTER, &missing));
	std::thread owner([&] { (void)live.rig.device.request(VHOST_SET_BACKEND_FEATURES, page); });
	uffd_msg fault;
	CHECK_EQUAL(read(faults.get(), &fault, sizeof fault), ssize_t{sizeof fault});

	Child binder([&](Child &) {
		const VhostDevice any(device_path);
		return bind_both(any, second.tap.fd(), id);
	});
	wait_until(
		[&] {
			std::ifstream file("/proc/" + std::to_string(binder.pid()) + "/syscall");
			unsigned long call = 0, fd = 0, request = 0;
			file >> call >> std::hex >> fd >> request;
			return call == SYS_ioctl && request == VHOST_NET_ALT_BIND;
		},
		"it does not wait");
	binder.kill(SIGKILL);
	CHECK_EQUAL(binder.wait(), -SIGKILL); /* or the watchdog has the word */

	uffdio_zeropage zero{};
	zero.range = missing.range;
	CHECK(!ioctl(faults.get(), UFFDIO_ZEROPAGE, &zero));
	owner.join();
	munmap(page, 4096);
	live.pass(20);
	CHECK_ERRNO(bind_both(live.rig.device, second.tap.fd()), 0);
	passes(live, second.far, 7);
}

/* --- what is refused --- */

void what_is_wrong_changes_nothing()
{
	Live live(device_path);
	const Wire second("vna1");
	const VhostDevice &device = live.rig.device;
	const int fd = second.tap.fd();
	const VhostDevice fresh(device_path);
	const std::uint32_t id = id_of(device);

	CHECK_ERRNO(bind_both(device, fd, id_of(fresh) + 1000), ENODEV);
	CHECK_ERRNO(bind_both(device, fd, ~0u), ENODEV);
	CHECK_ERRNO(bind_both(device, fd, id_of(fresh)), EFAULT); /* it has no owner */
	CHECK_ERRNO(unbind_both(device, id_of(fresh)), EFAULT);
	CHECK_ERRNO(fresh.set_owner(), 0);
	CHECK_ERRNO(bind_both(device, fd, id_of(fresh)), EFAULT); /* nor memory */
	for (const std::uint32_t of : {0u, id}) {
		CHECK_ERRNO(bind_both(device, -1, of), EINVAL);
		CHECK_ERRNO(bind_both(device, live.rig.tx.kick_fd(), of), ENOTSOCK);
		CHECK_ERRNO(bind_both(device, device.fd(), of), ENOTSOCK);
		CHECK_ERRNO(bind_both(device, 4000, of), ENOTSOCK); /* no descriptor */
		vhost_net_alt_bind bind{of, fd, 0, 0};
		CHECK_ERRNO(device.request(VHOST_NET_ALT_UNBIND, &bind), EINVAL);
		bind = {of, fd, 1, 0};
		CHECK_ERRNO(device.request(VHOST_NET_ALT_BIND, &bind), EINVAL);
	}
	CHECK_ERRNO(device.request(VHOST_NET_ALT_BIND, nullptr), EFAULT);
	/* Where the answer cannot be written nothing is done. */
	const vhost_net_alt_bind bind{0, fd, 0, 0};
	void *const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
	CHECK(page != MAP_FAILED);
	std::memcpy(page, &bind, sizeof bind);
	CHECK(!mprotect(page, 4096, PROT_READ));
	CHECK_ERRNO(device.request(VHOST_NET_ALT_BIND, page), EFAULT);
	munmap(page, 4096);
	live.pass(20);
}

void a_tap_with_more_offloads_is_refused()
{
	Live live(device_path);
	const Wire more("vna1", {.offload = TUN_F_CSUM | TUN_F_TSO4});
	live.pass(5);
	CHECK_ERRNO(bind_both(live.rig.device, more.tap.fd()), EOPNOTSUPP);
	live.pass(20);
	/* With the old one's device gone no one knows what it had. */
	delete_link("vna0");
	CHECK_ERRNO(bind_both(live.rig.device, more.tap.fd()), 0);
	passes(live, more.far, 7);
}

void devices_that_close_while_they_are_bound_by_id()
{
	const Tap tap("vna0");
	std::atomic<std::uint32_t> id = 0;
	std::atomic<bool> stop = false;
	std::atomic<unsigned> bound = 0;
	std::thread binder([&] {
		const VhostDevice any(device_path);
		while (!stop) {
			bound += !bind_both(any, tap.fd(), id);
			unbind_both(any, id);
		}
	});
	for (unsigned i = 0; i < 100; ++i) {
		const Rig rig(device_path, {});
		id = id_of(rig.device);
	}
	const Rig last(device_path, {});
	id = id_of(last.device);
	wait_until([&] { return bound > 0; }, "none was bound");
	stop = true;
	binder.join();
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	const auto add = [&](const std::string &name, std::function<void()> test) {
		suite.add_stricter(name, "has no ioctl to bind both queues", std::move(test));
	};
	for (const Mode &mode : {Mode{"split", feature::version_1 | feature::event_idx},
				 Mode{"packed", feature::version_1 | feature::packed |
							feature::event_idx}}) {
		const std::string times = std::to_string(swaps) + " swaps lose no frame: ";
		add(times + mode.name, [mode] { swaps_lose_nothing(mode, false); });
		add(times + mode.name + ", by id", [mode] { swaps_lose_nothing(mode, true); });
	}
	add("frames without a buffer go back to the old tap",
	    frames_without_a_buffer_go_back_to_the_old_tap);
	add("another process swaps by id", another_process_swaps_by_id);
	add("who may not is refused", who_may_not_is_refused);
	add("who waits for the owner can be killed", who_waits_for_the_owner_can_be_killed);
	add("what is wrong changes nothing", what_is_wrong_changes_nothing);
	add("a tap that leaves more to the driver is refused", a_tap_with_more_offloads_is_refused);
	add("devices close while they are bound by id",
	    devices_that_close_while_they_are_bound_by_id);
	return suite.run();
}
