// SPDX-License-Identifier: GPL-2.0-only
#include "netlink/client.hh"

#include <array>
#include <cerrno>
#include <functional>
#include <system_error>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

namespace vhostd {

namespace {

struct FreeMessage {
	void operator()(nl_msg *message) const { nlmsg_free(message); }
};
using MessagePtr = std::unique_ptr<nl_msg, FreeMessage>;

struct PutCallbacks {
	void operator()(nl_cb *callbacks) const { nl_cb_put(callbacks); }
};

nl_sock *connected()
{
	nl_sock *sock = nl_socket_alloc();
	if (!sock)
		throw NetlinkError(NLE_NOMEM, "generic netlink");
	if (const int result = genl_connect(sock); result < 0) {
		nl_socket_free(sock);
		throw NetlinkError(result, "generic netlink");
	}
	// Words, not only numbers; and not all of the request back.
	const int on = 1;
	for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK})
		(void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, option, &on, sizeof on);
	return sock;
}

} // namespace

// ---- Client ----

struct Client::Request {
	std::uint8_t command;
	int flags;
	const char *what; // in errors
	std::function<void(nl_msg *)> attributes;
	std::function<void(const nlmsghdr *)> reply;

	// Of the answer.
	bool done = false, interrupted = false;
	Refusal refusal{};
	std::exception_ptr error{}; // of reply: none may pass through libnl, which is C
};

void Client::Free::operator()(nl_sock *sock) const
{
	nl_socket_free(sock);
}

Client::Client() : sock_(connected())
{
	family_ = genl_ctrl_resolve(sock_.get(), VHOST_NET_ALT_FAMILY_NAME);
	if (family_ == -NLE_OBJ_NOTFOUND)
		throw NotLoaded();
	netlink_check(family_, VHOST_NET_ALT_FAMILY_NAME);
}

void Client::talk(Request &request)
{
	const MessagePtr message(nlmsg_alloc());
	if (!message ||
	    !genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, request.flags,
			 request.command, VHOST_NET_ALT_FAMILY_VERSION))
		throw NetlinkError(NLE_NOMEM, request.what);
	if (request.attributes)
		request.attributes(message.get());
	netlink_check(nl_send_auto(sock_.get(), message.get()), request.what);

	const std::unique_ptr<nl_cb, PutCallbacks> callbacks(nl_cb_alloc(NL_CB_DEFAULT));
	if (!callbacks)
		throw NetlinkError(NLE_NOMEM, request.what);
	const auto on = [&](nl_cb_type type, nl_recvmsg_msg_cb_t function) {
		nl_cb_set(callbacks.get(), type, NL_CB_CUSTOM, function, &request);
	};
	on(NL_CB_VALID, [](nl_msg *got, void *of) {
		auto &asked = *static_cast<Request *>(of);
		try {
			if (asked.reply && !asked.error)
				asked.reply(nlmsg_hdr(got));
		} catch (...) {
			asked.error = std::current_exception();
		}
		return int(NL_OK);
	});
	on(NL_CB_ACK, [](nl_msg *, void *of) {
		static_cast<Request *>(of)->done = true;
		return int(NL_STOP);
	});
	on(NL_CB_FINISH, [](nl_msg *got, void *of) {
		auto &asked = *static_cast<Request *>(of);
		asked.refusal = parse_refusal(nlmsg_hdr(got));
		asked.done = true;
		return int(NL_STOP);
	});
	on(NL_CB_DUMP_INTR, [](nl_msg *, void *of) {
		static_cast<Request *>(of)->interrupted = true;
		return int(NL_OK);
	});
	nl_cb_err(
		callbacks.get(), NL_CB_CUSTOM,
		[](sockaddr_nl *, nlmsgerr *error, void *of) {
			auto &asked = *static_cast<Request *>(of);
			// libnl gives the payload of the message that this is.
			asked.refusal = parse_refusal(reinterpret_cast<const nlmsghdr *>(
				reinterpret_cast<const char *>(error) - NLMSG_HDRLEN));
			asked.done = true;
			return int(NL_STOP);
		},
		&request);
	while (!request.done) {
		const int result = nl_recvmsgs(sock_.get(), callbacks.get());
		if (!request.done) // else it is the refusal, as libnl's number
			netlink_check(result, request.what);
	}
	if (request.error)
		std::rethrow_exception(request.error);
	if (!request.refusal.error)
		return;
	// Family numbers are given anew when a module is loaded: what this one was is gone.
	if (request.refusal.error == ENOENT && request.refusal.words.empty() &&
	    genl_ctrl_resolve(sock_.get(), VHOST_NET_ALT_FAMILY_NAME) != family_)
		throw NotLoaded();
	throw RequestRefused(request.refusal.error, request.what, request.refusal.words);
}

