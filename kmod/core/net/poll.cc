// SPDX-License-Identifier: GPL-2.0-only
#include "core/net/poll.hh"

#include "core/base/algorithm.hh"

namespace vna {

void Poll::set_mode(vna_poll_mode mode, u64 ns)
{
	const u64 limit = mode == VNA_POLL_ADAPTIVE ? ns : 0;
	off_ = mode == VNA_POLL_OFF;
	fixed_ = mode == VNA_POLL_FIXED ? ns : 0;
	if (limit == limit_)
		return;
	limit_ = limit;
	gap_ = longest * limit_; // what was learnt was up to another bound
}

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
