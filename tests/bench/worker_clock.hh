/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long the workers of a device have run, in nanoseconds: the threads vhost-PID that came while
 * it was opened, whether they are the kernel's (6.1) or this process's own (later).
 */
#pragma once

#include "support/unique_fd.hh"

#include <cstdint>
#include <set>
#include <string>
#include <sys/types.h>
#include <vector>

namespace vna::bench
{

/* The workers of all devices of this process. */
std::set<pid_t> workers();

class WorkerClock
{
public:
	/* Of those that are there now and were not before; fails where there are none. */
	explicit WorkerClock(const std::set<pid_t> &before);

	/* Exact while they sleep; of one that runs, what it had at its last tick. */
	std::uint64_t nanoseconds() const;

	/* Whether all of them sleep now. */
	bool asleep() const;

	/* Keep them on this CPU. */
	void pin(unsigned cpu) const;

private:
	struct Worker {
		pid_t id;
		vm::UniqueFd schedstat;
	};
	std::vector<Worker> workers_;
};

} /* namespace vna::bench */
