/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counters a device shows in /proc/self/fdinfo/<fd>, a line each: "tx.packets: 17".
 */
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace vna::vm
{

class Counters
{
public:
	/* What the device behind fd shows now. Empty for vhost-net, which shows none. */
	explicit Counters(int fd);

	bool empty() const { return values_.empty(); }

	/* The value, as in "tx.packets"; fails the test where there is none of that name. */
	std::uint64_t at(const std::string &name) const;

private:
	std::map<std::string, std::uint64_t> values_;
};

} /* namespace vna::vm */
