// SPDX-License-Identifier: GPL-2.0-only
#include "host/fake_kernel.hh"

#include <cstdlib>
#include <utility>

#include "host/handles.hh"

namespace vna::host
{

namespace
{

FakeKernel *the_kernel;

} // namespace

class FakeKernel::In
{
public:
	In(FakeKernel &kernel, Context context)
	    : kernel_(kernel), before_(std::exchange(kernel.context_, context))
	{
	}
	~In() { kernel_.context_ = before_; }
	In(const In &) = delete;
	In &operator=(const In &) = delete;

private:
	FakeKernel &kernel_;
	Context before_;
};

vna_config default_config(vna_u32 batch)
{
	vna_config config{};
	config.max_mem_regions = 64;
	config.rx_batch = config.tx_batch = batch;
	config.can_fork = config.fork_from_owner = 1;
	config.tunnel_gso = 1;
	return config;
}

FakeKernel &FakeKernel::current()
{
	if (!the_kernel)
		trap("the core runs without a kernel");
	return *the_kernel;
}

FakeKernel::FakeKernel(const vna_config &config) : env_(new vna_env{*this})
{
	if (the_kernel)
		trap("one kernel at a time");
	the_kernel = this;
	core_memory_ = std::calloc(1, vna_core_size());
	core_ = vna_core_create(core_memory_, env_, &config);
}

FakeKernel::~FakeKernel()
{
	close();
	for (const std::string &leak : leaks())
		trap("left behind: %s", leak.c_str());
	delete env_;
	the_kernel = nullptr;
}

long FakeKernel::ioctl(vna_u32 command, Address arg)
{
	const In in(*this, Context::process);
	const long result = vna_core_ioctl(core_, command, arg);
	if (device_locked_ || queues_locked_)
		trap("an ioctl left a lock taken");
	return result;
}

int FakeKernel::write_message(const void *from, unsigned long len)
{
	const In in(*this, Context::process);
	const int result = vna_core_write_message(core_, from, len);
	if (device_locked_ || queues_locked_)
		trap("a message left a lock taken");
	return result;
}

void FakeKernel::close()
{
	if (!core_)
		return;
	vna_core_destroy(std::exchange(core_, nullptr));
	std::free(std::exchange(core_memory_, nullptr));
}

std::vector<std::string> FakeKernel::leaks() const
{
	std::vector<std::string> found;
	const auto note = [&](std::size_t n, const char *what) {
		if (n)
			found.push_back(std::to_string(n) + " " + what);
	};
	note(allocated_.size(), "allocations");
	note(events_open_, "eventfds");
	note(kicks_.size(), "kicks");
	note(backends_open_, "backends");
	note(in_flight_open, "slots of frames in flight");
	note(owner_ != 0, "owner");
	note(workers_ != 0, "workers");
	note(device_locked_ || queues_locked_, "locks");
	return found;
}

bool FakeKernel::turn(vna_u32 worker)
{
	const In in(*this, Context::worker);
	if (!(workers_ >> worker & 1))
		trap("there is no worker %u", worker);
	woken_ &= ~(1u << worker);
	const bool more = vna_core_work(core_, worker);
	if (device_locked_ || queues_locked_)
		trap("the worker left a lock taken");
	if (more) // who calls vna_core_work() would call it again
		woken_ |= 1u << worker;
	if (more != !!vna_core_has_work(core_, worker))
		trap("vna_core_work() and vna_core_has_work() disagree");
	return more;
}

unsigned FakeKernel::work(unsigned turns)
{
	const auto check = [this] {
		for (vna_u32 i = 0; i < VNA_MAX_WORKERS; i++) {
			if (workers_ >> i & 1 && !woken(i) && vna_core_has_work(core_, i))
				trap("worker %u would sleep with work to do", i);
		}
	};
	unsigned n = 0;
	check();
	while (woken_ && n < turns) {
		for (vna_u32 i = 0; i < VNA_MAX_WORKERS && n < turns; i++) {
			if (!woken(i))
				continue;
			turn(i);
			n++;
			check();
		}
	}
	return n;
}

void FakeKernel::event(vna_u32 queue, vna_event event)
{
	const In in(*this, Context::atomic);
	if (core_)
		vna_core_event(core_, queue, event);
}

int FakeKernel::add(File::Kind kind, FakeBackend *backend)
{
	files_[next_fd_] = {kind, 0, backend};
	return next_fd_++;
}

int FakeKernel::add_eventfd()
{
	return add(File::eventfd);
}

int FakeKernel::add_backend(FakeBackend &backend)
{
	return add(File::backend, &backend);
}

int FakeKernel::add_plain_file()
{
	return add(File::plain);
}

void FakeKernel::write_eventfd(int fd)
{
	files_.at(fd).written++;
	const auto polled = kicks_; // an event may change who polls
	for (const vna_kick *kick : polled) {
		if (kick->fd == fd)
			event(kick->queue, VNA_EVENT_KICK);
	}
}

unsigned long long FakeKernel::counter(vna_u32 queue, const std::string &name) const
{
	for (vna_u32 i = 0; i < vna_core_counters(); i++) {
		if (vna_core_counter_name(i) == name)
			return vna_core_counter(core_, queue, i);
	}
	trap("there is no counter %s", name.c_str());
}

void FakeKernel::may_sleep(const char *what) const
{
	if (context_ == Context::atomic)
		trap("%s in a context that must not sleep", what);
}

void FakeKernel::in_worker(const char *what) const
{
	if (context_ != Context::worker)
		trap("%s outside the worker", what);
}

} // namespace vna::host
