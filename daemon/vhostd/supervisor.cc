// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/supervisor.hh"

#include <cstdint>
#include <cstdlib>

#include <systemd/sd-daemon.h>

namespace vhostd {

void Supervisor::tell(const std::string &variables)
{
	sd_notify(0, variables.c_str());
}

void Supervisor::store(const std::string &name, int fd)
{
	// Nobody polls it there: each frame to a tap would have to wake systemd's poll.
	sd_pid_notify_with_fds(0, 0, ("FDSTORE=1\nFDPOLL=0\nFDNAME=" + name).c_str(), &fd, 1);
}

void Supervisor::forget(const std::string &name)
{
	tell("FDSTOREREMOVE=1\nFDNAME=" + name);
}

bool Supervisor::settle()
{
	constexpr std::uint64_t second = 1000000;
	return sd_notify_barrier(0, second) != 0;
}

std::vector<StoredFd> Supervisor::take()
{
	char **names = nullptr;
	const int count = sd_listen_fds_with_names(1, &names);
	std::vector<StoredFd> stored;
	for (int i = 0; i < count; i++) {
		stored.push_back({names[i], UniqueFd(SD_LISTEN_FDS_START + i)});
		free(names[i]);
	}
	free(names);
	return stored;
}

} // namespace vhostd
