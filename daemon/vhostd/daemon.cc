// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/daemon.hh"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <map>
#include <system_error>

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "metrics/openmetrics.hh"

namespace vhostd {

namespace {

using namespace std::chrono_literals;

// What interfaces do is looked at together; and where ours are changed by someone else
// each time that we change them, not too often.
constexpr auto soon = 50ms, restless = 1000ms;
// What was not told, or went wrong, is looked after.
constexpr auto regularly = 10s;

[[noreturn]] void fail(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd only_one(const std::string &socket)
{
	const std::string path = socket + ".lock";
	UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (!fd)
		fail(path);
	if (flock(fd.get(), LOCK_EX | LOCK_NB) < 0)
		fail(socket + ": another vhostd is there");
	return fd;
}

// Tells that interfaces have changed, and is not asked which.
UniqueFd link_changes()
{
	UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
	sockaddr_nl address{};
	address.nl_family = AF_NETLINK;
	address.nl_groups = RTMGRP_LINK;
	if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) < 0)
		fail("rtnetlink");
	return fd;
}

// Reads what has come, and returns whether anything has: ENOBUFS is as good as a message.
bool drained(int fd)
{
	bool any = false;
	char bytes[16];
	for (int i = 0; i < 1000; i++) {
		if (recv(fd, bytes, sizeof bytes, MSG_TRUNC) < 0 && errno != ENOBUFS)
			break;
		any = true;
	}
	return any;
}

bool is_path(const std::string &address)
{
	return address.find('/') != address.npos;
}

// One of @stored that listens as @type at @address, which is then not there any more.
UniqueFd take(std::vector<StoredFd> &stored, int type, const std::string &address)
{
	for (StoredFd &each : stored) {
		const int fd = each.fd.get();
		const bool is = is_path(address)
					? sd_is_socket_unix(fd, type, 1, address.c_str(), 0) > 0 &&
						  access(address.c_str(), F_OK) == 0
					: sd_is_socket(fd, AF_UNSPEC, type, 1) > 0 &&
						  sd_is_socket(fd, AF_UNIX, type, 1) == 0;
		if (is)
			return std::move(each.fd);
	}
	return UniqueFd();
}

UniqueFd listening(std::vector<StoredFd> &stored, int type, const std::string &address)
{
	UniqueFd fd = take(stored, type, address);
	if (!fd)
		return is_path(address) ? listen_at_path(address, type) : listen_at_port(address);
	fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
	return fd;
}

} // namespace

Daemon::Daemon(Loop &loop, const Options &options)
    : loop_(loop), lock_(only_one(options.socket)), host_(options.device),
      requests_(host_, ports_, handed_, log_, options.folder), links_(link_changes())
{
	std::vector<StoredFd> stored = supervisor_.take();
	UniqueFd socket = listening(stored, SOCK_SEQPACKET, options.socket);
	UniqueFd metrics;
	if (!options.metrics.empty())
		metrics = listening(stored, SOCK_STREAM, options.metrics);
	for (StoredFd &each : stored) {
		if (each.fd && !handed_.restore(each))
			supervisor_.forget(each.name);
	}
	// Who comes while there is no vhostd waits for the next.
	supervisor_.store("socket", socket.get());
	if (metrics)
		supervisor_.store("metrics", metrics.get());

	hangup_ = loop.on_signal(SIGHUP, [this] { reload(); });
	terminate_ = loop.on_signal(SIGTERM, [this] { loop_.end(0); });
	interrupt_ = loop.on_signal(SIGINT, [this] { loop_.end(0); });
	on_module_ = loop.on_fd(module_.fd(), EPOLLIN, [this](std::uint32_t) { told_by_module(); });
	on_links_ = loop.on_fd(links_.get(), EPOLLIN, [this](std::uint32_t) {
		if (drained(links_.get()))
			keep_soon();
	});
	soon_ = loop.on_time([this] {
		soon_is_set_ = false;
		keep();
	});
	regularly_ = loop.on_time([this] {
		keep();
		log_.tell();
		regularly_.after(regularly);
	});
	regularly_.after(regularly);

	requests_.reload();
	keep();
	clients_.emplace(loop, requests_, log_, std::move(socket));
	if (metrics)
		metrics_.emplace(loop, std::move(metrics), [this] {
			try {
				return this->metrics();
			} catch (const std::runtime_error &error) {
				log_.warn("metrics", "metrics: {}", error.what());
				throw;
			}
		});
	tell_status(true);
}

