// SPDX-License-Identifier: GPL-2.0-only
// vhostctl queue: what each queue is and has done.
#include "commands.hh"

namespace vhostctl {

using namespace vhostd;

void queue(const Context &context)
{
	const auto &arguments = context.line.arguments;
	if (arguments.size() > 1)
		throw UsageError(usage("queue"));
	System &system = context.system;
	// A device, or "DEV/QUEUE".
	std::string device, one;
	if (!arguments.empty()) {
		const std::size_t slash = arguments[0].rfind('/');
		device = arguments[0].substr(0, slash);
		if (slash != std::string::npos)
			one = arguments[0].substr(slash + 1);
	}
	std::vector<std::optional<std::uint32_t>> ids;
	if (device.empty())
		ids.emplace_back();
	else
		for (const std::uint32_t id : devices_of(system, device))
			ids.emplace_back(id);

	Json all = Json::object();
	for (const auto id : ids) {
		for (const Queue &queue : system.queues(id))
			if (one.empty() || std::to_string(queue.id()) == one)
				all[handle(queue)] = show(queue);
		if (!context.line.statistics)
			continue;
		for (const Statistics &statistics : system.queue_statistics(id)) {
			const auto at = all.find(std::to_string(statistics.device()) + '/' +
						 std::to_string(statistics.queue()));
			if (at != all.end())
				(*at)["stats"] = show_counters(statistics.counters());
		}
	}
	if (!one.empty() && all.empty())
		throw NoDevice("Cannot find queue \"" + arguments[0] + "\"");
	context.show({{"queue", all}});
}

} // namespace vhostctl
