// SPDX-License-Identifier: GPL-2.0-only
// What each request does, who may ask it, and what rubbish gets: docs/vhostd-protocol.md.
#include "vhostd/requests.hh"

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "fake_host.hh"

using namespace vhostd;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// A service manager's store, as names.
class FakeSupervisor : public Supervisor
{
public:
	std::set<std::string> stored;
	std::function<void()> settled;
	void tell(const std::string &) override {}
	void store(const std::string &name, int) override { stored.insert(name); }
	void forget(const std::string &name) override { stored.erase(name); }
	bool settle() override
	{
		if (settled)
			settled();
		return settled != nullptr;
	}
	std::vector<StoredFd> take() override { return {}; }
};

class RequestsTest : public testing::Test
{
protected:
	RequestsTest()
	{
		spdlog::set_level(spdlog::level::off);
		std::string name = (fs::temp_directory_path() / "ports.XXXXXX").string();
		folder = mkdtemp(name.data());
		requests.emplace(host, ports, handed, folder);
		put("web1", "owner = 'vm1'");
		put("web2", "owner = 'vm2'\nqueues = 2");
		requests->reload();
	}
	~RequestsTest() override { fs::remove_all(folder); }

	void put(const std::string &name, const std::string &text) const
	{
		std::ofstream(folder / (name + ".toml")) << text;
	}
	json ask(const json &request, uid_t uid = 0)
	{
		Message reply = requests->answer(request, {1, uid, 1});
		fds = std::move(reply.fds);
		return reply.body;
	}
	int refusal(const json &request, uid_t uid = 0)
	{
		const json reply = ask(request, uid);
		EXPECT_TRUE(reply["ok"] || fds.empty());
		return reply["ok"] ? 0 : reply["errno"].get<int>();
	}
	json open(const std::string &name, uid_t uid = 0)
	{
		return ask({{"op", "port-open"}, {"port", name}}, uid);
	}
	json bind(const std::string &name, std::vector<unsigned> devices)
	{
		return ask({{"op", "port-bind"}, {"port", name}, {"devices", devices}});
	}
	// What closing a device and its tap's queue looks like.
	void close(std::uint32_t device, const std::string &tap)
	{
		host.backends.erase(device);
		host.there.at(tap).tun->queues--;
	}

	fs::path folder;
	FakeHost host;
	FakeSupervisor supervisor;
	PortTable ports{host};
	Handed handed{supervisor};
	std::optional<Requests> requests;
	std::vector<UniqueFd> fds; // of the last reply
};

} // namespace

TEST_F(RequestsTest, TheOwnerOpensAPort)
{
	const json reply = open("web1", 1001);
	EXPECT_EQ(reply, json({{"ok", true},
			       {"port", "web1"},
			       {"queues", 1},
			       {"devices", {1}},
			       {"tap", "web1"},
			       {"ifindex", host.there.at("web1").index},
			       {"header", 12},
			       {"offloads", {"checksum", "tso", "uso"}},
			       {"mtu", 1500}}));
	EXPECT_EQ(fds.size(), 2u);
	EXPECT_EQ(host.set_up_for[1], "web1");
	const json two = open("web2", 1002);
	EXPECT_EQ(two["devices"], json({2, 3}));
	EXPECT_EQ(fds.size(), 4u);
}

TEST_F(RequestsTest, AReplyFitsIntoAMessageHoweverManyDevicesAPortHas)
{
	for (std::uint32_t id = 1; id <= 20000; id++)
		host.backends[id * 100000] = host.there.at("web1").index;
	for (const json &request :
	     {json{{"op", "port-show"}, {"port", "web1"}}, json{{"op", "port-show"}}}) {
		const json reply = ask(request);
		ASSERT_TRUE(reply["ok"]);
		EXPECT_LE(reply.dump().size(), Channel::max_bytes);
		ASSERT_FALSE(reply["ports"].empty());
		EXPECT_EQ(reply["ports"][0]["devices"].size(), 1000u);
		EXPECT_EQ(reply["ports"][0]["devices"][0], 100000u);
	}
}

