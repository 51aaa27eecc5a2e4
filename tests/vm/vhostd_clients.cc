/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vhostd_clients: vhostd with ports of several users, and the clients that open them: frames
 * through what is handed out, who is refused, and that the daemon may die and come back without
 * a guest noticing. Starts the daemon itself, as a user of its own with CAP_NET_ADMIN only.
 */
#include "vhostd_client.hh"

#include <atomic>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <map>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <memory>
#include <optional>
#include <signal.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace vna;
using namespace vna::vm;
namespace fs = std::filesystem;

namespace
{

constexpr uid_t daemon_user = 900, user1 = 1001, user2 = 1002;
const fs::path folder = "/etc/vhost-net-alt/ports.d";
const std::string run = "/run/vhost-net-alt", socket_path = run + "/vhostd.sock",
		  metrics_path = run + "/metrics.sock";
const char *const log_path = "/tmp/vhostd.log";

/* --- the daemon --- */

/* As its service has it: its own user, and of root's capabilities one. */
void become_daemon()
{
	__user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
	__user_cap_data_struct data[2] = {};
	const std::uint32_t bit = 1u << CAP_NET_ADMIN;
	data[0] = {bit, bit, bit};
	for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
		if (capability != CAP_NET_ADMIN)
			prctl(PR_CAPBSET_DROP, capability);
	}
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, nullptr) ||
	    setresgid(daemon_user, daemon_user, daemon_user) ||
	    setresuid(daemon_user, daemon_user, daemon_user) ||
	    syscall(SYS_capset, &header, data) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0))
		_exit(126);
}

/* What a service manager does for a daemon: hears that it is ready, and stores descriptors. */
class Manager
{
public:
	static constexpr const char *path = "/run/notify";

	Manager() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
	{
		sockaddr_un address{};
		address.sun_family = AF_UNIX;
		std::strcpy(address.sun_path, path);
		CHECK(bind(socket_.get(), reinterpret_cast<const sockaddr *>(&address),
			   sizeof address) == 0);
		CHECK(chmod(path, 0777) == 0);
	}
	~Manager() { unlink(path); }

	bool has(const std::string &name)
	{
		hear();
		return stored_.contains(name);
	}
	bool ready()
	{
		hear();
		return std::exchange(ready_, false);
	}
	/* In the child that becomes the daemon: sd_listen_fds(3). */
	void hand_over() const
	{
		setenv("NOTIFY_SOCKET", path, 1);
		setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
		setenv("LISTEN_FDS", std::to_string(stored_.size()).c_str(), 1);
		std::string names;
		std::vector<int> fds;
		for (const auto &[name, fd] : stored_) {
			names += (names.empty() ? "" : ":") + name;
			fds.push_back(fcntl(fd.get(), F_DUPFD_CLOEXEC, 500));
		}
		setenv("LISTEN_FDNAMES", names.c_str(), 1);
		for (std::size_t i = 0; i < fds.size(); ++i)
			dup2(fds[i], static_cast<int>(3 + i));
	}

private:
	void hear()
	{
		for (;;) {
			char text[512] = {};
			alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
			iovec piece{text, sizeof text - 1};
			msghdr message{};
			message.msg_iov = &piece;
			message.msg_iovlen = 1;
			message.msg_control = control;
			message.msg_controllen = sizeof control;
			if (recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC) < 0)
				return;
			const std::string said = std::string("\n") + text;
			ready_ |= said.find("\nREADY=1") != said.npos;
			const auto at = said.find("\nFDNAME=");
			if (at == said.npos)
				continue;
			const auto begin = at + std::strlen("\nFDNAME=");
			const std::string name = said.substr(begin, said.find('\n', begin) - begin);
			if (said.find("\nFDSTOREREMOVE=1") != said.npos)
				stored_.erase(name);
			int fd = -1;
			if (const cmsghdr *header = CMSG_FIRSTHDR(&message))
				std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
			if (fd >= 0 && said.find("\nFDSTORE=1") != said.npos)
				stored_[name] = UniqueFd(fd);
		}
	}

	UniqueFd socket_;
	std::map<std::string, UniqueFd> stored_;
	bool ready_ = false;
};

