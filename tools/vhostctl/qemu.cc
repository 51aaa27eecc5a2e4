// SPDX-License-Identifier: GPL-2.0-only
#include "qemu.hh"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>

namespace vhostctl {

using namespace vhostd;

namespace {

std::string numbers(const std::vector<UniqueFd> &fds)
{
	std::string all;
	for (const UniqueFd &fd : fds)
		all += (all.empty() ? "" : ":") + std::to_string(fd.get());
	return all;
}

// A port's name may have characters that an id of QEMU's may not: a comma would end it.
std::string as_id(std::string name)
{
	for (char &c : name)
		if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.')
			c = '_';
	return name;
}

bool has_property(const std::string &model, const std::string &name)
{
	return model.find(',' + name + '=') != std::string::npos;
}

std::string machine_id()
{
	std::ifstream file("/etc/machine-id");
	std::string id;
	std::getline(file, id);
	return id;
}

} // namespace

std::string guest_mac(const std::string &port, const std::string &machine_id)
{
	// FNV-1a, folded to the three bytes behind QEMU's prefix.
	std::uint64_t hash = 0xcbf29ce484222325;
	for (const char c : machine_id + '/' + port)
		hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
	hash ^= hash >> 24 ^ hash >> 48;
	char text[18];
	std::snprintf(text, sizeof text, "52:54:00:%02x:%02x:%02x",
		      static_cast<unsigned>(hash >> 16 & 0xff),
		      static_cast<unsigned>(hash >> 8 & 0xff), static_cast<unsigned>(hash & 0xff));
	return text;
}

std::vector<std::string> qemu_arguments(const OpenPort &port, const std::string &model)
{
	const std::string id = "vna-" + as_id(port.port);
	const std::size_t queues = port.device_fds.size();
	const bool several = queues > 1;
	std::string device = model + ",netdev=" + id;
	if (!has_property(model, "mac"))
		device += ",mac=" + guest_mac(port.port, machine_id());
	// A vector for each queue, and one each for configuration and control.
	if (several)
		device += ",mq=on,vectors=" + std::to_string(2 * queues + 2);
	if (port.mtu && !has_property(model, "host_mtu"))
		device += ",host_mtu=" + std::to_string(*port.mtu);
	const char *s = several ? "s=" : "=";
	return {"-netdev",
		"tap,id=" + id + ",fd" + s + numbers(port.tap_fds) + ",vhost=on,vhostfd" + s +
			numbers(port.device_fds),
		"-device", device};
}

} // namespace vhostctl
