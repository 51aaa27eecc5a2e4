// SPDX-License-Identifier: GPL-2.0-only
#include "findings.hh"

#include <algorithm>
#include <set>

#include "features.hh"
#include "net/tun_flags.hh"
#include "show.hh"

namespace vhostctl {

using namespace vhostd;

namespace {

using Level = Finding::Level;

// What the device offers, a guest may do without, and what that costs.
struct Wanted {
	unsigned bit;
	Level level;
	const char *cost;
};

constexpr Wanted wanted[] = {
	{feature::mrg_rxbuf, Level::warning,
	 "each receive buffer must hold a whole packet, which large ones take 64 KiB for"},
	{feature::event_idx, Level::warning,
	 "kicks and interrupts that nobody waits for cannot be left out"},
	{feature::indirect_desc, Level::warning,
	 "packets of several pieces take several entries of the ring, which fills early"},
	{feature::version_1, Level::note, "the guest's driver is a legacy one"},
};

// Offloads that a guest may have of its tap, by QEMU's names; from here on those that a kernel or
// a VMM may be too old for, and that few frames ask for.
struct Offload {
	unsigned flags;
	const char *name;
	Level level;
};

constexpr Offload tap_offers[] = {
	{TUN_F_CSUM, "guest_csum", Level::warning},
	{TUN_F_TSO4, "guest_tso4", Level::warning},
	{TUN_F_TSO6, "guest_tso6", Level::warning},
	{TUN_F_TSO_ECN, "guest_ecn", Level::note},
	{TUN_F_USO4 | TUN_F_USO6, "guest_uso4, guest_uso6", Level::note},
};

// A queue is looked at in vain where it takes longer than this to find something: as vhostd's
// "adaptive" has it, and longer than to wake up takes.
constexpr std::uint64_t worth_ns = 50000, few_polls = 1000;

// Counters that should not count, or seldom: why they do, and what to do.
struct Told {
	unsigned counter;
	const char *check;
	// From this share of the packets on, in percent; 0: from the first on.
	unsigned percent;
	Level level;
	const char *problem, *advice;
};

constexpr Told told[] = {
	{VHOST_NET_ALT_A_COUNTERS_NO_BUFFERS, "no_buffers", 5, Level::warning,
	 "frames waited as the guest had made no buffers available",
	 "give the guest more of a CPU, more queues, or a longer ring (QEMU: rx_queue_size=1024)"},
	{VHOST_NET_ALT_A_COUNTERS_NO_ROOM, "no_room", 5, Level::warning,
	 "the host was slow to take the guest's frames",
	 "look at what the tap is connected to; a longer queue (ip link set TAP txqueuelen 1000) "
	 "helps with bursts"},
	{VHOST_NET_ALT_A_COUNTERS_DROP_BUFFER, "drop_buffer", 0, Level::warning,
	 "frames did not fit into the guest's buffers and were lost",
	 "the tap's MTU is larger than the guest's, or the guest took offloads and gives small "
	 "buffers: give both the same MTU"},
	{VHOST_NET_ALT_A_COUNTERS_DROP_SHORT, "drop_short", 0, Level::warning,
	 "the guest sent frames shorter than an Ethernet header",
	 "mind the guest's driver: the size of its virtio-net header may be another than was "
	 "negotiated"},
	{VHOST_NET_ALT_A_COUNTERS_DROP_LONG, "drop_long", 0, Level::warning,
	 "the guest sent frames longer than 64 KiB", "mind the guest's driver"},
	{VHOST_NET_ALT_A_COUNTERS_DROP_HEADER, "drop_header", 0, Level::warning,
	 "the guest sent frames whose offload header the tap refused",
	 "mind the guest's driver, and that the tap has the offloads that the guest was offered"},
	{VHOST_NET_ALT_A_COUNTERS_DROP_NOMEM, "drop_nomem", 0, Level::warning,
	 "frames were lost for want of memory, or in a full queue of the host",
	 "see that the host has memory, and what the tap is connected to"},
	{VHOST_NET_ALT_A_COUNTERS_DROP_BACKEND, "drop_backend", 0, Level::warning,
	 "the tap refused frames, or lost them",
	 "see that it is up, and what its queueing discipline and filters drop (tc -s)"},
	{VHOST_NET_ALT_A_COUNTERS_COPIED_LIMIT, "copied_limit", 0, Level::warning,
	 "zero-copy: frames were copied as the owner may lock no more memory",
	 "raise its RLIMIT_MEMLOCK (systemd: LimitMEMLOCK=, libvirt: <hard_limit>)"},
	{VHOST_NET_ALT_A_COUNTERS_COPIED_SLOTS, "copied_slots", 5, Level::note,
	 "zero-copy: frames were copied as too many were in flight",
	 "something holds frames for long: look for queueing and for sockets that nobody reads"},
	{VHOST_NET_ALT_A_COUNTERS_COPIED_PAGES, "copied_pages", 5, Level::note,
	 "zero-copy: frames were copied as they lay in too many pages",
	 "huge pages for the guest's memory help"},
	{VHOST_NET_ALT_A_COUNTERS_COPIED_BACKOFF, "copied_backoff", 50, Level::note,
	 "zero-copy: frames were copied as the host had copied others of late",
	 "what they go to needs copies, so zero-copy gains nothing here: vhostctl dev set DEV "
	 "zerocopy off"},
	{VHOST_NET_ALT_A_COUNTERS_IOTLB_MISSES, "iotlb_misses", 5, Level::note,
	 "the owner had to be asked for translations of addresses",
	 "where the guest need not be protected from the device, its kernel's iommu.passthrough=1 "
	 "spares them"},
	{VHOST_NET_ALT_A_COUNTERS_COPIED_FAULT, "copied_fault", 0, Level::note,
	 "zero-copy: frames were copied as their memory cannot be referred to",
	 "back the guest's memory by anonymous memory, hugetlbfs or memfd, not by a file or device"},
};

class Doctor {
public:
	Doctor(const Machine &machine) : machine_(machine) {}