class Daemon
{
public:
	explicit Daemon(const Manager *manager = nullptr)
	{
		pid_ = fork();
		CHECK(pid_ >= 0);
		if (pid_ == 0) {
			const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
			dup2(log, STDERR_FILENO);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (manager)
				manager->hand_over();
			become_daemon();
			execl("/bin/vhostd", "vhostd", "--verbose", "--device", device_path.c_str(),
			      "--metrics", metrics_path.c_str(), nullptr);
			_exit(127);
		}
		until("vhostd answers", [] {
			try {
				return DaemonClient().status()["ok"] == true;
			} catch (const std::system_error &) {
				return false;
			}
		});
	}
	~Daemon() { end(SIGTERM); }
	/* Its exit status, or minus the signal that ended it. */
	int end(int signal)
	{
		if (pid_ < 0)
			return 0;
		int status = 0;
		::kill(pid_, signal);
		waitpid(pid_, &status, 0);
		pid_ = -1;
		return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	}
	void tell(int signal) const { ::kill(pid_, signal); }

private:
	pid_t pid_;
};

std::unique_ptr<Daemon> daemon_;

void put(const std::string &name, const std::string &text)
{
	std::ofstream(folder / (name + ".toml")) << text;
}

/* --- the tests --- */

void taps_are_as_declared()
{
	const std::string web1 = output("ip -d link show dev web1"),
			  web2 = output("ip -d link show dev web2");
	for (const char *part : {"mtu 1400", "link/ether fe:54:00:00:00:01", "tun type tap",
				 "vnet_hdr on", "persist on", "alias vhostd:web1", "UP"})
		CHECK(has(web1, part), "%s: %s", part, web1.c_str());
	CHECK(has(web1, "pi off") && !has(web1, "multi_queue"), "%s", web1.c_str());
	CHECK(has(web2, "multi_queue numqueues 0 numdisabled 0"), "%s", web2.c_str());
	const std::string web3 = output("ip -d link show dev web3");
	CHECK(has(web3, "master br0") && has(web3, "bridge_slave"), "%s", web3.c_str());
	CHECK(show("web3")["state"] == "ready");
	CHECK(show("web4")["state"] == "waiting", "its bridge is not there");
	const Link br1 = Link::bridge("br1");
	until("the bridge is heard of", [] { return show("web4")["state"] == "ready"; });
	CHECK(has(output("ip link show dev web4"), "master br1"));
}

void two_clients_at_once()
{
	Guest one(open_port(user1, "web1"));
	Guest two(open_port(user2, "web2"), 1);
	CHECK_EQUAL(two.port().tap_fds.size(), 2);
	for (int i = 0; i < 3; ++i) {
		one.pass();
		two.pass();
	}
	CHECK(show("web1")["devices"] == json({one.device()}));
	CHECK_EQUAL(show("web1")["queues_in_use"], 1);
	CHECK_EQUAL(show("web2")["queues_in_use"], 2);
	CHECK_ERRNO(open_refusal(user1, "web1"), EBUSY);
	CHECK_ERRNO(open_refusal(user2, "web2"), EBUSY);
}

void others_are_refused()
{
	CHECK_ERRNO(open_refusal(user2, "web1"), EPERM);
	CHECK_ERRNO(open_refusal(user1, "nothing"), ENOENT);
	CHECK_ERRNO(refusal(user1, [](DaemonClient &client) { (void)client.reload(); }), EPERM);
	CHECK_ERRNO(refusal(user1, [](DaemonClient &client) { client.remove("web1"); }), EPERM);
	CHECK_ERRNO(refusal(user1, [](DaemonClient &client) { client.bind("web1", {1}); }), EPERM);
	CHECK_ERRNO(refusal(user1,
			    [](DaemonClient &client) {
				    (void)client.add("web9", {{"owner", "1001"}});
			    }),
		    EPERM);
	CHECK_ERRNO(open_refusal(user1, "web1"), 0);
}

/* Past the daemon: the errno of attaching to a tap by /dev/net/tun. */
int attach_refusal(uid_t user, const std::string &tap, short flags = 0)
{
	const As as(user);
	const UniqueFd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
	CHECK(fd.get() >= 0);
	ifreq request{};
	tap.copy(request.ifr_name, IFNAMSIZ - 1);
	request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags);
	return ioctl(fd.get(), TUNSETIFF, &request) ? errno : 0;
}

