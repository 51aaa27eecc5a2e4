// SPDX-License-Identifier: GPL-2.0-only
// vhostctl dev: devices, and their settings.
#include <charconv>

#include "commands.hh"
#include "port/port.hh"

namespace vhostctl {

using namespace vhostd;

namespace {

void show_devices(const Context &context)
{
	const auto &arguments = context.line.arguments;
	if (arguments.size() > 1)
		throw UsageError(usage("dev"));
	System &system = context.system;
	std::vector<Device> devices;
	if (arguments.empty())
		devices = system.devices();
	else
		for (const std::uint32_t id : devices_of(system, arguments[0]))
			devices.push_back(system.device(id));

	Json all = Json::object();
	for (const Device &device : devices) {
		const auto pid = device.owner_pid();
		all[std::to_string(device.id())] = show(device, pid ? system.process(*pid) : "");
	}
	if (context.line.statistics)
		for (const Statistics &statistics : system.device_statistics({}))
			if (const auto at = all.find(std::to_string(statistics.device()));
			    at != all.end()) {
				(*at)["rx"] = show_counters(
					statistics.counters(VHOST_NET_ALT_QUEUE_TYPE_RX));
				(*at)["tx"] = show_counters(
					statistics.counters(VHOST_NET_ALT_QUEUE_TYPE_TX));
			}
	context.show({{"dev", all}});
}

// What people say for numbers, as ports' files have it (vhostd(8)).
constexpr struct {
	std::string_view setting, word;
	ZeroCopy value;
} words[] = {
	{"zerocopy", "off", ZeroCopy::off},
	{"zerocopy", "on", ZeroCopy::on},
	{"zerocopy", "auto", ZeroCopy::automatic},
};

Setting setting(const std::string &name, const std::string &value)
{
	const spec::Attribute *attribute = nullptr;
	for (const spec::Attribute *each : spec::settings)
		if (each == spec::dev.find(name))
			attribute = each;
	if (!attribute)
		throw UsageError("Unknown setting \"" + name + "\", try \"vhostctl dev help\".");
	for (const spec::Entry &entry : attribute->entries)
		if (entry.name == value)
			return {attribute, entry.value};
	for (const auto &word : words)
		if (word.setting == attribute->name && word.word == value)
			return {attribute, zerocopy_bytes(word.value)};
	std::uint64_t number = 0;
	const char *end = value.data() + value.size();
	const auto [rest, error] = std::from_chars(value.data(), end, number);
	// What is no number of the attribute's size has no way to the kernel, which has the
	// say on all others.
	const bool fits = attribute->type == spec::Type::u64 || number <= UINT32_MAX;
	if (error != std::errc() || rest != end || !fits) {
		std::string names;
		for (const spec::Entry &entry : attribute->entries)
			names += ", " + std::string(entry.name);
		for (const auto &word : words)
			if (word.setting == attribute->name)
				names += ", " + std::string(word.word);
		throw UsageError("Invalid value \"" + value + "\" of " + std::string(attribute->name) +
				 ": expected a number" + names + ".");
	}
	return {attribute, number};
}

void set_devices(const Context &context)
{
	const auto &arguments = context.line.arguments;
	if (arguments.size() < 3 || arguments.size() % 2 == 0)
		throw UsageError(usage("dev"));
	std::vector<Setting> settings;
	for (std::size_t i = 1; i < arguments.size(); i += 2)
		settings.push_back(setting(arguments[i], arguments[i + 1]));
	for (const std::uint32_t id : devices_of(context.system, arguments[0]))
		context.system.set(id, settings);
}

} // namespace

void dev(const Context &context)
{
	if (context.line.command == "set")
		set_devices(context);
	else
		show_devices(context);
}

} // namespace vhostctl
