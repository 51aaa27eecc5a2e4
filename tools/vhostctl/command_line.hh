// SPDX-License-Identifier: GPL-2.0-only
// What the command line asks for.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "ipc/client.hh"

namespace vhostctl {

// Exit statuses, as ip's.
constexpr int status_usage = 1; // the command line is wrong
constexpr int status_refused = 2; // the kernel or vhostd refused, or is not there

// What is wrong with a command line: a line for people.
class UsageError : public std::runtime_error {
	using std::runtime_error::runtime_error;
};

struct CommandLine {
	bool json = false, pretty = false, statistics = false;
	std::string socket = vhostd::default_socket;

	std::string object; // "dev", "queue", …, "help", "version"
	std::string command; // "show", "set", … ; "help"; "" where the object has none
	std::vector<std::string> arguments; // those behind it

	// Of top and monitor.
	unsigned times = 0; // 0: for ever
	double seconds = 1;
	// Of run.
	std::vector<std::string> ports;
	std::string model = "virtio-net-pci";
	std::vector<std::string> program;
};

// Throws UsageError.  Objects and commands may be cut short, as iproute2's.
[[nodiscard]] CommandLine parse(const std::vector<std::string> &words);

// Of @object, or of all where that is "".
[[nodiscard]] std::string usage(const std::string &object);

} // namespace vhostctl
