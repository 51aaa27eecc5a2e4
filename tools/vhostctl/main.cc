// SPDX-License-Identifier: GPL-2.0-only
// vhostctl: see vhost-net-alt's devices and steer them.  vhostctl(8).
#include <cstring>
#include <iostream>

#include "commands.hh"
#include "host.hh"
#include "ipc/client.hh"
#include "text.hh"

namespace {

using namespace vhostctl;

// As iproute2 has it: the kernel's own words, and the errno's.
void complain(const vhostd::RequestRefused &refused)
{
	if (!refused.words().empty())
		std::cerr << "Error: " << refused.words()
			  << (refused.words().ends_with('.') ? "\n" : ".\n");
	std::cerr << "kernel answers: " << std::strerror(refused.error()) << '\n';
}

} // namespace

int main(int argc, char **argv)
{
	try {
		const CommandLine line = parse(std::vector<std::string>(argv + 1, argv + argc));
		Host host(line.socket);
		const int status = run_command({line, host, std::cout});
		std::cout.flush();
		if (!std::cout) {
			std::cerr << "Error: cannot write the output.\n";
			return status_refused;
		}
		return status;
	} catch (const UsageError &error) {
		const std::string what = error.what();
		std::cerr << what << (what.ends_with('\n') ? "" : "\n");
		return status_usage;
	} catch (const vhostd::RequestRefused &refused) {
		complain(refused);
	} catch (const vhostd::Refused &refused) {
		std::cerr << "Error: " << printable(refused.what()) << ".\nvhostd answers: "
			  << std::strerror(refused.error()) << '\n';
	} catch (const std::exception &error) {
		std::cerr << "Error: " << printable(error.what()) << '\n';
	}
	return status_refused;
}