void taps_are_their_owners()
{
	/* By its name, as DPDK does. vhostd lets go of a tap when it has heard that its device is gone. */
	until("the owner attaches to his tap", [] { return attach_refusal(user1, "web1") == 0; });
	CHECK_ERRNO(attach_refusal(user2, "web1"), EPERM);
	{
		const vhostd::OpenPort open = open_port(user2, "web2");
		CHECK_ERRNO(attach_refusal(user1, "web2", IFF_MULTI_QUEUE), EPERM);
		/* Who has a queue may say whose the tap is: not for good. */
		for (const auto &queue : open.tap_fds)
			CHECK(ioctl(queue.get(), TUNSETOWNER, user1) == 0);
	}
	until("the tap is its owner's again",
	      [] { return attach_refusal(user1, "web2", IFF_MULTI_QUEUE) == EPERM; });
	/* A tap that was there before vhostd, and another's. */
	CHECK_EQUAL(std::system("ip tuntap add web9 mode tap vnet_hdr user 1002"), 0);
	CHECK_ERRNO(attach_refusal(user2, "web9"), 0);
	DaemonClient client = connect();
	(void)client.add("web9", {{"owner", "1001"}});
	CHECK_ERRNO(attach_refusal(user2, "web9"), EPERM);
	client.remove("web9");
}

void a_client_that_goes_leaves_a_free_port()
{
	for (int i = 0; i < 20; ++i) {
		const As as(user1);
		vhostd::Channel channel = vhostd::Channel::connect(socket_path);
		channel.send({{"op", "port-open"}, {"port", "web1"}});
		if (i % 2) /* and half of them with the reply on its way */
			std::this_thread::sleep_for(std::chrono::milliseconds(20));
	}
	until("the port is free again", [] { return open_refusal(user1, "web1") == 0; });
}

void rubbish_is_refused()
{
	const std::string texts[] = {"rubbish", "{}", "[]", "{\"op\":", std::string(60000, '['),
				     "{\"op\":" + std::string(30000, '[') + std::string(30000, ']') + "}",
				     std::string(70000, ' '), std::string("\0\xff", 2)};
	for (const std::string &text : texts) {
		vhostd::Channel channel = vhostd::Channel::connect(socket_path);
		CHECK(send(channel.fd(), text.data(), text.size(), MSG_NOSIGNAL) ==
		      static_cast<ssize_t>(text.size()));
		const auto reply = channel.receive();
		CHECK(reply && reply->body["errno"] == EINVAL, "%s", text.substr(0, 10).c_str());
	}
	/* A descriptor is refused by the kernel, where it knows how, or dropped. */
	{
		vhostd::Channel channel = vhostd::Channel::connect(socket_path);
		int wanted = 0, refused = 0;
		socklen_t size = sizeof wanted;
		constexpr int so_passrights = 83;
		const bool knows = !getsockopt(channel.fd(), SOL_SOCKET, so_passrights, &wanted, &size);
		try {
			channel.send({{"op", "status"}}, {STDOUT_FILENO});
			CHECK(channel.receive()->body["ok"] == true);
		} catch (const std::system_error &error) {
			refused = error.code().value();
		}
		CHECK_ERRNO(refused, knows ? EPERM : 0);
	}
	/* One who asks and does not listen. */
	vhostd::Channel deaf = vhostd::Channel::connect(socket_path);
	fcntl(deaf.fd(), F_SETFL, O_NONBLOCK);
	int error = 0;
	until("the deaf client is cut off", [&] {
		try {
			deaf.send({{"op", "port-show"}});
		} catch (const std::system_error &failed) {
			error = failed.code().value();
		}
		return error == EPIPE || error == ECONNRESET;
	});
	CHECK(connect().status()["ok"] == true);
}