TEST_F(RequestsTest, OthersDoNot)
{
	EXPECT_EQ(refusal({{"op", "port-open"}, {"port", "web1"}}, 1002), EPERM);
	EXPECT_EQ(refusal({{"op", "port-open"}, {"port", "web9"}}, 1002), ENOENT);
	EXPECT_EQ(host.backends.size(), 0u);
	for (const char *op : {"port-bind", "port-add", "port-del", "reload"})
		EXPECT_EQ(refusal({{"op", op}, {"port", "web1"}}, 1001), EPERM) << op;
	EXPECT_EQ(refusal({{"op", "status"}}, 1002), 0);
	EXPECT_EQ(refusal({{"op", "port-show"}}, 1002), 0);
}

TEST_F(RequestsTest, APortIsOpenOnceAtATime)
{
	ASSERT_TRUE(open("web2", 1002)["ok"]);
	EXPECT_EQ(open("web2", 1002)["errno"], EBUSY);
	ASSERT_TRUE(open("web1")["ok"]);
	EXPECT_EQ(open("web1")["error"], "web1: the tap web1 is in use");
	close(1, "web2");
	close(2, "web2");
	EXPECT_TRUE(open("web2", 1002)["ok"]);
}

// A tap is in use as long as the service manager has the queue that it stored.
TEST_F(RequestsTest, WhatAManagerIsToForgetIsWaitedFor)
{
	supervisor.settled = [&] { host.there.at("web1").tun->queues = 0; };
	ASSERT_TRUE(open("web1", 1001)["ok"]);
	EXPECT_EQ(open("web1", 1001)["errno"], EBUSY);
	host.backends.erase(1);
	EXPECT_TRUE(open("web1", 1001)["ok"]);
	host.backends.erase(2);
	EXPECT_EQ(refusal({{"op", "port-del"}, {"port", "web1"}}), 0);

	// And once only: who keeps the queue himself does not hold up others.
	unsigned asked = 0;
	supervisor.settled = [&] { asked++; };
	const json two = open("web2", 1002);
	for (const std::uint32_t device : two["devices"])
		host.backends.erase(device);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(open("web2", 1002)["errno"], EBUSY);
	EXPECT_EQ(asked, 1u);
}

TEST_F(RequestsTest, WithoutTheModulePortsAreShownAndNotOpened)
{
	host.loaded = false;
	EXPECT_EQ(ask({{"op", "status"}})["module"], false);
	EXPECT_FALSE(ask({{"op", "port-show"}})["ports"][0].contains("devices"));
	EXPECT_EQ(open("web1", 1001)["errno"], ENODEV);
	EXPECT_EQ(bind("web1", {1})["errno"], ENODEV);
}

TEST_F(RequestsTest, PortsAreShownWithWhoServesThem)
{
	open("web2");
	host.backends[2] = host.there.at("web2").index;
	host.backends[1] = host.there.at("web2").index;
	const json all = ask({{"op", "port-show"}});
	ASSERT_EQ(all["ports"].size(), 2u);
	EXPECT_EQ(all["ports"][0]["name"], "web1");
	EXPECT_EQ(all["ports"][0]["devices"], json::array());
	const json web2 = ask({{"op", "port-show"}, {"port", "web2"}})["ports"][0];
	EXPECT_EQ(web2, all["ports"][1]);
	EXPECT_EQ(web2["devices"], json({1, 2}));
	EXPECT_EQ(web2["state"], "ready");
	EXPECT_EQ(web2["queues_in_use"], 2);
	EXPECT_EQ(web2["uid"], 1002);
	EXPECT_EQ(web2["config"]["queues"], 2);
	EXPECT_EQ(refusal({{"op", "port-show"}, {"port", "web9"}}), ENOENT);
}

TEST_F(RequestsTest, ManyPortsTakeSeveralReplies)
{
	for (int i = 0; i < 400; i++)
		put("p" + std::to_string(i), "owner = 'vm1'\nbridge = 'br0'");
	requests->reload();
	std::set<std::string> seen;
	json request = {{"op", "port-show"}}, reply;
	do {
		reply = ask(request);
		ASSERT_LT(reply.dump().size(), Channel::max_bytes);
		for (const json &port : reply["ports"])
			EXPECT_TRUE(seen.insert(port["name"]).second);
		request["after"] = reply["ports"].back()["name"];
	} while (reply.contains("more"));
	EXPECT_EQ(seen.size(), 402u);
}

