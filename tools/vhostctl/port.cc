// SPDX-License-Identifier: GPL-2.0-only
// vhostctl port: vhostd's ports.
#include <system_error>

#include "commands.hh"
#include "daemon.hh"
#include "port_config.hh"
#include "text.hh"

namespace vhostctl {

using namespace vhostd;

DaemonClient connect_daemon(const std::string &socket)
{
	try {
		return DaemonClient(socket);
	} catch (const std::system_error &error) {
		const bool absent = error.code() == std::errc::no_such_file_or_directory ||
				    error.code() == std::errc::connection_refused;
		throw std::runtime_error(std::string("Cannot reach vhostd: ") + error.what() +
					 (absent ? ": is it running?" : ""));
	}
}

namespace {

// The port without its name, which is its handle; its file's keys among the others.
Json shown(const nlohmann::json &port)
{
	Json out = Json::object();
	for (const auto &[key, value] : port.items())
		if (key != "name" && key != "config")
			out[key] = value;
	if (port.contains("config"))
		out["config"] = port["config"];
	return out;
}

void show_ports(const Context &context, const std::vector<nlohmann::json> &ports)
{
	Json all = Json::object();
	for (const nlohmann::json &port : ports)
		all[port.value("name", "")] = shown(port);
	context.show({{"port", all}});
}

void bind_port(const Context &context)
{
	const auto &words = context.line.arguments;
	std::vector<std::uint32_t> devices;
	if (words.size() < 3 || words.size() % 2 == 0)
		throw UsageError(usage("port"));
	for (std::size_t i = 1; i < words.size(); i += 2) {
		if (words[i] != "dev")
			throw UsageError("\"" + words[i] + "\" is unknown, try \"vhostctl port help\".");
		for (const std::uint32_t id : devices_of(context.system, words[i + 1]))
			devices.push_back(id);
	}
	const std::uint32_t returned =
		connect_daemon(context.line.socket).bind(words[0], devices);
	if (context.line.json)
		context.print({{"port", {{words[0], {{"devices", devices}, {"returned", returned}}}}}});
	else if (returned)
		context.out << returned << " frames went back to the old tap\n";
}

void reload(const Context &context)
{
	const std::vector<std::string> errors = connect_daemon(context.line.socket).reload();
	if (context.line.json)
		return context.print({{"errors", errors}});
	for (const std::string &error : errors)
		context.out << printable(error) << '\n';
}

} // namespace

void port(const Context &context)
{
	const std::string &command = context.line.command, &socket = context.line.socket;
	const auto &words = context.line.arguments;
	if (command == "show" && words.size() <= 1) {
		DaemonClient daemon = connect_daemon(socket);
		show_ports(context, words.empty() ? daemon.ports() :
						    std::vector{daemon.port(words[0])});
	} else if (command == "add" && !words.empty()) {
		const nlohmann::json config = port_config(std::span(words).subspan(1));
		const nlohmann::json port = connect_daemon(socket).add(words[0], config);
		if (context.line.json)
			show_ports(context, {port});
	} else if (command == "del" &&
		   (words.size() == 1 || (words.size() == 2 && words[1] == "force"))) {
		connect_daemon(socket).remove(words[0], words.size() == 2);
	} else if (command == "bind") {
		bind_port(context);
	} else if (command == "reload" && words.empty()) {
		reload(context);
	} else {
		throw UsageError(usage("port"));
	}
}

} // namespace vhostctl
