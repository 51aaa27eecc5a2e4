// SPDX-License-Identifier: GPL-2.0-only
#include "metrics/openmetrics.hh"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <vector>

#include "base/utf8.hh"

namespace vhostd {

namespace {

constexpr std::string_view prefix = "vhost_net_alt_";

// A label's value, or a help text, in which these may not stand for themselves; all of it is
// UTF-8, or nothing of the whole text is taken.
std::string escaped(std::string_view text)
{
	std::string out;
	while (!text.empty()) {
		const std::size_t length = utf8_length(text);
		const char c = text[0];
		if (c == '\\' || c == '"')
			out += '\\';
		if (!length)
			out += "\xef\xbf\xbd"; // U+FFFD
		else if (c == '\n')
			out += "\\n";
		else
			out += text.substr(0, length);
		text.remove_prefix(length ? length : 1);
	}
	return out;
}

class Text {
public:
	void family(std::string_view name, std::string_view type, std::string_view help,
		    std::string_view unit = {})
	{
		const std::string full = std::string(prefix) + std::string(name);
		out_ += "# TYPE " + full + ' ' + std::string(type) + '\n';
		if (!unit.empty())
			out_ += "# UNIT " + full + ' ' + std::string(unit) + '\n';
		if (!help.empty())
			out_ += "# HELP " + full + ' ' + escaped(help) + '\n';
	}
	void sample(std::string_view name, const std::string &labels, const std::string &value)
	{
		out_ += std::string(prefix) + std::string(name) +
			(labels.empty() ? "" : '{' + labels + '}') + ' ' + value + '\n';
	}
	void sample(std::string_view name, const std::string &labels, std::uint64_t value)
	{
		sample(name, labels, std::to_string(value));
	}
	std::string end() { return std::move(out_) + "# EOF\n"; }

private:
	std::string out_;
};

std::string label(std::string_view name, std::string_view value)
{
	return std::string(name) + "=\"" + escaped(value) + '"';
}

// Nanoseconds as seconds, exactly.
std::string seconds(std::uint64_t ns)
{
	const std::string rest = std::to_string(ns % 1000000000);
	return std::to_string(ns / 1000000000) + '.' + std::string(9 - rest.size(), '0') + rest;
}

// A queue with its counters, and the labels that both have in all of their samples.
struct Series {
	const Queue *queue;
	const Record *counters;
	std::string labels;
};

// Counters whose names begin alike, and are one family that a label tells apart.
struct Group {
	std::string_view begins, family, label, help;
};

constexpr Group groups[] = {
	{"drop_", "drops", "reason", "frames lost, and why"},
	{"copied_", "copied", "reason",
	 "frames that were copied where they might have been sent by reference, and why"},
};

const Group *group_of(const spec::Attribute &attribute)
{
	const auto found = std::ranges::find_if(groups, [&](const Group &group) {
		return attribute.name.starts_with(group.begins);
	});
	return found == std::end(groups) ? nullptr : found;
}

// The least size of what batch_N counts; 0: the counter is none of these.
unsigned batch_of(const spec::Attribute &attribute)
{
	constexpr std::string_view begins = "batch_";
	if (!attribute.name.starts_with(begins))
		return 0;
	unsigned size = 0;
	const char *end = attribute.name.data() + attribute.name.size();
	const auto [rest, error] =
		std::from_chars(attribute.name.data() + begins.size(), end, size);
	return error == std::errc() && rest == end ? size : 0;
}

void counter(Text &text, const std::vector<Series> &all, const spec::Attribute &attribute)
{
	std::string name = "queue_" + std::string(attribute.name);
	const bool is_time = name.ends_with("_ns");
	if (is_time)
		name = name.substr(0, name.size() - 3) + "_seconds";
	const std::string_view unit = is_time ? "seconds" : name.ends_with("_bytes") ? "bytes" : "";
	text.family(name, "counter", attribute.doc, unit);
	for (const Series &series : all) {
		const std::uint64_t value = series.counters->number(attribute.number);
		text.sample(name + "_total", series.labels,
			    is_time ? seconds(value) : std::to_string(value));
	}
}

void group(Text &text, const std::vector<Series> &all, const Group &group)
{
	const std::string name = "queue_" + std::string(group.family);
	text.family(name, "counter", group.help);
	for (const Series &series : all)
		for (const spec::Attribute &attribute : spec::counters.attributes)
			if (group_of(attribute) == &group)
				text.sample(name + "_total",
					    series.labels + ',' +
						    label(group.label,
							  attribute.name.substr(
								  group.begins.size())),
					    series.counters->number(attribute.number));
}

// How often each member of a nest happened; what did not is not there.
void nest(Text &text, const std::vector<Series> &all, const spec::Attribute &attribute)
{
	const std::string name = "queue_" + std::string(attribute.name);
	text.family(name, "counter", attribute.doc);
	for (const Series &series : all)
		for (const spec::Attribute &each : attribute.nest->attributes)
			if (series.counters->nest(attribute.number).has(each.number))
				text.sample(name + "_total",
					    series.labels + ',' + label("rule", each.name),
					    series.counters->nest(attribute.number)
						    .number(each.number));
}

void batches(Text &text, const std::vector<Series> &all)
{
	std::vector<const spec::Attribute *> buckets;
	for (const spec::Attribute &attribute : spec::counters.attributes)
		if (batch_of(attribute))
			buckets.push_back(&attribute);
	text.family("queue_batch_size", "histogram", "buffers that a fetch found");
	for (const Series &series : all) {
		std::uint64_t sum = 0;
		for (std::size_t i = 0; i < buckets.size(); i++) {
			sum += series.counters->number(buckets[i]->number);
			const std::string most =
				i + 1 < buckets.size() ?
					std::to_string(batch_of(*buckets[i + 1]) - 1) + ".0" :
					"+Inf";
			text.sample("queue_batch_size_bucket",
				    series.labels + ',' + label("le", most), sum);
		}
	}
}

void queues(Text &text, const std::vector<Series> &all)
{
	text.family("queue_running", "gauge", "1 while the queue is served");
	for (const Series &series : all)
		text.sample("queue_running", series.labels,
			    series.queue->state() == VHOST_NET_ALT_QUEUE_STATE_RUNNING);
	text.family("queue_stopped", "gauge", "1 while the queue rests as its ring broke a rule");
	for (const Series &series : all)
		text.sample("queue_stopped", series.labels,
			    series.queue->state() == VHOST_NET_ALT_QUEUE_STATE_STOPPED);
	// What goes up and down, of queues that have such.
	for (const std::string_view name : {"in_flight", "pinned_pages"}) {
		const spec::Attribute *gauge = spec::queue.find(name);
		if (!gauge)
			continue;
		text.family("queue_" + std::string(name), "gauge", gauge->doc);
		for (const Series &series : all)
			if (series.queue->has(gauge->number))
				text.sample("queue_" + std::string(name), series.labels,
					    series.queue->number(gauge->number));
	}
}

// Queues may share a worker: by thread.
void workers(Text &text, const Snapshot &snapshot)
{
	text.family("worker_cpu_seconds", "counter", "CPU time of a thread that serves queues",
		    "seconds");
	std::set<std::uint64_t> seen;
	for (const Queue &queue : snapshot.queues) {
		const std::uint64_t pid = queue.number(VHOST_NET_ALT_A_QUEUE_WORKER_PID);
		if (pid && seen.insert(pid).second)
			text.sample("worker_cpu_seconds_total",
				    label("dev", std::to_string(queue.device())) + ',' +
					    label("worker", std::to_string(pid)),
				    seconds(queue.number(VHOST_NET_ALT_A_QUEUE_WORKER_NS)));
	}
}

void devices(Text &text, const Snapshot &snapshot)
{
	text.family("devices", "gauge", "descriptors of the device that are open");
	text.sample("devices", "", snapshot.devices.size());
	text.family("dev_mem_regions", "gauge",
		    spec::dev.find(unsigned(VHOST_NET_ALT_A_DEV_MEM_REGIONS))->doc);
	for (const Device &device : snapshot.devices)
		text.sample("dev_mem_regions", label("dev", std::to_string(device.id())),
			    device.number(VHOST_NET_ALT_A_DEV_MEM_REGIONS));
	text.family("dev_setting", "gauge", "what dev-set sets, by its name there");
	for (const Device &device : snapshot.devices)
		for (const spec::Attribute *setting : spec::settings)
			if (device.has(setting->number))
				text.sample("dev_setting",
					    label("dev", std::to_string(device.id())) + ',' +
						    label("name", setting->name),
					    device.number(setting->number));
}

} // namespace

std::string openmetrics(const Snapshot &snapshot, const std::map<std::string, std::string> &ports)
{
	std::vector<Series> all;
	for (const Queue &queue : snapshot.queues) {
		const Statistics *statistics = snapshot.of(queue);
		if (!statistics)
			continue; // the device was closed in between
		std::string labels = label("dev", std::to_string(queue.device())) + ',' +
				     label("queue", std::to_string(queue.id())) + ',' +
				     label("type", queue.name(VHOST_NET_ALT_A_QUEUE_TYPE)) + ',' +
				     label("ifname", queue.ifname());
		if (const auto port = ports.find(queue.ifname()); port != ports.end())
			labels += ',' + label("port", port->second);
		all.push_back({&queue, &statistics->counters(), labels});
	}

	Text text;
	devices(text, snapshot);
	workers(text, snapshot);
	queues(text, all);
	for (const spec::Attribute &attribute : spec::counters.attributes) {
		if (attribute.type == spec::Type::pad || group_of(attribute) || batch_of(attribute))
			continue;
		if (attribute.type == spec::Type::nest)
			nest(text, all, attribute);
		else
			counter(text, all, attribute);
	}
	for (const Group &each : groups)
		group(text, all, each);
	batches(text, all);
	return text.end();
}

} // namespace vhostd
