// SPDX-License-Identifier: GPL-2.0-only
#include "ipc/client.hh"

#include <cerrno>

namespace vhostd {

using nlohmann::json;

namespace {

// The reply's @key, which has to be there and of T's kind.
template <typename T> T get(const json &reply, const char *key)
{
	try {
		return reply.at(key).get<T>();
	} catch (const json::exception &) {
		throw ChannelError(std::string("vhostd's reply has no usable \"") + key + "\"");
	}
}

template <typename T> std::optional<T> maybe(const json &reply, const char *key)
{
	if (!reply.contains(key))
		return std::nullopt;
	return get<T>(reply, key);
}

Offloads offloads(const json &reply)
{
	Offloads on{false, false, false};
	for (const auto &name : get<std::vector<std::string>>(reply, "offloads")) {
		on.checksum |= name == "checksum";
		on.tso |= name == "tso";
		on.uso |= name == "uso";
	}
	return on;
}

} // namespace

Message DaemonClient::ask(const json &request)
{
	// Where the daemon closed the connection, its reason may still be there to read.
	try {
		channel_.send(request);
	} catch (const std::system_error &error) {
		if (error.code() != std::errc::broken_pipe)
			throw;
	}
	auto reply = channel_.receive();
	if (!reply)
		throw ChannelError("vhostd has closed the connection");
	if (!get<bool>(reply->body, "ok"))
		throw Refused(get<int>(reply->body, "errno"),
			      get<std::string>(reply->body, "error"));
	return std::move(*reply);
}

json DaemonClient::status()
{
	return ask({{"op", "status"}}).body;
}

std::vector<json> DaemonClient::ports()
{
	std::vector<json> all;
	json request = {{"op", "port-show"}};
	for (;;) {
		const json reply = ask(request).body;
		const auto some = get<std::vector<json>>(reply, "ports");
		all.insert(all.end(), some.begin(), some.end());
		if (!maybe<bool>(reply, "more").value_or(false))
			return all;
		if (some.empty())
			throw ChannelError("vhostd says that there are more ports, and shows none");
		request["after"] = get<std::string>(some.back(), "name");
	}
}

json DaemonClient::port(const std::string &name)
{
	const auto ports =
		get<std::vector<json>>(ask({{"op", "port-show"}, {"port", name}}).body, "ports");
	if (ports.size() != 1)
		throw ChannelError("vhostd shows another number of ports than one");
	return ports[0];
}

OpenPort DaemonClient::open(const std::string &name)
{
	Message reply = ask({{"op", "port-open"}, {"port", name}});
	OpenPort port;
	port.port = get<std::string>(reply.body, "port");
	port.tap = get<std::string>(reply.body, "tap");
	port.ifindex = get<unsigned>(reply.body, "ifindex");
	port.devices = get<std::vector<std::uint32_t>>(reply.body, "devices");
	port.header = get<unsigned>(reply.body, "header");
	port.offloads = offloads(reply.body);
	port.mtu = maybe<std::uint32_t>(reply.body, "mtu");
	if (const auto mac = maybe<std::string>(reply.body, "host_mac"))
		port.host_mac = parse_mac(*mac);
	const auto queues = get<std::size_t>(reply.body, "queues");
	if (queues == 0 || port.devices.size() != queues || reply.fds.size() != 2 * queues)
		throw ChannelError("vhostd's reply has not two descriptors for each queue");
	for (std::size_t i = 0; i < reply.fds.size(); i++)
		(i < queues ? port.device_fds : port.tap_fds).push_back(std::move(reply.fds[i]));
	return port;
}

std::uint32_t DaemonClient::bind(const std::string &name, const std::vector<std::uint32_t> &devices)
{
	return get<std::uint32_t>(
		ask({{"op", "port-bind"}, {"port", name}, {"devices", devices}}).body, "returned");
}

json DaemonClient::add(const std::string &name, const json &config)
{
	return get<json>(ask({{"op", "port-add"}, {"port", name}, {"config", config}}).body,
			 "port");
}

void DaemonClient::remove(const std::string &name, bool force)
{
	(void)ask({{"op", "port-del"}, {"port", name}, {"force", force}});
}

std::vector<std::string> DaemonClient::reload()
{
	return get<std::vector<std::string>>(ask({{"op", "reload"}}).body, "errors");
}

} // namespace vhostd
