/* SPDX-License-Identifier: GPL-2.0-only */
#include "counters.hh"

#include "ktap.hh"

#include <cinttypes>
#include <cstdlib>
#include <fstream>

namespace vna::vm
{

Counters::Counters(int fd)
{
	std::ifstream file("/proc/self/fdinfo/" + std::to_string(fd));
	std::string line;
	while (std::getline(file, line)) {
		const std::size_t colon = line.find(':');
		if (colon == std::string::npos || line.find('.') > colon)
			continue;
		values_[line.substr(0, colon)] =
			std::strtoull(line.c_str() + colon + 1, nullptr, 10);
	}
}

std::uint64_t Counters::at(const std::string &name) const
{
	const auto found = values_.find(name);
	CHECK(found != values_.end(), "the device has no counter %s", name.c_str());
	return found->second;
}

} /* namespace vna::vm */