void too_many_clients_are_turned_away()
{
	std::vector<DaemonClient> clients;
	for (int i = 0; i < 16; ++i) {
		clients.push_back(connect(user1));
		CHECK(clients.back().status()["ok"] == true);
	}
	CHECK_ERRNO(open_refusal(user1, "web1"), EUSERS);
	CHECK_ERRNO(open_refusal(user2, "web2"), 0);
	clients.clear();
	until("there is room again", [] { return open_refusal(user1, "web1") == 0; });
}

void files_are_read_again()
{
	const auto changes = [](const std::string &log) { return slurp(log_path).substr(log.size()); };
	std::string before = slurp(log_path);
	put("web1", "owner = '1001'\nmtu = 9\n");
	put("web5", "owner = '1001'\n");
	put("clash", "owner = '1001'\ntap = 'web2'\n");
	put("lo", "owner = '1001'\n");
	daemon_->tell(SIGHUP);
	until("a new port is there", [] { return exists("web5"); });
	until("what is wrong is told", [&] {
		const std::string log = changes(before);
		return has(log, "web1.toml:2:7: mtu: expected a number from 68 to 65535") &&
		       has(log, "clash.toml: tap web2 is another port's too: web2.toml") &&
		       has(log, "port lo: broken: lo is another interface's name");
	});
	CHECK_EQUAL(show("web1")["config"]["mtu"], 1400);
	CHECK(show("web2")["state"] == "ready", "it stays as it was");
	CHECK_ERRNO(open_refusal(user1, "web1"), 0);
	CHECK_ERRNO(open_refusal(user1, "lo"), ENXIO);

	put("web1", "owner = '1001'\nmtu = 1300\nmac = 'fe:54:00:00:00:01'\n");
	for (const char *name : {"web5", "clash", "lo"})
		fs::remove(folder / (std::string(name) + ".toml"));
	CHECK(connect().reload().empty());
	CHECK(has(output("ip link show dev web1"), "mtu 1300"));
	CHECK(!exists("web5"));
	CHECK(exists("lo"));
}

void ports_are_added_and_removed()
{
	DaemonClient client = connect();
	const json port = client.add("web6", {{"owner", "1001"}, {"bridge", "br0"}, {"queues", 2}});
	CHECK(port["state"] == "ready");
	CHECK(fs::exists(folder / "web6.toml"));
	CHECK_ERRNO(refusal(0, [](DaemonClient &c) { (void)c.add("web7", {{"owner", "1001"}, {"tap", "web6"}}); }),
		    EEXIST);
	CHECK_ERRNO(refusal(0, [](DaemonClient &c) { (void)c.add("br0", {{"owner", "1001"}}); }), EINVAL);
	{
		const vhostd::OpenPort open = open_port(user1, "web6");
		CHECK_ERRNO(refusal(0, [](DaemonClient &c) { c.remove("web6"); }), EBUSY);
	}
	until("the port is free", [] {
		return refusal(0, [](DaemonClient &c) { c.remove("web6"); }) == 0;
	});
	CHECK(!exists("web6") && !fs::exists(folder / "web6.toml"));
}

/* The far ends see the same guest by turns; also one with a short header. */
void a_device_is_bound_to_another_port_and_back(std::uint64_t features)
{
	Guest guest(open_port(user1, "web1"), 0, features);
	const PacketSocket other("web8", test_ethertype);
	guest.pass();
	for (int i = 0; i < 3; ++i) {
		connect().bind("web8", {guest.device()});
		guest.pass(other);
		CHECK(show("web8")["devices"] == json({guest.device()}));
		CHECK(show("web1")["devices"] == json::array());
		connect().bind("web1", {guest.device()});
		guest.pass();
		CHECK_EQUAL(show("web8")["queues_in_use"], 0);
	}
	CHECK_ERRNO(refusal(0, [](DaemonClient &c) { c.bind("web8", {4000000000}); }), ENOENT);
	CHECK_ERRNO(refusal(0, [&](DaemonClient &c) { c.bind("web2", {guest.device()}); }), 0);
	CHECK_EQUAL(show("web2")["queues_in_use"], 1);
	CHECK_ERRNO(open_refusal(user2, "web2"), EBUSY);
}

