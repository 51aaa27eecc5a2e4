// SPDX-License-Identifier: GPL-2.0-only
// The commands that ask vhostd, and one in its place that answers what it is told to.
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "commands.hh"
#include "fake_system.hh"

using namespace vhostctl;
using namespace vhostctl::test;
using vhostd::UniqueFd;

namespace {

class FakeDaemon {
public:
	// Answers one request with @reply, which is JSON, and @fds beside it.
	explicit FakeDaemon(const std::string &reply, std::vector<int> fds = {})
		: path((std::filesystem::temp_directory_path() /
			("vhostd." + std::to_string(getpid()))).string()),
		  listener_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0))
	{
		std::filesystem::remove(path);
		sockaddr_un address{};
		address.sun_family = AF_UNIX;
		path.copy(address.sun_path, sizeof address.sun_path - 1);
		EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr *>(&address),
			       sizeof address), 0);
		EXPECT_EQ(listen(listener_.get(), 1), 0);
		thread_ = std::thread([this, reply, fds = std::move(fds)] {
			vhostd::Channel channel(
				UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
			if (const auto asked = channel.receive()) {
				request = asked->body;
				channel.send(nlohmann::json::parse(reply), fds);
			}
		});
	}
	~FakeDaemon()
	{
		end();
		std::filesystem::remove(path);
	}
	// What was asked is known then.
	void end()
	{
		shutdown(listener_.get(), SHUT_RDWR);
		if (thread_.joinable())
			thread_.join();
	}

	std::string path;
	nlohmann::json request;

private:
	UniqueFd listener_;
	std::thread thread_;
};

std::string run(const std::string &socket, std::vector<std::string> words)
{
	FakeSystem system;
	std::ostringstream out;
	words.insert(words.begin(), {"--socket", socket});
	const CommandLine line = parse(words);
	EXPECT_EQ(run_command({line, system, out}), 0);
	return out.str();
}

const std::string web1 = R"({"name": "web1",
	"config": {"owner": "vm1", "tap": "web1", "bridge": "br0", "mtu": 1500, "queues": 2,
		   "offloads": ["checksum", "tso"]},
	"uid": 1001, "state": "ready", "ifindex": 7, "queues_in_use": 2, "devices": [3, 4]})";

} // namespace

TEST(Port, IsShownAsTheDaemonHasIt)
{
	const std::string reply = R"({"ok": true, "ports": [)" + web1 + "]}";
	FakeDaemon text(reply);
	EXPECT_EQ(run(text.path, {"port"}),
		  "web1: devices 3,4 ifindex 7 queues_in_use 2 state ready uid 1001\n"
		  "    config bridge br0 mtu 1500 offloads checksum,tso owner vm1 queues 2 tap web1\n");
	text.end();
	FakeDaemon json(reply);
	EXPECT_EQ(run(json.path, {"-j", "port", "show", "web1"}),
		  R"({"port":{"web1":{"devices":[3,4],"ifindex":7,"queues_in_use":2,"state":"ready",)"
		  R"("uid":1001,"config":{"bridge":"br0","mtu":1500,"offloads":["checksum","tso"],)"
		  R"("owner":"vm1","queues":2,"tap":"web1"}}}})"
		  "\n");
	json.end();
	EXPECT_EQ(json.request["port"], "web1");
}

TEST(Port, IsAddedBoundAndRemoved)
{
	FakeDaemon add(R"({"ok": true, "port": )" + web1 + "}");
	EXPECT_EQ(run(add.path, {"port", "add", "web1", "owner", "vm1", "mtu", "1500"}), "");
	add.end();
	EXPECT_EQ(add.request, nlohmann::json::parse(R"({"op": "port-add", "port": "web1",
		"config": {"owner": "vm1", "mtu": 1500}})"));
	// A device by its tap's name, and one by its number.
	FakeDaemon bind(R"({"ok": true, "port": "web1", "devices": [1, 7], "returned": 3})");
	EXPECT_EQ(run(bind.path, {"port", "bind", "web1", "dev", "tap0", "dev", "7"}),
		  "3 frames went back to the old tap\n");
	bind.end();
	EXPECT_EQ(bind.request["devices"], (nlohmann::json{1, 7}));
	FakeDaemon del(R"({"ok": true})");
	EXPECT_EQ(run(del.path, {"port", "del", "web1", "force"}), "");
	del.end();
	EXPECT_EQ(del.request["op"], "port-del");
	EXPECT_EQ(del.request["force"], true);
	FakeDaemon reload(R"({"ok": true, "ports": 1, "errors": ["db.toml:3:7: no"]})");
	EXPECT_EQ(run(reload.path, {"port", "reload"}), "db.toml:3:7: no\n");
}

TEST(Port, WhatTheDaemonRefusesIsRefused)
{
	FakeDaemon daemon(R"({"ok": false, "errno": 16, "error": "web1: it is in use"})");
	try {
		run(daemon.path, {"port", "del", "web1"});
		FAIL();
	} catch (const vhostd::Refused &refused) {
		EXPECT_EQ(refused.error(), EBUSY);
		EXPECT_STREQ(refused.what(), "web1: it is in use");
	}
	EXPECT_THROW(run("/nonexistent/socket", {"port"}), std::runtime_error);
}

// Starts what `run` starts in a child, with its output in a pipe.
TEST(Run, GivesTheProgramWhatTheDaemonGave)
{
	int tap[2], device[2], out[2];
	for (int *pipe : {tap, device, out})
		ASSERT_EQ(pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
	FakeDaemon daemon(R"({"ok": true, "port": "web1", "queues": 1, "devices": [3],
		"tap": "web1", "ifindex": 7, "header": 12, "offloads": [], "mtu": 9000})",
			  {device[1], tap[1]});
	const pid_t child = fork();
	if (!child) {
		dup2(out[1], STDOUT_FILENO);
		// The numbers are in the arguments: what is written to those comes here.
		const std::string script =
			"n=${3##*,fd=}; eval \"echo the tap >&${n%%,*}\"; "
			"n=${3##*,vhostfd=}; eval \"echo the device >&${n%%,*}\"; echo \"$@\"";
		try {
			run(daemon.path, {"run", "--port", "web1", "--device",
					  "virtio-net-pci,mac=52:54:00:00:00:01", "--",
					  "/bin/bash", "-c", script, "qemu", "-s"});
		} catch (...) {
		}
		_exit(99);
	}
	int status = 0;
	ASSERT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	daemon.end();
	const auto read_all = [](int fd) {
		char text[512];
		const ssize_t got = read(fd, text, sizeof text);
		return std::string(text, got > 0 ? static_cast<std::size_t>(got) : 0);
	};
	EXPECT_EQ(read_all(tap[0]), "the tap\n");
	EXPECT_EQ(read_all(device[0]), "the device\n");
	const std::string words = read_all(out[0]);
	EXPECT_TRUE(words.starts_with("-s -netdev tap,id=vna-web1,fd=")) << words;
	EXPECT_TRUE(words.ends_with(" -device virtio-net-pci,mac=52:54:00:00:00:01,netdev=vna-web1,"
				    "host_mtu=9000\n")) << words;
	for (const int fd : {tap[0], tap[1], device[0], device[1], out[0], out[1]})
		close(fd);
}
