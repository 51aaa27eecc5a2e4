/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhostd's clients, of any user; and a guest on what they are handed.
 */
#pragma once

#include "ktap.hh"
#include "support/traffic.hh"

#include "ipc/client.hh"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace vna::vm
{

using nlohmann::json;
using vhostd::DaemonClient;

inline std::string device_path = "/dev/vhost-net-alt";

inline std::string slurp(const std::string &path)
{
	std::ostringstream text;
	text << std::ifstream(path).rdbuf();
	return text.str();
}

inline bool has(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

/* Until it is so; fails the test after patience. */
inline void until(const char *what, const std::function<bool()> &is_so)
{
	const auto end = std::chrono::steady_clock::now() + patience;
	while (!is_so()) {
		CHECK(std::chrono::steady_clock::now() < end, "%s", what);
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
	}
}

inline std::string output(const std::string &command)
{
	std::string text;
	FILE *const pipe = popen(command.c_str(), "r");
	char line[512];
	while (fgets(line, sizeof line, pipe))
		text += line;
	pclose(pipe);
	return text;
}

/* For a while another user: this thread only, which the C library's seteuid() does not know. */
class As
{
public:
	explicit As(uid_t user) { CHECK(become(user) == 0); }
	~As() { (void)become(0); }

private:
	static long become(uid_t user) { return syscall(SYS_setresuid, -1, user, -1); }
};

inline DaemonClient connect(uid_t user = 0)
{
	const As as(user);
	return DaemonClient();
}

inline vhostd::OpenPort open_port(uid_t user, const std::string &name)
{
	try {
		return connect(user).open(name);
	} catch (const std::runtime_error &error) {
		ktap::fail(__FILE__, __LINE__, error.what());
	}
}

/* The errno that a request is refused with, 0 if it is granted. */
inline int refusal(uid_t user, const std::function<void(DaemonClient &)> &ask)
{
	DaemonClient client = connect(user);
	try {
		ask(client);
		return 0;
	} catch (const vhostd::Refused &refused) {
		return refused.error();
	}
}

inline int open_refusal(uid_t user, const std::string &name)
{
	return refusal(user, [&](DaemonClient &client) { (void)client.open(name); });
}

/* Not for a daemon that is started later to inherit. */
inline UniqueFd copy(const vhostd::UniqueFd &fd)
{
	return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

/*
 * A tap that has just been opened throws away what it is to send, until the kernel has seen its
 * carrier: in a thread of its own (linkwatch), under the lock that ethtool waits for.
 */
inline void link_is_up(const PacketSocket &far)
{
	sockaddr_ll address{};
	socklen_t size = sizeof address;
	CHECK(!getsockname(far.fd(), reinterpret_cast<sockaddr *>(&address), &size));
	ifreq request{};
	request.ifr_ifindex = address.sll_ifindex;
	CHECK(!ioctl(far.fd(), SIOCGIFNAME, &request));
	until("the tap's link is up", [&] {
		CHECK(!ioctl(far.fd(), SIOCGIFFLAGS, &request));
		return request.ifr_flags & IFF_RUNNING;
	});
	ethtool_value link{ .cmd = ETHTOOL_GLINK, .data = 0 };
	request.ifr_data = reinterpret_cast<char *>(&link);
	CHECK(!ioctl(far.fd(), SIOCETHTOOL, &request) && link.data);
}

/* One queue pair of a port, as a VMM has it. */
class Guest
{
public:
	explicit Guest(vhostd::OpenPort port, std::size_t queue = 0,
		       std::uint64_t features = feature::version_1 | feature::event_idx)
	    : port_(std::move(port)), tap_(copy(port_.tap_fds.at(queue))),
	      rig(VhostDevice(copy(port_.device_fds.at(queue))), device_path,
		  {.features = features}),
	      far(port_.tap, test_ethertype), receiver_(rig, {})
	{
		const int header = static_cast<int>(rig.header_size());
		CHECK(ioctl(tap_.get(), TUNSETVNETHDRSZ, &header) == 0);
		rig.attach(tap_.get());
	}
	void pass(const PacketSocket &far)
	{
		link_is_up(far);
		Traffic traffic;
		traffic.seed = seed_ += traffic.count;
		transmit(rig, far, traffic);
		receiver_.run(far);
	}
	void pass() { pass(far); }
	std::uint32_t device() const { return port_.devices.at(0); }
	const vhostd::OpenPort &port() const { return port_; }

private:
	vhostd::OpenPort port_;
	UniqueFd tap_;

public:
	Rig rig;
	PacketSocket far;

private:
	Receiver receiver_;
	std::uint64_t seed_ = 1;
};

inline json show(const std::string &name)
{
	return connect().port(name);
}

/* What is sent to the socket at @path, and what comes back until it closes. */
inline std::string http(const std::string &path, const std::string &request)
{
	const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	sockaddr_un address{};
	address.sun_family = AF_UNIX;
	std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
	CHECK(connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0);
	CHECK(send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
	      static_cast<ssize_t>(request.size()));
	std::string text;
	char bytes[4096];
	for (ssize_t n; (n = read(fd.get(), bytes, sizeof bytes)) > 0;)
		text.append(bytes, static_cast<std::size_t>(n));
	return text;
}

} /* namespace vna::vm */
