// SPDX-License-Identifier: GPL-2.0-only
#include "time.hh"

#include <cstdio>
#include <ctime>

namespace vhostctl {

std::string to_string(System::Clock::time_point time)
{
	using namespace std::chrono;
	const auto whole = floor<seconds>(time);
	const auto rest = duration_cast<microseconds>(time - whole);
	const std::time_t since = system_clock::to_time_t(whole);
	std::tm parts{};
	localtime_r(&since, &parts);
	char text[32], all[48];
	std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
	std::snprintf(all, sizeof all, "%s.%06d", text, static_cast<int>(rest.count()));
	return all;
}

} // namespace vhostctl
