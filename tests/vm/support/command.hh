/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that runs beside the test, with what it says.
 */
#pragma once

#include "unique_fd.hh"

#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace vna::vm
{

struct Ran {
	int status; /* its exit status, or minus the signal that ended it */
	std::string out, err;
};

class Command
{
public:
	/* @before runs in the child, before the program does. */
	explicit Command(const std::vector<std::string> &words,
			 const std::function<void()> &before = {});
	~Command();
	Command(const Command &) = delete;
	Command &operator=(const Command &) = delete;

	/* Whether it has ended. */
	bool ended();
	/* Its next line of output, waited for; fails the test when none comes in time. */
	std::string line();
	/* Whether there is output now. */
	bool has_output() const;
	/* All until its end. */
	Ran finish();
	void kill(int signal) const;

private:
	pid_t pid_;
	int status_ = 0;
	bool reaped_ = false;
	UniqueFd out_, err_;
	std::string pending_;
};

Ran run(const std::vector<std::string> &words, const std::function<void()> &before = {});

} /* namespace vna::vm */