std::vector<Record> Client::dump(const spec::Set &set, Request request)
{
	// A dump of several messages may say that what it is of has changed meanwhile.  Where
	// that goes on, the last is as good as any: each message is true by itself.
	constexpr unsigned attempts = 5;
	std::vector<Record> records;
	request.flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.reply = [&](const nlmsghdr *message) {
		records.push_back(parse_reply(set, message));
	};
	for (unsigned i = 0; i < attempts; i++) {
		Request asked = request;
		records.clear();
		talk(asked);
		if (!asked.interrupted)
			break;
	}
	return records;
}

namespace {

// An id, where one is given.
std::function<void(nl_msg *)> only(int attribute, std::optional<std::uint32_t> id,
				   int flags_attribute = 0, std::uint32_t flags = 0)
{
	return [=](nl_msg *message) {
		if (id)
			nla_put_u32(message, attribute, *id);
		if (flags_attribute)
			nla_put_u32(message, flags_attribute, flags);
	};
}

template <class T> std::vector<T> all(std::vector<Record> records)
{
	std::vector<T> typed;
	typed.reserve(records.size());
	for (Record &record : records)
		typed.emplace_back(std::move(record));
	return typed;
}

} // namespace

std::vector<Device> Client::devices()
{
	return all<Device>(dump(spec::dev, {VHOST_NET_ALT_CMD_DEV_GET, 0, "devices", {}, {}}));
}

Device Client::device(std::uint32_t id)
{
	std::optional<Device> found;
	Request request{VHOST_NET_ALT_CMD_DEV_GET, NLM_F_REQUEST | NLM_F_ACK, "device",
			only(VHOST_NET_ALT_A_DEV_ID, id), [&](const nlmsghdr *message) {
				found.emplace(parse_reply(spec::dev, message));
			}};
	talk(request);
	if (!found)
		throw BadMessage("no answer about the device");
	return *found;
}

std::vector<Queue> Client::queues(std::optional<std::uint32_t> device)
{
	return all<Queue>(dump(spec::queue, {VHOST_NET_ALT_CMD_QUEUE_GET, 0, "queues",
					     only(VHOST_NET_ALT_A_QUEUE_DEV_ID, device), {}}));
}

std::vector<Statistics> Client::queue_statistics(std::optional<std::uint32_t> device)
{
	return all<Statistics>(dump(spec::qstats, {VHOST_NET_ALT_CMD_QSTATS_GET, 0, "statistics",
						   only(VHOST_NET_ALT_A_QSTATS_DEV_ID, device,
							VHOST_NET_ALT_A_QSTATS_SCOPE,
							VHOST_NET_ALT_QSTATS_SCOPE_QUEUE),
						   {}}));
}

std::vector<Statistics> Client::device_statistics(std::optional<std::uint32_t> device)
{
	return all<Statistics>(dump(spec::qstats, {VHOST_NET_ALT_CMD_QSTATS_GET, 0, "statistics",
						   only(VHOST_NET_ALT_A_QSTATS_DEV_ID, device),
						   {}}));
}

Snapshot Client::snapshot()
{
	Snapshot snapshot;
	snapshot.devices = devices();
	snapshot.queues = queues();
	snapshot.statistics = queue_statistics();
	return snapshot;
}

void Client::set(std::uint32_t device, const std::vector<Setting> &settings)
{
	Request request{VHOST_NET_ALT_CMD_DEV_SET, NLM_F_REQUEST | NLM_F_ACK, "settings",
			[&](nl_msg *message) {
				nla_put_u32(message, VHOST_NET_ALT_A_DEV_ID, device);
				for (const Setting &setting : settings)
					switch (setting.attribute->type) {
					case spec::Type::u64:
						nla_put_u64(message, setting.attribute->number,
							    setting.value);
						break;
					default:
						nla_put_u32(message, setting.attribute->number,
							    static_cast<std::uint32_t>(
								    setting.value));
					}
			},
			{}};
	talk(request);
}

// ---- Listener ----