	void module_is_absent()
	{
		add(Level::error, "module", "module", "vhost_net_alt is not loaded",
		    "modprobe vhost_net_alt; if there is no such module for this kernel, build it "
		    "(README.md) and insmod vhost_net_alt.ko");
		daemon();
	}

	void everything(const Snapshot &snapshot)
	{
		node();
		if (!machine_.administrator)
			add(Level::note, "capability", "you",
			    "you lack CAP_NET_ADMIN: settings will be refused", "run it as root");
		daemon();
		if (snapshot.devices.empty())
			add(Level::note, "no_devices", "module",
			    "no process of this network namespace has the device open",
			    "hand " VHOST_NET_ALT_PATH " to QEMU (vhostfd=), or use vhostctl run; "
			    "devices of another namespace are shown there (ip netns exec)");
		for (const Device &device : snapshot.devices)
			of(device, snapshot);
		for (const Queue &queue : snapshot.queues)
			of(queue, snapshot);
		for (const auto &[name, interface] : machine_.interfaces)
			of(name, interface, snapshot);
	}

	std::vector<Finding> findings;

private:
	void add(Level level, std::string check, std::string about, std::string problem,
		 std::string advice)
	{
		findings.push_back({level, std::move(check), std::move(about), std::move(problem),
				    std::move(advice)});
	}

	void node()
	{
		if (!machine_.node)
			return add(Level::error, "node", VHOST_NET_ALT_PATH,
				   "it is not there, or no device, though the module is loaded",
				   "see that /dev is a devtmpfs and that nothing removed the node; "
				   "loading the module again makes it");
		if (!machine_.node->usable)
			add(Level::warning, "permission", VHOST_NET_ALT_PATH,
			    "you may not open it: it is " + machine_.node->owner + ':' +
				    machine_.node->group + "'s, mode " + machine_.node->mode,
			    "as root, or by udev: KERNEL==\"vhost-net-alt\", GROUP=\"kvm\", "
			    "MODE=\"0660\"; with vhostd nobody else needs to");
	}

	void daemon()
	{
		if (!machine_.daemon.empty())
			add(Level::note, "vhostd", "vhostd",
			    "it does not answer (" + machine_.daemon +
				    "): port and run need it, all else does not",
			    "systemctl start vhostd");
	}

