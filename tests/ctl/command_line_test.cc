// SPDX-License-Identifier: GPL-2.0-only
// The grammar of the command line, and what is refused in it.
#include "command_line.hh"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "commands.hh"
#include "fake_system.hh"
#include "port/port.hh"
#include "port_config.hh"
#include "qemu.hh"

using namespace vhostctl;
using namespace vhostctl::test;

namespace {

std::string refusal(const std::vector<std::string> &words)
{
	FakeSystem system;
	std::ostringstream out;
	try {
		const CommandLine line = parse(words);
		run_command({line, system, out});
	} catch (const UsageError &error) {
		EXPECT_EQ(out.str(), "");
		return error.what();
	}
	return "taken";
}

} // namespace

TEST(CommandLine, ObjectsAndCommandsMayBeCutShort)
{
	EXPECT_EQ(parse({"d"}).object, "dev");
	EXPECT_EQ(parse({"do"}).object, "doctor");
	EXPECT_EQ(parse({"q", "sh"}).command, "show");
	EXPECT_EQ(parse({"queue", "list"}).command, "show");
	EXPECT_EQ(parse({"dev", "se", "1", "x", "2"}).command, "set");
	EXPECT_EQ(parse({"port", "b", "web1", "dev", "1"}).command, "bind");
	EXPECT_EQ(parse({"port"}).command, "show");
	EXPECT_EQ(parse({"monitor", "help"}).command, "help");
}

TEST(CommandLine, OptionsMayBeAnywhere)
{
	const CommandLine line = parse({"-jps", "queue", "show", "1"});
	EXPECT_TRUE(line.json && line.pretty && line.statistics);
	EXPECT_TRUE(parse({"queue", "show", "-s"}).statistics);
	const CommandLine top = parse({"top", "-n", "3", "-d", "0.5", "tap0"});
	EXPECT_EQ(top.times, 3u);
	EXPECT_EQ(top.seconds, 0.5);
	EXPECT_EQ(top.arguments, std::vector<std::string>{"tap0"});
	EXPECT_EQ(parse({"-V"}).object, "version");
}

TEST(CommandLine, WhatIsBehindTwoDashesIsTheProgram)
{
	const CommandLine line =
		parse({"run", "--port", "web1", "--port=web2", "--", "qemu", "-s", "--", "-j"});
	EXPECT_EQ(line.ports, (std::vector<std::string>{"web1", "web2"}));
	EXPECT_EQ(line.program, (std::vector<std::string>{"qemu", "-s", "--", "-j"}));
	EXPECT_FALSE(line.statistics || line.json);
}

TEST(CommandLine, WhatIsWrongIsSaid)
{
	EXPECT_EQ(refusal({"foo"}), "Object \"foo\" is unknown, try \"vhostctl help\".");
	EXPECT_EQ(refusal({""}), "Object \"\" is unknown, try \"vhostctl help\".");
	EXPECT_EQ(refusal({"dev", "foo"}),
		  "Command \"foo\" is unknown, try \"vhostctl dev help\".");
	EXPECT_NE(refusal({"dev", "show", "-x"}), "taken");
	EXPECT_EQ(refusal({"dev", "set", "1", "colour", "3"}),
		  "Unknown setting \"colour\", try \"vhostctl dev help\".");
	for (const char *value : {"x", "3x", "-1", "4294967296", ""})
		EXPECT_EQ(refusal({"dev", "set", "1", "rx_batch", "--", value}).substr(0, 6),
			  "--port");
	for (const char *value : {"x", "3x", "4294967296", ""})
		EXPECT_EQ(refusal({"dev", "set", "1", "rx_batch", value}),
			  "Invalid value \"" + std::string(value) +
				  "\" of rx_batch: expected a number.");
	EXPECT_EQ(refusal({"dev", "set", "1", "rx_batch"}), usage("dev"));
	EXPECT_EQ(refusal({"dev", "set", "1"}), usage("dev"));
	EXPECT_EQ(refusal({"dev", "show", "1", "2"}), usage("dev"));
	EXPECT_EQ(refusal({"queue", "show", "1", "2"}), usage("queue"));
	EXPECT_EQ(refusal({"port", "bind", "web1", "dev"}), usage("port"));
	EXPECT_EQ(refusal({"port", "bind", "web1"}), usage("port"));
	EXPECT_EQ(refusal({"port", "bind", "web1", "to", "1"}),
		  "\"to\" is unknown, try \"vhostctl port help\".");
	EXPECT_EQ(refusal({"run", "--port", "web1"}), usage("run"));
	EXPECT_EQ(refusal({"run", "--", "qemu"}), usage("run"));
	EXPECT_EQ(refusal({"dev", "-n", "3"}), "-n and -d are top's and monitor's");
	EXPECT_EQ(refusal({}), usage(""));
}

TEST(DeviceSet, SetsAllThatAreMeant)
{
	FakeSystem system;
	std::ostringstream out;
	const CommandLine line =
		parse({"dev", "set", "tap0", "rx-batch", "32", "weight_bytes", "65536"});
	EXPECT_EQ(run_command({line, system, out}), 0);
	EXPECT_EQ(system.settings,
		  (std::vector<std::string>{"1 rx_batch=32", "1 weight_bytes=65536"}));
	EXPECT_EQ(out.str(), "");
}

