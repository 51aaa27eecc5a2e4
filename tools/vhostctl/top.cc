// SPDX-License-Identifier: GPL-2.0-only
// vhostctl top: what each queue does in a second, again and again.
#include <cstdio>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.hh"
#include "text.hh"
#include "time.hh"

namespace vhostctl {

using namespace vhostd;

namespace {

// Of a queue, a second; but for batch, which is buffers a fetch, and cpu, which is percent of one
// processor, of the thread that serves it.
struct Rates {
	double packets, bits, batch, kicks, calls, drops, cpu;
};

class Sample {
public:
	Sample(System &system, const std::vector<std::uint32_t> &only) : at(system.now())
	{
		if (only.empty()) {
			queues = system.queues({});
			statistics = system.queue_statistics({});
		}
		for (const std::uint32_t id : only) {
			append(queues, system.queues(id));
			append(statistics, system.queue_statistics(id));
		}
	}

	[[nodiscard]] const Record *counters(const Queue &queue) const
	{
		for (const Statistics &each : statistics)
			if (each.device() == queue.device() && each.queue() == queue.id())
				return &each.counters();
		return nullptr;
	}
	[[nodiscard]] const Queue *find(const Queue &queue) const
	{
		for (const Queue &each : queues)
			if (each.device() == queue.device() && each.id() == queue.id())
				return &each;
		return nullptr;
	}

	System::Clock::time_point at;
	std::vector<Queue> queues;

private:
	template <class T> static void append(std::vector<T> &to, std::vector<T> from)
	{
		to.insert(to.end(), from.begin(), from.end());
	}

	std::vector<Statistics> statistics;
};

// Of a queue that is in both; none of one that has come since.
std::optional<Rates> rates(const Queue &queue, const Sample &before, const Sample &after)
{
	const Queue *old = before.find(queue);
	const Record *from = before.counters(queue), *to = after.counters(queue);
	const double seconds = std::chrono::duration<double>(after.at - before.at).count();
	if (!old || !from || !to || seconds <= 0)
		return std::nullopt;
	const auto more = [&](unsigned counter) {
		return static_cast<double>(to->number(counter) - from->number(counter));
	};
	double drops = 0;
	for (const spec::Attribute &attribute : spec::counters.attributes)
		if (attribute.name.starts_with("drop_"))
			drops += more(attribute.number);
	const double batches = more(VHOST_NET_ALT_A_COUNTERS_BATCHES);
	// A queue may have another worker than it had.
	const auto cpu = [](const Queue &of) { return of.number(VHOST_NET_ALT_A_QUEUE_WORKER_NS); };
	const bool same = old->number(VHOST_NET_ALT_A_QUEUE_WORKER_PID) ==
				  queue.number(VHOST_NET_ALT_A_QUEUE_WORKER_PID) &&
			  cpu(queue) >= cpu(*old);
	return Rates{more(VHOST_NET_ALT_A_COUNTERS_PACKETS) / seconds,
		     more(VHOST_NET_ALT_A_COUNTERS_BYTES) * 8 / seconds,
		     batches ? more(VHOST_NET_ALT_A_COUNTERS_BUFFERS) / batches : 0,
		     more(VHOST_NET_ALT_A_COUNTERS_KICKS) / seconds,
		     more(VHOST_NET_ALT_A_COUNTERS_CALLS) / seconds,
		     drops / seconds,
		     same ? static_cast<double>(cpu(queue) - cpu(*old)) / seconds / 1e7 : 0};
}

// How many queues a terminal has lines for.
std::size_t lines_of(int terminal)
{
	winsize size{};
	const bool known = ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_row > 3;
	return known ? size.ws_row - 3u : SIZE_MAX;
}

void print(std::ostream &out, const Sample &before, const Sample &after, std::size_t most)
{
	char line[160];
	std::snprintf(line, sizeof line, "%-9s %-4s %-15s %-7s %11s %10s %6s %9s %9s %8s %5s\n",
		      "QUEUE", "TYPE", "IFNAME", "STATE", "PACKETS/s", "Mbit/s", "BATCH", "KICKS/s",
		      "CALLS/s", "DROPS/s", "CPU%");
	out << to_string(after.at) << "  " << after.queues.size() << " queues\n" << line;
	for (const Queue &queue : after.queues) {
		if (!most--) {
			out << "...\n";
			return;
		}
		const std::optional<Rates> r = rates(queue, before, after);
		std::snprintf(line, sizeof line, "%-9s %-4s %-15s %-7s", handle(queue).c_str(),
			      queue.name(VHOST_NET_ALT_A_QUEUE_TYPE).c_str(),
			      queue.ifname().empty() ? "-" : printable(queue.ifname()).c_str(),
			      queue.name(VHOST_NET_ALT_A_QUEUE_STATE).c_str());
		out << line;
		if (r) {
			std::snprintf(line, sizeof line,
				      " %11.0f %10.1f %6.1f %9.0f %9.0f %8.0f %5.1f", r->packets,
				      r->bits / 1e6, r->batch, r->kicks, r->calls, r->drops, r->cpu);
			out << line;
		}
		out << '\n';
	}
}

Json json(const Sample &before, const Sample &after)
{
	Json all = Json::object();
	for (const Queue &queue : after.queues)
		if (const auto r = rates(queue, before, after))
			all[handle(queue)] = {
				{"type", queue.name(VHOST_NET_ALT_A_QUEUE_TYPE)},
				{"ifname", queue.ifname()},
				{"state", queue.name(VHOST_NET_ALT_A_QUEUE_STATE)},
				{"packets_per_second", r->packets},
				{"bits_per_second", r->bits},
				{"buffers_per_batch", r->batch},
				{"kicks_per_second", r->kicks},
				{"calls_per_second", r->calls},
				{"drops_per_second", r->drops},
				{"cpu_percent", r->cpu},
			};
	return {{"time", to_string(after.at)}, {"top", all}};
}

} // namespace

void top(const Context &context)
{
	const CommandLine &line = context.line;
	if (line.arguments.size() > 1)
		throw UsageError(usage("top"));
	System &system = context.system;
	// Names are looked up each time: devices come and go.
	const auto sample = [&] {
		return Sample(system, line.arguments.empty() ?
					      std::vector<std::uint32_t>{} :
					      devices_of(system, line.arguments[0]));
	};
	// A terminal is drawn over; what is no terminal gets one screen behind the other.
	const bool screen = !line.json && &context.out == &std::cout && isatty(STDOUT_FILENO);
	Sample before = sample();
	for (unsigned i = 0; !line.times || i < line.times; i++) {
		system.sleep(std::chrono::nanoseconds(static_cast<long>(line.seconds * 1e9)));
		Sample after = sample();
		if (screen)
			context.out << "\033[H\033[2J";
		if (line.json)
			context.print(json(before, after));
		else
			print(context.out, before, after, screen ? lines_of(STDOUT_FILENO) : SIZE_MAX);
		context.out.flush();
		before = std::move(after);
	}
}

} // namespace vhostctl