namespace {

// What the controller says of a family.
struct Family {
	std::string name;
	int id = 0, mgmt = 0; // 0: not said
};

Family parse_family(const nlmsghdr *message)
{
	Family family;
	const genlmsghdr *header = genlmsg_hdr(const_cast<nlmsghdr *>(message));
	std::array<nlattr *, CTRL_ATTR_MAX + 1> attributes{};
	if (nla_parse(attributes.data(), CTRL_ATTR_MAX, genlmsg_attrdata(header, 0),
		      genlmsg_attrlen(header, 0), nullptr) < 0)
		return family;
	if (const nlattr *name = attributes[CTRL_ATTR_FAMILY_NAME])
		family.name = nla_get_string(name);
	if (const nlattr *id = attributes[CTRL_ATTR_FAMILY_ID])
		family.id = nla_get_u16(id);
	const nlattr *groups = attributes[CTRL_ATTR_MCAST_GROUPS];
	if (!groups)
		return family;
	int rest = nla_len(groups);
	for (auto *at = static_cast<nlattr *>(nla_data(groups)); nla_ok(at, rest);
	     at = nla_next(at, &rest)) {
		std::array<nlattr *, CTRL_ATTR_MCAST_GRP_MAX + 1> group{};
		if (nla_parse_nested(group.data(), CTRL_ATTR_MCAST_GRP_MAX, at, nullptr) < 0)
			continue;
		const nlattr *name = group[CTRL_ATTR_MCAST_GRP_NAME];
		const nlattr *id = group[CTRL_ATTR_MCAST_GRP_ID];
		if (name && id && nla_get_string(name) == std::string(VHOST_NET_ALT_MCGRP_MGMT))
			family.mgmt = static_cast<int>(nla_get_u32(id));
	}
	return family;
}

} // namespace

void Listener::Free::operator()(nl_sock *sock) const
{
	nl_socket_free(sock);
}

Listener::Listener() : sock_(connected())
{
	// What is asked by a socket that listens may be answered by a notification.
	const std::unique_ptr<nl_sock, Free> asks(connected());
	const auto join = [&](const char *family, const char *name) {
		const int group = genl_ctrl_resolve_grp(asks.get(), family, name);
		if (group != -NLE_OBJ_NOTFOUND) {
			netlink_check(group, family);
			netlink_check(nl_socket_add_membership(sock_.get(), group), family);
		}
		return group > 0;
	};
	// First of all: that the module comes meanwhile is told.
	join("nlctrl", "notify");
	const int family = genl_ctrl_resolve(asks.get(), VHOST_NET_ALT_FAMILY_NAME);
	if (family > 0 && join(VHOST_NET_ALT_FAMILY_NAME, VHOST_NET_ALT_MCGRP_MGMT))
		family_ = family;
	netlink_check(nl_socket_set_nonblocking(sock_.get()), "listener");
}

int Listener::fd() const
{
	return nl_socket_get_fd(sock_.get());
}

void Listener::buffer(int bytes)
{
	if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0)
		throw NetlinkError(nl_syserr2nlerr(errno), "SO_RCVBUF");
}

std::optional<Event> Listener::receive()
{
	while (events_.empty())
		if (!read())
			return std::nullopt;
	Event event = std::move(events_.front());
	events_.pop_front();
	return event;
}

bool Listener::read()
{
	// Not nl_recv(): it makes one of ENOBUFS and ENOMEM.
	alignas(nlmsghdr) std::array<char, 32768> bytes;
	sockaddr_nl sender{};
	socklen_t size = sizeof sender;
	ssize_t got;
	do
		got = recvfrom(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT,
			       reinterpret_cast<sockaddr *>(&sender), &size);
	while (got < 0 && errno == EINTR);
	// From here on the kernel drops all, until what it holds has been read.
	if (got < 0 && errno == ENOBUFS)
		return lost_ = true;
	if (got < 0 && errno == EAGAIN) {
		if (!lost_)
			return false;
		lost_ = false;
		events_.push_back({Event::Kind::lost, {}});
		return true;
	}
	if (got < 0)
		throw NetlinkError(nl_syserr2nlerr(errno), "listener");
	if (sender.nl_pid)
		return true; // another process: anyone may send
	int rest = static_cast<int>(got);
	for (auto *at = reinterpret_cast<nlmsghdr *>(bytes.data()); nlmsg_ok(at, rest);
	     at = nlmsg_next(at, &rest))
		take(at);
	return true;
}

void Listener::take(const nlmsghdr *message)
{
	if (message->nlmsg_type == family_ && family_) {
		if (auto event = parse_event(message))
			events_.push_back(std::move(*event));
		return;
	}
	if (message->nlmsg_type != GENL_ID_CTRL ||
	    !genlmsg_valid_hdr(const_cast<nlmsghdr *>(message), 0))
		return;
	const int command = genlmsg_hdr(const_cast<nlmsghdr *>(message))->cmd;
	if (command != CTRL_CMD_NEWFAMILY && command != CTRL_CMD_DELFAMILY)
		return;
	const Family family = parse_family(message);
	if (family.name != VHOST_NET_ALT_FAMILY_NAME)
		return;
	if (command == CTRL_CMD_DELFAMILY) {
		family_ = 0;
		events_.push_back({Event::Kind::unloaded, {}});
	} else if (family.id && family.mgmt) {
		netlink_check(nl_socket_add_membership(sock_.get(), family.mgmt), "listener");
		family_ = family.id;
		events_.push_back({Event::Kind::loaded, {}});
	}
}

} // namespace vhostd
