// SPDX-License-Identifier: GPL-2.0-only
// vhostctl run: QEMU, with ports of vhostd's.
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "commands.hh"
#include "daemon.hh"
#include "qemu.hh"

namespace vhostctl {

using namespace vhostd;

namespace {

void keep_over_exec(const std::vector<UniqueFd> &fds)
{
	for (const UniqueFd &fd : fds)
		if (fcntl(fd.get(), F_SETFD, 0) < 0)
			throw std::system_error(errno, std::generic_category(), "fcntl");
}

} // namespace

void run(const Context &context)
{
	const CommandLine &line = context.line;
	if (line.ports.empty() || line.program.empty() || !line.arguments.empty())
		throw UsageError(usage("run"));
	std::vector<std::string> words = line.program;
	std::vector<OpenPort> ports; // open until QEMU has them
	DaemonClient daemon = connect_daemon(line.socket);
	for (const std::string &name : line.ports) {
		const OpenPort &port = ports.emplace_back(daemon.open(name));
		keep_over_exec(port.device_fds);
		keep_over_exec(port.tap_fds);
		for (std::string &word : qemu_arguments(port, line.model))
			words.push_back(std::move(word));
	}
	std::vector<char *> pointers;
	for (std::string &word : words)
		pointers.push_back(word.data());
	pointers.push_back(nullptr);
	context.out.flush();
	execvp(pointers[0], pointers.data());
	throw std::system_error(errno, std::generic_category(), words[0]);
}

} // namespace vhostctl
