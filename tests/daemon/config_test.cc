// SPDX-License-Identifier: GPL-2.0-only
// Ports' files: what they may say, and that of what is wrong the place is told.
#include "port/config.hh"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

using namespace vhostd;
namespace fs = std::filesystem;

namespace {

Port parse(std::string_view text)
{
	return parse_port(text, "/etc/ports.d/web1.toml");
}

// The error that @text is refused with, without the file's name.
std::string refusal(std::string_view text)
{
	try {
		(void)parse(text);
	} catch (const ConfigError &error) {
		const std::string what = error.what(), file = "/etc/ports.d/web1.toml:";
		EXPECT_EQ(what.substr(0, file.size()), file);
		return what.substr(std::min(what.size(), file.size()));
	}
	return "taken";
}

class Folder : public testing::Test {
protected:
	Folder()
	{
		std::string name = (fs::temp_directory_path() / "ports.XXXXXX").string();
		path = mkdtemp(name.data());
	}
	~Folder() override { fs::remove_all(path); }
	void put(const std::string &name, const std::string &text) const
	{
		std::ofstream(path / name) << text;
	}
	fs::path path;
};

} // namespace

TEST(Config, OnlyTheOwnerMustBeSaid)
{
	const Port port = parse("owner = 'libvirt-qemu'");
	EXPECT_EQ(port.name, "web1");
	EXPECT_EQ(port.tap, "web1");
	EXPECT_EQ(port.owner, "libvirt-qemu");
	EXPECT_EQ(port.queues, 1u);
	EXPECT_EQ(port.offloads, Offloads());
	EXPECT_FALSE(port.bridge || port.mtu || port.mac || port.zerocopy || port.polling);
}

TEST(Config, EverythingThatMayBeSaid)
{
	const Port port = parse("owner = '64055'\n"
				"tap = 'tap7'\n"
				"bridge = 'br0'\n"
				"mtu = 9000\n"
				"mac = 'fe:54:00:12:34:5F'\n"
				"queues = 4\n"
				"offloads = ['checksum', 'tso']\n"
				"zerocopy = 'auto'\n"
				"polling = 'adaptive'\n");
	EXPECT_EQ(port.tap, "tap7");
	EXPECT_EQ(port.bridge, "br0");
	EXPECT_EQ(port.mtu, 9000u);
	EXPECT_EQ(to_string(port.mac.value()), "fe:54:00:12:34:5f");
	EXPECT_EQ(port.queues, 4u);
	EXPECT_EQ(port.offloads, (Offloads{true, true, false}));
	EXPECT_EQ(port.zerocopy, ZeroCopy::automatic);
	EXPECT_TRUE(port.polling.value().adaptive);
	EXPECT_EQ(parse_port(to_toml(port), "web1.toml"), port);
}

TEST(Config, EveryFormOfASettingIsWrittenAndReadBack)
{
	for (const char *setting :
	     {"offloads = true", "offloads = false", "offloads = []", "offloads = ['checksum', 'uso']",
	      "zerocopy = 'on'", "zerocopy = 'off'", "polling = 'off'", "polling = 50",
	      "polling = 1000000"}) {
		const Port port = parse(std::string("owner = 'a'\n") + setting);
		EXPECT_EQ(parse_port(to_toml(port), "web1.toml"), port) << setting;
	}
	EXPECT_EQ(parse("owner = 'a'\noffloads = false").offloads, (Offloads{false, false, false}));
	EXPECT_EQ(parse("owner = 'a'\npolling = 50").polling, (Polling{false, 50}));
}

