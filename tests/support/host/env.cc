// SPDX-License-Identifier: GPL-2.0-only
// The second half of glue/abi.h: each hook checks its context and asks the fake kernel.
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "host/handles.hh"

namespace vna::host
{

// The hooks are the fake kernel's friends by this name.
struct Hooks {
	static void *alloc(unsigned long size)
	{
		FakeKernel &k = FakeKernel::current();
		k.may_sleep("an allocation");
		k.allocations++;
		if (k.fail_alloc_in_ && !--k.fail_alloc_in_)
			return nullptr;
		void *mem = std::calloc(1, size);
		k.allocated_.insert(mem);
		return mem;
	}

	static void free(void *mem)
	{
		if (!FakeKernel::current().allocated_.erase(mem))
			trap("free of what was not allocated");
		std::free(mem);
	}

	static UserMemory &memory()
	{
		FakeKernel &k = FakeKernel::current();
		k.may_sleep("a user access");
		return k.memory;
	}

	static void lock_device(FakeKernel &k)
	{
		k.may_sleep("the device lock");
		if (k.device_locked_ || k.queues_locked_)
			trap("the device lock is to be taken first, and once");
		k.device_locked_ = true;
	}

	static void unlock_device(FakeKernel &k)
	{
		if (!k.device_locked_)
			trap("the device lock is not taken");
		k.device_locked_ = false;
	}

	static void lock_queue(FakeKernel &k, vna_u32 queue)
	{
		k.may_sleep("a queue lock");
		if (auto hook = k.before_lock_.extract(queue))
			hook.mapped()();
		if (k.queues_locked_ >> queue)
			trap("queue locks are to be taken in ascending order, and once");
		k.queues_locked_ |= 1u << queue;
	}

	static void unlock_queue(FakeKernel &k, vna_u32 queue)
	{
		if (!k.queue_locked(queue))
			trap("the lock of queue %u is not taken", queue);
		k.queues_locked_ &= ~(1u << queue);
	}

	static int signalled(FakeKernel &k)
	{
		return k.signal_in && !--k.signal_in ? -EINTR : 0;
	}

	static int owner_attach(FakeKernel &k)
	{
		k.may_sleep("owner_attach");
		if (k.owner_)
			trap("a second owner");
		if (k.attach_error)
			return k.attach_error;
		k.owner_ = k.process;
		return 0;
	}

	static void owner_detach(FakeKernel &k)
	{
		k.may_sleep("owner_detach");
		if (k.queues_locked_)
			trap("workers are stopped with a queue lock, which they may want");
		k.owner_ = 0;
		k.workers_ = k.forked_ = k.woken_ = 0;
	}

	static int owner_is_current(FakeKernel &k)
	{
		k.may_sleep("owner_is_current");
		return k.owner_ && k.owner_ == k.process;
	}

	static int worker_start(FakeKernel &k, vna_u32 worker, int fork)
	{
		k.may_sleep("worker_start");
		if (!k.owner_ || worker >= VNA_MAX_WORKERS || k.workers_ >> worker & 1)
			trap("worker %u can't be started", worker);
		if (k.worker_error)
			return k.worker_error;
		k.workers_ |= 1u << worker;
		if (fork)
			k.forked_ |= 1u << worker;
		return 0;
	}

	static void worker_stop(FakeKernel &k, vna_u32 worker)
	{
		k.may_sleep("worker_stop");
		if (k.queues_locked_)
			trap("a worker is stopped with a queue lock, which it may want");
		if (worker >= VNA_MAX_WORKERS || !(k.workers_ >> worker & 1))
			trap("there is no worker %u to stop", worker);
		k.workers_ &= ~(1u << worker);
		k.forked_ &= ~(1u << worker);
		k.woken_ &= ~(1u << worker);
	}

	static void worker_wake(FakeKernel &k, vna_u32 worker)
	{
		if (worker >= VNA_MAX_WORKERS)
			trap("worker %u is woken", worker);
		k.wakes++;
		k.woken_ |= k.workers_ & 1u << worker;
	}

	static int relax(FakeKernel &k)
	{
		k.in_worker("relax");
		k.clock += k.relax_ns;
		decltype(k.before_look) later;
		std::function<void()> now;
		for (auto &[n, hook] : k.before_look) {
			if (n == 1)
				now = std::move(hook);
			else
				later[n - 1] = std::move(hook);
		}
		k.before_look = std::move(later);
		if (now)
			now();
		return k.wanted;
	}

