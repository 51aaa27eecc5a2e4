/* SPDX-License-Identifier: GPL-2.0-only */
#include "child.hh"

#include "ktap.hh"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace vna::vm
{

Child::Child(const Body &body)
{
	int ends[2];
	CHECK(!pipe2(ends, O_CLOEXEC));
	read_end_.reset(ends[0]);
	write_end_.reset(ends[1]);
	std::fflush(stdout);
	pid_ = fork();
	CHECK(pid_ >= 0, "%s", std::strerror(errno));
	if (pid_) {
		write_end_.reset();
		return;
	}

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	read_end_.reset();
	int status = failed;
	try {
		status = body(*this);
	} catch (const ktap::Failure &failure) {
		ktap::note("in the child: %s", failure.what.c_str());
	} catch (const ktap::Skip &) {
	}
	/* No destructors: what the body left open is left to the kernel. */
	_exit(status);
}

Child::~Child()
{
	if (pid_ > 0) {
		::kill(pid_, SIGKILL);
		waitpid(pid_, nullptr, 0);
	}
}

void Child::ready()
{
	CHECK(write(write_end_.get(), "", 1) == 1);
}

void Child::wait_ready()
{
	char byte;
	CHECK(read(read_end_.get(), &byte, 1) == 1, "the child ended before it was ready");
}

void Child::kill(int signal)
{
	CHECK(!::kill(pid_, signal));
}

int Child::wait()
{
	int status = 0;
	CHECK(waitpid(pid_, &status, 0) == pid_);
	pid_ = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int in_child(const std::function<int()> &check)
{
	return Child([&](Child &) { return check(); }).wait();
}

} /* namespace vna::vm */
