/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Backends that change or go away under traffic, owners that die, and what is left afterwards:
 * nothing.
 */
#include "ktap.hh"
#include "support/child.hh"
#include "support/flood.hh"
#include "support/live.hh"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <optional>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;
bool oracle;

/* --- what is left --- */

std::vector<std::string> entries(const std::string &folder)
{
	std::vector<std::string> names;
	if (DIR *dir = opendir(folder.c_str())) {
		while (const dirent *entry = readdir(dir))
			if (entry->d_name[0] != '.')
				names.push_back(entry->d_name);
		closedir(dir);
	}
	return names;
}

std::string first_line(const std::string &path)
{
	std::string line;
	std::getline(std::ifstream(path), line);
	return line;
}

/*
 * Folders in /proc of the threads whose name is this, or begins so where it ends in '-': kernel
 * threads on 6.1, the owner's own threads later.
 */
std::vector<std::string> threads_named(const std::string &name)
{
	std::vector<std::string> found;
	for (const std::string &pid : entries("/proc")) {
		if (!std::isdigit(static_cast<unsigned char>(pid[0])))
			continue;
		const std::string tasks = "/proc/" + pid + "/task/";
		for (const std::string &task : entries(tasks)) {
			const std::string comm = first_line(tasks + task + "/comm");
			if (comm == name || (name.ends_with('-') && comm.starts_with(name)))
				found.push_back(tasks + task);
		}
	}
	return found;
}

std::string worker_name(pid_t owner)
{
	return "vhost-" + std::to_string(owner);
}

/* How many hold the device's module: "name size count users state address". */
int module_users()
{
	std::ifstream modules("/proc/modules");
	std::string name;
	long size;
	int count;
	std::string rest;
	while (modules >> name >> size >> count && std::getline(modules, rest))
		if (name == (oracle ? "vhost_net" : "vhost_net_alt"))
			return count;
	return -1;
}

void nothing_is_left()
{
	const auto deadline = std::chrono::steady_clock::now() + patience;
	for (;;) {
		const std::size_t workers = threads_named("vhost-").size();
		const int users = module_users();
		const bool taps = exists("vna0") || exists("vna1");
		/* What an exit closes is gone a little after the exit. */
		if (!workers && users == 0 && !taps)
			return;
		CHECK(std::chrono::steady_clock::now() < deadline,
		      "%zu workers, %d users of the module, taps: %d are left", workers, users,
		      taps);
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
	}
}

/* A device in the midst of traffic both ways on vna0. */
struct Busy {
	explicit Busy(const TapOptions &options = {}, const RigOptions &rig_options = {})
	    : tap("vna0", options), rig(device_path, rig_options)
	{
		rig.attach(tap.fd());
		guest.emplace(rig);
		host.emplace("vna0");
		wait_traffic();
	}

	void wait_traffic()
	{
		guest->wait_sent(50);
		guest->wait_received(50);
	}

	/* End the traffic; then frames pass both ways over the tap, every byte checked. */
	void passes(const Tap &over)
	{
		host.reset();
		const PacketSocket far(over.name(), test_ethertype);
		/* The tap may hold more of the flood; behind this frame comes none. */
		CHECK_ERRNO(far.send(make_frame(60, 1, guest_mac, far_mac)), 0);
		guest->wait_marker();
		guest->stop();
		guest->drain();
		guest.reset();
		transmit(rig, far, {.count = 5});
		/* The flood's buffers are still offered: stop, empty the ring, start. */
		CHECK_ERRNO(rig.device.set_backend(rx_queue, -1), 0);
		rig.rx.ring().reset();
		rig.rx.configure(rig.device);
		CHECK_ERRNO(rig.device.set_backend(rx_queue, over.fd()), 0);
		Receiver(rig, {}).run(far);
	}

	Tap tap;
	Rig rig;
	std::optional<GuestFlood> guest;
	std::optional<HostFlood> host;
};

/* --- backends --- */

void the_tap_is_deleted_under_traffic()
{
	{
		Busy busy;
		delete_link("vna0");
		CHECK(!exists("vna0"));
		/* The device and its owner live; a new tap brings all back. */
		const Tap other("vna1");
		busy.host.reset();
		busy.rig.attach(other.fd());
		busy.host.emplace("vna1");
		busy.wait_traffic();
		busy.passes(other);
	}
	nothing_is_left();
}

void the_tap_is_deleted_and_the_device_closed()
{
	for (unsigned i = 0; i < 5; ++i) {
		const Busy busy;
		delete_link("vna0");
	}
	nothing_is_left();
}

void the_taps_queue_is_detached_and_attached_under_traffic()
{
	{
		Busy busy({.multi_queue = true});
		for (unsigned i = 0; i < 5; ++i) {
			busy.tap.attach(false);
			std::this_thread::sleep_for(std::chrono::milliseconds(20));
			busy.tap.attach(true);
			/* With no request of ours: it goes on by itself, both ways. */
			busy.wait_traffic();
		}
		busy.passes(busy.tap);
	}
	nothing_is_left();
}