	static vna_u64 now(FakeKernel &k)
	{
		k.in_worker("now");
		if (auto hook = std::exchange(k.at_clock, nullptr))
			hook();
		return k.clock;
	}

	static int can_poll(FakeKernel &k)
	{
		k.in_worker("can_poll");
		return k.can_poll;
	}

	// The file behind @fd if it is an eventfd, or an error.
	static int eventfd(FakeKernel &k, int fd, FakeKernel::File *&out)
	{
		const auto file = k.files_.find(fd);
		if (file == k.files_.end())
			return -EBADF;
		if (file->second.kind != FakeKernel::File::eventfd)
			return -EINVAL;
		out = &file->second;
		return 0;
	}

	static int eventfd_open(FakeKernel &k, int fd, vna_eventfd **out)
	{
		k.may_sleep("eventfd_open");
		FakeKernel::File *file;
		const int error = eventfd(k, fd, file);
		if (error)
			return error;
		*out = new vna_eventfd{k, fd};
		k.events_open_++;
		return 0;
	}

	static void eventfd_close(vna_eventfd *event)
	{
		event->kernel.may_sleep("eventfd_close");
		event->kernel.events_open_--;
		delete event;
	}

	static void eventfd_signal(vna_eventfd *event)
	{
		event->kernel.files_.at(event->fd).written++;
	}

	static int kick_open(FakeKernel &k, vna_u32 queue, int fd, vna_kick **out)
	{
		k.may_sleep("kick_open");
		FakeKernel::File *file;
		const int error = eventfd(k, fd, file);
		if (error)
			return error;
		if (k.kick_error)
			return k.kick_error;
		*out = new vna_kick{k, fd, queue};
		k.kicks_.push_back(*out);
		if (file->written)
			k.event(queue, VNA_EVENT_KICK);
		return 0;
	}

	static void kick_close(vna_kick *kick)
	{
		kick->kernel.may_sleep("kick_close");
		std::erase(kick->kernel.kicks_, kick);
		delete kick;
	}

	static int backend_open(FakeKernel &k, vna_u32 queue, int fd, vna_backend **out)
	{
		k.may_sleep("backend_open");
		if (!k.queue_locked(queue))
			trap("backend open without the lock of queue %u", queue);
		const auto file = k.files_.find(fd);
		if (file == k.files_.end() || file->second.kind != FakeKernel::File::backend)
			return -ENOTSOCK;
		if (file->second.file->open_error)
			return file->second.file->open_error;
		*out = new vna_backend(k, *file->second.file, queue);
		k.backends_open_++;
		return 0;
	}

	static void backend_close(vna_backend *backend)
	{
		backend->kernel.may_sleep("backend close");
		backend->check_locked("close");
		backend->kernel.backends_open_--;
		delete backend;
	}

	static int inflight_open(FakeKernel &k, vna_u32 queue, vna_inflight **out)
	{
		k.may_sleep("inflight_open");
		if (!owner_is_current(k))
			trap("frames in flight are charged to somebody else");
		if (k.fail_alloc_in_ && !--k.fail_alloc_in_)
			return -ENOMEM;
		*out = new vna_inflight{std::make_shared<Slots>(k, queue)};
		k.in_flight_open++;
		return 0;
	}

	static void inflight_close(vna_inflight *inflight)
	{
		FakeKernel &k = inflight->slots->kernel;
		k.may_sleep("inflight_close");
		inflight->slots->open = false;
		k.in_flight_open--;
		delete inflight;
	}

	static int inflight_wait(vna_inflight *inflight)
	{
		FakeKernel &k = inflight->slots->kernel;
		k.may_sleep("inflight_wait");
		if (!inflight->slots->used)
			return 1;
		k.waits++;
		if (k.on_wait)
			k.on_wait();
		return !inflight->slots->used;
	}

	static vna_backend &working(vna_backend *backend, const char *what)
	{
		backend->kernel.in_worker(what);
		if (!backend->attached)
			trap("backend %s while not attached", what);
		return *backend;
	}
};

} // namespace vna::host

using vna::host::Hooks;
using vna::host::trap;

void *vna_env_alloc(unsigned long size)
{
	return Hooks::alloc(size);
}

