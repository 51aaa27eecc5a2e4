// SPDX-License-Identifier: GPL-2.0-only
// The administrator's files: one port each, /etc/vhost-net-alt/ports.d/NAME.toml.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "port/port.hh"

namespace vhostd {

// What is wrong with a file: "FILE:LINE:COLUMN: what was expected".
class ConfigError : public std::runtime_error {
	using std::runtime_error::runtime_error;
};

// The port that @text declares; its name is that of @file without ".toml".
// Throws ConfigError at the first thing that is wrong: unknown keys are too.
[[nodiscard]] Port parse_port(std::string_view text, const std::filesystem::path &file);

// The same of JSON with a file's keys, for a port that is called @name; of what is wrong
// the key is told.
[[nodiscard]] Port port_from_json(const nlohmann::json &settings, const std::string &name);

// The same in the forms that these two read.
[[nodiscard]] std::string to_toml(const Port &port);
[[nodiscard]] nlohmann::json to_json(const Port &port);
// The names of @offloads, as "offloads" has them.
[[nodiscard]] std::vector<std::string> names(const Offloads &offloads);

struct Ports {
	std::vector<Port> ports; // by name
	std::vector<std::string> refused; // the names of ports whose files were left out
	std::vector<std::string> errors; // of the files that were left out, each a line
};

// All files of @folder that end in .toml.  A file with an error is left out, and so
// are both of two ports that want the same tap: neither has more right to it.
// Throws std::filesystem::filesystem_error if the folder cannot be read.
[[nodiscard]] Ports load_ports(const std::filesystem::path &folder);

// Writes @port's file, whole or not at all, in the place of what there was.  Throws
// std::system_error.
void write_port(const std::filesystem::path &folder, const Port &port);
// Deletes a port's file, if there is one.  Throws std::filesystem::filesystem_error.
void delete_port(const std::filesystem::path &folder, const std::string &name);

} // namespace vhostd