TEST_F(RequestsTest, ADeviceIsBoundAndBoundBack)
{
	open("web1");
	host.backends[1] = host.there.at("web1").index;
	host.offloads = 3;
	EXPECT_EQ(bind("web2", {1}),
		  json({{"ok", true}, {"port", "web2"}, {"devices", {1}}, {"returned", 2}}));
	EXPECT_EQ(host.framing, (Framing{10, 3})) << "no more than the old tap has on";
	host.backends[1] = host.there.at("web2").index;
	EXPECT_EQ(bind("web2", {1})["returned"], 0) << "that is as it is";
	EXPECT_EQ(host.there.at("web1").tun->queues, 1u) << "its client has it open still";
	EXPECT_TRUE(bind("web1", {1})["ok"]) << "by the queue that was handed out";
	EXPECT_EQ(host.bound, (std::vector<std::uint32_t>{1, 1}));
	EXPECT_EQ(supervisor.stored, std::set<std::string>{"tap.1.web1"});
	host.backends.erase(1);
	ask({{"op", "status"}});
	EXPECT_TRUE(supervisor.stored.empty()) << "a closed device lets its tap go";
	EXPECT_EQ(handed.count(), 0u);
}

TEST_F(RequestsTest, APortInUseIsNotBound)
{
	open("web1");
	open("web2");
	host.backends[1] = host.there.at("web1").index;
	EXPECT_EQ(bind("web2", {1})["errno"], EBUSY);
	EXPECT_EQ(bind("web1", {2})["errno"], EBUSY);
	EXPECT_EQ(bind("web1", {7})["errno"], ENOENT);
	EXPECT_TRUE(host.bound.empty());
}

TEST_F(RequestsTest, OfSeveralDevicesAllAreBoundOrNone)
{
	put("web3", "owner = 'vm1'\nqueues = 2");
	requests->reload();
	open("web2");
	host.backends[1] = host.backends[2] = host.there.at("web2").index;
	host.stubborn = {2};
	const json reply = bind("web3", {1, 2});
	EXPECT_EQ(reply["errno"], EPROTO);
	EXPECT_EQ(host.bound, (std::vector<std::uint32_t>{1, 1})) << "there and back";
	EXPECT_EQ(bind("web3", {1, 2, 3})["errno"], EINVAL) << "it has two queues";
}

TEST_F(RequestsTest, AnAddedPortIsAFile)
{
	const json reply = ask({{"op", "port-add"},
				{"port", "web3"},
				{"config", {{"owner", "vm1"}, {"mtu", 9000}}}});
	ASSERT_TRUE(reply["ok"]) << reply;
	EXPECT_EQ(reply["port"]["config"]["mtu"], 9000);
	EXPECT_TRUE(host.there.contains("web3"));
	EXPECT_EQ(load_ports(folder).ports.size(), 3u);
	EXPECT_EQ(refusal({{"op", "port-add"}, {"port", "web3"}, {"config", {{"owner", "vm1"}}}}),
		  EEXIST);
	EXPECT_TRUE(ask({{"op", "port-del"}, {"port", "web3"}})["ok"]);
	EXPECT_FALSE(host.there.contains("web3"));
	EXPECT_EQ(load_ports(folder).ports.size(), 2u);
	EXPECT_EQ(refusal({{"op", "port-del"}, {"port", "web3"}}), ENOENT);
}

TEST_F(RequestsTest, WhatCannotBeWrittenIsNotAdded)
{
	fs::remove_all(folder);
	EXPECT_EQ(refusal({{"op", "port-add"}, {"port", "web3"}, {"config", {{"owner", "vm1"}}}}),
		  ENOENT);
	EXPECT_FALSE(host.there.contains("web3"));
	EXPECT_EQ(refusal({{"op", "reload"}}), ENOENT);
	EXPECT_EQ(ports.all().size(), 2u) << "and what there is stays";
}

TEST_F(RequestsTest, APortInUseIsRemovedByForce)
{
	open("web1");
	EXPECT_EQ(refusal({{"op", "port-del"}, {"port", "web1"}}), EBUSY);
	EXPECT_TRUE(fs::exists(folder / "web1.toml"));
	EXPECT_EQ(refusal({{"op", "port-del"}, {"port", "web1"}, {"force", true}}), 0);
	EXPECT_FALSE(host.there.contains("web1"));
	EXPECT_FALSE(fs::exists(folder / "web1.toml"));
}

