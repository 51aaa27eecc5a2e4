// SPDX-License-Identifier: GPL-2.0-only
// What clients ask, and who may: docs/vhostd-protocol.md.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ipc/channel.hh"
#include "vhostd/handed.hh"
#include "vhostd/host.hh"
#include "vhostd/port_table.hh"

namespace vhostd {

class Requests
{
public:
	// @folder: that of the ports' files.
	Requests(Host &host, PortTable &ports, Handed &handed, std::filesystem::path folder)
	    : host_(host), ports_(ports), handed_(handed), folder_(std::move(folder))
	{
	}

	// The reply to what @peer asks.  Of ports and files nothing is thrown.
	[[nodiscard]] Message answer(const nlohmann::json &request, const Peer &peer);
	// Reads the files again.  Throws std::filesystem::filesystem_error.
	void reload();
	// Lets go what is kept for devices that are closed.
	void forget_closed();

	[[nodiscard]] static bool is_admin(const Peer &peer);
	[[nodiscard]] static nlohmann::json refusal(int error, const std::string &reason);

	std::size_t clients = 0; // that are connected, for "status"

private:
	Message dispatch(const nlohmann::json &request, const Peer &peer);
	// The port as it is now, when what it was handed out for before is closed.
	const KeptPort &look_at(const std::string &name);
	Message status(const nlohmann::json &request);
	Message show(const nlohmann::json &request);
	Message open(const nlohmann::json &request, const Peer &peer);
	Message bind(const nlohmann::json &request);
	Message add(const nlohmann::json &request);
	Message remove(const nlohmann::json &request);
	Message reload(const nlohmann::json &request);

	[[nodiscard]] std::vector<UniqueFd> queues_for(const std::vector<std::uint32_t> &devices,
						       const KeptPort &kept,
						       const std::vector<Serves> &serving);
	void bind_back(std::uint32_t device, const std::vector<Serves> &before);

	Host &host_;
	PortTable &ports_;
	Handed &handed_;
	std::filesystem::path folder_;
	std::vector<std::string> errors_; // of the last time that files were read
};

} // namespace vhostd
