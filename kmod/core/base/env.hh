// SPDX-License-Identifier: GPL-2.0-only
// The core's view of the hooks in glue/abi.h: scopes for what must be undone,
// types for what is copied.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include "core/base/types.hh"
#include "core/base/errno.hh"
#include "glue/abi.h"

namespace vna {

class DeviceLock {
public:
	explicit DeviceLock(vna_env *env) : env_(env) { vna_env_lock_device(env_); }
	~DeviceLock() { vna_env_unlock_device(env_); }
	DeviceLock(const DeviceLock &) = delete;
	DeviceLock &operator=(const DeviceLock &) = delete;

private:
	vna_env *env_;
};

// The same for a caller who leaves when he gets a signal: error() then, and nothing is locked.
class PatientDeviceLock {
public:
	explicit PatientDeviceLock(vna_env *env)
	    : env_(env), error_(vna_env_lock_device_unless_signal(env))
	{
	}
	~PatientDeviceLock()
	{
		if (!error_)
			vna_env_unlock_device(env_);
	}
	PatientDeviceLock(const PatientDeviceLock &) = delete;
	PatientDeviceLock &operator=(const PatientDeviceLock &) = delete;
	[[nodiscard]] int error() const { return error_; }

private:
	vna_env *env_;
	const int error_;
};

class QueueLock {
public:
	QueueLock(vna_env *env, u32 queue) : env_(env), queue_(queue)
	{
		vna_env_lock_queue(env_, queue_);
	}
	~QueueLock() { vna_env_unlock_queue(env_, queue_); }
	QueueLock(const QueueLock &) = delete;
	QueueLock &operator=(const QueueLock &) = delete;

private:
	vna_env *env_;
	u32 queue_;
};

// Copies one object from a user address.  -EFAULT.
template <class T>
	requires std::is_trivially_copyable_v<T>
[[nodiscard]] inline int copy_in(T &to, u64 from)
{
	return vna_env_copy_from_user(&to, from, sizeof to);
}

// Copies one object to a user address.  T has no padding, so nothing of the
// kernel's stack goes with it.  -EFAULT.
template <class T>
	requires std::has_unique_object_representations_v<T>
[[nodiscard]] inline int copy_out(u64 to, const T &from)
{
	return vna_env_copy_to_user(to, &from, sizeof from);
}

// An owned handle of the glue's, given back by @close.
template <class T, void (*close)(T *)> class Handle {
public:
	Handle() = default;
	explicit Handle(T *handle) : handle_(handle) {}
	Handle(Handle &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
	Handle &operator=(Handle &&other) noexcept
	{
		std::swap(handle_, other.handle_);
		return *this;
	}
	~Handle() { reset(); }

	void reset()
	{
		if (handle_)
			close(std::exchange(handle_, nullptr));
	}
	// For the opening hooks, which fill it in on success only.
	[[nodiscard]] T **out() { return &handle_; }
	[[nodiscard]] T *get() const { return handle_; }
	explicit operator bool() const { return handle_; }

private:
	T *handle_ = nullptr;
};

using Eventfd = Handle<vna_eventfd, vna_env_eventfd_close>;
using Kick = Handle<vna_kick, vna_env_kick_close>;

} // namespace vna