	void of(const Device &device, const Snapshot &snapshot)
	{
		const std::string about = "dev " + std::to_string(device.id());
		if (device.state() == VHOST_NET_ALT_DEV_STATE_OPENED)
			add(Level::note, "no_owner", about,
			    "it is open, and nobody has taken it (VHOST_SET_OWNER)",
			    "this is so until the VMM starts the device; else look for a "
			    "descriptor that was forgotten");
		if (device.state() == VHOST_NET_ALT_DEV_STATE_OWNED)
			add(Level::note, "no_backend", about, "no queue of it has a backend",
			    "this is so until the guest's driver is up; mind that it is loaded, and "
			    "that its link is up");
		if (device.state() != VHOST_NET_ALT_DEV_STATE_RUNNING)
			return;
		for (const Wanted &want : wanted)
			if (!device.feature(want.bit))
				add(want.level, feature_name(want.bit), about,
				    "the guest has not negotiated " + feature_name(want.bit) +
					    ", which the device offers: " + want.cost,
				    "QEMU: " + property(want.bit) +
					    "; if it is on, the guest's driver does not have it");
		// Device by device, as a limit may be an owner's own.
		const auto pid = device.owner_pid();
		if (!pid || !machine_.memlock.contains(*pid))
			return;
		for (const Queue &queue : snapshot.queues)
			if (queue.device() == device.id() &&
			    counter(snapshot, queue, VHOST_NET_ALT_A_COUNTERS_COPIED_LIMIT))
				return add(Level::note, "memlock", about,
					   "its owner, process " + std::to_string(*pid) +
						   ", may lock " +
						   std::to_string(machine_.memlock.at(*pid)) +
						   " bytes",
					   "zero-copy needs about 64 KiB for each frame in flight");
	}

	static std::string property(unsigned bit)
	{
		return bit == feature::version_1 ? "disable-modern=off" : feature_name(bit) + "=on";
	}

	static std::uint64_t counter(const Snapshot &snapshot, const Queue &queue, unsigned number)
	{
		const Statistics *statistics = snapshot.of(queue);
		return statistics ? statistics->counters().number(number) : 0;
	}

	void of(const Queue &queue, const Snapshot &snapshot)
	{
		const std::string about = "queue " + handle(queue);
		const auto count = [&](unsigned number) { return counter(snapshot, queue, number); };
		const std::uint64_t packets = count(VHOST_NET_ALT_A_COUNTERS_PACKETS);
		const bool stopped = queue.state() == VHOST_NET_ALT_QUEUE_STATE_STOPPED;
		const std::uint64_t errors = count(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS);
		if (stopped)
			add(Level::error, "stopped", about,
			    "it is stopped: the guest's ring broke the rule " +
				    queue.text(VHOST_NET_ALT_A_QUEUE_RULE) + " (" +
				    queue.text(VHOST_NET_ALT_A_QUEUE_RULE_TEXT) + ')',
			    "the guest's driver is wrong, or its memory was: reset the guest's "
			    "device (reload its driver, or reboot it)");
		else if (errors)
			add(Level::warning, "ring_errors", about,
			    "its ring broke a rule " + std::to_string(errors) +
				    " times and was set up again: " + rules(snapshot, queue),
			    "mind the guest's driver");
		if (queue.state() == VHOST_NET_ALT_QUEUE_STATE_RUNNING && queue.ifname().empty() &&
		    queue.number(VHOST_NET_ALT_A_QUEUE_BACKEND) != VHOST_NET_ALT_BACKEND_TYPE_NONE)
			add(Level::note, "no_interface", about,
			    "its backend has no network interface in this namespace",
			    "it was moved to another namespace, or deleted");
		for (const Told &each : told) {
			const std::uint64_t times = count(each.counter);
			if (times && times * 100 >= packets * each.percent)
				add(each.level, each.check, about,
				    std::string(each.problem) + " (" + std::to_string(times) +
					    " times; " + std::to_string(packets) + " frames passed)",
				    each.advice);
		}
		polls(about, snapshot, queue);
		const std::uint64_t sent = count(VHOST_NET_ALT_A_COUNTERS_ZEROCOPY);
		const std::uint64_t copied = count(VHOST_NET_ALT_A_COUNTERS_ZEROCOPY_COPIED);
		if (copied && copied * 2 >= sent)
			add(Level::warning, "zerocopy_copied", about,
			    "zero-copy: the host copied " + std::to_string(copied) + " of " +
				    std::to_string(sent) + " frames on their way",
			    "frames for the host itself, packet sockets (tcpdump), and bridges that "
			    "flood need a copy: without zero-copy it is cheaper");
	}

	static std::string rules(const Snapshot &snapshot, const Queue &queue)
	{
		const Record &broken = snapshot.of(queue)->counters().nest(
			VHOST_NET_ALT_A_COUNTERS_RING_ERRORS_BY_RULE);
		std::string all;
		for (const spec::Attribute &rule : spec::rules.attributes)
			if (broken.has(rule.number))
				all += (all.empty() ? "" : ", ") + std::string(rule.name);
		return all;
	}