void vna_env_free(void *mem)
{
	Hooks::free(mem);
}

int vna_env_user_ok(vna_u64 addr, vna_u64 len)
{
	return vna::host::UserMemory::ok(addr, len);
}

int vna_env_copy_from_user(void *to, vna_u64 from, unsigned long len)
{
	return Hooks::memory().copy_in(to, from, len);
}

int vna_env_copy_to_user(vna_u64 to, const void *from, unsigned long len)
{
	return Hooks::memory().copy_out(to, from, len);
}

int vna_env_get_u16(vna_u16 *to, vna_u64 from)
{
	return Hooks::memory().get_u16(to, from);
}

int vna_env_put_u16(vna_u64 to, vna_u16 value)
{
	return Hooks::memory().put_u16(to, value);
}

int vna_env_put_u64(vna_u64 to, vna_u64 value)
{
	return Hooks::memory().put_u64(to, value);
}

int vna_env_copy_available(void *to, vna_u64 from, vna_u32 n, vna_u16 mask, vna_u16 want)
{
	return Hooks::memory().copy_available(to, from, n, mask, want);
}

int vna_env_scatter_u64(vna_u64 to, vna_u64 span, const vna_u32 *at, const vna_u64 *values,
			vna_u32 n)
{
	static_assert(sizeof *values == sizeof(std::uint64_t));
	return Hooks::memory().scatter_u64(
		to, span, at, reinterpret_cast<const std::uint64_t *>(values), n);
}

int vna_env_set_bits(vna_u64 base, const vna_u64 *words, const vna_u64 *bits, vna_u32 n)
{
	return Hooks::memory().set_bits(base, words, bits, n);
}

void vna_env_message_wake(vna_env *env)
{
	env->kernel.message_wakes++;
}

void vna_env_lock_device(vna_env *env)
{
	Hooks::lock_device(env->kernel);
}

void vna_env_unlock_device(vna_env *env)
{
	Hooks::unlock_device(env->kernel);
}

void vna_env_lock_queue(vna_env *env, vna_u32 queue)
{
	Hooks::lock_queue(env->kernel, queue);
}

int vna_env_lock_device_unless_signal(vna_env *env)
{
	const int error = Hooks::signalled(env->kernel);
	if (!error)
		Hooks::lock_device(env->kernel);
	return error;
}

int vna_env_lock_queue_unless_signal(vna_env *env, vna_u32 queue)
{
	const int error = Hooks::signalled(env->kernel);
	if (!error)
		Hooks::lock_queue(env->kernel, queue);
	return error;
}

void vna_env_unlock_queue(vna_env *env, vna_u32 queue)
{
	Hooks::unlock_queue(env->kernel, queue);
}

int vna_env_owner_attach(vna_env *env)
{
	return Hooks::owner_attach(env->kernel);
}

void vna_env_owner_detach(vna_env *env)
{
	Hooks::owner_detach(env->kernel);
}

int vna_env_owner_is_current(vna_env *env)
{
	return Hooks::owner_is_current(env->kernel);
}

int vna_env_worker_start(vna_env *env, vna_u32 worker, int fork)
{
	return Hooks::worker_start(env->kernel, worker, fork);
}

void vna_env_worker_stop(vna_env *env, vna_u32 worker)
{
	Hooks::worker_stop(env->kernel, worker);
}

void vna_env_worker_wake(vna_env *env, vna_u32 worker)
{
	Hooks::worker_wake(env->kernel, worker);
}

int vna_env_can_poll()
{
	return Hooks::can_poll(vna::host::FakeKernel::current());
}

vna_u64 vna_env_now()
{
	return Hooks::now(vna::host::FakeKernel::current());
}

int vna_env_relax()
{
	return Hooks::relax(vna::host::FakeKernel::current());
}

int vna_env_eventfd_open(vna_s32 fd, vna_eventfd **out)
{
	return Hooks::eventfd_open(vna::host::FakeKernel::current(), fd, out);
}

void vna_env_eventfd_close(vna_eventfd *event)
{
	Hooks::eventfd_close(event);
}

void vna_env_eventfd_signal(vna_eventfd *event)
{
	Hooks::eventfd_signal(event);
}

int vna_env_kick_open(vna_env *env, vna_u32 queue, vna_s32 fd, vna_kick **out)
{
	return Hooks::kick_open(env->kernel, queue, fd, out);
}

