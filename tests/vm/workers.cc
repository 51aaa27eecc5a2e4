/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device's workers: the requests, whose codes are those of vhost's vhost_worker_ioctl(), and
 * that queues go on whoever serves them, whatever becomes of the owner.
 *
 * vhost-net has no such requests: the oracle for them is vhost-scsi, of Linux 6.4 and later.
 */
#include "ktap.hh"
#include "lifecycle_process.hh"
#include "lossless.hh"
#include "support/child.hh"
#include "support/live.hh"
#include "support/worker_abi.hh"

#include <csignal>
#include <fstream>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;
bool oracle;
constexpr std::uint8_t first_source = Lossless::source;

/* An address that no process can have mapped: the first page. */
const void *const bad_pointer = reinterpret_cast<const void *>(8);

constexpr unsigned long requests[] = {new_worker_request, free_worker_request,
				      attach_worker_request, get_worker_request};

/* What takes the requests. */
std::string path_of_requests()
{
	if (!oracle)
		return device_path;
	constexpr const char *scsi = "/dev/vhost-scsi";
	if (access(scsi, F_OK))
		ktap::skip("oracle: vhost-net has no such request, and there is no vhost-scsi");
	const VhostDevice device(scsi);
	std::uint32_t worker;
	if (device.set_owner() || worker_of_queue(device, 0, worker))
		ktap::skip("oracle: vhost-scsi has no such request before Linux 6.4");
	return scsi;
}

struct Owned : VhostDevice {
	Owned() : Owned(path_of_requests()) {}
	explicit Owned(const std::string &path) : VhostDevice(path)
	{
		CHECK_ERRNO(set_owner(), 0);
	}

	std::uint32_t add() const
	{
		std::uint32_t worker = ~0u;
		CHECK_ERRNO(new_worker(*this, worker), 0);
		return worker;
	}
	std::uint32_t of(std::uint32_t queue) const
	{
		std::uint32_t worker = ~0u;
		CHECK_ERRNO(worker_of_queue(*this, queue, worker), 0);
		return worker;
	}
};

std::uint32_t add_worker(const VhostDevice &device)
{
	std::uint32_t worker = ~0u;
	CHECK_ERRNO(new_worker(device, worker), 0);
	return worker;
}

/* Whether this device's workers are threads of their owner's, unless told otherwise. */
bool forks()
{
	std::uint8_t fork = 0;
	const int error = get_fork(VhostDevice(device_path), fork);
	if (error && oracle)
		ktap::skip("oracle: this kernel's vhost-net does not tell what its workers are");
	CHECK_ERRNO(error, 0);
	return fork;
}

/* --- requests --- */

void the_first_worker_comes_with_the_owner_and_serves_all_queues()
{
	const Owned device;
	CHECK_EQUAL(device.of(0), 0);
	CHECK_EQUAL(device.of(1), 0);
}

void nothing_goes_before_the_owner_or_for_others()
{
	const VhostDevice device(path_of_requests());
	const VringWorker any{};
	for (const unsigned long request : requests)
		CHECK_ERRNO(device.request(request, &any), EINVAL);
	CHECK_ERRNO(device.set_owner(), 0);
	for (const unsigned long request : requests)
		CHECK_EQUAL(in_child([&] { return device.request(request, &any); }), EPERM);
	CHECK_ERRNO(free_worker(device, 1), ENODEV);
}

void bad_arguments_are_refused_and_change_nothing()
{
	const Owned device;
	for (const unsigned long request : requests)
		CHECK_ERRNO(device.request(request, bad_pointer), EFAULT);
	for (const std::uint32_t queue : {1000u, 0x7fffffffu, ~0u}) {
		std::uint32_t worker;
		CHECK_ERRNO(attach_worker(device, queue, 1000), ENOBUFS);
		CHECK_ERRNO(worker_of_queue(device, queue, worker), ENOBUFS);
	}
	for (const std::uint32_t worker : {100u, 0x80000000u, ~0u}) {
		CHECK_ERRNO(attach_worker(device, 0, worker), ENODEV);
		CHECK_ERRNO(free_worker(device, worker), ENODEV);
	}
	CHECK_EQUAL(device.of(0), 0);
	CHECK_EQUAL(device.of(1), 0);
}