void the_netdev_goes_down_and_up_under_traffic()
{
	{
		Busy busy;
		for (unsigned i = 0; i < 5; ++i) {
			set_up("vna0", false);
			std::this_thread::sleep_for(std::chrono::milliseconds(20));
			set_up("vna0", true);
			busy.wait_traffic();
		}
		busy.passes(busy.tap);
	}
	nothing_is_left();
}

void frames_for_a_netdev_that_is_down_come_back()
{
	{
		Live live(device_path);
		live.pass();
		set_up("vna0", false);
		for (unsigned i = 0; i < 10; ++i) {
			offer_frame(live.rig, make_frame(100, i));
			live.rig.tx.publish();
			live.rig.tx.wait_used();
		}
		set_up("vna0", true);
		const PacketSocket far("vna0", test_ethertype);
		transmit(live.rig, far, {.count = 3});
		live.receiver.run(far);
	}
	nothing_is_left();
}

void the_backend_is_swapped_under_traffic()
{
	{
		Busy busy;
		const Tap other("vna1");
		HostFlood other_flood("vna1");
		for (unsigned i = 0; i < 20; ++i) {
			busy.rig.attach(i % 2 ? busy.tap.fd() : other.fd());
			busy.wait_traffic();
		}
		busy.passes(busy.tap);
	}
	nothing_is_left();
}

void no_frame_is_lost_or_doubled_when_the_backend_is_swapped()
{
	constexpr unsigned count = 400;
	{
		const Wire one("vna0"), other("vna1");
		Rig rig(device_path, {});
		rig.attach(one.tap.fd());
		/* A frame's length is its number. */
		std::vector<std::byte> none(rig.header_size());
		std::atomic<bool> done = false;
		std::exception_ptr failed;
		std::thread guest([&] {
			try {
				for (unsigned i = 0; i < count; ++i) {
					offer_frame(rig, make_frame(60 + i, i));
					rig.tx.publish();
					if (rig.tx.ring().outstanding() > 20)
						rig.tx.wait_used();
				}
				while (rig.tx.ring().outstanding())
					rig.tx.wait_used();
			} catch (...) {
				failed = std::current_exception();
			}
			done = true;
		});
		unsigned swaps = 0;
		int error = 0;
		while (!done && !error)
			error = rig.device.set_backend(tx_queue,
						       ++swaps % 2 ? other.tap.fd() : one.tap.fd());
		guest.join();
		if (failed)
			std::rethrow_exception(failed);
		CHECK_ERRNO(error, 0);
		CHECK(swaps > 1);

		std::vector<unsigned> arrived(count);
		for (const Wire *wire : {&one, &other}) {
			while (const auto frame = wire->far.try_receive()) {
				CHECK(frame->size() >= 60 && frame->size() < 60 + count);
				const auto number = static_cast<unsigned>(frame->size() - 60);
				check_frame(*frame, frame->size(), number);
				++arrived[number];
			}
		}
		for (unsigned i = 0; i < count; ++i)
			CHECK(arrived[i] == 1, "frame %u arrived %u times, %u swaps", i, arrived[i],
			      swaps);
	}
	nothing_is_left();
}

void the_taps_descriptor_may_be_closed_while_it_is_the_backend()
{
	{
		Live live(device_path);
		live.wire.tap.close();
		CHECK(exists("vna0"), "the device holds no reference");
		live.pass();
		live.rig.detach();
	}
	nothing_is_left();
}

/* --- owners --- */

void the_owner_is_killed_under_traffic()
{
	for (unsigned i = 0; i < 5; ++i) {
		Child owner([](Child &self) {
			Busy busy;
			self.ready();
			for (;;)
				pause();
			return 0;
		});
		owner.wait_ready();
		owner.kill(SIGKILL);
		CHECK_EQUAL(owner.wait(), -SIGKILL);
		nothing_is_left();
	}
	Live(device_path).pass();
	nothing_is_left();
}

void the_owner_is_killed_with_its_ring_broken()
{
	Child owner([](Child &self) {
		Live live(device_path);
		live.rig.tx.split_table().set_avail_entry(0, 9999);
		live.rig.tx.split_table().set_avail_idx(1);
		live.rig.tx.kick();
		CHECK(live.rig.tx.wait_error());
		self.ready();
		for (;;)
			pause();
		return 0;
	});
	owner.wait_ready();
	owner.kill(SIGKILL);
	CHECK_EQUAL(owner.wait(), -SIGKILL);
	nothing_is_left();
}

