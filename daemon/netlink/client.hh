// SPDX-License-Identifier: GPL-2.0-only
// The module's generic netlink family: questions and settings, and what it tells of itself.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "netlink/error.hh"
#include "netlink/types.hh"

struct nl_msg;
struct nl_sock;

namespace vhostd {

// A setting of a device, of spec::settings, and its value.
struct Setting {
	const spec::Attribute *attribute;
	std::uint64_t value;
};

// All throw NetlinkError: NotLoaded where there is no module (any more), RequestRefused with
// the kernel's words; BadMessage for what is no message of the family's.  Devices are those of
// the network namespace that the thread was in when the client was made.
class Client {
public:
	Client();

	[[nodiscard]] std::vector<Device> devices();
	[[nodiscard]] Device device(std::uint32_t id);
	// Of all devices, or of one.
	[[nodiscard]] std::vector<Queue> queues(std::optional<std::uint32_t> device = {});
	[[nodiscard]] std::vector<Statistics>
	queue_statistics(std::optional<std::uint32_t> device = {});
	[[nodiscard]] std::vector<Statistics>
	device_statistics(std::optional<std::uint32_t> device = {});
	[[nodiscard]] Snapshot snapshot();
	// All or none of them; needs CAP_NET_ADMIN.
	void set(std::uint32_t device, const std::vector<Setting> &settings);

private:
	struct Request;
	// Sends and awaits the end of it.
	void talk(Request &request);
	[[nodiscard]] std::vector<Record> dump(const spec::Set &set, Request request);

	struct Free {
		void operator()(nl_sock *sock) const;
	};
	std::unique_ptr<nl_sock, Free> sock_;
	int family_;
};

// Notifications.  It goes on when the module is unloaded and loaded again, and can be made
// before there is one.  After `lost` and `loaded` whoever keeps a list of devices asks for all:
// what happens from then on is told.
class Listener {
public:
	// Throws NetlinkError.
	Listener();

	// Readable when there is something to receive.
	[[nodiscard]] int fd() const;
	// The next event; nothing if there is none now.  Never blocks.
	[[nodiscard]] std::optional<Event> receive();
	// What the kernel may hold for a slow listener, in bytes (SO_RCVBUF).
	void buffer(int bytes);

private:
	bool read(); // whether there was something
	void take(const nlmsghdr *message);

	struct Free {
		void operator()(nl_sock *sock) const;
	};
	std::unique_ptr<nl_sock, Free> sock_;
	int family_ = 0; // 0: it is not there
	bool lost_ = false; // events, since what is being read was sent
	std::deque<Event> events_;
};

} // namespace vhostd
