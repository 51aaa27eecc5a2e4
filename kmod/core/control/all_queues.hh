// SPDX-License-Identifier: GPL-2.0-only
// The locks of all queues, for what all of them read.
#pragma once

#include "core/control/device.hh"

namespace vna {

class Device::AllQueues {
public:
	explicit AllQueues(const Device &device) : env_(device.env_)
	{
		for (u32 i = 0; i < queue_count; i++)
			vna_env_lock_queue(env_, i);
	}
	~AllQueues()
	{
		for (u32 i = queue_count; i-- > 0;)
			vna_env_unlock_queue(env_, i);
	}
	AllQueues(const AllQueues &) = delete;
	AllQueues &operator=(const AllQueues &) = delete;

private:
	vna_env *env_;
};

} // namespace vna