TEST(Config, WhatIsWrongIsToldWithItsPlace)
{
	EXPECT_EQ(refusal("owner = "), "1:9: Error while parsing key-value pair: encountered "
				       "end-of-file");
	EXPECT_EQ(refusal("tap = 'a'").substr(0, 25), "1:1: owner: missing: the ");
	EXPECT_EQ(refusal("owner = 3"), "1:9: owner: expected a text, such as \"vm1\"");
	EXPECT_EQ(refusal("owner = ''"), "1:9: owner: expected a text, such as \"vm1\"");
	for (const std::string &owner : {std::string(257, 'a'), std::string("root\\u0000x"),
					 std::string("a\\nb"), std::string("\\u001b[2J")})
		EXPECT_EQ(refusal("owner = \"" + owner + '"'),
			  "1:9: owner: expected a user's name or number");
	EXPECT_EQ(refusal("owner = 'a'\n\nmtu = 67"), "3:7: mtu: expected a number from 68 to 65535");
	EXPECT_EQ(refusal("owner = 'a'\nmtu = 65536"),
		  "2:7: mtu: expected a number from 68 to 65535");
	EXPECT_EQ(refusal("owner = 'a'\nmtu = 1500.0"),
		  "2:7: mtu: expected a number from 68 to 65535");
	EXPECT_EQ(refusal("owner = 'a'\nqueues = 0"),
		  "2:10: queues: expected a number from 1 to 126");
	EXPECT_EQ(refusal("owner = 'a'\ncolour = 1").substr(0, 44),
		  "2:1: colour: unknown key: expected one of ow");
	EXPECT_EQ(refusal("owner = 'a'\ntap = 'a/b'"),
		  "2:7: tap: expected an interface's name, of 1 to 15 letters");
	EXPECT_EQ(refusal("owner = 'a'\nbridge = 'sixteen-letters-'"),
		  "2:10: bridge: expected an interface's name, of 1 to 15 letters");
	EXPECT_EQ(refusal("owner = 'a'\nzerocopy = true"),
		  "2:12: zerocopy: expected a text, such as \"vm1\"");
	EXPECT_EQ(refusal("owner = 'a'\nzerocopy = 'yes'"),
		  "2:12: zerocopy: expected \"off\", \"on\" or \"auto\"");
	EXPECT_EQ(refusal("owner = 'a'\npolling = 0"),
		  "2:11: polling: expected \"off\", \"adaptive\", or microseconds from 1 to 1000000");
	EXPECT_EQ(refusal("owner = 'a'\noffloads = ['gro']"),
		  "2:12: offloads: expected true, false, or a list of \"checksum\", \"tso\" and "
		  "\"uso\"");
	EXPECT_EQ(refusal("owner = 'a'\noffloads = ['tso']"),
		  "2:12: offloads: expected \"checksum\" where there is \"tso\" or \"uso\"");
}

TEST(Config, AMacIsAStations)
{
	for (const char *wrong : {"00:00:00:00:00:00", "01:00:5e:00:00:01", "52:54:00:12:34",
				  "52:54:00:12:34:5", "52-54-00-12-34-56", "52:54:00:12:34:5g",
				  "52:54:00:12:34:56:78", "+2:54:00:12:34:56"})
		EXPECT_FALSE(parse_mac(wrong)) << wrong;
	EXPECT_EQ(parse_mac("52:54:00:Ab:cD:ef"), (Mac{0x52, 0x54, 0, 0xab, 0xcd, 0xef}));
}

TEST(Config, APortsNameIsAFilesName)
{
	EXPECT_THROW((void)parse_port("owner = 'a'", "sixteen-letters-.toml"), ConfigError);
	EXPECT_THROW((void)parse_port("owner = 'a'", "a b.toml"), ConfigError);
	EXPECT_EQ(parse_port("owner = 'a'", "a.b.toml").name, "a.b");
}

TEST_F(Folder, FilesWithErrorsAreLeftOut)
{
	put("b.toml", "owner = 'a'");
	put("a.toml", "owner = 'a'");
	put("wrong.toml", "owner = 1");
	put("long.toml", "owner = 'a'\n#" + std::string(70000, 'x'));
	put("notes.txt", "rubbish");
	const Ports found = load_ports(path);
	ASSERT_EQ(found.ports.size(), 2u);
	EXPECT_EQ(found.ports[0].name, "a");
	EXPECT_EQ(found.ports[1].name, "b");
	EXPECT_EQ(found.refused, (std::vector<std::string>{"long", "wrong"}));
	ASSERT_EQ(found.errors.size(), 2u);
	EXPECT_NE(found.errors[0].find("long.toml: cannot be read"), std::string::npos);
	EXPECT_NE(found.errors[1].find("wrong.toml:1:9: owner"), std::string::npos);
}