	// A poll of a fixed length is the administrator's or the owner's wish: it is told what it gives.
	void polls(const std::string &about, const Snapshot &snapshot, const Queue &queue)
	{
		const std::uint64_t polls = counter(snapshot, queue, VHOST_NET_ALT_A_COUNTERS_POLLS);
		const std::uint64_t hits = counter(snapshot, queue, VHOST_NET_ALT_A_COUNTERS_POLL_HITS);
		const std::uint64_t ns = counter(snapshot, queue, VHOST_NET_ALT_A_COUNTERS_POLL_NS);
		if (polls < few_polls || ns / worth_ns < hits + 1)
			return;
		add(Level::note, "polling", about,
		    "its worker looked for more for " + std::to_string(ns / 1000000) +
			    " ms in all, and found something " + std::to_string(hits) + " times",
		    "vhostctl dev set " + std::to_string(queue.device()) +
			    " busypoll adaptive busypoll_us 50, or busypoll off, if the owner does "
			    "not ask for it (VHOST_SET_VRING_BUSYLOOP_TIMEOUT)");
	}

	void of(const std::string &name, const Machine::Interface &interface, const Snapshot &snapshot)
	{
		const std::string about = "interface " + name;
		if (!interface.up)
			return add(Level::error, "link_down", about, "it is down: nothing passes",
				   "ip link set " + name + " up");
		std::set<std::uint32_t> devices;
		for (const Queue &queue : snapshot.queues)
			if (queue.ifname() == name && queue.number(VHOST_NET_ALT_A_QUEUE_BACKEND) ==
							      VHOST_NET_ALT_BACKEND_TYPE_TAP)
				devices.insert(queue.device());
		// Of macvtaps and others it says nothing about the guest.
		if (!devices.empty()) {
			offloads(name, interface.offloads);
			queues(about, interface.queues, devices.size());
		}
		if (interface.master_mtu && interface.master_mtu != interface.mtu)
			add(Level::warning, "mtu", about,
			    "its MTU is " + std::to_string(interface.mtu) + " and that of its bridge, " +
				    interface.master + ", " + std::to_string(interface.master_mtu) +
				    ": longer frames than the smaller are lost between them",
			    "give all ports of " + interface.master +
				    ", the bridge and the guests one MTU (ip link set " + name +
				    " mtu N; QEMU: host_mtu=N)");
	}

	void offloads(const std::string &name, const TapOffloads &of)
	{
		Level level = Level::note;
		std::string missing;
		for (const Offload &offload : tap_offers) {
			if (!(of.offered & ~of.on & offload.flags))
				continue;
			level = std::max(level, offload.level);
			missing += (missing.empty() ? "" : ", ") + std::string(offload.name);
		}
		if (missing.empty())
			return;
		add(level, "offload", "interface " + name,
		    "the guest does not take " + missing +
			    ", which the tap offers: the host cuts what it sends there into packets" +
			    (of.on & TUN_F_CSUM ? "" : ", and sums them up"),
		    "mind the guest's driver, and QEMU's properties of these names, unless they were "
		    "switched off on the host (ethtool -K " +
			    name + ')');
	}

	void queues(const std::string &about, unsigned open, std::size_t served)
	{
		if (open > served)
			add(Level::note, "queues", about,
			    std::to_string(open) + " queues of it are open, and " +
				    std::to_string(served) + " of them served by vhost-net-alt",
			    "the guest may not use all that it has (there: ethtool -L eth0 combined " +
				    std::to_string(open) +
				    "), or QEMU was given fewer devices than taps (vhostfds=)");
	}

	const Machine &machine_;
};

} // namespace

std::string_view to_string(Finding::Level level)
{
	switch (level) {
	case Level::note:
		return "note";
	case Level::warning:
		return "warning";
	case Level::error:
		return "error";
	}
	return "";
}

std::vector<Finding> diagnose(const Machine &machine)
{
	Doctor doctor(machine);
	doctor.module_is_absent();
	return std::move(doctor.findings);
}

std::vector<Finding> diagnose(const Machine &machine, const Snapshot &snapshot)
{
	Doctor doctor(machine);
	doctor.everything(snapshot);
	// What hurts most comes first.
	std::ranges::stable_sort(doctor.findings, std::greater(), &Finding::level);
	return std::move(doctor.findings);
}

} // namespace vhostctl
