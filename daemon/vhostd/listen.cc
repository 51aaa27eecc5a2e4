// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/listen.hh"

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <netdb.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/hurry.hh"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

namespace vhostd {

namespace {

constexpr int backlog = 64;

[[noreturn]] void fail(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

UniqueFd listen_at_path(const std::string &path, int type)
{
	sockaddr_un address{};
	address.sun_family = AF_UNIX;
	if (path.empty() || path.size() >= sizeof address.sun_path)
		throw std::system_error(ENAMETOOLONG, std::generic_category(), path);
	std::memcpy(address.sun_path, path.data(), path.size());
	UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (unlink(path.c_str()) < 0 && errno != ENOENT)
		fail(path);
	// Descriptors of others are not wanted: from 6.16 on the kernel refuses to send them.
	const int none = 0;
	(void)setsockopt(fd.get(), SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof none);
	// Who may ask what is decided by credentials, not by the socket's mode.
	if (!fd ||
	    bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) < 0 ||
	    chmod(path.c_str(), 0666) < 0 || listen(fd.get(), backlog) < 0)
		fail(path);
	return fd;
}

UniqueFd listen_at_port(const std::string &address)
{
	const auto colon = address.rfind(':');
	std::string host = address.substr(0, colon);
	if (host.size() > 1 && host.front() == '[' && host.back() == ']')
		host = host.substr(1, host.size() - 2);
	addrinfo hints{};
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
	hints.ai_socktype = SOCK_STREAM;
	addrinfo *list = nullptr;
	if (colon == std::string::npos ||
	    getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &list) != 0)
		throw std::system_error(EINVAL, std::generic_category(),
					address + ": expected an address and a port, in numbers");
	const std::unique_ptr<addrinfo, void (*)(addrinfo *)> found(list, freeaddrinfo);
	UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	const int on = 1;
	if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd.get(), found->ai_addr, found->ai_addrlen) < 0 || listen(fd.get(), backlog) < 0)
		fail(address);
	return fd;
}

Acceptor::Acceptor(Loop &loop, UniqueFd fd, std::function<void(UniqueFd)> accepted)
    : fd_(std::move(fd)), accepted_(std::move(accepted)),
      ready_(loop.on_fd(fd_.get(), EPOLLIN, [this](std::uint32_t) { accept(); })),
      again_(loop.on_time([this] { ready_.resume(); }))
{
}

void Acceptor::accept()
{
	UniqueFd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
	if (fd) {
		const Hurry hurry; // one too many is closed at once, with what he sent
		accepted_(std::move(fd));
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		spdlog::error("accept: {}", std::strerror(errno));
		ready_.pause();
		again_.after(std::chrono::seconds(1));
	}
	// Else whoever came has gone again.
}

} // namespace vhostd
