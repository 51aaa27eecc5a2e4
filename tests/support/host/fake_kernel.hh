// SPDX-License-Identifier: GPL-2.0-only
// Everything that surrounds one device on the host: user memory, the owner and the worker,
// files, locks, the log.  It checks what abi.h promises of the core's calls (contexts, the order
// of locks, no frame taken twice) and ends the process where one is broken.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "host/fake_backend.hh"
#include "host/user_memory.hh"

namespace vna::host
{

inline constexpr vna_u32 rx_queue = 0;
inline constexpr vna_u32 tx_queue = 1;

// The module's parameters, as tests have them.
[[nodiscard]] vna_config default_config(vna_u32 batch = VNA_MAX_BATCH);

class FakeKernel
{
public:
	explicit FakeKernel(const vna_config &config = default_config());
	~FakeKernel();
	FakeKernel(const FakeKernel &) = delete;
	FakeKernel &operator=(const FakeKernel &) = delete;

	// The one that exists: some hooks have no argument that tells.
	static FakeKernel &current();

	[[nodiscard]] vna_core *core() { return core_; }
	// An ioctl by @process on the device.
	long ioctl(vna_u32 command, Address arg);
	// The last reference to the descriptor goes.  Done by the destructor otherwise.
	void close();
	// What is still open or allocated, in words; empty after close() unless there is a leak.
	[[nodiscard]] std::vector<std::string> leaks() const;

	UserMemory memory;

	// The process that calls, and errors of owner_attach() and worker_start().
	int process = 1;
	int attach_error = 0;
	unsigned signal_in = 0; // a signal comes instead of the lock that is asked for then
	int worker_error = 0;
	// Workers, by number: which there are, and which of them are the owner's threads.
	[[nodiscard]] unsigned workers() const { return workers_; }
	[[nodiscard]] unsigned forked() const { return forked_; }
	[[nodiscard]] bool has_worker() const { return workers_; }

	// Runs the workers while they were woken or have work, for at most @turns; returns how
	// many.
	unsigned work(unsigned turns = 10000);
	// One turn of one of them, woken or not.  Whether there is more to do.
	bool turn(vna_u32 worker = 0);
	unsigned wakes = 0;
	[[nodiscard]] bool woken() const { return woken_; }
	[[nodiscard]] bool woken(vna_u32 worker) const { return woken_ >> worker & 1; }
	// Waiting by looking: what a look takes, whether others want the processor, and what
	// happens before the n-th look from now on (1: the next).
	vna_u64 clock = 1;
	vna_u64 relax_ns = 1000;
	bool can_poll = true;
	bool wanted = false;
	std::map<unsigned, std::function<void()>> before_look;
	std::function<void()> at_clock; // once, at the next look at the clock

	// Runs @hook once, at the next taking of the lock of @queue, before it is had.
	void before_lock(vna_u32 queue, std::function<void()> hook)
	{
		before_lock_[queue] = std::move(hook);
	}

	// Something happened, as an interrupt would tell.
	void event(vna_u32 queue, vna_event event);

	// The @n-th allocation from now on (1: the next) fails; 0: none.
	void fail_alloc_at(unsigned n) { fail_alloc_in_ = n; }
	// The same for the opening of kicks, in which the glue allocates.
	int kick_error = 0;
	unsigned allocations = 0; // made since the start

	// Pages that the owner may have locked, and those that he has; counted by frame in flight.
	std::optional<unsigned> lock_limit;
	unsigned locked = 0;
	// The same for slots of frames in flight: opened, and not let go of.
	unsigned in_flight_open = 0;
	unsigned waits = 0; // for frames to land, that had not
	// Called while the core waits for them.
	std::function<void()> on_wait;

	// Files of the process, by descriptor.
	int add_eventfd();
	int add_backend(FakeBackend &backend);
	int add_plain_file();		       // neither an eventfd nor a backend
	static constexpr int closed_fd = 9999; // no file at all
	// The driver writes an eventfd, or the test looks at what was written to one.
	void write_eventfd(int fd);
	[[nodiscard]] unsigned eventfd_count(int fd) const { return files_.at(fd).written; }

	// Wake-ups of those who wait for a message, and what read() and write() do.
	unsigned message_wakes = 0;
	int read_message(void *to) { return vna_core_read_message(core_, to); }
	int write_message(const void *from, unsigned long len);

	std::vector<std::string> log;
	// What others would be told: that something changed, and which queue broke which rule.
	unsigned changes = 0;
	// What the core tells while vna_env_traced is set, by queue.
	struct Traced {
		vna_u64 fetched = 0, shown = 0, descriptors = 0, signals = 0, calls = 0;
	};
	std::array<Traced, 2> traced;
	std::vector<std::pair<vna_u32, std::string>> stopped;

	// A queue's counter by its name in the tables that vna_core_counter_name() gives.
	[[nodiscard]] unsigned long long counter(vna_u32 queue, const std::string &name) const;
	[[nodiscard]] std::string state(vna_u32 queue) const
	{
		return vna_core_queue_state(core_, queue);
	}

	[[nodiscard]] bool queue_locked(vna_u32 queue) const { return queues_locked_ >> queue & 1; }

private:
	friend struct Hooks;

	enum class Context : std::uint8_t { process, worker, atomic };
	struct File {
		enum Kind : std::uint8_t { eventfd, backend, plain } kind;
		unsigned written = 0;
		FakeBackend *file = nullptr;
	};
	class In; // a scope that runs in another context

	int add(File::Kind kind, FakeBackend *backend = nullptr);
	void may_sleep(const char *what) const;
	void in_worker(const char *what) const;

	vna_env *env_;
	vna_core *core_ = nullptr;
	void *core_memory_ = nullptr;
	Context context_ = Context::process;
	bool device_locked_ = false;
	unsigned queues_locked_ = 0; // a bit each
	int owner_ = 0;
	unsigned workers_ = 0, forked_ = 0, woken_ = 0; // a bit each
	std::map<vna_u32, std::function<void()>> before_lock_;
	unsigned fail_alloc_in_ = 0;
	std::unordered_set<void *> allocated_;
	std::map<int, File> files_;
	std::vector<vna_kick *> kicks_;
	unsigned events_open_ = 0;
	unsigned backends_open_ = 0;
	int next_fd_ = 3;
};

} // namespace vna::host
