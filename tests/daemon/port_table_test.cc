// SPDX-License-Identifier: GPL-2.0-only
// Taps become what ports say, whatever the machine was like before; and what is not
// vhostd's is left alone.
#include "vhostd/port_table.hh"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "fake_host.hh"
#include "ipc/refused.hh"

using namespace vhostd;

namespace {

class PortTableTest : public testing::Test
{
protected:
	PortTableTest() { spdlog::set_level(spdlog::level::off); }

	static Port port(const std::string &name)
	{
		Port port;
		port.name = port.tap = name;
		port.owner = "vm1";
		return port;
	}
	void declare(std::vector<Port> ports)
	{
		EXPECT_TRUE(table.declare({ports, {}, {}}).empty());
	}
	const KeptPort &kept(const std::string &name) const { return *table.find(name); }
	int refusal(auto &&action)
	{
		try {
			action();
			return 0;
		} catch (const Refused &refused) {
			return refused.error();
		}
	}

	FakeHost host;
	PortTable table{host};
};

} // namespace

TEST_F(PortTableTest, ATapIsMadeAsDeclaredAndKeptSo)
{
	host.put("br0", "bridge");
	Port web1 = port("web1");
	web1.mtu = 9000;
	web1.mac = parse_mac("fe:54:00:00:00:01");
	web1.bridge = "br0";
	declare({web1});
	EXPECT_TRUE(table.keep());
	const Link &link = host.there.at("web1");
	EXPECT_EQ(link.mtu, 9000u);
	EXPECT_EQ(link.mac, web1.mac);
	EXPECT_EQ(link.master, host.there.at("br0").index);
	EXPECT_EQ(link.alias, "vhostd:web1");
	EXPECT_TRUE(link.up);
	EXPECT_EQ(kept("web1").state, PortState::ready);
	EXPECT_EQ(kept("web1").uid, 1001u);
	EXPECT_FALSE(table.keep()) << "there is nothing left to do";

	host.there.at("web1").master = 0;
	host.there.at("web1").up = false;
	EXPECT_TRUE(table.keep());
	EXPECT_EQ(host.there.at("web1").master, host.there.at("br0").index);
	EXPECT_TRUE(host.there.at("web1").up);
	host.there.erase("web1");
	EXPECT_TRUE(table.keep());
	EXPECT_TRUE(host.there.contains("web1"));
}

TEST_F(PortTableTest, NoneButTheOwnerMayAttachToAFreeTap)
{
	declare({port("web1")});
	table.keep();
	std::optional<uid_t> &owner = host.there.at("web1").tun->owner;
	EXPECT_EQ(owner, 1001u);
	host.there.at("web1").tun->queues = 1;
	owner = 1002; // by the ioctl of who has the queue
	EXPECT_FALSE(table.keep()) << "nothing can be done as long as it is in use";
	host.there.at("web1").tun->queues = 0;
	host.hidden_users = {"web1"};
	EXPECT_FALSE(table.keep());
	EXPECT_EQ(kept("web1").state, PortState::ready);
	host.hidden_users.clear();
	EXPECT_TRUE(table.keep());
	EXPECT_EQ(owner, 1001u);
	owner.reset();
	EXPECT_TRUE(table.keep());
	EXPECT_EQ(owner, 1001u);
	EXPECT_FALSE(table.keep());
}

TEST_F(PortTableTest, ATapThatSomeoneTookAQueueOfIsMadeAnew)
{
	host.intruders = 1;
	declare({port("web1")});
	EXPECT_TRUE(table.keep());
	EXPECT_EQ(kept("web1").state, PortState::waiting);
	EXPECT_FALSE(host.there.contains("web1"));
	host.intruders = 0;
	EXPECT_TRUE(table.keep());
	EXPECT_EQ(kept("web1").state, PortState::ready);
}

TEST_F(PortTableTest, ANewTableTakesUpWhatIsThere)
{
	declare({port("web1")});
	table.keep();
	host.there.at("web1").tun->queues = 1; // a guest has it
	const unsigned index = host.there.at("web1").index, changes = host.changes;
	PortTable next(host);
	next.declare({{port("web1")}, {}, {}});
	EXPECT_FALSE(next.keep());
	EXPECT_EQ(host.changes, changes);
	EXPECT_EQ(next.find("web1")->link->index, index);
	EXPECT_EQ(next.find("web1")->state, PortState::ready);
}

TEST_F(PortTableTest, ItWaitsForItsBridge)
{
	Port web1 = port("web1");
	web1.bridge = "br0";
	declare({web1});
	table.keep();
	EXPECT_EQ(kept("web1").state, PortState::waiting);
	EXPECT_EQ(kept("web1").problem, "there is no bridge br0");
	host.put("br0", "dummy");
	table.keep();
	EXPECT_EQ(kept("web1").problem, "br0 is no bridge");
	host.put("br0", "bridge");
	table.keep();
	EXPECT_EQ(kept("web1").state, PortState::ready);
}

