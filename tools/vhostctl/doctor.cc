// SPDX-License-Identifier: GPL-2.0-only
// vhostctl doctor: why something is slow or refused, with what to do.
#include <algorithm>

#include "commands.hh"
#include "findings.hh"
#include "text.hh"

namespace vhostctl {

using namespace vhostd;

namespace {

std::vector<Finding> examine(System &system)
{
	Snapshot snapshot;
	try {
		snapshot = system.snapshot();
	} catch (const NotLoaded &) {
		return diagnose(system.machine({}, {}));
	}
	std::vector<std::string> interfaces;
	for (const Queue &queue : snapshot.queues)
		if (!queue.ifname().empty())
			interfaces.push_back(queue.ifname());
	std::vector<std::uint32_t> owners;
	for (const Device &device : snapshot.devices)
		if (const auto pid = device.owner_pid())
			owners.push_back(*pid);
	return diagnose(system.machine(interfaces, owners), snapshot);
}

} // namespace

int doctor(const Context &context)
{
	if (!context.line.arguments.empty())
		throw UsageError(usage("doctor"));
	const std::vector<Finding> findings = examine(context.system);
	if (context.line.json) {
		Json all = Json::array();
		for (const Finding &finding : findings)
			all.push_back({{"level", to_string(finding.level)},
				       {"check", finding.check},
				       {"about", finding.about},
				       {"problem", finding.problem},
				       {"advice", finding.advice}});
		context.print({{"doctor", all}});
	} else {
		for (const Finding &finding : findings)
			context.out << to_string(finding.level) << ": " << printable(finding.about)
				    << ": " << printable(finding.problem) << ".\n    "
				    << printable(finding.advice) << ".\n";
		if (findings.empty())
			context.out << "Nothing is wrong.\n";
	}
	const bool broken = std::ranges::any_of(findings, [](const Finding &finding) {
		return finding.level == Finding::Level::error;
	});
	return broken ? status_refused : 0;
}

} // namespace vhostctl