TEST_F(RequestsTest, ReloadTellsWhatIsWrong)
{
	put("web1", "owner = 'vm1'\nmtu = 1");
	put("web3", "owner = 'vm3'");
	const json reply = ask({{"op", "reload"}});
	EXPECT_EQ(reply["ports"], 3);
	ASSERT_EQ(reply["errors"].size(), 1u);
	EXPECT_EQ(reply["errors"][0], (folder / "web1.toml").string() +
					      ":2:7: mtu: expected a number from 68 to 65535");
	EXPECT_EQ(ask({{"op", "status"}})["errors"], reply["errors"]);
	EXPECT_EQ(open("web3")["errno"], ENXIO) << "its owner is nobody";
	EXPECT_TRUE(open("web1")["ok"]) << "as it was";
}

TEST_F(RequestsTest, ErrorsAreBounded)
{
	for (int i = 0; i < 40; i++)
		put("p" + std::to_string(i),
		    "owner = 'vm1'\n\"" + std::string(5000, '\x7f') + "\" = 1");
	const json reply = ask({{"op", "reload"}});
	EXPECT_EQ(reply["errors"].size(), 20u);
	EXPECT_LT(reply.dump(-1, ' ', false, json::error_handler_t::replace).size(),
		  Channel::max_bytes);
}

TEST_F(RequestsTest, RubbishIsRefused)
{
	const json opened = {{"op", "port-open"}, {"port", "web1"}};
	std::vector<json> rubbish = {
		json::object(),
		{{"op", 3}},
		{{"op", "port-close"}},
		{{"op", "status"}, {"port", "web1"}},
		{{"op", "port-show"}, {"port", 3}},
		{{"op", "port-show"}, {"after", ""}},
		{{"op", "port-open"}},
		{{"op", "port-open"}, {"port", {"web1"}}},
		{{"op", "port-open"}, {"port", std::string(60000, 'x')}},
		{{"op", "port-open"}, {"port", "../web1"}},
		{{"op", "port-open"}, {"port", "web1"}, {"fds", 3}},
		{{"op", "port-open"}, {"port", "web1"}, {std::string(60000, 'x'), 3}},
		{{"op", "port-bind"}, {"port", "web1"}},
		{{"op", "port-bind"}, {"port", "web1"}, {"devices", 1}},
		{{"op", "port-bind"}, {"port", "web1"}, {"devices", json::array()}},
		{{"op", "port-bind"}, {"port", "web1"}, {"devices", {-1}}},
		{{"op", "port-bind"}, {"port", "web1"}, {"devices", {0}}},
		{{"op", "port-bind"}, {"port", "web1"}, {"devices", {1.5}}},
		{{"op", "port-bind"}, {"port", "web1"}, {"devices", {4294967296}}},
		{{"op", "port-bind"}, {"port", "web2"}, {"devices", {1, 1}}},
		{{"op", "port-add"}, {"port", "web3"}},
		{{"op", "port-add"}, {"port", "web3"}, {"config", {"owner"}}},
		{{"op", "port-add"}, {"port", "web3"}, {"config", {{"owner", "vm1"}, {"a", 1}}}},
		{{"op", "port-add"}, {"port", "web3"}, {"config", {{"owner", "nobody-there"}}}},
		{{"op", "port-del"}, {"port", "web1"}, {"force", 1}},
	};
	for (const json &request : rubbish) {
		const json reply = ask(request);
		EXPECT_EQ(reply["errno"], EINVAL) << request.dump().substr(0, 100);
		EXPECT_LT(reply.dump().size(), 4000u);
	}
	EXPECT_EQ(ports.all().size(), 2u);
	EXPECT_TRUE(host.backends.empty());
}

TEST_F(RequestsTest, WhatASupervisorStoredIsTakenUp)
{
	StoredFd good{"tap.7.a.b", UniqueFd(eventfd(0, 0))};
	EXPECT_TRUE(handed.restore(good));
	EXPECT_GE(handed.find(7, "a.b"), 0);
	EXPECT_EQ(handed.find(7, "a"), -1);
	for (const char *name : {"socket", "tap.", "tap.x.a", "tap.7", "tap.99999999999.a"}) {
		StoredFd other{name, UniqueFd()};
		EXPECT_FALSE(handed.restore(other)) << name;
	}
}
