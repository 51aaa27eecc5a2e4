// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/clients.hh"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/hurry.hh"

namespace vhostd {

Clients::Clients(Loop &loop, Requests &requests, LimitedLog &log, UniqueFd listening)
    : loop_(loop), requests_(requests), log_(log),
      acceptor_(loop, std::move(listening), [this](UniqueFd fd) { accept(std::move(fd)); })
{
}

void Clients::accept(UniqueFd fd)
{
	const Place client = clients_.emplace(clients_.end(), std::move(fd));
	const auto of_user =
		std::count_if(clients_.begin(), clients_.end(), [&](const Client &each) {
			return each.peer.uid == client->peer.uid;
		});
	const bool too_many =
		!Requests::is_admin(client->peer) &&
		(clients_.size() > most || static_cast<std::size_t>(of_user) > most_of_a_user);
	// Room for root, who is to find out what is wrong.
	if (too_many || clients_.size() > 2 * most) {
		dismiss(*client, EUSERS, "too many clients");
		clients_.erase(client);
		return;
	}
	client->ready = loop_.on_fd(client->channel.fd(), EPOLLIN,
				    [this, client](std::uint32_t) { serve(client); });
	client->silent = loop_.on_time([this, client] { end(client); });
	client->silent.after(silence);
	requests_.clients = clients_.size();
}

// One request a turn of the loop: others have theirs.
void Clients::serve(Place client)
{
	client->silent.after(silence);
	if (!answer(*client))
		end(client);
}

bool Clients::answer(Client &client)
{
	std::optional<nlohmann::json> request;
	try {
		request = client.channel.receive_body();
	} catch (const ChannelError &error) {
		log_.debug(account_of(client.peer), "process {}: {}", client.peer.pid,
			   error.what());
		dismiss(client, EINVAL, error.what());
		return false;
	} catch (const std::system_error &error) {
		return error.code() == std::errc::resource_unavailable_try_again;
	}
	return request && send(client, requests_.answer(*request, client.peer));
}

bool Clients::send(Client &client, const Message &reply)
{
	std::vector<int> fds;
	for (const UniqueFd &fd : reply.fds)
		fds.push_back(fd.get());
	try {
		client.channel.send(reply.body, fds);
		return true;
	} catch (const std::system_error &error) {
		// He is gone, or does not read what he is told.
		log_.debug(account_of(client.peer), "process {}: {}", client.peer.pid,
			   error.what());
	} catch (const std::length_error &error) {
		log_.warn(account_of(client.peer), "process {}: a reply: {}", client.peer.pid,
			  error.what());
	}
	return false;
}

void Clients::dismiss(Client &client, int error, const std::string &reason)
{
	send(client, {Requests::refusal(error, reason), {}});
	// What were left unread when the socket is closed would take the reply's place, as
	// ECONNRESET.
	const Hurry hurry;
	shutdown(client.channel.fd(), SHUT_RD);
	char byte;
	while (recv(client.channel.fd(), &byte, sizeof byte, MSG_DONTWAIT) > 0)
		;
}

void Clients::end(Place client)
{
	clients_.erase(client);
	requests_.clients = clients_.size();
}

} // namespace vhostd
