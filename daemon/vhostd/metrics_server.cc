// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/metrics_server.hh"

#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/hurry.hh"
#include "metrics/http.hh"
#include "metrics/openmetrics.hh"

namespace vhostd {

namespace {

// Descriptors that come along are closed, unseen.
template <std::size_t N> ssize_t receive(int fd, char (&bytes)[N])
{
	const Hurry hurry;
	return recv(fd, bytes, N, 0);
}

} // namespace

// With it goes what has not been read.
MetricsServer::Scraper::~Scraper()
{
	const Hurry hurry;
	UniqueFd closed = std::move(fd);
}

MetricsServer::MetricsServer(Loop &loop, UniqueFd listening, std::function<std::string()> text)
    : loop_(loop), text_(std::move(text)),
      acceptor_(loop, std::move(listening), [this](UniqueFd fd) { accept(std::move(fd)); })
{
}

void MetricsServer::accept(UniqueFd fd)
{
	// Who waits longest, not who comes: a scraper asks at once, and is answered at once.
	if (scrapers_.size() == most)
		scrapers_.pop_front();
	const Place scraper = scrapers_.emplace(scrapers_.end());
	scraper->fd = std::move(fd);
	scraper->ready = loop_.on_fd(scraper->fd.get(), EPOLLIN,
				     [this, scraper](std::uint32_t) { serve(scraper); });
	scraper->limit = loop_.on_time([this, scraper] { scrapers_.erase(scraper); });
	scraper->limit.after(limit);
}

void MetricsServer::serve(Place scraper)
{
	const bool writes = !scraper->response.empty();
	if (writes ? write(*scraper) : read(*scraper))
		return;
	scrapers_.erase(scraper);
}

bool MetricsServer::read(Scraper &scraper)
{
	char bytes[4096];
	const ssize_t n = receive(scraper.fd.get(), bytes);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	// Once answered, what else comes is read, so that closing the connection does not
	// take the response away from the other side, and forgotten.
	if (scraper.answered)
		return true;
	scraper.request.append(bytes, static_cast<std::size_t>(n));
	auto response = http_response(scraper.request, openmetrics_content_type, text_);
	if (!response)
		return true;
	scraper.answered = true;
	scraper.response = std::move(*response);
	scraper.ready.wait_for(EPOLLOUT);
	return write(scraper);
}

bool MetricsServer::write(Scraper &scraper)
{
	const ssize_t n = send(scraper.fd.get(), scraper.response.data(), scraper.response.size(),
			       MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	scraper.response.erase(0, static_cast<std::size_t>(n));
	if (!scraper.response.empty())
		return true;
	// The other side closes now, or is closed at the time limit.
	scraper.ready.wait_for(EPOLLIN);
	return shutdown(scraper.fd.get(), SHUT_WR) == 0;
}

} // namespace vhostd
