// SPDX-License-Identifier: GPL-2.0-only
#include "core/net/poll.hh"

#include "core/base/algorithm.hh"

namespace vna {

void Poll::found(u64 now)
{
	if (!since_)
		return;
	gap_ = (gap_ * (weight - 1) + min(waited(now), longest * limit_)) / weight;
	since_ = 0;
}

void Poll::reset()
{
	timeout_ = 0;
	gap_ = longest * limit_; // nothing is known yet: not worth it
	since_ = 0;
}

} // namespace vna
