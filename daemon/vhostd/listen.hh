// SPDX-License-Identifier: GPL-2.0-only
// Sockets to listen on, and who comes there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.hh"
#include "vhostd/loop.hh"
#include "vhostd/supervisor.hh"

namespace vhostd {

// A UNIX socket of @type at @path, for anyone to connect to; what is at that place goes.
// Throws std::system_error.
[[nodiscard]] UniqueFd listen_at_path(const std::string &path, int type);
// @address: HOST:PORT, [HOST]:PORT, numbers.  Throws std::system_error.
[[nodiscard]] UniqueFd listen_at_port(const std::string &address);

// Accepts, and rests for a second where descriptors or memory have run out.
class Acceptor
{
public:
	Acceptor(Loop &loop, UniqueFd fd, std::function<void(UniqueFd)> accepted);
	[[nodiscard]] int fd() const { return fd_.get(); }

private:
	void accept();

	UniqueFd fd_;
	std::function<void(UniqueFd)> accepted_;
	Source ready_, again_;
};

} // namespace vhostd