void vna_env_kick_close(vna_kick *kick)
{
	Hooks::kick_close(kick);
}

int vna_env_backend_open(vna_env *env, vna_u32 queue, vna_s32 fd, vna_backend **out)
{
	return Hooks::backend_open(env->kernel, queue, fd, out);
}

int vna_env_backend_suits(vna_backend *a, vna_backend *b)
{
	return b->file.offloads & ~a->file.offloads ? -EOPNOTSUPP : 0;
}

// One device is all there is here.
int vna_env_find(vna_u32, vna_core **)
{
	return -ENODEV;
}

void vna_env_put(vna_core *)
{
	trap("a reference that was not taken is put");
}

int vna_env_backend_same(const vna_backend *a, const vna_backend *b)
{
	return &a->file == &b->file;
}

int vna_env_backend_attach(vna_backend *backend)
{
	return backend->attach();
}

void vna_env_backend_detach(vna_backend *backend)
{
	backend->detach();
}

void vna_env_backend_close(vna_backend *backend)
{
	Hooks::backend_close(backend);
}

vna_u32 vna_env_backend_consume(vna_backend *backend, vna_u32 *lens, vna_u32 max)
{
	return Hooks::working(backend, "consume").consume(lens, max);
}

int vna_env_backend_has_frames(vna_backend *backend)
{
	return Hooks::working(backend, "has_frames").has_frames();
}

vna_u32 vna_env_backend_receive(vna_backend *backend, vna_rx_frame *frames, vna_u32 n)
{
	return Hooks::working(backend, "receive").receive(frames, n);
}

void vna_env_backend_free(vna_backend *backend, vna_u32 n)
{
	Hooks::working(backend, "free").free(n);
}

vna_u32 vna_env_backend_send(vna_backend *backend, vna_tx_frame *frames, vna_u32 n)
{
	return Hooks::working(backend, "send").send(frames, n);
}

int vna_env_backend_want_room(vna_backend *backend)
{
	return Hooks::working(backend, "want_room").want_room();
}

void vna_env_changed(vna_env *env)
{
	env->kernel.changes++;
}

void vna_env_queue_stopped(vna_env *env, vna_u32 queue, const char *rule, const char *)
{
	env->kernel.stopped.emplace_back(queue, rule);
}

int vna_env_inflight_open(vna_env *env, vna_u32 queue, vna_inflight **out)
{
	return Hooks::inflight_open(env->kernel, queue, out);
}

void vna_env_inflight_close(vna_inflight *inflight)
{
	Hooks::inflight_close(inflight);
}

vna_u64 vna_env_inflight_reap(vna_inflight *inflight, vna_u64 *copied)
{
	const vna_u64 landed = inflight->slots->landed.exchange(0);
	*copied = inflight->slots->copied.fetch_and(~landed) & landed;
	return landed;
}

int vna_env_inflight_wait(vna_inflight *inflight, vna_u32)
{
	return Hooks::inflight_wait(inflight);
}

int vna_env_backend_refers(const vna_backend *backend)
{
	return backend->file.refers;
}

int vna_env_backend_send_reference(vna_backend *backend, vna_inflight *inflight, vna_u32 slot,
				   const vna_tx_frame *frame)
{
	return Hooks::working(backend, "send_reference").send_reference(inflight, slot, *frame);
}

vna_u32 vna_env_traced;

void vna_env_trace_fetch(vna_env *env, vna_u32 queue, vna_u32 buffers)
{
	env->kernel.traced.at(queue).fetched += buffers;
}

void vna_env_trace_complete(vna_env *env, vna_u32 queue, vna_u32 buffers, vna_u32 descriptors)
{
	env->kernel.traced.at(queue).shown += buffers;
	env->kernel.traced.at(queue).descriptors += descriptors;
}

void vna_env_trace_signal(vna_env *env, vna_u32 queue, int sent)
{
	env->kernel.traced.at(queue).signals++;
	env->kernel.traced.at(queue).calls += sent;
}

void vna_env_log(vna_env *env, const char *format, ...)
{
	char line[256];
	va_list args;
	va_start(args, format);
	std::vsnprintf(line, sizeof line, format, args);
	va_end(args);
	env->kernel.log.emplace_back(line);
}

void vna_env_bug(const char *what)
{
	trap("bug in the core: %s", what);
}
