// SPDX-License-Identifier: GPL-2.0-only
#include "ipc/channel.hh"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/hurry.hh"

namespace vhostd {

namespace {

[[noreturn]] void fail(const char *what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

// Room for the descriptors of one message, aligned as the kernel wants it.
union Control {
	cmsghdr align;
	char bytes[CMSG_SPACE(Channel::max_fds * sizeof(int))];
};

} // namespace

Channel Channel::connect(const std::string &path)
{
	sockaddr_un address{};
	address.sun_family = AF_UNIX;
	if (path.size() >= sizeof address.sun_path)
		throw std::system_error(ENAMETOOLONG, std::generic_category(), path);
	std::memcpy(address.sun_path, path.data(), path.size());
	UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	if (!fd ||
	    ::connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) < 0)
		fail(path.c_str());
	return Channel(std::move(fd));
}

Channel::~Channel()
{
	const Hurry hurry;
	UniqueFd closed = std::move(fd_);
}

void Channel::send(const nlohmann::json &body, const std::vector<int> &fds)
{
	// What a file name holds need not be UTF-8.
	std::string text = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
	if (text.size() > max_bytes || fds.size() > max_fds)
		throw std::length_error("a message is too long");

	iovec piece{text.data(), text.size()};
	Control control{};
	msghdr message{};
	message.msg_iov = &piece;
	message.msg_iovlen = 1;
	if (!fds.empty()) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
		cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
		std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fail("sendmsg");
}

std::optional<Message> Channel::receive()
{
	return receive(true);
}

std::optional<nlohmann::json> Channel::receive_body()
{
	const Hurry hurry;
	auto received = receive(false);
	return received ? std::optional(std::move(received->body)) : std::nullopt;
}

std::optional<Message> Channel::receive(bool with_fds)
{
	// A byte more than is allowed tells what is too long from what just fits.
	std::string text(max_bytes + 1, '\0');
	iovec piece{text.data(), text.size()};
	Control control{};
	msghdr message{};
	message.msg_iov = &piece;
	message.msg_iovlen = 1;
	if (with_fds) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
	}
	ssize_t n;
	do
		n = recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fail("recvmsg");

	// First of all: whatever comes, the descriptors are ours to close.
	Message received;
	for (cmsghdr *header = CMSG_FIRSTHDR(&message); header;
	     header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (std::size_t i = 0; i < count; i++) {
			int fd;
			std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
			received.fds.emplace_back(fd);
		}
	}
	// An empty packet cannot be told from the end: neither is a message.
	if (n == 0)
		return std::nullopt;
	if (message.msg_flags & MSG_TRUNC || (with_fds && message.msg_flags & MSG_CTRUNC) ||
	    static_cast<std::size_t>(n) > max_bytes)
		throw ChannelError("a message is too long");
	text.resize(static_cast<std::size_t>(n));
	received.body = nlohmann::json::parse(text, nullptr, false);
	if (!received.body.is_object())
		throw ChannelError("a message is no JSON object");
	return received;
}

Peer Channel::peer() const
{
	ucred credentials{};
	socklen_t size = sizeof credentials;
	if (getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		fail("SO_PEERCRED");
	return {credentials.pid, credentials.uid, credentials.gid};
}

} // namespace vhostd
