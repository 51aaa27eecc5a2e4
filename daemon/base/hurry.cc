// SPDX-License-Identifier: GPL-2.0-only
#include "base/hurry.hh"

#include <csignal>

#include <unistd.h>

// glibc has no name for it (timer_create(2)).
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace vhostd {

namespace {

constexpr timespec tick{.tv_sec = 0, .tv_nsec = 10'000'000};

// The signal has to be caught: one that is ignored ends nothing.  Nobody else's: SIGALRM, for one,
// is what a program's own alarm() uses.
bool caught()
{
	struct sigaction action{};
	action.sa_handler = [](int) {};
	action.sa_flags = SA_RESTART;
	return sigaction(SIGRTMIN, &action, nullptr) == 0;
}

} // namespace

Hurry::Hurry()
{
	static const bool can = caught();
	sigevent event{};
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = SIGRTMIN;
	event.sigev_notify_thread_id = gettid();
	runs_ = can && timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
	if (!runs_)
		return;
	// Again and again: one that comes just before the wait does not end it.
	const itimerspec each{.it_interval = tick, .it_value = tick};
	timer_settime(timer_, 0, &each, nullptr);
}

Hurry::~Hurry()
{
	if (runs_)
		timer_delete(timer_);
}

} // namespace vhostd