TEST_F(Folder, OfTwoPortsWithOneTapNeitherHasIt)
{
	put("a.toml", "owner = 'a'\ntap = 'c'");
	put("b.toml", "owner = 'b'");
	put("c.toml", "owner = 'c'");
	const Ports found = load_ports(path);
	ASSERT_EQ(found.ports.size(), 1u);
	EXPECT_EQ(found.ports[0].name, "b");
	ASSERT_EQ(found.errors.size(), 2u);
	EXPECT_NE(found.errors[0].find("a.toml: tap c is another port's too: c.toml"),
		  std::string::npos);
	EXPECT_NE(found.errors[1].find("c.toml: tap c is another port's too: a.toml"),
		  std::string::npos);
}

TEST_F(Folder, AFileThatIsThereIsNotWrittenOver)
{
	put("web1.toml", "owner = 'vm1");
	Port port;
	port.name = port.tap = "web1";
	port.owner = "vm2";
	try {
		write_port(path, port);
		FAIL();
	} catch (const std::system_error &error) {
		EXPECT_EQ(error.code(), std::errc::file_exists);
	}
	EXPECT_EQ(load_ports(path).refused, std::vector<std::string>{"web1"});
	EXPECT_FALSE(fs::exists(path / "web1.new"));
	port.name = port.tap = "web2";
	write_port(path, port);
	EXPECT_EQ(load_ports(path).ports, std::vector<Port>{port});
	EXPECT_FALSE(fs::exists(path / "web2.new"));
}

TEST_F(Folder, AFolderThatIsMissingIsAnError)
{
	EXPECT_THROW((void)load_ports(path / "none"), fs::filesystem_error);
	EXPECT_TRUE(load_ports(path).ports.empty());
}

TEST(Config, JsonSaysTheSame)
{
	const nlohmann::json all = {{"owner", "64055"}, {"tap", "tap7"},
				    {"bridge", "br0"},	{"mtu", 9000},
				    {"queues", 4},	{"mac", "fe:54:00:12:34:5f"},
				    {"zerocopy", "on"}, {"offloads", {"checksum", "tso"}},
				    {"polling", 50}};
	EXPECT_EQ(to_json(port_from_json(all, "web1")), all);
	EXPECT_EQ(port_from_json(nlohmann::json{{"owner", "a"}, {"offloads", true}}, "web1").offloads,
		  Offloads());
}

TEST(Config, OfJsonTheKeyIsTold)
{
	const auto refusal = [](const nlohmann::json &settings) -> std::string {
		try {
			(void)port_from_json(settings, "web1");
		} catch (const ConfigError &error) {
			return error.what();
		}
		return "taken";
	};
	const std::string mtu = "web1: mtu: expected a number from 68 to 65535";
	for (const nlohmann::json &wrong :
	     {nlohmann::json(67), nlohmann::json(1500.5), nlohmann::json(nullptr), nlohmann::json("1500"),
	      nlohmann::json(-1), nlohmann::json(18446744073709551615u), nlohmann::json::object(),
	      nlohmann::json::array({1500})})
		EXPECT_EQ(refusal({{"owner", "a"}, {"mtu", wrong}}), mtu) << wrong;
	EXPECT_EQ(refusal({{"owner", "a"}, {"offloads", {1}}}).substr(0, 24), "web1: offloads: expected");
	EXPECT_EQ(refusal(nlohmann::json::object()).substr(0, 20), "web1: owner: missing");
	EXPECT_EQ(refusal(nlohmann::json::array()).substr(0, 14), "web1: expected");
	EXPECT_EQ(refusal({{"owner", "a"}, {"colour", 1}}).substr(0, 25), "web1: colour: unknown key");
	EXPECT_THROW((void)port_from_json(nlohmann::json{{"owner", "a"}}, "../a"), ConfigError);
}
