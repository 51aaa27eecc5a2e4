// SPDX-License-Identifier: GPL-2.0-only
// What each object's commands do.
#pragma once

#include <ostream>

#include "command_line.hh"
#include "show.hh"
#include "system.hh"

namespace vhostctl {

struct Context {
	const CommandLine &line;
	System &system;
	std::ostream &out;

	// Writes a whole answer.
	void print(const Json &json) const;
	// The same in either form: @json is {"dev": {HANDLE: OBJECT, …}}.
	void show(const Json &json) const;
};

// Does what @context.line asks for and returns the exit status.  Throws UsageError, and what
// System throws.
int run_command(const Context &context);

void dev(const Context &context);
void queue(const Context &context);
void port(const Context &context);
void monitor(const Context &context);
void top(const Context &context);
int doctor(const Context &context);
void metrics(const Context &context);
// Returns only if the program cannot be run: throws.
void run(const Context &context);

// A name that is no device's.
class NoDevice : public std::runtime_error {
	using std::runtime_error::runtime_error;
};

// The ids that @word means: a number, or the name of an interface: a tap of several queues has a
// device for each.  Throws NoDevice for a name that there is not; numbers are the kernel's to refuse.
[[nodiscard]] std::vector<std::uint32_t> devices_of(System &system, const std::string &word);

} // namespace vhostctl
