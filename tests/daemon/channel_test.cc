// SPDX-License-Identifier: GPL-2.0-only
// Messages arrive whole, with their descriptors, or are refused; and no descriptor
// is left open by what was refused.
#include "ipc/channel.hh"

#include <filesystem>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "send_along.hh"

using namespace vhostd;

namespace {

std::size_t open_fds()
{
	std::size_t n = 0;
	for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator("/proc/self/fd"))
		n++;
	return n;
}

class ChannelTest : public testing::Test {
protected:
	ChannelTest()
	{
		int fds[2];
		EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
		here = Channel(UniqueFd(fds[0]));
		there = Channel(UniqueFd(fds[1]));
	}
	Channel here{UniqueFd()}, there{UniqueFd()};
};

} // namespace

TEST_F(ChannelTest, MessagesArriveOneByOne)
{
	here.send({{"op", "open"}, {"port", "web1"}});
	here.send({{"op", "list"}});
	EXPECT_EQ(there.receive()->body["port"], "web1");
	EXPECT_EQ(there.receive()->body["op"], "list");
	here = Channel(UniqueFd());
	EXPECT_FALSE(there.receive());
}

TEST_F(ChannelTest, DescriptorsCrossAndNameTheSameFile)
{
	const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
	std::vector<int> fds(Channel::max_fds, null.get());
	here.send({{"n", fds.size()}}, fds);
	const auto message = there.receive();
	ASSERT_EQ(message->fds.size(), Channel::max_fds);
	struct stat sent, received;
	fstat(null.get(), &sent);
	for (const auto &fd : message->fds) {
		ASSERT_EQ(fstat(fd.get(), &received), 0);
		EXPECT_EQ(sent.st_rdev, received.st_rdev);
		EXPECT_TRUE(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC);
	}
}

TEST_F(ChannelTest, DescriptorsThatAreNotWantedAreNeverClosedHere)
{
	// Whoever closes any descriptor of a file loses his locks of it (fcntl(2)).
	char name[] = "/tmp/channel_test.XXXXXX";
	const UniqueFd file(mkstemp(name));
	struct flock lock = {};
	lock.l_type = F_WRLCK;
	ASSERT_EQ(fcntl(file.get(), F_SETLK, &lock), 0);
	const auto in_child = [](auto &&act) {
		const pid_t pid = fork();
		if (!pid)
			_exit(act());
		int status = 0;
		waitpid(pid, &status, 0);
		return status;
	};
	ASSERT_EQ(in_child([&] {
			  here.send({{"op", "list"}}, {open(name, O_RDWR | O_CLOEXEC)});
			  return 0;
		  }),
		  0);
	const std::size_t before = open_fds();
	const auto body = there.receive_body();
	ASSERT_TRUE(body);
	EXPECT_EQ((*body)["op"], "list");
	EXPECT_EQ(open_fds(), before);
	EXPECT_EQ(in_child([&] {
			  struct flock found = lock;
			  return fcntl(file.get(), F_GETLK, &found) || found.l_type != F_WRLCK;
		  }),
		  0);
	unlink(name);
}

TEST_F(ChannelTest, RubbishIsRefusedAndItsDescriptorsAreClosed)
{
	const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
	const std::size_t before = open_fds();
	for (const std::string &text :
	     {std::string("rubbish"), std::string("[1]"), std::string("3"), std::string("{\"op\":"),
	      std::string("\0{}", 3), std::string(Channel::max_bytes + 1, ' ')}) {
		ASSERT_EQ(send_along(here.fd(), text, null.get()), static_cast<ssize_t>(text.size()));
		EXPECT_THROW((void)there.receive(), ChannelError) << text.substr(0, 10);
		EXPECT_EQ(open_fds(), before);
	}
	// And the next one is heard.
	here.send({{"op", "list"}});
	EXPECT_EQ(there.receive()->body["op"], "list");
}

TEST_F(ChannelTest, WhatIsTooLongIsNotSent)
{
	EXPECT_THROW(here.send({{"text", std::string(Channel::max_bytes, 'x')}}), std::length_error);
	EXPECT_THROW(here.send({}, std::vector<int>(Channel::max_fds + 1, 0)), std::length_error);
}

TEST_F(ChannelTest, APeerThatIsGoneIsAnError)
{
	there = Channel(UniqueFd());
	try {
		here.send({{"op", "list"}});
		FAIL();
	} catch (const std::system_error &error) {
		EXPECT_EQ(error.code(), std::errc::broken_pipe);
	}
}

TEST_F(ChannelTest, ThePeerIsWhoTheKernelSays)
{
	const Peer peer = here.peer();
	EXPECT_EQ(peer.pid, getpid());
	EXPECT_EQ(peer.uid, getuid());
	EXPECT_EQ(peer.gid, getgid());
}

TEST(ChannelConnect, NobodyThereIsAnError)
{
	EXPECT_THROW((void)Channel::connect("/nonexistent/vhostd.sock"), std::system_error);
	EXPECT_THROW((void)Channel::connect(std::string(200, 'x')), std::system_error);
}
