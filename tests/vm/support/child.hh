/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A child process with a copy of this one's memory and descriptors. It does not outlive the
 * program.
 */
#pragma once

#include "unique_fd.hh"

#include <functional>
#include <sys/types.h>

namespace vna::vm
{

class Child
{
public:
	/* What the child runs; it may call ready() once. Its return is the exit status. */
	using Body = std::function<int(Child &)>;

	/* The status of a child whose check failed; the failure is on standard output. */
	static constexpr int failed = 99;

	explicit Child(const Body &body);
	~Child();
	Child(const Child &) = delete;
	Child &operator=(const Child &) = delete;

	pid_t pid() const { return pid_; }

	/* In the child: let wait_ready() return. */
	void ready();
	/* In the parent: until the child is ready; fails the test if it ends before. */
	void wait_ready();

	void kill(int signal);
	/* Wait for its end: the exit status, or minus the signal that ended it. */
	int wait();

private:
	pid_t pid_ = -1;
	UniqueFd read_end_, write_end_;
};

/* Run check() in a child; its return is the result. */
int in_child(const std::function<int()> &check);

} /* namespace vna::vm */
