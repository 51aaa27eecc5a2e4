// SPDX-License-Identifier: GPL-2.0-only
// What a client asks and makes of replies: docs/vhostd-protocol.md, against a peer
// that plays the daemon, well and badly.
#include "ipc/client.hh"

#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

using namespace vhostd;
using nlohmann::json;

namespace {

std::pair<Channel, Channel> pair()
{
	int fds[2] = {-1, -1};
	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	return {Channel(UniqueFd(fds[0])), Channel(UniqueFd(fds[1]))};
}

// The daemon's side: its replies lie there before they are asked for.
class ClientTest : public testing::Test
{
protected:
	ClientTest() : ClientTest(pair()) {}

	void reply(const json &body, int fds = 0)
	{
		daemon.send(body, std::vector<int>(fds, null.get()));
	}
	json asked() { return daemon.receive()->body; }

	Channel daemon;
	DaemonClient client;
	UniqueFd null{open("/dev/null", O_RDWR | O_CLOEXEC)};

private:
	explicit ClientTest(std::pair<Channel, Channel> both)
	    : daemon(std::move(both.first)), client(std::move(both.second))
	{
	}
};

json opened(unsigned queues)
{
	std::vector<unsigned> ids;
	for (unsigned i = 0; i < queues; i++)
		ids.push_back(3 + i);
	return {{"ok", true},
		{"port", "web1"},
		{"tap", "tap1"},
		{"queues", queues},
		{"devices", ids},
		{"ifindex", 7},
		{"header", 12},
		{"mtu", 1500},
		{"offloads", {"checksum", "tso"}},
		{"host_mac", "fe:54:00:00:00:01"}};
}

} // namespace

TEST_F(ClientTest, OpenSortsDescriptors)
{
	reply(opened(2), 4);
	const OpenPort port = client.open("web1");
	EXPECT_EQ(asked(), json({{"op", "port-open"}, {"port", "web1"}}));
	EXPECT_EQ(port.devices, (std::vector<std::uint32_t>{3, 4}));
	EXPECT_EQ(port.device_fds.size(), 2u);
	EXPECT_EQ(port.tap_fds.size(), 2u);
	EXPECT_EQ(port.tap, "tap1");
	EXPECT_EQ(port.offloads, (Offloads{true, true, false}));
	EXPECT_EQ(port.mtu, 1500u);
	EXPECT_EQ(to_string(port.host_mac.value()), "fe:54:00:00:00:01");
}

TEST_F(ClientTest, OpenWantsADescriptorForEachQueue)
{
	reply(opened(2), 3);
	EXPECT_THROW((void)client.open("web1"), ChannelError);
	reply(opened(0));
	EXPECT_THROW((void)client.open("web1"), ChannelError);
}

TEST_F(ClientTest, RefusalsAreToldInTheDaemonsWords)
{
	reply({{"ok", false}, {"errno", EBUSY}, {"error", "web1: the tap web1 is in use"}});
	try {
		(void)client.open("web1");
		FAIL();
	} catch (const Refused &refused) {
		EXPECT_EQ(refused.error(), EBUSY);
		EXPECT_STREQ(refused.what(), "web1: the tap web1 is in use");
	}
}

TEST_F(ClientTest, ARepliesReasonIsReadThoughTheConnectionIsClosed)
{
	reply({{"ok", false}, {"errno", EUSERS}, {"error", "too many clients"}});
	daemon = Channel(UniqueFd());
	EXPECT_THROW((void)client.status(), Refused);
	EXPECT_THROW((void)client.status(), ChannelError);
}

TEST_F(ClientTest, RepliesThatMakeNoSenseAreErrors)
{
	for (const json &body : {json({{"ok", 1}}), json::object(), json({{"ok", false}}),
				 json({{"ok", true}, {"ports", 3}}),
				 json({{"ok", true}, {"ports", json::array()}, {"more", true}})}) {
		reply(body);
		EXPECT_THROW((void)client.ports(), ChannelError) << body;
	}
}

TEST_F(ClientTest, PortsAreAskedForUntilThereAreNoMore)
{
	reply({{"ok", true}, {"ports", {{{"name", "a"}}, {{"name", "b"}}}}, {"more", true}});
	reply({{"ok", true}, {"ports", {{{"name", "c"}}}}});
	EXPECT_EQ(client.ports().size(), 3u);
	EXPECT_EQ(asked(), json({{"op", "port-show"}}));
	EXPECT_EQ(asked(), json({{"op", "port-show"}, {"after", "b"}}));
}

TEST_F(ClientTest, TheOtherRequests)
{
	reply({{"ok", true}, {"returned", 5}});
	EXPECT_EQ(client.bind("web2", {3, 4}), 5u);
	EXPECT_EQ(asked(), json({{"op", "port-bind"}, {"port", "web2"}, {"devices", {3, 4}}}));
	reply({{"ok", true}, {"port", {{"name", "web3"}}}});
	EXPECT_EQ(client.add("web3", {{"owner", "vm3"}})["name"], "web3");
	EXPECT_EQ(asked()["config"]["owner"], "vm3");
	reply({{"ok", true}});
	client.remove("web3", true);
	EXPECT_EQ(asked(), json({{"op", "port-del"}, {"port", "web3"}, {"force", true}}));
	reply({{"ok", true}, {"errors", {"a.toml:1:1: wrong"}}});
	EXPECT_EQ(client.reload(), std::vector<std::string>{"a.toml:1:1: wrong"});
}
