// SPDX-License-Identifier: GPL-2.0-only
#include "commands.hh"

#include <algorithm>
#include <charconv>

#include "base/version.hh"
#include "metrics/openmetrics.hh"
#include "text.hh"

namespace vhostctl {

using namespace vhostd;

void Context::print(const Json &json) const
{
	out << json.dump(line.pretty ? 4 : -1, ' ', false, Json::error_handler_t::replace) << '\n';
}

void Context::show(const Json &json) const
{
	if (line.json)
		return print(json);
	for (const auto &[kind, objects] : json.items())
		for (const auto &[handle, object] : objects.items())
			out << text(handle, object);
}

std::vector<std::uint32_t> devices_of(System &system, const std::string &word)
{
	std::uint32_t id = 0;
	const char *end = word.data() + word.size();
	if (const auto [rest, error] = std::from_chars(word.data(), end, id);
	    error == std::errc() && rest == end && id)
		return {id};
	std::vector<std::uint32_t> ids;
	for (const Queue &queue : system.queues({}))
		if (queue.ifname() == word && !word.empty() &&
		    std::ranges::find(ids, queue.device()) == ids.end())
			ids.push_back(queue.device());
	if (ids.empty())
		throw NoDevice("Cannot find device \"" + word +
			       "\": it is neither a number nor a device's network interface");
	return ids;
}

void metrics(const Context &context)
{
	context.out << openmetrics(context.system.snapshot());
}

int run_command(const Context &context)
{
	const CommandLine &line = context.line;
	if (line.object == "help" || line.command == "help") {
		context.out << usage(line.object == "help" ? "" : line.object);
		return 0;
	}
	if (line.object == "version") {
		context.out << "vhostctl, vhost-net-alt " << version << '\n';
		return 0;
	}
	if (line.object == "doctor")
		return doctor(context);
	const struct {
		std::string_view object;
		void (*command)(const Context &);
	} commands[] = {{"dev", dev},	      {"queue", queue}, {"port", port}, {"monitor", monitor},
			{"top", top},	      {"run", run},	{"metrics", metrics}};
	for (const auto &[object, command] : commands)
		if (line.object == object)
			command(context);
	return 0;
}

} // namespace vhostctl
