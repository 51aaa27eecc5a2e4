/* SPDX-License-Identifier: GPL-2.0-only */
#include "worker_clock.hh"

#include "ktap.hh"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sched.h>

namespace vna::bench
{

namespace
{

void add_named(std::set<pid_t> &found, const char *folder, const std::string &name)
{
	for (const auto &entry : std::filesystem::directory_iterator(folder)) {
		const pid_t id = std::atoi(entry.path().filename().c_str());
		std::string comm;
		/* Gone meanwhile, or no thread: no name. */
		if (id && std::getline(std::ifstream(entry.path() / "comm"), comm) && comm == name)
			found.insert(id);
	}
}

} /* namespace */

std::set<pid_t> workers()
{
	const std::string name = "vhost-" + std::to_string(getpid());
	std::set<pid_t> found;
	add_named(found, "/proc", name);
	add_named(found, "/proc/self/task", name);
	return found;
}

WorkerClock::WorkerClock(const std::set<pid_t> &before)
{
	for (const pid_t id : workers()) {
		if (before.contains(id))
			continue;
		/* The tasks of this process are found there too, though not listed. */
		const std::string path = "/proc/" + std::to_string(id) + "/schedstat";
		workers_.push_back({id, vm::UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC))});
		CHECK(workers_.back().schedstat.get() >= 0, "%s: %s", path.c_str(),
		      std::strerror(errno));
	}
	CHECK(!workers_.empty(), "the device has no worker");
}

std::uint64_t WorkerClock::nanoseconds() const
{
	std::uint64_t sum = 0;
	for (const Worker &worker : workers_) {
		char text[64];
		const ssize_t len = pread(worker.schedstat.get(), text, sizeof(text) - 1, 0);
		CHECK(len > 0, "a worker's schedstat: %s", std::strerror(errno));
		text[len] = '\0';
		sum += std::strtoull(text, nullptr, 10);
	}
	return sum;
}

bool WorkerClock::asleep() const
{
	for (const Worker &worker : workers_) {
		std::string stat;
		std::getline(std::ifstream("/proc/" + std::to_string(worker.id) + "/stat"), stat);
		/* Its name may have anything in it, and is in parentheses. */
		const std::size_t name_end = stat.rfind(')');
		CHECK(name_end != std::string::npos, "a worker has gone");
		if (stat.compare(name_end, 3, ") S") != 0)
			return false;
	}
	return true;
}

void WorkerClock::pin(unsigned cpu) const
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	for (const Worker &worker : workers_)
		CHECK(!sched_setaffinity(worker.id, sizeof(cpus), &cpus), "%s",
		      std::strerror(errno));
}

} /* namespace vna::bench */