void the_owner_exits_without_closing()
{
	for (unsigned i = 0; i < 3; ++i) {
		Child owner([](Child &) {
			/* Child leaves by _exit(): nothing of this is taken down. */
			auto *busy = new Busy;
			busy->wait_traffic();
			return 7;
		});
		CHECK_EQUAL(owner.wait(), 7);
		nothing_is_left();
	}
}

void a_fork_that_holds_the_descriptor_may_outlive_the_owner()
{
	int held[2];
	CHECK(!pipe2(held, O_CLOEXEC));
	const UniqueFd read_end(held[0]);
	UniqueFd write_end(held[1]);
	Child owner([&](Child &self) {
		auto *busy = new Busy;
		busy->wait_traffic();
		/* The holder has the device and the tap, and no thread of the traffic. */
		if (fork() == 0) {
			write_end.reset();
			char byte;
			/* Until the test closes its end. */
			(void)!read(read_end.get(), &byte, 1);
			_exit(0);
		}
		/* It is not the owner's memory: it may not touch the queues. */
		CHECK_EQUAL(in_child([&] { return busy->rig.device.set_backend(tx_queue, -1); }),
			    EPERM);
		self.ready();
		for (;;)
			pause();
		return 0;
	});
	owner.wait_ready();
	owner.kill(SIGKILL);
	CHECK_EQUAL(owner.wait(), -SIGKILL);
	CHECK(module_users() > 0, "the device is gone though a descriptor is open");
	/* Another device is no worse for it; the name vna0 is still taken. */
	Live(device_path, {}, "vna1").pass();
	write_end.reset();
	nothing_is_left();
}

void the_thread_that_set_the_owner_may_end()
{
	{
		const Wire wire;
		std::unique_ptr<Rig> rig;
		std::thread([&] { rig = std::make_unique<Rig>(device_path, RigOptions{}); }).join();
		rig->attach(wire.tap.fd());
		transmit(*rig, wire.far, {.count = 3});
		Receiver(*rig, {}).run(wire.far);
	}
	nothing_is_left();
}

void the_worker_is_named_after_the_owner()
{
	{
		const VhostDevice device(device_path);
		CHECK_EQUAL(threads_named("vhost-").size(), 0);
		CHECK_ERRNO(device.set_owner(), 0);
		/* A kernel may start it only when there is something to do. */
		Live live(device_path);
		live.pass();
		CHECK(!threads_named(worker_name(getpid())).empty(), "no thread %s",
		      worker_name(getpid()).c_str());
	}
	nothing_is_left();
}

void the_worker_goes_with_the_owner()
{
	{
		Live live(device_path);
		live.pass();
		CHECK_EQUAL(threads_named(worker_name(getpid())).size(), 1);
		CHECK_ERRNO(live.rig.device.reset_owner(), 0);
		CHECK_EQUAL(threads_named("vhost-").size(), 0);
	}
	nothing_is_left();
}

void the_worker_is_in_the_owners_cgroup()
{
	const std::string group = "/sys/fs/cgroup/vna-owner";
	if (access("/sys/fs/cgroup/cgroup.procs", W_OK))
		ktap::skip("no cgroup2 at /sys/fs/cgroup");
	CHECK(!mkdir(group.c_str(), 0755) || errno == EEXIST);
	const int status = in_child([&] {
		{
			std::ofstream procs(group + "/cgroup.procs");
			procs << getpid() << std::flush;
			CHECK(procs.good());
		}
		Live live(device_path);
		live.pass();
		const auto threads = threads_named(worker_name(getpid()));
		CHECK(threads.size() == 1, "%zu threads %s", threads.size(),
		      worker_name(getpid()).c_str());
		const auto group_of = [](const std::string &folder) {
			std::ifstream file(folder + "/cgroup");
			std::string line, found;
			while (std::getline(file, line))
				if (line.starts_with("0::"))
					found = line;
			return found;
		};
		CHECK(group_of(threads[0]) == "0::/vna-owner", "it is in %s",
		      group_of(threads[0]).c_str());
		return 0;
	});
	nothing_is_left();
	CHECK(!rmdir(group.c_str()), "%s", std::strerror(errno));
	CHECK_EQUAL(status, 0);
}

/* --- closing --- */

void a_device_closes_at_every_stage_of_its_set_up()
{
	const auto stage = [](unsigned last) {
		const Wire wire;
		driver::GuestMemory memory;
		memory.add_region(0, 1 << 20);
		Queue queue(memory, tx_queue, {});
		const VhostDevice device(device_path);
		if (last >= 1)
			CHECK_ERRNO(device.set_features(feature::version_1), 0);
		if (last >= 2)
			CHECK_ERRNO(device.set_owner(), 0);
		if (last >= 3)
			CHECK_ERRNO(device.set_mem_table(mem_table(memory)), 0);
		if (last >= 4)
			queue.configure(device);
		if (last >= 5)
			CHECK_ERRNO(device.set_backend(tx_queue, wire.tap.fd()), 0);
		if (last >= 6)
			CHECK_ERRNO(device.set_backend(tx_queue, -1), 0);
		if (last >= 7)
			CHECK_ERRNO(device.reset_owner(), 0);
	};
	for (unsigned last = 0; last <= 7; ++last) {
		stage(last);
		nothing_is_left();
	}
}

