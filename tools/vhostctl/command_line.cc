// SPDX-License-Identifier: GPL-2.0-only
#include "command_line.hh"

#include <algorithm>
#include <span>
#include <string_view>

#include <CLI/CLI.hpp>

#include "netlink/spec.hh"

namespace vhostctl {

namespace {

struct Object {
	std::string_view name;
	std::vector<std::string_view> commands; // the first is meant where none is given
};

// An abbreviation means the first that it fits.
const Object objects[] = {
	{"dev", {"show", "set", "help"}},
	{"queue", {"show", "help"}},
	{"port", {"show", "add", "del", "bind", "reload", "help"}},
	{"monitor", {}},
	{"top", {}},
	{"run", {}},
	{"doctor", {}},
	{"metrics", {}},
	{"help", {}},
};

constexpr std::string_view names[] = {"dev", "queue", "port", "monitor", "top",
				      "run", "doctor", "metrics"};

template <class Range, class Name>
auto abbreviated(const Range &all, const std::string &word, Name name)
{
	return std::ranges::find_if(all, [&](const auto &each) {
		return !word.empty() && std::string_view(name(each)).starts_with(word);
	});
}

// CLI11 knows subcommands by their full names, and would take a word that is none for a
// positional: those are iproute2's grammar, and told of in its words.
void resolve(CommandLine &line, const std::vector<std::string> &words)
{
	const auto object = abbreviated(objects, words[0], [](const Object &o) { return o.name; });
	if (object == std::end(objects))
		throw UsageError("Object \"" + words[0] + "\" is unknown, try \"vhostctl help\".");
	line.object = object->name;
	std::span rest = std::span(words).subspan(1);
	if (!object->commands.empty()) {
		line.command = object->commands[0];
		if (!rest.empty()) {
			const auto command = abbreviated(object->commands, rest[0],
							 [](std::string_view c) { return c; });
			// "list" is "show", as with devlink.
			const bool list = std::string_view("list").starts_with(rest[0]);
			if (command == object->commands.end() && !list)
				throw UsageError("Command \"" + rest[0] +
						 "\" is unknown, try \"vhostctl " + line.object +
						 " help\".");
			if (command != object->commands.end())
				line.command = *command;
			rest = rest.subspan(1);
		}
	} else if (rest.size() == 1 && rest[0] == "help") {
		line.command = "help";
		rest = {};
	}
	line.arguments.assign(rest.begin(), rest.end());
}

} // namespace

CommandLine parse(const std::vector<std::string> &given)
{
	CommandLine line;
	// What is behind -- is another program's.
	const auto mark = std::ranges::find(given, "--");
	std::vector<std::string> words(given.begin(), mark);
	if (mark != given.end())
		line.program.assign(mark + 1, given.end());

	bool version = false, help = false;
	CLI::App app;
	app.set_help_flag();
	app.add_flag("-j,--json", line.json);
	app.add_flag("-p,--pretty", line.pretty);
	app.add_flag("-s,--statistics", line.statistics);
	app.add_flag("-V,--Version", version);
	app.add_flag("-h,--help", help);
	app.add_option("--socket", line.socket);
	app.add_option("-n,--iterations", line.times);
	app.add_option("-d,--delay", line.seconds)->check(CLI::Range(0.01, 86400.0));
	app.add_option("--port", line.ports)->allow_extra_args(false);
	app.add_option("--device", line.model);
	std::vector<std::string> positional;
	app.add_option("words", positional);
	std::ranges::reverse(words);
	try {
		app.parse(words);
	} catch (const CLI::ParseError &error) {
		throw UsageError(error.what());
	}

	if (version) {
		line.object = "version";
		return line;
	}
	if (help || positional.empty()) {
		line.object = "help";
		if (!help)
			throw UsageError(usage(""));
		return line;
	}
	resolve(line, positional);
	const bool repeats = line.object == "top" || line.object == "monitor";
	if (!repeats && (app.count("-n") || app.count("-d")))
		throw UsageError("-n and -d are top's and monitor's");
	if (line.object != "run" && (mark != given.end() || app.count("--port") ||
				     app.count("--device")))
		throw UsageError("--port, --device and -- are run's");
	return line;
}

std::string usage(const std::string &object)
{
	if (object.empty()) {
		std::string all;
		for (const std::string_view name : names)
			all += (all.empty() ? "" : " | ") + std::string(name);
		return "Usage: vhostctl [ OPTIONS ] OBJECT { COMMAND | help }\n"
		       "where  OBJECT := { " + all + " }\n"
		       "       OPTIONS := { -j[son] | -p[retty] | -s[tatistics] | -V[ersion] |\n"
		       "                    --socket PATH }\n";
	}
	if (object == "dev") {
		std::string settings;
		for (const vhostd::spec::Attribute *setting : vhostd::spec::settings)
			settings += (settings.empty() ? "" : " | ") + std::string(setting->name);
		return "Usage: vhostctl dev [ show [ DEV ] ]\n"
		       "       vhostctl dev set DEV NAME VALUE [ NAME VALUE ... ]\n"
		       "       DEV := { ID | IFNAME }\n"
		       "       NAME := { " + settings + " }\n";
	}
	if (object == "queue")
		return "Usage: vhostctl [ -s ] queue [ show [ DEV | DEV/QUEUE ] ]\n"
		       "       DEV := { ID | IFNAME }\n";
	if (object == "port")
		return "Usage: vhostctl port [ show [ PORT ] ]\n"
		       "       vhostctl port add PORT owner USER [ tap IFNAME ] [ bridge IFNAME ] [ mtu BYTES ]\n"
		       "                [ mac LLADDR ] [ queues PAIRS ] [ offloads { on | off | NAME,... } ]\n"
		       "                [ zerocopy { on | off | auto } ] [ polling { off | adaptive | USEC } ]\n"
		       "       vhostctl port del PORT [ force ]\n"
		       "       vhostctl port bind PORT dev DEV [ dev DEV ... ]\n"
		       "       vhostctl port reload\n"
		       "       DEV := { ID | IFNAME }\n";
	if (object == "monitor")
		return "Usage: vhostctl monitor [ -n EVENTS ]\n";
	if (object == "top")
		return "Usage: vhostctl top [ -n ITERATIONS ] [ -d SECONDS ] [ DEV ]\n"
		       "       DEV := { ID | IFNAME }\n";
	if (object == "run")
		return "Usage: vhostctl run --port PORT [ --port PORT ... ] [ --device MODEL[,PROPERTY=VALUE...] ]\n"
		       "                    -- qemu-system-x86_64 [ ARGUMENT ... ]\n";
	if (object == "doctor")
		return "Usage: vhostctl doctor\n";
	if (object == "metrics")
		return "Usage: vhostctl metrics\n";
	return usage("");
}

} // namespace vhostctl
