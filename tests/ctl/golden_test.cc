// SPDX-License-Identifier: GPL-2.0-only
// What commands print, to the byte: programs read it.  Where it is to change, run this with
// GOLDEN_UPDATE=1 and look at what git says of tests/ctl/golden.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "commands.hh"
#include "fake_system.hh"
#include "net/tun_flags.hh"

using namespace vhostctl;
using namespace vhostctl::test;

namespace {

class Golden : public testing::Test {
protected:
	Golden()
	{
		setenv("TZ", "UTC", 1);
		tzset();
	}

	// Compares what the command prints with the file of that name.
	void expect(const std::string &name, const std::vector<std::string> &words, int status = 0)
	{
		std::ostringstream out;
		const CommandLine line = parse(words);
		EXPECT_EQ(run_command({line, system, out}), status) << name;
		const std::string path = std::string(GOLDEN_FOLDER "/") + name;
		if (std::getenv("GOLDEN_UPDATE"))
			std::ofstream(path) << out.str();
		std::ifstream file(path);
		std::ostringstream golden;
		golden << file.rdbuf();
		EXPECT_EQ(out.str(), golden.str()) << name;
		if (name.ends_with(".json")) {
			std::istringstream lines(out.str());
			for (std::string each; std::getline(lines, each);)
				EXPECT_TRUE(Json::accept(line.pretty ? out.str() : each)) << each;
		}
	}

	FakeSystem system;
};

} // namespace

TEST_F(Golden, Devices)
{
	expect("dev_show.json", {"-j", "-p", "dev", "show"});
	expect("dev_show.txt", {"dev"});
	expect("dev_show_one.json", {"-j", "dev", "show", "7"});
	expect("dev_show_statistics.json", {"-jps", "dev", "show", "tap0"});
	expect("dev_show_statistics.txt", {"-s", "dev", "show", "tap0"});
}

TEST_F(Golden, Queues)
{
	expect("queue_show.json", {"-jp", "queue", "show"});
	expect("queue_show.txt", {"queue", "show", "tap0"});
	system.stopped = true;
	expect("queue_show_stopped.json", {"-jps", "queue", "show", "1/1"});
	expect("queue_show_stopped.txt", {"-s", "queue", "show", "1/1"});
}

TEST_F(Golden, Monitor)
{
	const auto events = [&] {
		// Device 1 is process 4321's, asked from here; device 3 is not there (any more).
		const auto tell = [&](std::uint8_t command, std::uint32_t id, std::uint32_t owner) {
			system.event(NetlinkMessage(command)
					     .u32(VHOST_NET_ALT_A_DEV_ID, id)
					     .u32(VHOST_NET_ALT_A_DEV_STATE,
						  VHOST_NET_ALT_DEV_STATE_OWNED)
					     .u32(VHOST_NET_ALT_A_DEV_OWNER_PID, owner));
		};
		tell(VHOST_NET_ALT_CMD_DEV_ADD_NTF, 1, 4321);
		tell(VHOST_NET_ALT_CMD_DEV_CHANGE_NTF, 1, 1);
		tell(VHOST_NET_ALT_CMD_DEV_DEL_NTF, 3, 4321);
		system.event(NetlinkMessage(VHOST_NET_ALT_CMD_QUEUE_ERROR_NTF)
				     .u32(VHOST_NET_ALT_A_QUEUE_DEV_ID, 3)
				     .u32(VHOST_NET_ALT_A_QUEUE_ID, 1)
				     .u32(VHOST_NET_ALT_A_QUEUE_TYPE, VHOST_NET_ALT_QUEUE_TYPE_TX)
				     .string(VHOST_NET_ALT_A_QUEUE_RULE, "zero_length")
				     .string(VHOST_NET_ALT_A_QUEUE_RULE_TEXT,
					     "descriptor of zero bytes"));
		for (const auto kind : {vhostd::Event::Kind::lost, vhostd::Event::Kind::unloaded,
					vhostd::Event::Kind::loaded})
			system.events.push_back({kind, {}});
	};
	events();
	expect("monitor.json", {"-j", "monitor"});
	events();
	expect("monitor.txt", {"monitor", "-n", "7"});
	events();
	expect("monitor_two.txt", {"monitor", "-n", "2"});
}

TEST_F(Golden, Top)
{
	expect("top.txt", {"top", "-n", "2", "-d", "2"});
	system.stopped = true;
	system.rate = 5000;
	expect("top_one.txt", {"top", "-n", "1", "tap0"});
	expect("top.json", {"-j", "top", "-n", "2", "tap0"});
}

