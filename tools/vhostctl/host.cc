// SPDX-License-Identifier: GPL-2.0-only
#include "host.hh"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/channel.hh"
#include "net/links.hh"

namespace vhostctl {

using namespace vhostd;

Client &Host::client()
{
	if (!client_)
		client_ = std::make_unique<Client>();
	return *client_;
}

std::vector<Device> Host::devices()
{
	return client().devices();
}

Device Host::device(std::uint32_t id)
{
	return client().device(id);
}

std::vector<Queue> Host::queues(std::optional<std::uint32_t> device)
{
	return client().queues(device);
}

std::vector<Statistics> Host::queue_statistics(std::optional<std::uint32_t> device)
{
	return client().queue_statistics(device);
}

std::vector<Statistics> Host::device_statistics(std::optional<std::uint32_t> device)
{
	return client().device_statistics(device);
}

void Host::set(std::uint32_t device, const std::vector<Setting> &settings)
{
	client().set(device, settings);
}

std::optional<Event> Host::event()
{
	if (!listener_)
		listener_ = std::make_unique<Listener>();
	for (;;) {
		if (auto event = listener_->receive())
			return event;
		pollfd wait{listener_->fd(), POLLIN, 0};
		if (poll(&wait, 1, -1) < 0 && errno != EINTR)
			throw std::system_error(errno, std::generic_category(), "poll");
	}
}

std::string Host::process(std::uint32_t pid)
{
	std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
	std::string name;
	std::getline(file, name);
	return name;
}

void Host::sleep(std::chrono::nanoseconds duration)
{
	std::this_thread::sleep_for(duration);
}

namespace {

std::optional<Machine::Node> node(const char *path)
{
	struct stat is{};
	if (stat(path, &is) < 0 || !S_ISCHR(is.st_mode))
		return std::nullopt;
	const passwd *owner = getpwuid(is.st_uid);
	const group *group = getgrgid(is.st_gid);
	std::ostringstream mode;
	mode << std::oct << (is.st_mode & 07777);
	return Machine::Node{owner ? owner->pw_name : std::to_string(is.st_uid),
			     group ? group->gr_name : std::to_string(is.st_gid), mode.str(),
			     access(path, R_OK | W_OK) == 0};
}

bool has_capability(unsigned capability)
{
	std::ifstream file("/proc/self/status");
	for (std::string line; std::getline(file, line);)
		if (line.starts_with("CapEff:"))
			return std::stoull(line.substr(7), nullptr, 16) >> capability & 1;
	return false;
}

std::optional<std::uint64_t> memlock(std::uint32_t pid)
{
	std::ifstream file("/proc/" + std::to_string(pid) + "/limits");
	const std::string key = "Max locked memory";
	for (std::string line; std::getline(file, line);)
		if (line.starts_with(key)) {
			std::istringstream rest(line.substr(key.size()));
			std::string soft;
			rest >> soft;
			return soft == "unlimited" ? ~0ull : std::stoull(soft);
		}
	return std::nullopt;
}

// None of one that is gone meanwhile.
TapOffloads offloads_of(const std::string &tap)
{
	try {
		return tap_offloads(tap);
	} catch (const std::system_error &) {
		return {};
	}
}

std::string why_not(const std::string &socket)
{
	try {
		(void)Channel::connect(socket);
		return {};
	} catch (const std::system_error &error) {
		return error.what();
	}
}

} // namespace

Machine Host::machine(const std::vector<std::string> &interfaces,
		      const std::vector<std::uint32_t> &owners)
{
	Machine machine;
	machine.node = node(VHOST_NET_ALT_PATH);
	machine.administrator = has_capability(CAP_NET_ADMIN);
	machine.daemon = why_not(socket_);
	Links links;
	for (const std::string &name : interfaces) {
		const std::optional<Link> link = links.find(name);
		if (!link)
			continue;
		Machine::Interface &is = machine.interfaces[name];
		is.up = link->up;
		is.mtu = link->mtu;
		if (link->tun) {
			is.queues = link->tun->queues;
			is.offloads = offloads_of(name);
		}
		char master[IF_NAMESIZE];
		if (!link->master || !if_indextoname(link->master, master))
			continue;
		is.master = master;
		if (const std::optional<Link> bridge = links.find(is.master))
			is.master_mtu = bridge->mtu;
	}
	for (const std::uint32_t pid : owners)
		if (const auto limit = memlock(pid))
			machine.memlock[pid] = *limit;
	return machine;
}

} // namespace vhostctl
