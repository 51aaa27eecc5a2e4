// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/loop.hh"

#include <csignal>
#include <ctime>
#include <exception>
#include <system_error>

#include <spdlog/spdlog.h>
#include <systemd/sd-event.h>

namespace vhostd {

namespace {

int check(int result)
{
	if (result < 0)
		throw std::system_error(-result, std::generic_category(), "sd-event");
	return result;
}

} // namespace

// Shared with the call that is under way: it may be the one that ends its source.
struct Source::Callback {
	sd_event_source *source = nullptr;
	std::shared_ptr<std::function<void(std::uint32_t)>> call;

	void operator()(std::uint32_t events) const
	{
		const auto held = call;
		sd_event *event = sd_event_source_get_event(source);
		try {
			(*held)(events);
		} catch (const std::exception &error) {
			// Nothing is lost with this process: it is started again.
			spdlog::critical("{}", error.what());
			sd_event_exit(event, 1);
		}
	}
};

namespace {

int fd_ready(sd_event_source *, int, std::uint32_t events, void *callback)
{
	(*static_cast<Source::Callback *>(callback))(events);
	return 0;
}

int time_come(sd_event_source *, std::uint64_t, void *callback)
{
	(*static_cast<Source::Callback *>(callback))(0);
	return 0;
}

int signalled(sd_event_source *, const signalfd_siginfo *, void *callback)
{
	(*static_cast<Source::Callback *>(callback))(0);
	return 0;
}

Source::Callback *make(std::function<void(std::uint32_t)> call)
{
	return new Source::Callback{
		nullptr, std::make_shared<std::function<void(std::uint32_t)>>(std::move(call))};
}

} // namespace

void Source::Free::operator()(Callback *callback) const
{
	if (callback->source)
		sd_event_source_disable_unref(callback->source);
	delete callback;
}

void Source::after(std::chrono::microseconds time)
{
	check(sd_event_source_set_time_relative(source_->source,
						static_cast<std::uint64_t>(time.count())));
	check(sd_event_source_set_enabled(source_->source, SD_EVENT_ONESHOT));
}

void Source::pause()
{
	check(sd_event_source_set_enabled(source_->source, SD_EVENT_OFF));
}

void Source::resume()
{
	check(sd_event_source_set_enabled(source_->source, SD_EVENT_ON));
}

void Source::wait_for(std::uint32_t events)
{
	check(sd_event_source_set_io_events(source_->source, events));
}

Loop::Loop()
{
	check(sd_event_new(&event_));
	check(sd_event_set_watchdog(event_, true));
}

Loop::~Loop()
{
	sd_event_unref(event_);
}

Source Loop::on_fd(int fd, std::uint32_t events, std::function<void(std::uint32_t)> call)
{
	Source source(make(std::move(call)));
	check(sd_event_add_io(event_, &source.source_->source, fd, events, fd_ready,
			      source.source_.get()));
	return source;
}

Source Loop::on_signal(int signal, std::function<void()> call)
{
	// sd-event takes it from a signalfd.
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, nullptr);
	Source source(make([call = std::move(call)](std::uint32_t) { call(); }));
	check(sd_event_add_signal(event_, &source.source_->source, signal, signalled,
				  source.source_.get()));
	return source;
}

Source Loop::on_time(std::function<void()> call)
{
	Source source(make([call = std::move(call)](std::uint32_t) { call(); }));
	check(sd_event_add_time_relative(event_, &source.source_->source, CLOCK_MONOTONIC, 0, 0,
					 time_come, source.source_.get()));
	source.pause();
	return source;
}

int Loop::run()
{
	return check(sd_event_loop(event_));
}

void Loop::end(int status)
{
	sd_event_exit(event_, status);
}

} // namespace vhostd
