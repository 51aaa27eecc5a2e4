/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * linux/vhost.h's requests for workers, which the headers of Debian 12 do not have yet.
 */
#pragma once

#include "vhost_device.hh"

#include <cstdint>
#include <linux/ioctl.h>

namespace vna::vm
{

struct WorkerState {
	std::uint32_t worker;
};

struct VringWorker {
	std::uint32_t queue;
	std::uint32_t worker;
};

inline constexpr unsigned long new_worker_request = _IOR(VHOST_VIRTIO, 0x08, WorkerState);
inline constexpr unsigned long free_worker_request = _IOW(VHOST_VIRTIO, 0x09, WorkerState);
inline constexpr unsigned long attach_worker_request = _IOW(VHOST_VIRTIO, 0x15, VringWorker);
inline constexpr unsigned long get_worker_request = _IOWR(VHOST_VIRTIO, 0x16, VringWorker);
inline constexpr unsigned long set_fork_request = _IOW(VHOST_VIRTIO, 0x84, std::uint8_t);
inline constexpr unsigned long get_fork_request = _IOR(VHOST_VIRTIO, 0x85, std::uint8_t);

/* Each returns 0 or the errno. */

inline int new_worker(const VhostDevice &device, std::uint32_t &worker)
{
	WorkerState state{~0u};
	const int error = device.request(new_worker_request, &state);
	worker = state.worker;
	return error;
}

inline int free_worker(const VhostDevice &device, std::uint32_t worker)
{
	const WorkerState state{worker};
	return device.request(free_worker_request, &state);
}

inline int attach_worker(const VhostDevice &device, std::uint32_t queue, std::uint32_t worker)
{
	const VringWorker attach{queue, worker};
	return device.request(attach_worker_request, &attach);
}

inline int worker_of_queue(const VhostDevice &device, std::uint32_t queue, std::uint32_t &worker)
{
	VringWorker get{queue, ~0u};
	const int error = device.request(get_worker_request, &get);
	worker = get.worker;
	return error;
}

inline int set_fork(const VhostDevice &device, std::uint8_t fork)
{
	return device.request(set_fork_request, &fork);
}

inline int get_fork(const VhostDevice &device, std::uint8_t &fork)
{
	return device.request(get_fork_request, &fork);
}

} /* namespace vna::vm */
