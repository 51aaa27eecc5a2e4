// SPDX-License-Identifier: GPL-2.0-only
// Serves metrics to scrapers: GET /metrics over a UNIX or TCP socket.
#pragma once

#include <functional>
#include <list>
#include <string>

#include "vhostd/listen.hh"
#include "vhostd/loop.hh"

namespace vhostd {

class MetricsServer
{
public:
	static constexpr std::size_t most = 16; // connections: the oldest makes room
	static constexpr std::chrono::seconds limit{10}; // of a connection, all in all

	// @text: the metrics as they are now.
	MetricsServer(Loop &loop, UniqueFd listening, std::function<std::string()> text);

private:
	struct Scraper {
		~Scraper();
		UniqueFd fd;
		std::string request, response; // what is left of it
		bool answered = false;
		Source ready, limit;
	};
	using Place = std::list<Scraper>::iterator;

	void accept(UniqueFd fd);
	void serve(Place scraper);
	// Each returns whether the connection goes on.
	[[nodiscard]] bool read(Scraper &scraper);
	[[nodiscard]] bool write(Scraper &scraper);

	Loop &loop_;
	std::function<std::string()> text_;
	std::list<Scraper> scrapers_;
	Acceptor acceptor_;
};

} // namespace vhostd
