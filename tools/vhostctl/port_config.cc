// SPDX-License-Identifier: GPL-2.0-only
#include "port_config.hh"

#include <charconv>
#include <optional>
#include <sstream>

#include "command_line.hh"

namespace vhostctl {

namespace {

std::optional<std::int64_t> number(const std::string &word)
{
	std::int64_t value = 0;
	const char *end = word.data() + word.size();
	const auto [rest, error] = std::from_chars(word.data(), end, value);
	if (error != std::errc() || rest != end)
		return std::nullopt;
	return value;
}

nlohmann::json offloads(const std::string &word)
{
	if (word == "on" || word == "off")
		return word == "on";
	nlohmann::json all = nlohmann::json::array();
	std::istringstream words(word);
	for (std::string each; std::getline(words, each, ',');)
		all.push_back(each);
	return all;
}

} // namespace

nlohmann::json port_config(std::span<const std::string> words)
{
	nlohmann::json config = nlohmann::json::object();
	for (std::size_t i = 0; i < words.size(); i += 2) {
		const std::string &key = words[i];
		if (i + 1 == words.size())
			throw UsageError("\"" + key + "\" has no value.\n" + usage("port"));
		const std::string &value = words[i + 1];
		if (config.contains(key))
			throw UsageError("\"" + key + "\" is given twice.");
		if (key == "owner" || key == "tap" || key == "bridge" || key == "mac" ||
		    key == "zerocopy") {
			config[key] = value;
		} else if (key == "mtu" || key == "queues") {
			const auto n = number(value);
			if (!n)
				throw UsageError("Invalid value \"" + value + "\" of " + key +
						 ": expected a number.");
			config[key] = *n;
		} else if (key == "polling") {
			if (const auto n = number(value))
				config[key] = *n;
			else
				config[key] = value;
		} else if (key == "offloads") {
			config[key] = offloads(value);
		} else {
			throw UsageError("\"" + key + "\" is unknown, try \"vhostctl port help\".");
		}
	}
	return config;
}

} // namespace vhostctl
