// SPDX-License-Identifier: GPL-2.0-only
// vhostctl monitor: what the kernel tells, as it happens.
#include "commands.hh"
#include "netlink/error.hh"
#include "text.hh"
#include "time.hh"

namespace vhostctl {

using namespace vhostd;

namespace {

// With the handle of what it is about, or nothing where it is about none.
std::string handle_of(const Event &event)
{
	switch (event.kind) {
	case Event::Kind::dev_add:
	case Event::Kind::dev_del:
	case Event::Kind::dev_change:
		return std::to_string(Device(event.record).id());
	case Event::Kind::queue_error:
		return handle(Queue(event.record));
	default:
		return {};
	}
}

// A notification has the number that the owner has for itself, in a PID namespace that may not be this one: what is
// called so here is the owner only if the kernel, asked from here, says the same.
std::string name_of_owner(const Device &told, System &system)
{
	try {
		const auto pid = system.device(told.id()).owner_pid();
		return pid && pid == told.owner_pid() ? system.process(*pid) : "";
	} catch (const NetlinkError &) {
		return ""; // it has gone
	}
}

Json show(const Event &event, System &system)
{
	if (event.kind == Event::Kind::queue_error) {
		Json queue = vhostctl::show(Queue(event.record));
		// An event has a few of a queue's attributes: that a flag is not there says nothing.
		for (const spec::Attribute &attribute : spec::queue.attributes)
			if (!event.record.has(attribute.number))
				queue.erase(std::string(attribute.name));
		return {{"queue", {{handle_of(event), queue}}}};
	}
	const Device device(event.record);
	return {{"dev", {{handle_of(event), vhostctl::show(device, name_of_owner(device, system))}}}};
}

std::string about(Event::Kind kind)
{
	switch (kind) {
	case Event::Kind::lost:
		return "events were lost: this listener was too slow";
	case Event::Kind::loaded:
		return "the module was loaded";
	case Event::Kind::unloaded:
		return "the module was unloaded";
	default:
		return {};
	}
}

} // namespace

void monitor(const Context &context)
{
	const CommandLine &line = context.line;
	if (!line.arguments.empty())
		throw UsageError(usage("monitor"));
	for (unsigned i = 0; !line.times || i < line.times; i++) {
		const std::optional<Event> event = context.system.event();
		if (!event)
			return;
		const std::string time = to_string(context.system.now());
		const std::string what = handle_of(*event), kind(to_string(event->kind));
		if (line.json) {
			Json json{{"time", time}, {"event", kind}};
			if (!what.empty())
				json.update(show(*event, context.system));
			context.print(json);
		} else {
			context.out << '[' << time << "] [" << kind << "] ";
			if (what.empty())
				context.out << about(event->kind) << '\n';
			else
				context.out
					<< text(what, show(*event, context.system).front()[what]);
		}
		// Whoever reads a pipe wants it now.
		context.out.flush();
	}
}

} // namespace vhostctl
