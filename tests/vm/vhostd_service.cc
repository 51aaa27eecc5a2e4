// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhostd_service: vhostd as its unit has it, under the systemd that has booted this machine, with the files that
 * "cmake --install" puts in place: tools/vm/systemd. At boot there is a port's file, and the module lies in
 * /root, where nobody finds it.
 */
#include "vhostd_client.hh"
#include "support/child.hh"
#include "support/command.hh"
#include "support/netdev.hh"

#include <filesystem>
#include <map>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>

using namespace vna;
using namespace vna::vm;
namespace fs = std::filesystem;

namespace
{

constexpr uid_t vm1 = 1001, vm2 = 1002;
const fs::path folder = "/etc/vhost-net-alt/ports.d";
const std::string run_folder = "/run/vhost-net-alt", socket_path = run_folder + "/vhostd.sock",
		  metrics_path = run_folder + "/metrics.sock";

// What a line for the shell prints; the test fails where the line does.
std::string must(const std::string &line)
{
	const Ran ran = run({"/bin/sh", "-c", line});
	CHECK(ran.status == 0, "%s: status %d: %s%s", line.c_str(), ran.status, ran.out.c_str(),
	      ran.err.c_str());
	return ran.out;
}

// Of the unit.
std::string property(const std::string &name)
{
	const std::string value = must("systemctl show --value -p " + name + " vhostd");
	return value.substr(0, value.find('\n'));
}

long number(const std::string &name)
{
	return std::stol("0" + property(name));
}

struct Identity {
	uid_t uid;
	gid_t gid;
};

// As /etc/passwd has it: a static program asks nobody else.
Identity vhostd_user()
{
	std::istringstream lines(slurp("/etc/passwd"));
	for (std::string line; std::getline(lines, line);) {
		unsigned uid = 0, gid = 0;
		if (std::sscanf(line.c_str(), "vhostd:%*[^:]:%u:%u:", &uid, &gid) == 2)
			return {uid, gid};
	}
	ktap::fail(__FILE__, __LINE__, "there is no user vhostd");
}

struct stat look_at(const fs::path &path)
{
	struct stat found{};
	CHECK(stat(path.c_str(), &found) == 0, "%s: %s", path.c_str(), strerror(errno));
	return found;
}

std::map<std::string, std::string> status_of(long pid)
{
	std::map<std::string, std::string> status;
	std::istringstream lines(slurp("/proc/" + std::to_string(pid) + "/status"));
	for (std::string line; std::getline(lines, line);) {
		const auto colon = line.find(":\t");
		if (colon != line.npos)
			status[line.substr(0, colon)] = line.substr(colon + 2);
	}
	return status;
}

// Of vhostd's listening socket, whose number is its own as long as it lives.
std::string socket_inode()
{
	std::istringstream lines(slurp("/proc/net/unix"));
	for (std::string line; std::getline(lines, line);) {
		std::istringstream words(line);
		std::string address, references, protocol, flags, type, state, inode, path;
		words >> address >> references >> protocol >> flags >> type >> state >> inode >> path;
		if (path == socket_path && flags == "00010000")
			return inode;
	}
	ktap::fail(__FILE__, __LINE__, "nobody listens at " + socket_path);
}

void put(const std::string &name, const std::string &text)
{
	std::ofstream(folder / (name + ".toml")) << text;
}

void wait_for_another(long pid)
{
	until("systemd starts another vhostd", [&] {
		return number("MainPID") != pid && property("ActiveState") == "active";
	});
}

// A guest of vm1's on web1, bound to vm2's web2: its tap's only queue is its VMM's, and what is stored.
class Moved
{
public:
	Moved() : guest_(open_port(vm1, "web1")), other_("web2", test_ethertype)
	{
		guest_.pass();
		connect().bind("web2", {guest_.device()});
		guest_.pass(other_);
	}
	void pass() { guest_.pass(other_); }
	void still_there()
	{
		CHECK(show("web2")["devices"] == json({guest_.device()}));
		CHECK(show("web1")["devices"] == json::array());
		pass();
	}
	void goes_back()
	{
		CHECK_ERRNO(refusal(0, [&](DaemonClient &c) { c.bind("web1", {guest_.device()}); }), 0);
		guest_.pass();
		CHECK(show("web1")["devices"] == json({guest_.device()}));
	}
	void cannot_go_back()
	{
		CHECK_ERRNO(refusal(0, [&](DaemonClient &c) { c.bind("web1", {guest_.device()}); }), EBUSY);
		pass();
	}

private:
	Guest guest_;
	PacketSocket other_;
};

/* --- the tests --- */

void everything_begins_at_boot()
{
	/* As long as it takes: it says nothing until then. */
	const std::string state = output("systemctl is-system-running --wait");
	CHECK(state == "running\n", "%s%s", state.c_str(), output("systemctl --failed --plain").c_str());
	CHECK(property("ActiveState") == "active");
	CHECK(property("Type") == "notify");
	CHECK(must("systemctl is-enabled vhostd") == "enabled\n");
}

void user_and_folders_are_made()
{
	const Identity user = vhostd_user();
	CHECK(user.uid > 0 && user.uid < 1000, "a system's user");
	const struct stat etc = look_at(folder.parent_path()), ports = look_at(folder),
			  run = look_at(run_folder);
	CHECK_EQUAL(etc.st_uid, 0);
	CHECK_EQUAL(etc.st_mode, S_IFDIR | 0755);
	for (const struct stat &each : {ports, run}) {
		CHECK_EQUAL(each.st_uid, user.uid);
		CHECK_EQUAL(each.st_gid, user.gid);
		CHECK_EQUAL(each.st_mode, S_IFDIR | 0755);
	}
}

void it_runs_without_the_module()
{
	CHECK(!fs::exists("/sys/module/vhost_net_alt"), "the test begins without it");
	CHECK(connect().status()["module"] == false);
	CHECK_EQUAL(connect().status()["pid"], number("MainPID"));
	CHECK(exists("web1"), "the tap is there, by systemd's and the kernel's loading of tun");
	CHECK(show("web1")["state"] == "waiting", "its bridge is not there");
	CHECK_ERRNO(open_refusal(vm1, "web1"), ENODEV);
	CHECK(property("StatusText") == "0 of 1 ports ready", "%s", property("StatusText").c_str());
}

void it_is_no_more_than_it_need_be()
{
	const Identity user = vhostd_user();
	const auto four = [](unsigned id) {
		const std::string one = std::to_string(id);
		return one + "\t" + one + "\t" + one + "\t" + one;
	};
	auto status = status_of(number("MainPID"));
	CHECK(status["Uid"] == four(user.uid), "%s", status["Uid"].c_str());
	CHECK(status["Gid"] == four(user.gid), "%s", status["Gid"].c_str());
	for (const char *set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
		CHECK(status[set] == "0000000000001000", "%s: %s", set, status[set].c_str());
	CHECK(status["NoNewPrivs"] == "1");
	CHECK(status["Seccomp"] == "2");
}

// Of the machine as the service sees it: what root may do there is more than it may.
void it_is_in_its_sandbox()
{
	const fs::path its = "/proc/" + property("MainPID") + "/root";
	for (const char *closed : {"/etc", "/usr", "/etc/vhost-net-alt", "/proc/sys/kernel"}) {
		const std::string path = its.string() + closed + "/test";
		const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		const int error = errno;
		CHECK(fd < 0 && (error == EROFS || error == ENOENT), "%s: %s", path.c_str(),
		      fd < 0 ? strerror(error) : "written");
	}
	CHECK(!fs::is_empty("/root") && fs::is_empty(its.string() + "/root"), "homes are hidden");
	const auto opens = [](const char *path) {
		return in_child([path] {
			std::ofstream("/sys/fs/cgroup/system.slice/vhostd.service/cgroup.procs")
				<< getpid() << std::flush;
			const int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
			return fd < 0 ? errno : 0;
		});
	};
	CHECK_ERRNO(opens("/dev/net/tun"), 0);
	CHECK_ERRNO(opens("/dev/null"), 0);
	CHECK_ERRNO(opens("/dev/kmsg"), EPERM);
}

void the_module_comes()
{
	// By path: busybox' own have other indices.
	must("cp /root/vhost_net_alt.ko /lib/modules/$(uname -r)/updates && /sbin/depmod && "
	     "/sbin/modprobe vhost_net_alt");
	const Identity user = vhostd_user();
	until("udev gives vhostd the device", [&] {
		const struct stat device = look_at(device_path);
		return device.st_uid == 0 && device.st_gid == user.gid &&
		       device.st_mode == (S_IFCHR | 0660);
	});
	CHECK(connect().status()["module"] == true);
	CHECK(show("web1")["devices"] == json::array());
}

void all_its_work_is_done()
{
	const Link br0 = Link::bridge("br0");
	until("the bridge is heard of", [] { return show("web1")["state"] == "ready"; });
	CHECK(fs::exists("/sys/class/net/br0/brif/web1"));
	CHECK_ERRNO(open_refusal(vm2, "web1"), EPERM);
	// What passes through the bridge is its own, too.
	must("ip link set br0 up promisc on");
	const PacketSocket far("br0", test_ethertype);
	Guest guest(open_port(vm1, "web1"));
	until("the bridge forwards", [] { return slurp("/sys/class/net/web1/brport/state") == "3\n"; });
	for (int i = 0; i < 3; ++i)
		guest.pass(far);
	CHECK(show("web1")["devices"] == json({guest.device()}));

	const std::string text = http(metrics_path, "GET /metrics HTTP/1.1\r\nHost: vm\r\n\r\n");
	const std::string sent = "vhost_net_alt_queue_packets_total{dev=\"" +
				 std::to_string(guest.device()) +
				 "\",queue=\"1\",type=\"tx\",ifname=\"web1\",port=\"web1\"} 24\n";
	CHECK(has(text, sent) && has(text, "\nvhostd_module_loaded 1\n"), "%s", text.c_str());
}

// What systemd has stored of it does not keep the tap in use.
void a_closed_port_is_free()
{
	for (int i = 0; i < 5; ++i)
		(void)Guest(open_port(vm1, "web1"));
}

// By the vhostctl that was installed.
void ports_are_added_and_removed()
{
	must("vhostctl port add web2 owner vm2 mtu 1400 mac fe:54:00:00:00:02");
	must("udevadm settle");
	until("it has its own address, whatever udev gave it",
	      [] { return mac_of("web2") == Mac{0xfe, 0x54, 0, 0, 0, 2}; });
	CHECK_EQUAL(look_at(folder / "web2.toml").st_uid, vhostd_user().uid);
	must("vhostctl port add web3 owner vm2");
	must("vhostctl port del web3");
	CHECK(!exists("web3") && !fs::exists(folder / "web3.toml"));
	const std::string shown = must("vhostctl port show web2");
	CHECK(has(shown, "web2") && has(shown, "ready"), "%s", shown.c_str());
}

void reload_is_done_when_it_returns()
{
	const std::string pid = property("MainPID");
	put("web4", "owner = 'vm2'\n");
	put("wrong", "owner = 9\n");
	must("systemctl reload vhostd");
	CHECK(exists("web4"));
	CHECK(!connect().status()["errors"].empty());
	fs::remove(folder / "web4.toml");
	fs::remove(folder / "wrong.toml");
	must("systemctl reload vhostd");
	CHECK(!exists("web4"));
	CHECK(connect().status()["errors"].empty());
	CHECK(property("MainPID") == pid);
}

void it_is_killed_and_knows_everything_again()
{
	{
		Moved guest;
		const std::string inode = socket_inode();
		const long pid = number("MainPID"), restarts = number("NRestarts");
		CHECK(kill(static_cast<pid_t>(pid), SIGKILL) == 0);
		until("it is dead", [&] { return !fs::exists("/proc/" + std::to_string(pid)); });
		guest.pass();
		// Whoever comes now is served by the next one.
		CHECK(connect().status()["pid"] != pid);
		CHECK(socket_inode() == inode);
		CHECK_EQUAL(number("NRestarts"), restarts + 1);
		guest.still_there();
		guest.goes_back();
	}
	until("only its sockets are stored", [] { return number("NFileDescriptorStore") == 2; });
}

void it_hangs_and_is_started_again()
{
	const fs::path drop_in = "/run/systemd/system/vhostd.service.d";
	fs::create_directories(drop_in);
	std::ofstream(drop_in / "watchdog.conf") << "[Service]\nWatchdogSec=8s\n";
	must("systemctl daemon-reload");
	Moved guest;
	must("systemctl restart vhostd");
	guest.still_there();
	const long pid = number("MainPID");
	CHECK(kill(static_cast<pid_t>(pid), SIGSTOP) == 0);
	wait_for_another(pid);
	until("the journal says why",
	      [] { return has(must("journalctl -q -u vhostd -o cat"), "Watchdog timeout"); });
	guest.still_there();
	fs::remove_all(drop_in);
	must("systemctl daemon-reload");
	must("systemctl restart vhostd");
	guest.goes_back();
}

void it_is_stopped_and_guests_go_on()
{
	const Identity user = vhostd_user();
	{
		Moved guest;
		must("systemctl stop vhostd");
		CHECK(property("Result") == "success", "%s", property("Result").c_str());
		CHECK(!fs::exists(run_folder));
		CHECK(exists("web1") && exists("web2"));
		guest.pass();
		must("systemctl start vhostd");
		guest.still_there();
		guest.cannot_go_back();
	}
	CHECK_EQUAL(look_at(run_folder).st_uid, user.uid);
}

void it_has_the_module_loaded()
{
	must("systemctl stop vhostd");
	until("the module is free", [] { return run({"/sbin/rmmod", "vhost_net_alt"}).status == 0; });
	must("systemctl start vhostd");
	CHECK(connect().status()["module"] == true);
	const Identity user = vhostd_user();
	until("udev gives vhostd the device",
	      [&] { return look_at(device_path).st_gid == user.gid; });
	Guest(open_port(vm1, "web1")).pass();
}

void systemd_has_nothing_to_say_against_it()
{
	const Ran verified = run({"/bin/systemd-analyze", "verify", "--man=no", "vhostd.service"});
	CHECK(verified.status == 0 && verified.out.empty() && verified.err.empty(), "%d: %s%s",
	      verified.status, verified.out.c_str(), verified.err.c_str());
	std::istringstream lines(
		output("systemd-analyze security --offline=true --no-pager vhostd.service 2>&1"));
	std::string line, last;
	while (std::getline(lines, line))
		last = line.empty() ? last : line;
	ktap::note("systemd-analyze security: %s", last.c_str());
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	suite.add("a machine boots, and nothing fails", everything_begins_at_boot);
	suite.add("sysusers, tmpfiles and the unit make its user and its folders", user_and_folders_are_made);
	suite.add("without the module it is ready all the same, and says so", it_runs_without_the_module);
	suite.add("it runs as its user, with CAP_NET_ADMIN only, for good", it_is_no_more_than_it_need_be);
	suite.add("files, homes and devices that are not its own are closed to it", it_is_in_its_sandbox);
	suite.add("the module comes: udev gives vhostd the device, and it notices", the_module_comes);
	suite.add("in its sandbox it has a tap in its bridge, opens it for its owner, and serves metrics",
		  all_its_work_is_done);
	suite.add("a port is free as soon as it is closed", a_closed_port_is_free);
	suite.add("vhostctl adds and removes ports, with their files", ports_are_added_and_removed);
	suite.add("systemctl reload: files have been read again when it returns",
		  reload_is_done_when_it_returns);
	suite.add("SIGKILL: the socket is the same, clients wait, and a device can be bound back",
		  it_is_killed_and_knows_everything_again);
	suite.add("it hangs: the watchdog has it started again, and a device can be bound back",
		  it_hangs_and_is_started_again);
	suite.add("stopped and started: taps stay and guests go on, and what systemd kept is gone",
		  it_is_stopped_and_guests_go_on);
	suite.add("the unit has the module loaded", it_has_the_module_loaded);
	suite.add("systemd-analyze verify finds nothing", systemd_has_nothing_to_say_against_it);
	const int status = suite.run();
	if (status)
		std::fputs(output("journalctl -q -b --no-pager -u vhostd -u systemd-udevd -u modprobe@vhost_net_alt").c_str(), stderr);
	return status;
}