void numbers_are_the_lowest_free_and_freed_once()
{
	const Owned device;
	for (std::uint32_t worker = 1; worker < 4; ++worker)
		CHECK_EQUAL(device.add(), worker);
	CHECK_ERRNO(free_worker(device, 2), 0);
	CHECK_ERRNO(free_worker(device, 2), ENODEV);
	CHECK_ERRNO(attach_worker(device, 0, 2), ENODEV);
	CHECK_EQUAL(device.add(), 2);
	CHECK_EQUAL(device.add(), 4);
}

void a_worker_that_serves_a_queue_cannot_be_freed()
{
	/* Whatever else the device has, its other queues stay with the first worker. */
	const Owned device;
	CHECK_ERRNO(free_worker(device, 0), EBUSY);
	const std::uint32_t other = device.add();
	CHECK_ERRNO(attach_worker(device, 1, other), 0);
	CHECK_EQUAL(device.of(0), 0);
	CHECK_EQUAL(device.of(1), other);
	CHECK_ERRNO(free_worker(device, 0), EBUSY);
	CHECK_ERRNO(free_worker(device, other), EBUSY);
	CHECK_ERRNO(attach_worker(device, 1, 0), 0);
	CHECK_ERRNO(free_worker(device, other), 0);
	CHECK_ERRNO(attach_worker(device, 1, other), ENODEV);
	CHECK_EQUAL(device.of(1), 0);
}

void the_first_worker_is_freed_like_any()
{
	const Owned device;
	const std::uint32_t other = device.add();
	std::uint32_t queue = 0;
	for (; !attach_worker(device, queue, other); ++queue)
		CHECK(queue < 10000);
	CHECK(queue >= 2);
	CHECK_ERRNO(free_worker(device, 0), 0);
	CHECK_ERRNO(attach_worker(device, 0, 0), ENODEV);
	CHECK_EQUAL(device.of(0), other);
	CHECK_EQUAL(device.add(), 0);
}

void another_devices_worker_is_none_of_ours()
{
	const Owned first, second;
	CHECK_EQUAL(first.add(), 1);
	CHECK_ERRNO(attach_worker(second, 0, 1), ENODEV);
	CHECK_ERRNO(free_worker(second, 1), ENODEV);
	CHECK_EQUAL(second.add(), 1);
	CHECK_ERRNO(free_worker(second, 1), 0);
	CHECK_ERRNO(attach_worker(first, 0, 1), 0);
}