// A process is called what it likes (prctl(2)), an interface nearly so.
TEST_F(Golden, NoNameSteersATerminal)
{
	system.owner = "\x1b]0;a\a\x7f\xc2\x9b\xff\xc3\xa4\xed\xa0\x80";
	system.ifname = "\x1b[2Jt\r";
	system.is.interfaces[system.ifname].up = false;
	const auto output = [&](const std::vector<std::string> &words) {
		std::ostringstream out;
		(void)run_command({parse(words), system, out});
		return out.str();
	};
	EXPECT_NE(output({"dev", "show", "1"}).find(
			  "owner \\x1b]0;a\\x07\\x7f\\xc2\\x9b\\xff\xc3\xa4\\xed\\xa0\\x80"),
		  std::string::npos);
	for (const char *command : {"dev", "queue", "top", "doctor"}) {
		std::vector<std::string> words{command};
		if (words[0] == "top")
			words.insert(words.end(), {"-n", "1"});
		const std::string text = output(words);
		EXPECT_EQ(text.find_first_of("\x1b\x7f\a\r"), std::string::npos) << text;
		EXPECT_EQ(text.find("\\x1b[2Jt\\x0d") == std::string::npos, words[0] == "dev") << text;
	}
	EXPECT_TRUE(Json::accept(output({"-j", "dev", "show"})));
	EXPECT_TRUE(Json::accept(output({"-j", "queue", "show"})));
}

TEST_F(Golden, Doctor)
{
	expect("doctor.txt", {"doctor"});
	system.stopped = true;
	system.is.node->usable = false;
	system.is.administrator = false;
	system.is.daemon = "/run/vhostd.sock: No such file or directory";
	system.is.interfaces["tap0"].offloads.on &= ~(TUN_F_TSO4 | TUN_F_TSO6);
	expect("doctor_ill.txt", {"doctor"}, status_refused);
	expect("doctor_ill.json", {"-jp", "doctor"}, status_refused);
	system.loaded = false;
	expect("doctor_absent.txt", {"doctor"}, status_refused);
	// All that is slower than it need be.
	system = FakeSystem();
	Machine::Interface &tap = system.is.interfaces["tap0"];
	tap.offloads = {TUN_F_CSUM | TUN_F_TSO4, 0};
	tap.queues = 4;
	tap.master_mtu = 9000;
	system.sending = {{VHOST_NET_ALT_A_COUNTERS_NO_ROOM, 500},
			  {VHOST_NET_ALT_A_COUNTERS_ZEROCOPY, 100},
			  {VHOST_NET_ALT_A_COUNTERS_ZEROCOPY_COPIED, 60},
			  {VHOST_NET_ALT_A_COUNTERS_COPIED_BACKOFF, 2900},
			  {VHOST_NET_ALT_A_COUNTERS_COPIED_LIMIT, 3},
			  {VHOST_NET_ALT_A_COUNTERS_POLLS, 100000},
			  {VHOST_NET_ALT_A_COUNTERS_POLL_HITS, 7},
			  {VHOST_NET_ALT_A_COUNTERS_POLL_NS, 123456789},
			  {VHOST_NET_ALT_A_COUNTERS_IOTLB_MISSES, 300}};
	expect("doctor_slow.txt", {"doctor"});
	// What is less than worth a word.
	tap.offloads = {TUN_F_CSUM | TUN_F_USO4, TUN_F_CSUM};
	tap.queues = 1;
	tap.master_mtu = tap.mtu;
	system.sending = {{VHOST_NET_ALT_A_COUNTERS_NO_ROOM, 100},
			  {VHOST_NET_ALT_A_COUNTERS_ZEROCOPY, 100},
			  {VHOST_NET_ALT_A_COUNTERS_ZEROCOPY_COPIED, 40},
			  {VHOST_NET_ALT_A_COUNTERS_COPIED_BACKOFF, 100},
			  {VHOST_NET_ALT_A_COUNTERS_POLLS, 100000},
			  {VHOST_NET_ALT_A_COUNTERS_POLL_HITS, 3000},
			  {VHOST_NET_ALT_A_COUNTERS_POLL_NS, 123456789},
			  {VHOST_NET_ALT_A_COUNTERS_IOTLB_MISSES, 100}};
	expect("doctor_well.txt", {"doctor"});
}

TEST_F(Golden, Metrics)
{
	expect("metrics.txt", {"metrics"});
}
