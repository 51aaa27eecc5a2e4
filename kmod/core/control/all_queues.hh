// SPDX-License-Identifier: GPL-2.0-only
// The locks of all queues, for what all of them read.
#pragma once

#include "core/control/device.hh"

namespace vna {

class Device::AllQueues {
public:
	explicit AllQueues(const Device &device) : env_(device.env_)
	{
		for (; locked_ < queue_count; locked_++)
			vna_env_lock_queue(env_, locked_);
	}
	// For a caller who leaves when he gets a signal: error() then, and nothing may be done.
	struct UnlessSignal {};
	AllQueues(const Device &device, UnlessSignal) : env_(device.env_)
	{
		for (; locked_ < queue_count; locked_++) {
			error_ = vna_env_lock_queue_unless_signal(env_, locked_);
			if (error_)
				break;
		}
	}
	~AllQueues()
	{
		while (locked_)
			vna_env_unlock_queue(env_, --locked_);
	}
	AllQueues(const AllQueues &) = delete;
	AllQueues &operator=(const AllQueues &) = delete;
	[[nodiscard]] int error() const { return error_; }

private:
	vna_env *env_;
	u32 locked_ = 0;
	int error_ = 0;
};

} // namespace vna