TEST_F(PortTableTest, WhatIsNotVhostdsIsLeftAlone)
{
	host.put("eth0", "");
	host.put("web1", "tun").tun = Tun{true, true, true, false, 1, {}};
	Link &named = host.put("web2", "tun");
	named.tun = Tun{true, true, true, false, 0, {}};
	named.alias = "the printer";
	host.put("web3", "tun").tun = Tun{true, false, true, false, 0, {}};
	host.put("tun0", "tun").tun = Tun{false, true, true, false, 0, {}};
	host.put("web4", "tun").tun = Tun{true, true, true, false, 0, {}};
	host.put("other", "tun").tun = Tun{true, true, true, false, 0, {}};
	declare({port("eth0"), port("web1"), port("web2"), port("web3"), port("web4"),
		 port("tun0")});
	table.keep();
	EXPECT_EQ(kept("eth0").problem, "eth0 is another interface's name");
	EXPECT_EQ(kept("tun0").problem, "tun0 is another interface's name");
	EXPECT_EQ(kept("web1").problem, "web1 is another's tap, and in use");
	EXPECT_EQ(kept("web2").problem, "web2 is another's tap: the printer");
	EXPECT_EQ(kept("web3").problem, "web3 is another's tap, made for other uses");
	for (const char *name : {"eth0", "web1", "web2", "web3", "tun0"})
		EXPECT_EQ(kept(name).state, PortState::broken) << name;
	EXPECT_EQ(host.changes, 1u) << "a free tap without a name is taken";
	EXPECT_EQ(host.there.at("web4").alias, "vhostd:web4");

	declare({});
	table.keep();
	for (const char *name : {"eth0", "web1", "web2", "web3", "tun0", "other"})
		EXPECT_TRUE(host.there.contains(name)) << name;
	EXPECT_FALSE(host.there.contains("web4"));
}

TEST_F(PortTableTest, ATapThatIsInUseStaysUntilItIsFree)
{
	declare({port("web1"), port("web2")});
	table.keep();
	host.there.at("web1").tun->queues = 1;
	host.there.at("web2").tun->queues = 1;
	Port web2 = port("web2");
	web2.queues = 2;
	declare({web2});
	table.keep();
	EXPECT_TRUE(host.there.contains("web1"));
	EXPECT_EQ(kept("web2").state, PortState::waiting);
	EXPECT_FALSE(host.there.at("web2").tun->several_queues);
	host.there.at("web1").tun->queues = 0;
	host.there.at("web2").tun->queues = 0;
	table.keep();
	EXPECT_FALSE(host.there.contains("web1"));
	EXPECT_TRUE(host.there.at("web2").tun->several_queues);
	EXPECT_EQ(kept("web2").state, PortState::ready);
}

TEST_F(PortTableTest, AFileWithAnErrorLeavesItsPortAsItWas)
{
	declare({port("web1"), port("web2")});
	Port web3 = port("web3");
	web3.tap = "web1";
	const auto errors = table.declare({{web3}, {"web1"}, {"web1.toml:1:1: wrong"}});
	ASSERT_EQ(errors.size(), 2u);
	EXPECT_EQ(errors[1], "web3: tap web1 is another port's, whose file has an error: web1");
	EXPECT_TRUE(table.find("web1"));
	EXPECT_FALSE(table.find("web2"));
	EXPECT_FALSE(table.find("web3"));
}

TEST_F(PortTableTest, WhatTheKernelRefusesIsToldAndTriedAgain)
{
	Port web1 = port("web1");
	web1.mtu = 9999;
	declare({web1, port("web2")});
	table.keep();
	EXPECT_EQ(kept("web1").state, PortState::broken);
	EXPECT_EQ(kept("web1").problem.substr(0, 6), "web1: ");
	EXPECT_EQ(kept("web2").state, PortState::ready);
	web1.mtu = 1500;
	declare({web1, port("web2")});
	table.keep();
	EXPECT_EQ(kept("web1").state, PortState::ready);
}

TEST_F(PortTableTest, AnOwnerMayComeLater)
{
	Port web1 = port("web1");
	web1.owner = "vm9";
	declare({web1});
	table.keep();
	EXPECT_EQ(kept("web1").problem, "owner: there is no user vm9");
	host.users["vm9"] = 1009;
	table.keep();
	EXPECT_EQ(kept("web1").uid, 1009u);
	EXPECT_EQ(kept("web1").state, PortState::ready);
}

TEST_F(PortTableTest, PortsAreAddedAndRemoved)
{
	EXPECT_EQ(table.add(port("web1")).state, PortState::ready);
	EXPECT_TRUE(host.there.contains("web1"));
	EXPECT_EQ(refusal([&] { table.add(port("web1")); }), EEXIST);
	Port web2 = port("web2");
	web2.tap = "web1";
	EXPECT_EQ(refusal([&] { table.add(web2); }), EEXIST);
	host.put("eth0", "");
	EXPECT_EQ(refusal([&] { table.add(port("eth0")); }), EINVAL);
	EXPECT_FALSE(table.find("eth0"));

	host.there.at("web1").tun->queues = 1;
	EXPECT_EQ(refusal([&] { table.remove("web1", false); }), EBUSY);
	EXPECT_TRUE(table.find("web1"));
	table.remove("web1", true);
	EXPECT_FALSE(host.there.contains("web1"));
	EXPECT_EQ(refusal([&] { table.remove("web1", true); }), ENOENT);
	EXPECT_TRUE(host.there.contains("eth0"));
}
