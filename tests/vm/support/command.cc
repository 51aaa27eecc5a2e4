/* SPDX-License-Identifier: GPL-2.0-only */
#include "command.hh"

#include "ktap.hh"
#include "packet_socket.hh"

#include <array>
#include <chrono>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vna::vm
{

namespace
{

int status_of(int wait_status)
{
	return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -WTERMSIG(wait_status);
}

/* What there is to read; false at the end. */
bool read_some(int fd, std::string &to)
{
	std::array<char, 4096> bytes;
	const ssize_t got = read(fd, bytes.data(), bytes.size());
	if (got > 0)
		to.append(bytes.data(), static_cast<std::size_t>(got));
	return got > 0;
}

bool readable(int fd, int milliseconds)
{
	pollfd wait{fd, POLLIN, 0};
	return poll(&wait, 1, milliseconds) == 1;
}

} /* namespace */

Command::Command(const std::vector<std::string> &words, const std::function<void()> &before)
{
	std::array<int, 2> out, err;
	CHECK(!pipe2(out.data(), O_CLOEXEC) && !pipe2(err.data(), O_CLOEXEC));
	std::vector<char *> arguments;
	for (const std::string &word : words)
		arguments.push_back(const_cast<char *>(word.c_str()));
	arguments.push_back(nullptr);
	std::fflush(stdout);
	pid_ = fork();
	CHECK(pid_ >= 0);
	if (!pid_) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		if (before)
			before();
		execv(arguments[0], arguments.data());
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	out_ = UniqueFd(out[0]);
	err_ = UniqueFd(err[0]);
}

Command::~Command()
{
	if (reaped_)
		return;
	::kill(pid_, SIGKILL);
	waitpid(pid_, nullptr, 0);
}

bool Command::ended()
{
	int status;
	if (!reaped_ && waitpid(pid_, &status, WNOHANG) == pid_) {
		status_ = status_of(status);
		reaped_ = true;
	}
	return reaped_;
}

bool Command::has_output() const
{
	return !pending_.empty() || readable(out_.get(), 0);
}

std::string Command::line()
{
	for (std::size_t end; (end = pending_.find('\n')) == std::string::npos;) {
		CHECK(readable(out_.get(), std::chrono::milliseconds(patience).count()),
		      "no line comes");
		CHECK(read_some(out_.get(), pending_), "it ends after \"%s\"", pending_.c_str());
	}
	const std::size_t end = pending_.find('\n');
	const std::string line = pending_.substr(0, end);
	pending_.erase(0, end + 1);
	return line;
}

Ran Command::finish()
{
	Ran ran{0, std::move(pending_), {}};
	bool out = true, err = true;
	while (out || err) {
		std::array<pollfd, 2> wait{{{out ? out_.get() : -1, POLLIN, 0},
					    {err ? err_.get() : -1, POLLIN, 0}}};
		CHECK(poll(wait.data(), wait.size(),
			   std::chrono::milliseconds(patience).count()) > 0,
		      "it does not end");
		if (wait[0].revents)
			out = read_some(out_.get(), ran.out);
		if (wait[1].revents)
			err = read_some(err_.get(), ran.err);
	}
	int status;
	if (!reaped_ && waitpid(pid_, &status, 0) == pid_) {
		status_ = status_of(status);
		reaped_ = true;
	}
	ran.status = status_;
	return ran;
}

void Command::kill(int signal) const
{
	if (!reaped_)
		::kill(pid_, signal);
}

Ran run(const std::vector<std::string> &words, const std::function<void()> &before)
{
	return Command(words, before).finish();
}

} /* namespace vna::vm */