void it_dies_and_comes_back_under_traffic()
{
	Guest guest(open_port(user1, "web1"));
	const int ifindex = index_of("web1");
	std::atomic<bool> stop = false;
	std::string failure;
	std::atomic<unsigned> rounds = 0;
	std::thread traffic([&] {
		try {
			while (!stop) {
				guest.pass();
				++rounds;
			}
		} catch (const ktap::Failure &failed) {
			failure = failed.what;
		}
	});
	const auto more = [&] {
		const unsigned before = rounds;
		until("traffic flows", [&] { return rounds > before + 2 || !failure.empty(); });
	};
	try {
		for (int i = 0; i < 3; ++i) {
			more();
			CHECK_EQUAL(daemon_->end(SIGKILL), -SIGKILL);
			more();
			daemon_ = std::make_unique<Daemon>();
			CHECK(show("web1")["devices"] == json({guest.device()}));
			CHECK(show("web1")["state"] == "ready");
			CHECK_ERRNO(open_refusal(user1, "web1"), EBUSY);
			more();
		}
		CHECK_EQUAL(daemon_->end(SIGTERM), 0);
		more();
		daemon_ = std::make_unique<Daemon>();
	} catch (...) {
		stop = true;
		traffic.join();
		throw;
	}
	stop = true;
	traffic.join();
	CHECK(failure.empty(), "%s", failure.c_str());
	CHECK_EQUAL(index_of("web1"), ifindex);
}

/* Also a queue whose only other holder is the client; and clients need not know. */
void a_manager_keeps_what_it_knew()
{
	daemon_.reset();
	auto managed = std::make_unique<Manager>();
	Manager &manager = *managed;
	daemon_ = std::make_unique<Daemon>(&manager);
	CHECK(manager.ready());
	std::string stored;
	{
		Guest guest(open_port(user1, "web1"));
		const PacketSocket other("web8", test_ethertype);
		stored = "tap." + std::to_string(guest.device()) + ".web1";
		CHECK(manager.has(stored));
		connect().bind("web8", {guest.device()});
		guest.pass(other);
		CHECK_EQUAL(daemon_->end(SIGKILL), -SIGKILL);
		DaemonClient early = connect();
		daemon_ = std::make_unique<Daemon>(&manager);
		CHECK(early.status()["ok"] == true);
		connect().bind("web1", {guest.device()});
		guest.pass();
	}
	until("what it no longer needs is let go", [&] { return !manager.has(stored); });
	daemon_.reset();
	managed.reset(); /* and with it the socket, where nobody answers any more */
	daemon_ = std::make_unique<Daemon>();
}

