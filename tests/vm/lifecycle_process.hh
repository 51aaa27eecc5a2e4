/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes, the device's workers among them, as /proc and /sys/fs/cgroup show them.
 */
#pragma once

#include "ktap.hh"
#include "support/unique_fd.hh"

#include <cctype>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <poll.h>
#include <sstream>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace vna::vm {

/* A thread, as its folder in /proc. */
struct Task {
	std::filesystem::path folder;

	/* Time on a processor, in ticks of 1/100 s. */
	std::uint64_t ticks() const
	{
		std::string line;
		std::getline(std::ifstream(folder / "stat"), line);
		/* The name in the second field may hold anything; utime and stime are 14 and 15. */
		std::istringstream fields(line.substr(line.rfind(')') + 1));
		std::string skipped;
		for (unsigned field = 3; field < 14; ++field)
			fields >> skipped;
		std::uint64_t user = 0, system = 0;
		CHECK(fields >> user >> system, "%s: %s", folder.c_str(), line.c_str());
		return user + system;
	}

	/* The path below /sys/fs/cgroup. */
	std::string cgroup() const
	{
		std::ifstream file(folder / "cgroup");
		for (std::string line; std::getline(file, line);)
			if (line.starts_with("0::"))
				return line.substr(3);
		return {};
	}
};

/*
 * The workers of a process's devices: its own threads where vhost has those (Linux 6.4), kernel
 * threads elsewhere.
 */
inline std::vector<Task> workers_of(pid_t owner)
{
	namespace fs = std::filesystem;
	const std::string name = "vhost-" + std::to_string(owner);
	std::vector<Task> found;
	for (const std::string &folder : { std::string("/proc"),
					   "/proc/" + std::to_string(owner) + "/task" }) {
		std::error_code error; /* processes come and go */
		fs::directory_iterator entry(folder, error);
		for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
			if (!std::isdigit(entry->path().filename().string().front()))
				continue;
			std::string comm;
			std::getline(std::ifstream(entry->path() / "comm"), comm);
			if (comm == name)
				found.push_back({ entry->path() });
		}
	}
	return found;
}

inline Task worker_of(pid_t owner)
{
	const auto workers = workers_of(owner);
	CHECK_EQUAL(workers.size(), 1);
	return workers.front();
}

/* How often the module is in use. */
inline unsigned module_references(const std::string &module)
{
	std::ifstream file("/proc/modules");
	for (std::string line; std::getline(file, line);) {
		std::istringstream fields(line);
		std::string name;
		std::uint64_t size = 0;
		unsigned references = 0;
		if (fields >> name >> size >> references && name == module)
			return references;
	}
	ktap::fail(__FILE__, __LINE__, module + " is not loaded");
}

/* A word from one process to others, once. */
class Word {
public:
	Word()
	{
		int ends[2];
		CHECK(!pipe(ends));
		reader_.reset(ends[0]);
		writer_.reset(ends[1]);
	}

	void say() const
	{
		const char word = 1;
		CHECK(write(writer_.get(), &word, 1) == 1);
	}

	/* Whether it came within a generous time. */
	[[nodiscard]] bool heard(int milliseconds = 60000) const
	{
		pollfd ready{ reader_.get(), POLLIN, 0 };
		return poll(&ready, 1, milliseconds) > 0;
	}

private:
	UniqueFd reader_, writer_;
};

/* A child process; it is killed, at the latest, with the object or with this process. */
class ChildProcess {
public:
	/* Status 0 unless the body fails, with the reason printed. */
	explicit ChildProcess(const std::function<void()> &body)
	{
		std::fflush(stdout);
		pid_ = fork();
		CHECK(pid_ >= 0);
		if (pid_)
			return;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int status = 0;
		try {
			body();
		} catch (const ktap::Failure &failure) {
			ktap::note("in the child process: %s", failure.what.c_str());
			status = 1;
		}
		std::fflush(stdout);
		_exit(status);
	}
	~ChildProcess()
	{
		if (pid_ > 0) {
			::kill(pid_, SIGKILL);
			waitpid(pid_, nullptr, 0);
		}
	}
	ChildProcess(const ChildProcess &) = delete;

	pid_t pid() const { return pid_; }

	/* Waits for its end; fails the test if it failed. */
	void wait()
	{
		const int status = reap();
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x", status);
	}

	/* SIGKILL, and wait. */
	void kill()
	{
		CHECK(!::kill(pid_, SIGKILL));
		const int status = reap();
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %#x", status);
	}

private:
	int reap()
	{
		int status = 0;
		CHECK(waitpid(std::exchange(pid_, -1), &status, 0) > 0);
		return status;
	}

	pid_t pid_;
};

/* A control group that this process is in for as long as the object lives. */
class Cgroup {
public:
	explicit Cgroup(const std::string &name)
		: path_("/" + name), before_(Task{ "/proc/self" }.cgroup())
	{
		if (before_.empty() || access("/sys/fs/cgroup/cgroup.procs", W_OK))
			ktap::skip("no cgroup2 at /sys/fs/cgroup");
		CHECK(!mkdir(folder(path_).c_str(), 0755) || errno == EEXIST, "%s",
		      std::strerror(errno));
		CHECK(enter(path_));
	}
	~Cgroup()
	{
		(void)enter(before_);
		(void)rmdir(folder(path_).c_str());
	}
	Cgroup(const Cgroup &) = delete;

	const std::string &path() const { return path_; }

private:
	static std::string folder(const std::string &path) { return "/sys/fs/cgroup" + path; }

	static bool enter(const std::string &path)
	{
		std::ofstream procs(folder(path) + "/cgroup.procs");
		procs << getpid() << std::flush;
		return procs.good();
	}

	std::string path_, before_;
};

} /* namespace vna::vm */