void Daemon::reload()
{
	timespec now{};
	clock_gettime(CLOCK_MONOTONIC, &now);
	supervisor_.tell("RELOADING=1\nMONOTONIC_USEC=" +
			 std::to_string(now.tv_sec * 1000000ll + now.tv_nsec / 1000));
	try {
		requests_.reload();
	} catch (const std::runtime_error &error) {
		spdlog::error("reload: {}", error.what());
	}
	tell_status(true);
}

// Has the machine be as declared.  What goes wrong is tried again.
void Daemon::keep()
{
	try {
		requests_.forget_closed();
		restless_ = ports_.keep();
	} catch (const std::runtime_error &error) {
		spdlog::error("{}", error.what());
	}
	tell_status(false);
}

void Daemon::keep_soon()
{
	if (!soon_is_set_)
		soon_.after(restless_ ? restless : soon);
	soon_is_set_ = true;
}

void Daemon::told_by_module()
{
	// So many at a time: others have their turn.
	for (int i = 0; i < 100; i++) {
		const auto event = module_.receive();
		if (!event)
			return;
		switch (event->kind) {
		case Event::Kind::queue_error: {
			const Queue queue(event->record);
			log_.warn("guests", "device {}, queue {} ({}): stopped: {}",
				  queue.device(), queue.id(), queue.ifname(),
				  queue.text(VHOST_NET_ALT_A_QUEUE_RULE_TEXT));
			break;
		}
		case Event::Kind::loaded:
		case Event::Kind::unloaded:
			spdlog::info("the module is {}", to_string(event->kind));
			keep_soon();
			break;
		case Event::Kind::dev_del:
		case Event::Kind::lost:
			keep_soon();
			break;
		default:
			break;
		}
	}
}

void Daemon::tell_status(bool ready)
{
	std::size_t count = 0;
	for (const auto &[name, kept] : ports_.all())
		count += kept.state == PortState::ready;
	const std::string status = "STATUS=" + std::to_string(count) + " of " +
				   std::to_string(ports_.all().size()) + " ports ready";
	if (ready)
		supervisor_.tell("READY=1\n" + status);
	else if (status != status_)
		supervisor_.tell(status);
	status_ = status;
}

std::string Daemon::metrics()
{
	Snapshot snapshot;
	bool loaded = true;
	try {
		snapshot = host_.snapshot();
	} catch (const NotLoaded &) {
		loaded = false;
	}
	std::map<std::string, std::string> names;
	std::map<PortState, unsigned> states{
		{PortState::ready, 0}, {PortState::waiting, 0}, {PortState::broken, 0}};
	for (const auto &[name, kept] : ports_.all()) {
		names[kept.port.tap] = name;
		states[kept.state]++;
	}
	std::string text = openmetrics(snapshot, names);
	text.resize(text.size() - sizeof "# EOF\n" + 1);
	text += "# TYPE vhostd_module_loaded gauge\n"
		"# HELP vhostd_module_loaded 1 while the kernel has the module's netlink family\n"
		"vhostd_module_loaded " +
		std::to_string(loaded) +
		"\n# TYPE vhostd_clients gauge\n"
		"# HELP vhostd_clients connections to vhostd's socket\n"
		"vhostd_clients " +
		std::to_string(requests_.clients) +
		"\n# TYPE vhostd_ports gauge\n"
		"# HELP vhostd_ports declared ports, by how they are\n";
	for (const auto &[state, count] : states)
		text += "vhostd_ports{state=\"" + std::string(to_string(state)) + "\"} " +
			std::to_string(count) + "\n";
	return text + "# EOF\n";
}

} // namespace vhostd
