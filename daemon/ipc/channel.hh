// SPDX-License-Identifier: GPL-2.0-only
// Messages between vhostd and its clients: a JSON object each, with descriptors
// beside it, over a SOCK_SEQPACKET UNIX socket (unix(7)).
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

#include "base/unique_fd.hh"

namespace vhostd {

// The other side sent what is no message, or is gone in the middle of one.
class ChannelError : public std::runtime_error {
	using std::runtime_error::runtime_error;
};

struct Message {
	nlohmann::json body; // an object
	std::vector<UniqueFd> fds;
};

// Who is at the other end, as the kernel tells (SO_PEERCRED): as it was when the
// connection was made.
struct Peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

class Channel {
public:
	static constexpr std::size_t max_bytes = 64 * 1024; // of a message's text
	static constexpr std::size_t max_fds = 253; // SCM_MAX_FD

	// Connects to the socket at @path.  Throws std::system_error.
	static Channel connect(const std::string &path);
	explicit Channel(UniqueFd fd) : fd_(std::move(fd)) {}
	Channel(Channel &&) = default;
	Channel &operator=(Channel &&) = default;
	// With it goes what has not been received.
	~Channel();

	// Sends @body and duplicates of @fds; never blocks where the socket does not.
	// Throws std::system_error (EPIPE if the other side is gone), std::length_error
	// if it is too long.
	void send(const nlohmann::json &body, const std::vector<int> &fds = {});
	// The next message; nothing if the other side has closed.  Throws ChannelError
	// for what is no object of at most max_bytes, std::system_error (EAGAIN where
	// the socket does not block and nothing is there).
	[[nodiscard]] std::optional<Message> receive();
	// The same, of one whose descriptors are not wanted: they never become this process', as
	// to close another's file may take as long as he likes (FUSE's flush; for a socket's
	// lingering see Hurry).
	[[nodiscard]] std::optional<nlohmann::json> receive_body();

	[[nodiscard]] Peer peer() const;
	[[nodiscard]] int fd() const { return fd_.get(); }

private:
	[[nodiscard]] std::optional<Message> receive(bool with_fds);

	UniqueFd fd_;
};

} // namespace vhostd
