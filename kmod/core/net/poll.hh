// SPDX-License-Identifier: GPL-2.0-only
// Whether a queue that ran dry is looked at for a while, which saves the kick or
// the frame's event and the worker's wake-up, or is to be told of.
#pragma once

#include "core/base/types.hh"
#include "glue/abi.h"

namespace vna {

// Times are in nanoseconds, by a clock that never shows 0.
class Poll {
public:
	// @limit: what the adaptive mode may spend on each wait.
	explicit Poll(u64 limit = 0) : limit_(limit) { reset(); }

	// How the device is set: for @ns each time, or at most so long while that pays.
	void set_mode(vna_poll_mode mode, u64 ns);
	// VHOST_SET_VRING_BUSYLOOP_TIMEOUT: looks for so long each time, in
	// microseconds, unless the mode is off; 0: as the mode says.
	void set_timeout(u32 us) { timeout_ = us; }
	[[nodiscard]] u32 timeout() const { return timeout_; }

	// Whether there is anything to decide, and so times to note.
	[[nodiscard]] bool on() const { return budget(); }
	// Whether the next wait is expected to be worth its time.
	[[nodiscard]] bool pays() const
	{
		return !off_ && (timeout_ || fixed_ || gap_ < limit_);
	}

	// The queue ran dry.
	void dry(u64 now) { since_ = now; }
	// It has something again, or had it when it ran last.
	void found(u64 now);
	// Since when it is dry.
	[[nodiscard]] u64 waited(u64 now) const { return since_ && now > since_ ? now - since_ : 0; }
	[[nodiscard]] bool over(u64 now) const { return waited(now) >= budget(); }

	// As it was made.
	void reset();

private:
	// A wait counts as at most so many limits: one that long is enough to stop
	// looking, and a few short ones to begin again.
	static constexpr u64 longest = 8;
	static constexpr u64 weight = 8; // of the past, less one, against the last wait

	[[nodiscard]] u64 budget() const
	{
		return off_ ? 0 : timeout_ ? timeout_ * 1000ull : fixed_ ? fixed_ : limit_;
	}

	bool off_ = false;
	u64 fixed_ = 0; // 0: while it pays
	u64 limit_;
	u32 timeout_ = 0;
	u64 gap_ = 0; // moving average of how long the queue stays dry
	u64 since_ = 0; // 0: it is not
};

} // namespace vna