/* The whole text goes out as diagnostics, for a parser of others' to look at: tools/vm/vhostd. */
void metrics_are_served()
{
	Guest guest(open_port(user1, "web1")), other(open_port(user2, "web8"));
	for (int i = 0; i < 3; ++i)
		guest.pass();
	const std::string text = http(metrics_path, "GET /metrics HTTP/1.1\r\nHost: vm\r\n\r\n");
	CHECK(text.starts_with("HTTP/1.1 200 OK\r\n"), "%s", text.c_str());
	CHECK(text.ends_with("\n# EOF\n"));
	const std::string sent = "vhost_net_alt_queue_packets_total{dev=\"" +
				 std::to_string(guest.device()) +
				 "\",queue=\"1\",type=\"tx\",ifname=\"web1\",port=\"web1\"} 24\n";
	CHECK(has(text, sent), "%s", sent.c_str());
	CHECK(has(text, "\nvhostd_module_loaded 1\n"));
	for (const char *setting : {"zerocopy\"} 16384", "busypoll\"} 2", "busypoll_us\"} 50"})
		CHECK(has(text, "vhost_net_alt_dev_setting{dev=\"" + std::to_string(other.device()) +
					"\",name=\"" + setting + "\n"),
		      "%s", setting);
	std::istringstream lines(text.substr(text.find("\r\n\r\n") + 4));
	for (std::string line; std::getline(lines, line);)
		std::printf("# openmetrics: %s\n", line.c_str());

	CHECK(http(metrics_path, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
	CHECK(http(metrics_path, std::string(20000, 'x')).starts_with("HTTP/1.1 431 "));
}

void the_module_goes_and_comes()
{
	/* Whoever dumps keeps it for as long as that takes: vhostd, of devices that went. */
	until("the module goes", [] { return std::system("rmmod vhost_net_alt") == 0; });
	until("its absence is told",
	      [] { return connect().status()["module"] == false; });
	CHECK_ERRNO(open_refusal(user1, "web1"), ENODEV);
	CHECK(has(http(metrics_path, "GET /metrics HTTP/1.1\r\n\r\n"), "\nvhostd_module_loaded 0\n"));
	CHECK(exists("web1"));
	CHECK_EQUAL(std::system("insmod /lib/vhost_net_alt.ko"), 0);
	CHECK(chown(device_path.c_str(), daemon_user, daemon_user) == 0);
	Guest guest(open_port(user1, "web1"));
	guest.pass();
	CHECK(connect().status()["module"] == true);
}

void a_second_one_does_not_begin()
{
	const std::string said = output("/bin/vhostd 2>&1; echo status $?");
	CHECK(has(said, "another vhostd is there") && has(said, "status 1\n"), "%s", said.c_str());
	CHECK(connect().status()["ok"] == true);
	const std::string check = output("/bin/vhostd --check --ports " + folder.string());
	CHECK(has(check, " ports\n"), "%s", check.c_str());
}

void set_up_machine()
{
	std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << "1\n";
	/* As systemd has it: a manager that reads now and then only does not stop who tells. */
	std::ofstream("/proc/sys/net/unix/max_dgram_qlen") << "512\n";
	umask(022);
	fs::create_directories(folder);
	fs::create_directories(run);
	bool ok = true;
	for (const std::string &path : {folder.string(), run, device_path})
		ok = ok && chown(path.c_str(), daemon_user, daemon_user) == 0;
	ok = ok && chmod("/dev/net/tun", 0666) == 0; /* as udev has it */
	if (!ok) {
		std::puts("Bail out! the machine cannot be set up");
		std::exit(1);
	}
	put("web1", "owner = '1001'\nmtu = 1400\nmac = 'fe:54:00:00:00:01'\n");
	put("web2", "owner = '1002'\nqueues = 2\n");
	put("web3", "owner = '1001'\nbridge = 'br0'\n");
	put("web4", "owner = '1001'\nbridge = 'br1'\n");
	put("web8", "owner = '1002'\nzerocopy = 'auto'\npolling = 'adaptive'\n");
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	suite.add("taps are as declared, in their bridges", taps_are_as_declared);
	suite.add("two clients at once: frames pass both ways through both", two_clients_at_once);
	suite.add("a port is opened by its owner, and kept by admin", others_are_refused);
	suite.add("a port's tap is its owner's", taps_are_their_owners);
	suite.add("a client that disconnects midway leaves a free port",
		  a_client_that_goes_leaves_a_free_port);
	suite.add("rubbish is refused, and a client that does not listen cut off",
		  rubbish_is_refused);
	suite.add("a user's clients are so many, and others' have room",
		  too_many_clients_are_turned_away);
	suite.add("SIGHUP: files are read again, and one with an error leaves its port",
		  files_are_read_again);
	suite.add("ports are added and removed, with their files", ports_are_added_and_removed);
	suite.add("a device is bound to another port and back",
		  [] { a_device_is_bound_to_another_port_and_back(feature::version_1); });
	suite.add("so is that of a legacy guest, whose frames have a shorter header",
		  [] { a_device_is_bound_to_another_port_and_back(0); });
	suite.add("SIGKILL and SIGTERM under traffic: no frame is lost, and what serves is known again",
		  it_dies_and_comes_back_under_traffic);
	suite.add("what a service manager stored: a device is bound back, and clients wait, over SIGKILL",
		  a_manager_keeps_what_it_knew);
	suite.add("metrics: what was sent, to the packet", metrics_are_served);
	suite.add("the module is unloaded and loaded beneath it", the_module_goes_and_comes);
	suite.add("a second vhostd does not begin", a_second_one_does_not_begin);
	set_up_machine();
	const Link br0 = Link::bridge("br0");
	daemon_ = std::make_unique<Daemon>();
	const int status = suite.run();
	daemon_.reset();
	if (status)
		std::fputs(slurp(log_path).c_str(), stderr);
	return status;
}