void workers_count_against_the_owners_limit()
{
	if (!forks())
		ktap::skip("this kernel's workers are kernel threads, which count as nobody's");
	const std::string path = path_of_requests();
	/* The first worker and two more; CAP_SYS_RESOURCE would lift the limit. */
	CHECK_EQUAL(in_child([&] {
			    const VhostDevice device(path);
			    const rlimit limit{4, 4};
			    std::uint32_t worker;
			    if (setrlimit(RLIMIT_NPROC, &limit) || setuid(12345))
				    return -1;
			    if (device.set_owner() || new_worker(device, worker) ||
				new_worker(device, worker))
				    return -2;
			    if (new_worker(device, worker) != ENOMEM)
				    return -3;
			    if (free_worker(device, 1))
				    return -4;
			    /* The thread has stopped, and counts until all of it is gone. */
			    int error = new_worker(device, worker);
			    for (int i = 0; error == ENOMEM && i < 500; ++i) {
				    usleep(10'000);
				    error = new_worker(device, worker);
			    }
			    return error || worker != 1 ? -5 : 0;
		    }),
		    0);
}

/* A thread that has stopped is listed until all of it is gone. */
void become(std::size_t number)
{
	wait_until([&] { return workers_of(getpid()).size() == number; }, "a worker stays");
}

void a_device_has_sixteen_at_most()
{
	const Owned device;
	for (std::uint32_t worker = 1; worker < 16; ++worker)
		CHECK_EQUAL(device.add(), worker);
	std::uint32_t worker;
	CHECK_ERRNO(new_worker(device, worker), ENOMEM);
	CHECK_EQUAL(workers_of(getpid()).size(), 16);
	CHECK_ERRNO(free_worker(device, 9), 0);
	become(15);
	CHECK_EQUAL(device.add(), 9);
	CHECK_ERRNO(device.reset_owner(), 0);
	become(0);
}

/* --- what kind of thread --- */

bool is_thread_of_ours(const Task &task)
{
	return task.folder.string().starts_with("/proc/" + std::to_string(getpid()));
}

void the_kind_is_chosen_before_the_owner()
{
	const bool can_fork = forks();
	const VhostDevice device(device_path);
	std::uint8_t fork = 0xff;
	CHECK_ERRNO(set_fork(device, 2), EINVAL);
	CHECK_ERRNO(device.request(set_fork_request, bad_pointer), EFAULT);
	CHECK_ERRNO(device.request(get_fork_request, bad_pointer), EFAULT);
	CHECK_ERRNO(set_fork(device, 1), can_fork ? 0 : EOPNOTSUPP);
	CHECK_ERRNO(set_fork(device, 0), 0);
	CHECK_ERRNO(get_fork(device, fork), 0);
	CHECK_EQUAL(fork, 0);
	CHECK_ERRNO(device.set_owner(), 0);
	CHECK_ERRNO(set_fork(device, 0), EBUSY);
	CHECK_ERRNO(set_fork(device, 2), EBUSY);
	CHECK_ERRNO(device.request(set_fork_request, bad_pointer), EBUSY);
	CHECK(!is_thread_of_ours(worker_of(getpid())));
	CHECK_ERRNO(device.reset_owner(), 0);
	CHECK_ERRNO(get_fork(device, fork), 0);
	CHECK_EQUAL(fork, can_fork);
	CHECK_ERRNO(device.set_owner(), 0);
	CHECK_EQUAL(is_thread_of_ours(worker_of(getpid())), can_fork);
}

void who_chose_kernel_threads_has_one()
{
	const bool can_fork = forks();
	const VhostDevice device(path_of_requests());
	CHECK_ERRNO(set_fork(device, 0), 0);
	CHECK_ERRNO(device.set_owner(), 0);
	std::uint32_t worker;
	CHECK_ERRNO(new_worker(device, worker), can_fork ? EFAULT : 0);
}

/* The mask of a thread's processors. */
cpu_set_t cpus_of(const Task &task)
{
	cpu_set_t set;
	CHECK(!sched_getaffinity(std::stoi(task.folder.filename().string()), sizeof(set), &set));
	return set;
}

cpu_set_t one_cpu(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return set;
}

/* A thread of the test on one processor, as long as the object lives. */
class OnOneCpu
{
public:
	explicit OnOneCpu(int cpu)
	{
		CHECK(!sched_getaffinity(0, sizeof(before_), &before_));
		if (CPU_COUNT(&before_) < 2)
			ktap::skip("one processor only");
		const cpu_set_t set = one_cpu(cpu);
		CHECK(!sched_setaffinity(0, sizeof(set), &set));
	}
	~OnOneCpu() { sched_setaffinity(0, sizeof(before_), &before_); }
	OnOneCpu(const OnOneCpu &) = delete;
	OnOneCpu &operator=(const OnOneCpu &) = delete;

private:
	cpu_set_t before_;
};

/* What a worker inherits, and what becomes of it later. */
void check_place(unsigned workers, const std::string &cgroup)
{
	const cpu_set_t first = one_cpu(1), second = one_cpu(0);
	const auto all = workers_of(getpid());
	CHECK_EQUAL(all.size(), workers);
	for (const Task &task : all) {
		const cpu_set_t inherited = cpus_of(task);
		CHECK(CPU_EQUAL(&inherited, &first), "worker %s is on other processors",
		      task.folder.c_str());
		CHECK(task.cgroup() == cgroup, "it is in %s", task.cgroup().c_str());
		const int tid = std::stoi(task.folder.filename().string());
		CHECK(!sched_setaffinity(tid, sizeof(second), &second));
		const cpu_set_t moved = cpus_of(task);
		CHECK(CPU_EQUAL(&moved, &second));
	}
}

void workers_inherit_processors_and_cgroup_and_can_be_moved()
{
	const bool can_fork = forks();
	const Cgroup group("vna-workers");
	const OnOneCpu pinned(1);
	for (const bool fork : {false, true}) {
		/* The kernel's own keeps no processors for its kernel threads. */
		if ((fork && !can_fork) || (!fork && oracle))
			continue;
		const VhostDevice device(device_path);
		CHECK_ERRNO(set_fork(device, fork), 0);
		CHECK_ERRNO(device.set_owner(), 0);
		unsigned workers = 1;
		if (!oracle && fork == can_fork) {
			add_worker(device);
			workers = 2;
		}
		check_place(workers, group.path());
	}
}

/* --- traffic --- */

void queues_pass_frames_on_workers_of_their_own()
{
	Lossless busy(device_path);
	const VhostDevice &device = busy.guest.rig.device;
	const std::uint32_t rx = add_worker(device), tx = add_worker(device);
	CHECK_ERRNO(attach_worker(device, rx_queue, rx), 0);
	CHECK_ERRNO(attach_worker(device, tx_queue, tx), 0);
	CHECK_ERRNO(free_worker(device, 0), 0);
	become(2);
	flows(busy.guest, busy.end.far, 500);
	busy.finish();
}

void queues_are_handed_to_and_fro_under_traffic_and_lose_nothing()
{
	Lossless busy(device_path);
	const VhostDevice &device = busy.guest.rig.device;
	const std::uint32_t other = add_worker(device);
	for (unsigned round = 0; round < 200; ++round) {
		for (const unsigned queue : {rx_queue, tx_queue})
			CHECK_ERRNO(attach_worker(device, queue, (round + queue) % 2 ? other : 0),
				    0);
		if (round % 10 == 9)
			flows(busy.guest, busy.end.far, 10);
	}
	busy.finish();
}

void workers_come_and_go_under_traffic()
{
	Lossless busy(device_path);
	const VhostDevice &device = busy.guest.rig.device;
	for (unsigned round = 0; round < 60; ++round) {
		const std::uint32_t next = add_worker(device);
		std::uint32_t before = ~0u;
		CHECK_ERRNO(worker_of_queue(device, tx_queue, before), 0);
		CHECK_ERRNO(attach_worker(device, rx_queue, next), 0);
		CHECK_ERRNO(free_worker(device, before), EBUSY);
		CHECK_ERRNO(attach_worker(device, tx_queue, next), 0);
		CHECK_ERRNO(free_worker(device, before), 0);
		if (round % 10 == 9)
			flows(busy.guest, busy.end.far, 10);
	}
	CHECK_EQUAL(workers_of(getpid()).size(), 1);
	busy.finish();
}

void a_kernel_threads_worker_passes_frames()
{
	if (!forks())
		ktap::skip("there are no others");
	RigOptions options{.features = feature::version_1 | feature::event_idx};
	options.before_owner = [](const VhostDevice &device) {
		CHECK_ERRNO(set_fork(device, 0), 0);
	};
	Guest guest(device_path, guest_mac, options);
	CHECK(!is_thread_of_ours(worker_of(getpid())));
	TapEnd end("vna0", first_source);
	guest.rig.attach(end.tap.fd());
	guest.start();
	end.far.start();
	flows(guest, end.far, 200);
	guest.finish();
	end.far.finish();
}

/* --- what becomes of the owner --- */

/* An owner with frames under way on three workers, one of them without a queue. */
void own_workers(const Word &ready)
{
	Lossless busy(device_path);
	if (!oracle) {
		const VhostDevice &device = busy.guest.rig.device;
		CHECK_ERRNO(attach_worker(device, tx_queue, add_worker(device)), 0);
		add_worker(device);
	}
	flows(busy.guest, busy.end.far, 20);
	ready.say();
	for (;;)
		pause();
}

void nothing_is_left_of(pid_t owner)
{
	wait_until([&] { return workers_of(owner).empty(); }, "a worker is still there");
	wait_until([] { return access("/sys/class/net/vna0", F_OK) != 0; },
		   "the tap is still there");
}

void a_killed_owners_workers_are_gone()
{
	for (unsigned round = 0; round < 3; ++round) {
		const Word ready;
		ChildProcess owner([&] { own_workers(ready); });
		CHECK(ready.heard(), "the owner does not get that far");
		CHECK_EQUAL(workers_of(owner.pid()).size(), oracle ? 1 : 3);
		const pid_t pid = owner.pid();
		owner.kill();
		nothing_is_left_of(pid);
	}
}

void a_stopped_owners_workers_can_be_killed()
{
	const Word ready;
	ChildProcess owner([&] { own_workers(ready); });
	CHECK(ready.heard(), "the owner does not get that far");
	const pid_t pid = owner.pid();
	CHECK(!::kill(pid, SIGSTOP));
	std::this_thread::sleep_for(std::chrono::milliseconds(50));
	owner.kill();
	nothing_is_left_of(pid);
}

/* Its descriptor is ours too: what the workers were is let go of when it is closed. */
void a_killed_owners_device_can_be_closed_by_another()
{
	VhostDevice device(device_path);
	const Word ready;
	ChildProcess owner([&] {
		CHECK_ERRNO(device.set_owner(), 0);
		if (!oracle) {
			const std::uint32_t worker = add_worker(device);
			CHECK_ERRNO(attach_worker(device, tx_queue, worker), 0);
		}
		ready.say();
		for (;;)
			pause();
	});
	CHECK(ready.heard());
	const pid_t pid = owner.pid();
	owner.kill();
	if (!oracle) {
		std::uint32_t worker;
		CHECK_ERRNO(new_worker(device, worker), EPERM);
		CHECK_ERRNO(attach_worker(device, tx_queue, 0), EPERM);
	}
	CHECK_ERRNO(device.reset_owner(), EPERM);
	device.close();
	wait_until([&] { return workers_of(pid).empty(); }, "a worker is still there");
}

/*
 * The owner is stopped, by a signal or by its cgroup, as a container is paused: frames wait, for
 * its workers or in its rings, and none is lost once it goes on.
 */
void frames_wait_for_an_owner_that_rests(const std::function<void(pid_t)> &rest,
					 const std::function<void(pid_t)> &go_on)
{
	const Word ready, sent;
	constexpr unsigned frames = 24; /* fewer than it has buffers */
	/* The wire is ours, and so outlives the rest. */
	TapEnd end("vna0", first_source);
	ChildProcess owner([&] {
		Guest guest(device_path);
		guest.rig.attach(end.tap.fd());
		if (!oracle) {
			const VhostDevice &device = guest.rig.device;
			CHECK_ERRNO(attach_worker(device, rx_queue, add_worker(device)), 0);
		}
		guest.start();
		ready.say();
		CHECK(sent.heard());
		guest.reader.reach(first_source, 3 * frames);
		guest.reader.abandon();
		guest.sender.finish();
	});
	CHECK(ready.heard());
	end.far.sink.start();
	end.far.sink.reach(100);
	for (unsigned round = 0; round < 3; ++round) {
		rest(owner.pid());
		for (unsigned i = 0; i < frames; ++i)
			CHECK_ERRNO(end.far.socket.send(numbered_frame(round * frames + i,
								       guest_mac, first_source)),
				    0);
		go_on(owner.pid());
		end.far.sink.reach(end.far.sink.received() + 100);
	}
	sent.say();
	owner.wait();
	end.far.sink.finish();
}

/* A process's state, a letter. */
char state_of(pid_t pid)
{
	std::string line;
	std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
	return line.substr(line.rfind(')') + 2, 1)[0];
}

void frames_wait_for_an_owner_that_is_stopped()
{
	frames_wait_for_an_owner_that_rests(
		[](pid_t pid) {
			CHECK(!::kill(pid, SIGSTOP));
			wait_until([&] { return state_of(pid) == 'T'; }, "it does not stop");
		},
		[](pid_t pid) { CHECK(!::kill(pid, SIGCONT)); });
}

/* A control group that holds one process, until that has ended. */
class Cell
{
public:
	Cell()
	{
		if (access("/sys/fs/cgroup/cgroup.procs", W_OK))
			ktap::skip("no cgroup2 at /sys/fs/cgroup");
		CHECK(!mkdir(folder, 0755) || errno == EEXIST);
	}
	~Cell() { (void)rmdir(folder); }
	Cell(const Cell &) = delete;
	Cell &operator=(const Cell &) = delete;

	void put(pid_t pid) const { write("cgroup.procs", std::to_string(pid)); }
	void freeze(bool frozen) const
	{
		write("cgroup.freeze", frozen ? "1" : "0");
		wait_until([&] { return is_frozen() == frozen; },
			   frozen ? "it does not freeze" : "it does not thaw");
	}

private:
	static constexpr const char *folder = "/sys/fs/cgroup/vna-cell";

	static void write(const std::string &file, const std::string &text)
	{
		std::ofstream out(folder + ("/" + file));
		out << text << std::flush;
		CHECK(out.good(), "%s: %s", file.c_str(), text.c_str());
	}
	static bool is_frozen()
	{
		std::ifstream events(folder + std::string("/cgroup.events"));
		std::string key;
		for (int value; events >> key >> value;)
			if (key == "frozen")
				return value;
		ktap::fail(__FILE__, __LINE__, "no freezer");
	}
};

void frames_wait_for_an_owner_that_is_frozen()
{
	const Cell cell;
	frames_wait_for_an_owner_that_rests(
		[&](pid_t pid) {
			cell.put(pid);
			cell.freeze(true);
		},
		[&](pid_t) { cell.freeze(false); });
}

void a_frozen_owners_workers_can_be_killed()
{
	const Cell cell;
	const Word ready;
	ChildProcess owner([&] { own_workers(ready); });
	CHECK(ready.heard(), "the owner does not get that far");
	const pid_t pid = owner.pid();
	cell.put(pid);
	cell.freeze(true);
	owner.kill();
	nothing_is_left_of(pid);
}

/*
 * A process that shares its owner's memory is the owner too, and outlives it: what was served by
 * threads of the dead one, it can have served by its own.
 */
struct Twin {
	int fd;
	std::uint32_t worker;
	std::atomic<int> result;
};

int own_and_wait(void *data)
{
	auto *const twin = static_cast<Twin *>(data);
	WorkerState state{};
	int result = ioctl(twin->fd, VHOST_SET_OWNER) ? errno : 0;
	if (!result && ioctl(twin->fd, new_worker_request, &state))
		result = errno;
	twin->worker = state.worker;
	twin->result = result;
	for (;;)
		pause();
}

void a_process_of_the_same_memory_takes_over_from_dead_workers()
{
	if (!forks())
		ktap::skip("this kernel's workers are kernel threads, which outlive a process");
	const VhostDevice device(path_of_requests());
	Twin twin{device.fd(), 0, {-1}};
	constexpr std::size_t stack_bytes = 256 << 10;
	void *const stack = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(stack != MAP_FAILED);
	const pid_t pid = clone(own_and_wait, static_cast<char *>(stack) + stack_bytes,
				CLONE_VM | CLONE_FILES | SIGCHLD, &twin);
	CHECK(pid > 0);
	const auto end = std::chrono::steady_clock::now() + patience;
	while (twin.result < 0 && std::chrono::steady_clock::now() < end)
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	CHECK(!::kill(pid, SIGKILL));
	CHECK(waitpid(pid, nullptr, 0) == pid);
	munmap(stack, stack_bytes);
	CHECK_ERRNO(twin.result, 0);
	CHECK_EQUAL(twin.worker, 1);

	/* They end in their own time. */
	std::uint32_t worker;
	wait_until([&] { return worker_of_queue(device, 0, worker) == EINVAL; },
		   "the worker does not die");
	CHECK_ERRNO(worker_of_queue(device, 1, worker), EINVAL);
	CHECK_ERRNO(free_worker(device, 0), EBUSY);
	wait_until([&] { return free_worker(device, 1) == EBUSY; }, "a dead worker can be freed");
	/* Attaching to a dead one changes nothing. */
	CHECK_ERRNO(attach_worker(device, 0, 1), 0);
	CHECK_ERRNO(worker_of_queue(device, 0, worker), EINVAL);

	CHECK_ERRNO(new_worker(device, worker), 0);
	CHECK_EQUAL(worker, 2);
	for (const unsigned queue : {0u, 1u}) {
		CHECK_ERRNO(attach_worker(device, queue, 2), 0);
		CHECK_ERRNO(worker_of_queue(device, queue, worker), 0);
		CHECK_EQUAL(worker, 2);
	}
	CHECK_ERRNO(free_worker(device, 0), EBUSY);
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	oracle = suite.oracle();
	constexpr const char *no_workers = "its queues have one worker";

	suite.add("requests: the first worker comes with the owner and serves all queues",
		  the_first_worker_comes_with_the_owner_and_serves_all_queues);
	suite.add("requests: nothing goes before the owner (EINVAL), or for others (EPERM)",
		  nothing_goes_before_the_owner_or_for_others);
	suite.add("requests: bad pointers (EFAULT), queues (ENOBUFS) and numbers (ENODEV)",
		  bad_arguments_are_refused_and_change_nothing);
	suite.add("requests: numbers are the lowest free ones; freed twice (ENODEV)",
		  numbers_are_the_lowest_free_and_freed_once);
	suite.add("requests: a worker that serves a queue cannot be freed (EBUSY)",
		  a_worker_that_serves_a_queue_cannot_be_freed);
	suite.add("requests: the first worker is freed like any",
		  the_first_worker_is_freed_like_any);
	suite.add("requests: another device's worker is none of ours (ENODEV)",
		  another_devices_worker_is_none_of_ours);
	suite.add("requests: workers count against the owner's limit of processes (ENOMEM)",
		  workers_count_against_the_owners_limit);
	suite.add_stricter("requests: a device has 16 workers at most (ENOMEM)", "no limit",
			   a_device_has_sixteen_at_most);

	suite.add("kind: chosen before the owner is set (EBUSY), one of two (EINVAL)",
		  the_kind_is_chosen_before_the_owner);
	suite.add("kind: who chose kernel threads where there is a choice has one (EFAULT)",
		  who_chose_kernel_threads_has_one);
	suite.add("kind: a kernel thread passes frames", a_kernel_threads_worker_passes_frames);
	suite.add("place: workers inherit processors and cgroup, and can be moved",
		  workers_inherit_processors_and_cgroup_and_can_be_moved);

	suite.add_stricter("traffic: queues pass frames on workers of their own", no_workers,
			   queues_pass_frames_on_workers_of_their_own);
	suite.add_stricter("traffic: queues handed to and fro 200 times lose nothing", no_workers,
			   queues_are_handed_to_and_fro_under_traffic_and_lose_nothing);
	suite.add_stricter("traffic: workers come and go 60 times, and nothing is lost",
			   no_workers, workers_come_and_go_under_traffic);

	suite.add("owner: killed under traffic, its workers are gone",
		  a_killed_owners_workers_are_gone);
	suite.add("owner: stopped and killed, its workers are gone",
		  a_stopped_owners_workers_can_be_killed);
	suite.add("owner: frozen and killed, its workers are gone",
		  a_frozen_owners_workers_can_be_killed);
	suite.add("owner: killed, its device can be closed by who else has it",
		  a_killed_owners_device_can_be_closed_by_another);
	suite.add("owner: while it is stopped, frames wait", frames_wait_for_an_owner_that_is_stopped);
	suite.add("owner: while its cgroup is frozen, frames wait",
		  frames_wait_for_an_owner_that_is_frozen);
	suite.add("owner: another process of the same memory takes over from dead workers",
		  a_process_of_the_same_memory_takes_over_from_dead_workers);
	return suite.run();
}
