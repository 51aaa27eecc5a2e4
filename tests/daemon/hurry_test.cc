// SPDX-License-Identifier: GPL-2.0-only
// Nobody can hold vhostd up with what he sends along: a TCP socket whose last close waits for
// ten minutes for data that nobody takes.
#include "base/hurry.hh"

#include <barrier>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ipc/channel.hh"
#include "send_along.hh"
#include "vhostd/metrics_server.hh"

using namespace vhostd;
using namespace std::chrono_literals;

namespace
{

constexpr int lingering_seconds = 600;
constexpr auto much_less = 60s; // only who waits for the close needs that long

// Its other end is there, and reads nothing.
class Lingering
{
public:
	Lingering() : listening_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
	{
		sockaddr_in address{};
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		socklen_t size = sizeof address;
		auto *const any = reinterpret_cast<sockaddr *>(&address);
		fd_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		EXPECT_EQ(bind(listening_.get(), any, size), 0);
		EXPECT_EQ(listen(listening_.get(), 1), 0);
		EXPECT_EQ(getsockname(listening_.get(), any, &size), 0);
		EXPECT_EQ(connect(fd_.get(), any, size), 0) << strerror(errno);
		const linger on{.l_onoff = 1, .l_linger = lingering_seconds};
		EXPECT_EQ(setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &on, sizeof on), 0);
		const std::string much(1 << 20, 'x');
		while (::send(fd_.get(), much.data(), much.size(), MSG_DONTWAIT) > 0)
			;
	}

	// Along with @text; whoever gets it has the last.
	void send(int to, const std::string &text)
	{
		ASSERT_EQ(send_along(to, text, fd_.get()), static_cast<ssize_t>(text.size()));
		UniqueFd gone = std::move(fd_);
	}

private:
	UniqueFd listening_, fd_;
};

// Whether @act ends; if not its thread goes on until the process ends.
template <typename F> bool ends(F act)
{
	std::packaged_task<void()> task(std::move(act));
	auto done = task.get_future();
	std::thread(std::move(task)).detach();
	return done.wait_for(much_less) == std::future_status::ready;
}

struct Pair {
	UniqueFd here, there;
	Pair()
	{
		int fds[2];
		EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
		here = UniqueFd(fds[0]);
		there = UniqueFd(fds[1]);
	}
};

} // namespace

TEST(HurryTest, AProgramsOwnAlarmIsItsOwn)
{
	static volatile std::sig_atomic_t alarms = 0;
	const auto before = signal(SIGALRM, [](int) { alarms = alarms + 1; });
	{
		const Hurry hurry;
		// Many times what it ticks by, however often it ends that.
		const auto end = std::chrono::steady_clock::now() + 200ms;
		while (std::chrono::steady_clock::now() < end)
			poll(nullptr, 0, 10);
	}
	EXPECT_EQ(alarms, 0);
	raise(SIGALRM);
	EXPECT_EQ(alarms, 1);
	signal(SIGALRM, before);
}

TEST(HurryTest, AMessageIsReceivedWhateverComesAlong)
{
	Pair pair;
	Lingering lingering;
	lingering.send(pair.there.get(), "{\"op\": \"list\"}");
	auto channel = std::make_shared<Channel>(std::move(pair.here));
	EXPECT_TRUE(ends([channel] { EXPECT_EQ((*channel->receive_body())["op"], "list"); }));
}

TEST(HurryTest, AConnectionIsClosedWhateverWasNotRead)
{
	Pair pair;
	Lingering first, second;
	first.send(pair.there.get(), "{}");
	second.send(pair.there.get(), "{}");
	auto channel = std::make_shared<Channel>(std::move(pair.here));
	EXPECT_TRUE(ends([channel] { Channel closed = std::move(*channel); }));
}

namespace
{

class ScrapersTest : public testing::Test
{
protected:
	ScrapersTest()
	{
		// Without listen_at_path(): a newer kernel refuses to send descriptors to what
		// that listens at.
		sockaddr_un address{};
		address.sun_family = AF_UNIX;
		UniqueFd listening(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
		auto *const any = reinterpret_cast<sockaddr *>(&address);
		// A name of the kernel's choice (unix(7), autobind).
		EXPECT_EQ(bind(listening.get(), any, sizeof address.sun_family), 0);
		EXPECT_EQ(listen(listening.get(), 64), 0);
		size_ = sizeof address_;
		EXPECT_EQ(getsockname(listening.get(), reinterpret_cast<sockaddr *>(&address_), &size_), 0);
		std::thread([listening = std::move(listening), stop = stop_]() mutable {
			Loop loop;
			MetricsServer server(loop, std::move(listening), [&] {
				stop->arrive_and_wait();
				stop->arrive_and_wait();
				return "# EOF\n";
			});
			loop.run();
		}).detach();
	}

	// A scraper whom the server is about to answer, until go_on(): once, as the barrier is
	// the server's and this thread's.
	UniqueFd stop()
	{
		UniqueFd fd = asking();
		stop_->arrive_and_wait();
		return fd;
	}
	void go_on() { (void)stop_->arrive_and_drop(); }

	UniqueFd scraper() const
	{
		UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
		EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr *>(&address_), size_), 0);
		const timeval limit{.tv_sec = much_less.count(), .tv_usec = 0};
		EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
		return fd;
	}

	UniqueFd asking() const
	{
		UniqueFd fd = scraper();
		const std::string request = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
		EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
			  static_cast<ssize_t>(request.size()));
		return fd;
	}

	// What a scraper gets.
	static std::string answer(const UniqueFd &fd)
	{
		std::string all;
		char bytes[512];
		ssize_t n;
		while ((n = recv(fd.get(), bytes, sizeof bytes, 0)) > 0)
			all.append(bytes, static_cast<std::size_t>(n));
		return all;
	}

private:
	sockaddr_un address_{};
	socklen_t size_ = 0;
	std::shared_ptr<std::barrier<>> stop_ = std::make_shared<std::barrier<>>(2);
};

} // namespace

TEST_F(ScrapersTest, OneIsAnsweredWhateverAnotherSendsAlong)
{
	// While the server is elsewhere: so it has the last of what is sent along.
	const UniqueFd first = stop(), second = scraper();
	Lingering lingering;
	lingering.send(second.get(), "G");
	go_on();
	EXPECT_TRUE(answer(first).ends_with("# EOF\n"));
	EXPECT_TRUE(answer(asking()).ends_with("# EOF\n"));
}

TEST_F(ScrapersTest, OneIsAnsweredHoweverManyAreSilent)
{
	go_on();
	std::vector<UniqueFd> silent;
	for (std::size_t i = 0; i < 2 * MetricsServer::most; i++)
		silent.push_back(scraper());
	EXPECT_TRUE(answer(asking()).ends_with("# EOF\n"));
	// The oldest are those who made room.
	char byte;
	EXPECT_EQ(recv(silent.front().get(), &byte, 1, 0), 0);
	EXPECT_EQ(recv(silent.back().get(), &byte, 1, MSG_DONTWAIT), -1);
	EXPECT_EQ(errno, EAGAIN);
}
