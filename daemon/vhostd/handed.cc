// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/handed.hh"

#include <algorithm>
#include <charconv>

#include <fcntl.h>

namespace vhostd {

namespace {

// In the supervisor's store: "tap.DEVICE.PORT".  Ports' names have no colon, as it wants.
constexpr std::string_view prefix = "tap.";

std::string stored_name(std::uint32_t device, const std::string &port)
{
	return std::string(prefix) + std::to_string(device) + '.' + port;
}

} // namespace

void Handed::keep(std::uint32_t device, const std::string &port, int tap)
{
	UniqueFd copy(fcntl(tap, F_DUPFD_CLOEXEC, 0));
	if (!copy)
		return; // too many are open: it cannot be bound back, and that is all
	supervisor_.store(stored_name(device, port), copy.get());
	queues_[device] = {port, std::move(copy)};
}

bool Handed::restore(StoredFd &stored)
{
	const std::string_view name = stored.name;
	if (!name.starts_with(prefix))
		return false;
	std::uint32_t device = 0;
	const char *end = name.data() + name.size();
	const auto [rest, error] = std::from_chars(name.data() + prefix.size(), end, device);
	if (error != std::errc() || rest == end || *rest != '.')
		return false;
	queues_[device] = {std::string(rest + 1, end), std::move(stored.fd)};
	return true;
}

int Handed::find(std::uint32_t device, const std::string &port) const
{
	const auto found = queues_.find(device);
	return found != queues_.end() && found->second.port == port ? found->second.tap.get() : -1;
}

const std::string *Handed::port_of(std::uint32_t device) const
{
	const auto found = queues_.find(device);
	return found == queues_.end() ? nullptr : &found->second.port;
}

void Handed::keep_only(const std::vector<std::uint32_t> &open)
{
	std::erase_if(queues_, [&](const auto &each) {
		const auto &[device, queue] = each;
		if (std::find(open.begin(), open.end(), device) != open.end())
			return false;
		supervisor_.forget(stored_name(device, queue.port));
		let_go_.insert(queue.port);
		return true;
	});
}

bool Handed::settle(const std::string &port)
{
	return let_go_.erase(port) && supervisor_.settle();
}

} // namespace vhostd