void a_device_closes_with_frames_pending()
{
	for (unsigned i = 0; i < 10; ++i) {
		Live live(device_path);
		for (unsigned frame = 0; frame < 100; ++frame) {
			offer_frame(live.rig, make_frame(1000, frame));
			CHECK_ERRNO(live.wire.far.send(make_frame(1000, frame, guest_mac, far_mac)),
				    0);
		}
		/* No receive buffer was ever offered: those frames wait in the tap. */
		live.rig.tx.publish();
		live.rig.device.close();
	}
	nothing_is_left();
}

void a_device_closes_under_traffic()
{
	for (unsigned i = 0; i < 5; ++i) {
		Busy busy;
		busy.rig.device.close();
	}
	nothing_is_left();
}

void the_owner_is_reset_under_traffic()
{
	for (unsigned i = 0; i < 5; ++i) {
		Busy busy;
		CHECK_ERRNO(busy.rig.device.reset_owner(), 0);
	}
	nothing_is_left();
}

void an_open_device_holds_the_module()
{
	CHECK_EQUAL(module_users(), 0);
	{
		const VhostDevice one(device_path), other(device_path);
		CHECK_EQUAL(module_users(), 2);
	}
	nothing_is_left();
}

void many_devices_live_side_by_side()
{
	{
		std::vector<std::unique_ptr<Live>> all;
		for (unsigned i = 0; i < 8; ++i)
			all.push_back(std::make_unique<Live>(device_path,
							     RigOptions{.region_bytes = 1 << 20},
							     "vna" + std::to_string(i)));
		for (const auto &live : all)
			live->pass();
		/* Every other one goes: the rest stay. */
		for (unsigned i = 0; i < 8; i += 2)
			all[i].reset();
		for (unsigned i = 1; i < 8; i += 2)
			all[i]->pass();
	}
	nothing_is_left();
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	oracle = suite.oracle();

	suite.add("an open device holds the module, a closed one does not",
		  an_open_device_holds_the_module);
	suite.add_stricter("a tap deleted under traffic: another takes its place",
			   "never gives back the buffers of the batch that failed",
			   the_tap_is_deleted_under_traffic);
	suite.add("a tap deleted under traffic: the device closes",
		  the_tap_is_deleted_and_the_device_closed);
	suite.add("a tap's queue detached and attached under traffic: frames pass again",
		  the_taps_queue_is_detached_and_attached_under_traffic);
	suite.add("a netdev down and up under traffic: frames pass again",
		  the_netdev_goes_down_and_up_under_traffic);
	suite.add("frames for a netdev that is down come back to the driver",
		  frames_for_a_netdev_that_is_down_come_back);
	suite.add("a backend swapped under traffic: frames pass on each",
		  the_backend_is_swapped_under_traffic);
	suite.add("a backend swapped under traffic: no frame is lost or doubled",
		  no_frame_is_lost_or_doubled_when_the_backend_is_swapped);
	suite.add("a tap's descriptor closed while it is the backend: frames pass",
		  the_taps_descriptor_may_be_closed_while_it_is_the_backend);

	suite.add("an owner killed under traffic leaves nothing",
		  the_owner_is_killed_under_traffic);
	suite.add("an owner killed with a broken ring leaves nothing",
		  the_owner_is_killed_with_its_ring_broken);
	suite.add("an owner that exits without closing leaves nothing",
		  the_owner_exits_without_closing);
	suite.add("a fork that holds the descriptor may outlive the owner",
		  a_fork_that_holds_the_descriptor_may_outlive_the_owner);
	suite.add("the thread that set the owner may end", the_thread_that_set_the_owner_may_end);
	suite.add("the worker is named vhost-<owner's pid>", the_worker_is_named_after_the_owner);
	suite.add("the worker goes with RESET_OWNER", the_worker_goes_with_the_owner);
	suite.add("the worker is in the owner's cgroup", the_worker_is_in_the_owners_cgroup);

	suite.add("a device closes at every stage of its set-up",
		  a_device_closes_at_every_stage_of_its_set_up);
	suite.add("a device closes with frames pending", a_device_closes_with_frames_pending);
	suite.add("a device closes under traffic", a_device_closes_under_traffic);
	suite.add("RESET_OWNER under traffic", the_owner_is_reset_under_traffic);
	suite.add("eight devices live side by side", many_devices_live_side_by_side);
	return suite.run();
}
