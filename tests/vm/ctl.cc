/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhostctl on the kernel, beside a device that passes frames: what it says is what the device's
 * fdinfo says, and what the kernel refuses it refuses.
 */
#include "ktap.hh"
#include "support/command.hh"
#include "support/counters.hh"
#include "support/genl.hh"
#include "support/live.hh"
#include "support/netdev.hh"

#include <algorithm>
#include <csignal>
#include <linux/if_tun.h>
#include <linux/vhost_net_alt.h>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace vna;
using namespace vna::vm;
using nlohmann::json;

namespace
{

std::string device_path;

std::uint32_t id_of(const VhostDevice &device)
{
	std::uint32_t id = 0;
	CHECK_ERRNO(device.request(VHOST_NET_ALT_GET_ID, &id), 0);
	return id;
}

std::vector<std::string> vhostctl(std::vector<std::string> words)
{
	words.insert(words.begin(), "/bin/vhostctl");
	return words;
}

Ran ctl(const std::vector<std::string> &words, const std::function<void()> &before = {})
{
	return run(vhostctl(words), before);
}

/* What a command prints that succeeds. */
std::string text(const std::vector<std::string> &words)
{
	const Ran ran = ctl(words);
	CHECK(ran.status == 0, "%s: status %d: %s", words.front().c_str(), ran.status,
	      ran.err.c_str());
	CHECK(ran.err.empty(), "%s", ran.err.c_str());
	return ran.out;
}

json parsed(const std::string &text)
{
	json parsed = json::parse(text, nullptr, false);
	CHECK(!parsed.is_discarded(), "no JSON: %s", text.c_str());
	return parsed;
}

/* Fails with these words, and nothing on standard output. */
void fails(const Ran &ran, int status, const std::string &words)
{
	CHECK(ran.status == status, "status %d: %s", ran.status, ran.err.c_str());
	CHECK(ran.err.find(words) != std::string::npos, "it says \"%s\"", ran.err.c_str());
	CHECK(ran.out.empty(), "%s", ran.out.c_str());
}

void is_nobody()
{
	if (setresuid(65534, 65534, 65534))
		_exit(126);
}

/* --- what is shown --- */

void devices_are_shown()
{
	Live live(device_path, {.features = feature::version_1 | feature::indirect, .size = 128});
	const VhostDevice open(device_path);
	const std::string id = std::to_string(id_of(live.rig.device));
	const json all = parsed(text({"-j", "dev", "show"}))["dev"];
	CHECK_EQUAL(all.size(), 2);
	CHECK(all[id]["state"] == "running");
	CHECK(all[id]["owner_pid"] == getpid());
	CHECK(all[id]["owner"] == program_invocation_short_name);
	CHECK((all[id]["features"] == json{"indirect_desc", "version_1"}), "%s",
	      all[id].dump().c_str());
	CHECK(all[std::to_string(id_of(open))]["state"] == "opened");
	/* By number, or by its tap. */
	CHECK(parsed(text({"-j", "dev", "show", id}))["dev"][id] == all[id]);
	CHECK(parsed(text({"-jp", "dev", "show", "vna0"}))["dev"][id] == all[id]);
	CHECK(text({"dev"}).starts_with(id + ": state running owner_pid "));

	const json queues = parsed(text({"-j", "queue", "show", "vna0"}))["queue"];
	CHECK_EQUAL(queues.size(), 2);
	for (const auto &[handle, type] : {std::pair{"/0", "rx"}, std::pair{"/1", "tx"}}) {
		const json &queue = queues.at(id + handle);
		CHECK(queue["type"] == type && queue["state"] == "running", "%s",
		      queue.dump().c_str());
		CHECK(queue["ring_size"] == 128 && queue["ring_format"] == "split");
		CHECK(queue["ifname"] == "vna0" && queue["ifindex"] == index_of("vna0"));
		CHECK(!queue.contains("stats"));
	}
}

/* Holds two objects of counters against what the device itself shows. */
void equal(const json &counters, const Counters &fdinfo, const std::string &type)
{
	unsigned compared = 0;
	for (const auto &[name, value] : counters.items()) {
		if (!value.is_number())
			continue;
		CHECK(value == fdinfo.at(type + '.' + name), "%s.%s: %s, and %llu in fdinfo",
		      type.c_str(), name.c_str(), value.dump().c_str(),
		      static_cast<unsigned long long>(fdinfo.at(type + '.' + name)));
		compared++;
	}
	CHECK(compared >= 30, "%u counters", compared);
}

void statistics_equal_fdinfo()
{
	Live live(device_path);
	const std::string id = std::to_string(id_of(live.rig.device));
	live.pass(100);
	const json queues = parsed(text({"-js", "queue", "show"}))["queue"];
	const json device = parsed(text({"-js", "dev", "show", id}))["dev"][id];
	const std::string metrics = text({"metrics"});
	const Counters fdinfo(live.rig.device.fd());
	for (const auto &[handle, type] : {std::pair{"/0", "rx"}, std::pair{"/1", "tx"}}) {
		const json &stats = queues.at(id + handle)["stats"];
		equal(stats, fdinfo, type);
		CHECK(device[type] == stats, "%s, and of the device %s", stats.dump().c_str(),
		      device[type].dump().c_str());
		CHECK(stats["packets"] > 0);
		const std::string series = "vhost_net_alt_queue_packets_total{dev=\"" + id +
					   "\",queue=\"" + (handle + 1) + "\",type=\"" + type +
					   "\",ifname=\"vna0\"} " + stats["packets"].dump() + "\n";
		CHECK(metrics.find(series) != std::string::npos, "no %s", series.c_str());
	}
	CHECK(metrics.ends_with("# EOF\n"));
}

void a_screen_has_rates()
{
	Live live(device_path);
	const std::string handle = std::to_string(id_of(live.rig.device)) + "/1";
	Command top(vhostctl({"top", "-n", "2", "vna0"}));
	while (!top.ended())
		live.pass(5);
	const Ran ran = top.finish();
	CHECK(ran.status == 0 && ran.err.empty(), "%s", ran.err.c_str());
	for (std::size_t at = 0, end; (end = ran.out.find('\n', at)) != std::string::npos;
	     at = end + 1)
		ktap::note("%s", ran.out.substr(at, end - at).c_str());
	CHECK(ran.out.find("QUEUE     TYPE IFNAME          STATE     PACKETS/s     Mbit/s") !=
	      std::string::npos);
	unsigned lines = 0;
	double most = 0;
	for (std::size_t at = 0; (at = ran.out.find('\n' + handle, at)) != std::string::npos; at++) {
		char type[8], name[16], state[16];
		double packets = 0, bits = 0, batch = 0;
		CHECK(std::sscanf(&ran.out[at + 1], "%*s %7s %15s %15s %lf %lf %lf", type, name,
				  state, &packets, &bits, &batch) == 6);
		CHECK(!std::strcmp(type, "tx") && !std::strcmp(name, "vna0") &&
		      !std::strcmp(state, "running"));
		CHECK(bits >= 0 && batch >= 0);
		most = std::max(most, packets);
		lines++;
	}
	CHECK(most > 0);
	CHECK_EQUAL(lines, 2);
}

/* --- what is set, and refused --- */

void settings_change()
{
	const VhostDevice device(device_path);
	const std::string id = std::to_string(id_of(device));
	const auto shown = [&] { return parsed(text({"-j", "dev", "show", id}))["dev"][id]; };
	CHECK(text({"dev", "set", id, "rx_batch", "17", "weight-packets", "99"}).empty());
	/* By words. */
	CHECK(text({"dev", "set", id, "zerocopy", "auto", "busypoll", "adaptive"}).empty());
	CHECK(shown()["zerocopy"] == 16384 && shown()["busypoll"] == "adaptive");
	CHECK(text({"dev", "set", id, "zerocopy", "off", "busypoll", "off"}).empty());
	const json after = shown();
	CHECK(after["zerocopy"] == 0 && after["busypoll"] == "off");
	CHECK(after["rx_batch"] == 17 && after["weight_packets"] == 99);
	/* All or nothing. */
	fails(ctl({"dev", "set", id, "rx_batch", "18", "tx_batch", "65"}), 2,
	      "integer out of range");
	CHECK(shown() == after);
	fails(ctl({"dev", "set", id, "rx_batch", "18"}, is_nobody), 2,
	      "kernel answers: Operation not permitted\n");
	CHECK(shown() == after);
	/* To look is everyone's. */
	CHECK_EQUAL(ctl({"dev", "show", id}, is_nobody).status, 0);
}

void what_is_not_there_is_refused()
{
	const VhostDevice device(device_path);
	const std::string none = std::to_string(id_of(device) + 1000);
	const std::string words = "Error: no device with this id in this network namespace.\n"
				  "kernel answers: No such device\n";
	fails(ctl({"dev", "show", none}), 2, words);
	fails(ctl({"queue", "show", none}), 2, words);
	fails(ctl({"-s", "queue", "show", none + "/0"}), 2, words);
	fails(ctl({"dev", "set", none, "rx_batch", "1"}), 2, words);
	fails(ctl({"dev", "show", "tap77"}), 2, "Cannot find device \"tap77\"");
	fails(ctl({"queue", "show", std::to_string(id_of(device)) + "/7"}), 2, "Cannot find queue");
	fails(ctl({"bridge"}), 1, "Object \"bridge\" is unknown");
	fails(ctl({"dev", "paint"}), 1, "Command \"paint\" is unknown");
	fails(ctl({"dev", "set", none, "colour", "1"}), 1, "Unknown setting \"colour\"");
	fails(ctl({}), 1, "Usage: vhostctl");
	fails(ctl({"port", "show"}), 2, "is it running?");
	/* A message that could not be written is not said to have been. */
	fails(run({"/bin/sh", "-c", "/bin/vhostctl dev show > /dev/full"}), 2,
	      "cannot write the output");
}

/* --- what is told by itself --- */

/* A monitor that listens: it has told of something. */
class Monitor
{
public:
	Monitor() : command_(vhostctl({"-j", "monitor"}))
	{
		while (!command_.has_output()) {
			const VhostDevice device(device_path);
			usleep(10000);
		}
	}