TEST(Devices, UnknownOnesAreTold)
{
	FakeSystem system;
	std::ostringstream out;
	const auto run = [&](const std::vector<std::string> &words) {
		const CommandLine line = parse(words);
		run_command({line, system, out});
	};
	EXPECT_THROW(run({"dev", "show", "99"}), vhostd::RequestRefused);
	EXPECT_THROW(run({"dev", "set", "99", "rx_batch", "1"}), vhostd::RequestRefused);
	EXPECT_THROW(run({"dev", "show", "tap9"}), NoDevice);
	EXPECT_THROW(run({"dev", "show", "0"}), NoDevice);
	EXPECT_THROW(run({"dev", "show", ""}), NoDevice);
	EXPECT_THROW(run({"queue", "show", "1/2"}), NoDevice);
	system.loaded = false;
	EXPECT_THROW(run({"dev"}), vhostd::NotLoaded);
	EXPECT_EQ(out.str(), "");
}

TEST(PortConfig, WordsAreKeysAndValues)
{
	const std::vector<std::string> words{"owner",    "vm1",   "mtu", "9000",      "offloads",
					     "checksum,tso", "queues", "2",  "polling",   "adaptive",
					     "zerocopy", "auto",  "bridge", "br0"};
	EXPECT_EQ(port_config(words).dump(),
		  R"({"bridge":"br0","mtu":9000,"offloads":["checksum","tso"],"owner":"vm1",)"
		  R"("polling":"adaptive","queues":2,"zerocopy":"auto"})");
	EXPECT_EQ(port_config(std::vector<std::string>{"polling", "50", "offloads", "off"}).dump(),
		  R"({"offloads":false,"polling":50})");
	for (const std::vector<std::string> &wrong :
	     std::vector<std::vector<std::string>>{{"owner"},
						   {"mtu", "x"},
						   {"mtu", "1500b"},
						   {"colour", "red"},
						   {"owner", "a", "owner", "b"}})
		EXPECT_THROW((void)port_config(wrong), UsageError);
}

TEST(Qemu, HasDescriptorsByNumber)
{
	// Numbers that are no descriptors: closing them does nothing.
	const auto fds = [](std::initializer_list<int> numbers) {
		std::vector<vhostd::UniqueFd> all;
		for (const int number : numbers)
			all.emplace_back(number);
		return all;
	};
	vhostd::OpenPort port;
	port.port = "web1";
	port.tap_fds = fds({7001});
	port.device_fds = fds({7002});
	const std::string mac = guest_mac("web1", "");
	EXPECT_EQ(qemu_arguments(port, "virtio-net-pci,mac=52:54:00:00:00:01"),
		  (std::vector<std::string>{
			  "-netdev", "tap,id=vna-web1,fd=7001,vhost=on,vhostfd=7002", "-device",
			  "virtio-net-pci,mac=52:54:00:00:00:01,netdev=vna-web1"}));
	port.tap_fds = fds({7001, 7003});
	port.device_fds = fds({7002, 7004});
	port.mtu = 9000;
	EXPECT_EQ(qemu_arguments(port, "virtio-net-pci,mac=52:54:00:00:00:01")[1],
		  "tap,id=vna-web1,fds=7001:7003,vhost=on,vhostfds=7002:7004");
	EXPECT_EQ(qemu_arguments(port, "virtio-net-pci,mac=52:54:00:00:00:01")[3],
		  "virtio-net-pci,mac=52:54:00:00:00:01,netdev=vna-web1,mq=on,vectors=6,"
		  "host_mtu=9000");
	port.port = "web1,script=x";
	EXPECT_EQ(qemu_arguments(port, "virtio-net-pci")[1],
		  "tap,id=vna-web1_script_x,fds=7001:7003,vhost=on,vhostfds=7002:7004");
}

TEST(DeviceSet, KnowsWordsAsPortsHaveThem)
{
	FakeSystem system;
	std::ostringstream out;
	for (const char *word : {"off", "on", "auto"}) {
		const CommandLine line = parse({"dev", "set", "1", "zerocopy", word});
		EXPECT_EQ(run_command({line, system, out}), 0);
	}
	const std::string bytes = std::to_string(vhostd::automatic_zerocopy_bytes);
	EXPECT_EQ(system.settings, (std::vector<std::string>{"1 zerocopy=0", "1 zerocopy=1",
							     "1 zerocopy=" + bytes}));
	// What the pages say of "auto".
	for (const char *page : {"docs/man/vhostctl.8", "daemon/vhostd.8.in"}) {
		std::ifstream file(std::string(SOURCE_FOLDER "/") + page);
		std::ostringstream text;
		text << file.rdbuf();
		EXPECT_NE(text.str().find(' ' + bytes + " bytes"), std::string::npos) << page;
	}
}

TEST(Qemu, AnAddressIsAPortsAndAMachines)
{
	EXPECT_EQ(guest_mac("web1", "a"), guest_mac("web1", "a"));
	EXPECT_NE(guest_mac("web1", "a"), guest_mac("web2", "a"));
	EXPECT_NE(guest_mac("web1", "a"), guest_mac("web1", "b"));
	EXPECT_TRUE(guest_mac("web1", "a").starts_with("52:54:00:"));
	EXPECT_EQ(guest_mac("web1", "a").size(), 17u);
}

TEST(Completion, KnowsWhatMayFollow)
{
	EXPECT_EQ(std::system(GOLDEN_FOLDER "/../completion.sh"), 0);
}
