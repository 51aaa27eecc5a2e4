// SPDX-License-Identifier: GPL-2.0-only
// The connections to vhostd's socket: how many, how long, and one request at a time.
#pragma once

#include <list>

#include "ipc/channel.hh"
#include "vhostd/limited_log.hh"
#include "vhostd/listen.hh"
#include "vhostd/loop.hh"
#include "vhostd/requests.hh"

namespace vhostd {

class Clients
{
public:
	static constexpr std::size_t most = 64, most_of_a_user = 16; // root's do not count
	static constexpr std::chrono::seconds silence{60};

	Clients(Loop &loop, Requests &requests, LimitedLog &log, UniqueFd listening);
	[[nodiscard]] int fd() const { return acceptor_.fd(); }

private:
	struct Client {
		Client(UniqueFd fd) : channel(std::move(fd)), peer(channel.peer()) {}
		Channel channel;
		Peer peer;
		Source ready, silent;
	};
	using Place = std::list<Client>::iterator;

	void accept(UniqueFd fd);
	void serve(Place client);
	// Whether the connection is still good.
	[[nodiscard]] bool answer(Client &client);
	bool send(Client &client, const Message &reply);
	// A last reply, after which the connection is to be closed.
	void dismiss(Client &client, int error, const std::string &reason);
	void end(Place client);

	Loop &loop_;
	Requests &requests_;
	LimitedLog &log_;
	std::list<Client> clients_;
	Acceptor acceptor_;
};

} // namespace vhostd
