// SPDX-License-Identifier: GPL-2.0-only
// For what may close a file of somebody else's.
#pragma once

#include <ctime>

namespace vhostd {

// While one lives, what this thread waits for in the kernel ends within 10 ms, if a signal may
// end it.  Who sends descriptors along with a message leaves it to the receiver to close them,
// wanted or not: and the last close of a TCP socket with SO_LINGER (socket(7)) waits for as long
// as that says.  Uses SIGRTMIN; system calls are restarted where they can be (signal(7)).
class Hurry
{
public:
	Hurry();
	~Hurry();
	Hurry(const Hurry &) = delete;
	Hurry &operator=(const Hurry &) = delete;

private:
	timer_t timer_;
	bool runs_; // not where the user's limit of signals is reached: then it takes its time
};

} // namespace vhostd
