// SPDX-License-Identifier: GPL-2.0-only
// sd-event(3): what happens, and who is called then.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

struct sd_event;
struct sd_event_source;

namespace vhostd {

// Ends with its owner, also from within its own call.
class Source
{
public:
	Source() = default;
	[[nodiscard]] explicit operator bool() const { return source_ != nullptr; }
	// Of a timer: once more, that long from now.  Of others: not to be called.
	void after(std::chrono::microseconds time);
	void pause();
	void resume();
	// Of a descriptor: EPOLLIN, EPOLLOUT.
	void wait_for(std::uint32_t events);

	struct Callback;

private:
	friend class Loop;
	struct Free {
		void operator()(Callback *callback) const;
	};
	explicit Source(Callback *callback) : source_(callback) {}
	std::unique_ptr<Callback, Free> source_;
};

// What is called may not throw but what ends the program: it is told, and the loop ends
// with status 1.
class Loop
{
public:
	Loop();
	Loop(const Loop &) = delete;
	~Loop();

	[[nodiscard]] Source on_fd(int fd, std::uint32_t events,
				   std::function<void(std::uint32_t)> call);
	[[nodiscard]] Source on_signal(int signal, std::function<void()> call);
	// Not before Source::after() says when.
	[[nodiscard]] Source on_time(std::function<void()> call);

	// Until end(); returns its status.  Tells the service manager's watchdog, where it asks
	// for that, that the loop goes round.
	int run();
	void end(int status);

private:
	sd_event *event_ = nullptr;
};

} // namespace vhostd
