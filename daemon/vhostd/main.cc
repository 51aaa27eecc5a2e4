// SPDX-License-Identifier: GPL-2.0-only
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "base/version.hh"
#include "port/config.hh"
#include "vhostd/daemon.hh"
#include "vhostd/log.hh"

namespace {

// What is wrong with the files; without a daemon.
int check(const vhostd::Options &options)
{
	const vhostd::Ports found = vhostd::load_ports(options.folder);
	for (const auto &error : found.errors)
		std::fprintf(stderr, "%s\n", error.c_str());
	std::printf("%zu ports\n", found.ports.size());
	return found.errors.empty() ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
	vhostd::Options options;
	bool verbose = false, only_check = false;
	CLI::App app("Keeps the taps of virtual machines, and hands them out with vhost-net-alt's "
		     "devices: see vhostd(8).");
	app.add_option("--ports", options.folder, "the folder of the ports' files")
		->capture_default_str();
	app.add_option("--socket", options.socket, "where clients ask")->capture_default_str();
	app.add_option("--metrics", options.metrics,
		       "where OpenMetrics are served: a path, or ADDRESS:PORT");
	app.add_option("--device", options.device, "the module's device")->capture_default_str();
	app.add_flag("--check", only_check, "only look at the ports' files");
	app.add_flag("-v,--verbose", verbose, "log more");
	app.set_version_flag("-V,--version", vhostd::version);
	CLI11_PARSE(app, argc, argv);

	vhostd::set_up_log(verbose);
	try {
		if (only_check)
			return check(options);
		vhostd::Loop loop;
		const vhostd::Daemon daemon(loop, options);
		return loop.run();
	} catch (const std::exception &error) {
		spdlog::critical("{}", error.what());
		return 1;
	}
}