	/* The next event of that name. */
	json next(const std::string &event)
	{
		for (;;) {
			const json told = parsed(command_.line());
			CHECK(told["time"].get<std::string>().size() == 26);
			if (told["event"] == event)
				return told;
		}
	}

	void kill(int signal) const { command_.kill(signal); }

private:
	Command command_;
};

void who_is_too_slow_is_told_so()
{
	Genl genl(VHOST_NET_ALT_FAMILY_NAME);
	const VhostDevice device(device_path);
	const std::uint32_t id = id_of(device);
	const auto set = [&](std::uint32_t batch) {
		CHECK_ERRNO(genl.request(VHOST_NET_ALT_CMD_DEV_SET,
					 Attributes()
						 .u32(VHOST_NET_ALT_A_DEV_ID, id)
						 .u32(VHOST_NET_ALT_A_DEV_RX_BATCH, batch))
				    .error,
			    0);
	};
	Monitor monitor;
	monitor.kill(SIGSTOP);
	for (std::uint32_t i = 0; i < 5000; i++)
		set(1 + i % 2);
	monitor.kill(SIGCONT);
	CHECK(monitor.next("lost").size() == 2);
	/* It goes on with what comes then. */
	set(9);
	while (monitor.next("dev_change")["dev"][std::to_string(id)]["rx_batch"] != 9)
		;
}

void events_are_told()
{
	Monitor monitor;
	std::string id;
	{
		Live live(device_path);
		id = std::to_string(id_of(live.rig.device));
		json told;
		do
			told = monitor.next("dev_add");
		while (!told["dev"].contains(id));
		told = monitor.next("dev_change");
		CHECK(told["dev"][id]["owner_pid"] == getpid(), "%s", told.dump().c_str());
		driver::SplitTable &table = live.rig.tx.split_table();
		table.set_avail_idx(static_cast<std::uint16_t>(table.avail_idx() + 1000));
		live.rig.tx.kick();
		told = monitor.next("queue_error");
		CHECK(told["queue"][id + "/1"]["rule"] == "avail_index_jump", "%s",
		      told.dump().c_str());

		const json queue = parsed(text({"-js", "queue", "show", id + "/1"}))["queue"][id + "/1"];
		CHECK(queue["state"] == "stopped" && queue["rule"] == "avail_index_jump");
		CHECK(queue["stats"]["ring_errors_by_rule"]["avail_index_jump"] == 1);
		const Ran doctor = ctl({"doctor"});
		CHECK_EQUAL(doctor.status, 2);
		CHECK(doctor.out.starts_with("error: queue " + id + "/1: it is stopped: the guest's "
					     "ring broke the rule avail_index_jump"),
		      "%s", doctor.out.c_str());
	}
	CHECK(monitor.next("dev_del")["dev"].contains(id));
}

void a_doctor_finds_what_is_wrong()
{
	const auto levels = [](const std::string &check, const std::function<void()> &before = {}) {
		std::string all;
		const json report = parsed(ctl({"-j", "doctor"}, before).out);
		for (const json &finding : report["doctor"])
			if (finding["check"] == check)
				all += finding["level"].get<std::string>() + ' ' +
				       finding["about"].get<std::string>() + '\n';
		return all;
	};
	CHECK(levels("no_devices") == "note module\n", "%s", ctl({"doctor"}).out.c_str());
	CHECK(levels("capability").empty() && levels("permission").empty());
	CHECK(levels("capability", is_nobody) == "note you\n");
	CHECK(levels("permission", is_nobody) == "warning " + device_path + '\n');
	Live live(device_path, {.features = feature::version_1});
	live.pass();
	const std::string dev = "dev " + std::to_string(id_of(live.rig.device)) + '\n';
	CHECK(levels("mrg_rxbuf") == "warning " + dev);
	CHECK(levels("event_idx") == "warning " + dev);
	CHECK(levels("version_1").empty());
	CHECK(levels("no_devices").empty() && levels("link_down").empty());
	CHECK_EQUAL(ctl({"doctor"}).status, 0);
	/* What its tap was told that it takes: nothing, all, and all but segments. */
	CHECK(levels("offload") == "warning interface vna0\n");
	const auto takes = [&](unsigned offloads) {
		CHECK(!ioctl(live.wire.tap.fd(), TUNSETOFFLOAD, offloads), "errno %d", errno);
		return levels("offload");
	};
	constexpr unsigned segments = TUN_F_TSO4 | TUN_F_TSO6;
	/* A kernel may have more to offer, of which there is a note. */
	CHECK(!takes(TUN_F_CSUM | segments | TUN_F_TSO_ECN).starts_with("warning"));
	CHECK(takes(TUN_F_CSUM) == "warning interface vna0\n");
	CHECK(levels("mtu").empty() && levels("queues").empty());
	{
		const Link bridge = Link::bridge("vnb0");
		set_master("vna0", "vnb0");
		CHECK(levels("mtu").empty());
		set_mtu("vnb0", 1400);
		CHECK(levels("mtu") == "warning interface vna0\n");
	}
	set_up("vna0", false);
	CHECK(levels("link_down") == "error interface vna0\n");
	CHECK_EQUAL(ctl({"doctor"}).status, 2);
}

void a_doctor_counts_queues()
{
	const TapOptions options{.multi_queue = true};
	const Live live(device_path, {}, "vnm0", options);
	const auto report = [] { return ctl({"doctor"}).out; };
	CHECK(report().find("queues of it are open") == std::string::npos);
	const Tap second("vnm0", options);
	CHECK(report().find("interface vnm0: 2 queues of it are open, and 1 of them served") !=
		      std::string::npos,
	      "%s", report().c_str());
}

/* --- without the module --- */

void the_module_may_go_and_come()
{
	Monitor monitor;
	CHECK_EQUAL(run({"/bin/sh", "-c", "rmmod vhost_net_alt"}).status, 0);
	monitor.next("unloaded");
	const std::string words = "the kernel has no such netlink family";
	const Ran show = ctl({"dev", "show"}), top = ctl({"top", "-n", "1"});
	const Ran metrics = ctl({"metrics"}), doctor = ctl({"doctor"});
	CHECK_EQUAL(run({"/bin/sh", "-c", "insmod /lib/vhost_net_alt.ko"}).status, 0);
	fails(show, 2, words);
	fails(top, 2, words);
	fails(metrics, 2, words);
	CHECK_EQUAL(doctor.status, 2);
	CHECK(doctor.out.starts_with("error: module: vhost_net_alt is not loaded"), "%s",
	      doctor.out.c_str());
	CHECK(doctor.out.find("modprobe vhost_net_alt") != std::string::npos);
	/* The same monitor goes on. */
	monitor.next("loaded");
	const VhostDevice device(device_path);
	CHECK(monitor.next("dev_add")["dev"].contains(std::to_string(id_of(device))));
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	const auto add = [&](const char *name, void (*test)()) {
		suite.add_stricter(name, "has no netlink family", test);
	};
	add("devices and queues are shown as they were set up", devices_are_shown);
	add("statistics equal fdinfo's, by queue, by device and as metrics", statistics_equal_fdinfo);
	add("a screen of top's has the rates of frames that pass", a_screen_has_rates);
	add("settings change, for who may", settings_change);
	add("what is not there, or no command, is refused in words", what_is_not_there_is_refused);
	add("devices that come, change, break a rule and go are told of", events_are_told);
	add("a monitor that is too slow is told so", who_is_too_slow_is_told_so);
	add("a doctor finds what is wrong", a_doctor_finds_what_is_wrong);
	add("a doctor counts the queues that a device serves", a_doctor_counts_queues);
	add("the module may go and come", the_module_may_go_and_come);
	return suite.run();
}
