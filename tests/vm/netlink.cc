/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family: what it shows, of whom and to whom, what it refuses and in which
 * words, and what it tells by itself.
 */
#include "ktap.hh"
#include "support/bind.hh"
#include "support/child.hh"
#include "support/counters.hh"
#include "support/genl.hh"
#include "support/live.hh"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <memory>
#include <net/if.h>
#include <numeric>
#include <optional>
#include <sched.h>
#include <set>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <thread>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

Genl family()
{
	return Genl(VHOST_NET_ALT_FAMILY_NAME);
}

Attributes dev(std::uint32_t id)
{
	return Attributes().u32(VHOST_NET_ALT_A_DEV_ID, id);
}

/* The one reply to a request that succeeds. */
Attributes get(Genl &genl, unsigned command, const Attributes &request)
{
	const GenlResult result = genl.request(command, request);
	CHECK(!result.error, "%s: %s", std::strerror(result.error), result.text.c_str());
	CHECK_EQUAL(result.messages.size(), 1);
	CHECK_EQUAL(result.messages[0].command, command);
	return result.messages[0].attributes;
}

Attributes queue(Genl &genl, std::uint32_t id, unsigned index)
{
	return get(genl, VHOST_NET_ALT_CMD_QUEUE_GET,
		   Attributes()
			   .u32(VHOST_NET_ALT_A_QUEUE_DEV_ID, id)
			   .u32(VHOST_NET_ALT_A_QUEUE_ID, index));
}

/*
 * That a request is refused with these words, about an attribute: what ends a dump on its way has
 * words only on 6.1.
 */
void refused(const GenlResult &result, int error, const std::string &text, bool about_one = true)
{
	CHECK_ERRNO(result.error, error);
	CHECK(result.text == text, "the kernel says \"%s\"", result.text.c_str());
	CHECK(!about_one || result.offset || result.missing, "about no attribute");
	CHECK(result.messages.empty());
}

/* --- what is shown --- */

std::uint32_t fdinfo_id(const VhostDevice &device)
{
	std::ifstream file("/proc/self/fdinfo/" + std::to_string(device.fd()));
	for (std::string line; std::getline(file, line);)
		if (line.starts_with("id:"))
			return static_cast<std::uint32_t>(std::stoul(line.substr(3)));
	ktap::fail(__FILE__, __LINE__, "fdinfo has no id");
}

void an_id_is_the_same_everywhere()
{
	Genl genl = family();
	const VhostDevice first(device_path), second(device_path);
	CHECK(id_of(first) != id_of(second));
	CHECK_EQUAL(fdinfo_id(first), id_of(first));
	const Attributes shown = get(genl, VHOST_NET_ALT_CMD_DEV_GET, dev(id_of(first)));
	CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_DEV_ID), id_of(first));
	const GenlResult all = genl.dump(VHOST_NET_ALT_CMD_DEV_GET);
	CHECK_ERRNO(all.error, 0);
	CHECK_EQUAL(all.messages.size(), 2);
}

void an_id_is_not_given_again()
{
	std::uint32_t last = 0;
	for (unsigned i = 0; i < 20; i++) {
		const VhostDevice device(device_path);
		CHECK(id_of(device) > last);
		last = id_of(device);
	}
}

void a_device_shows_how_it_was_set_up()
{
	Genl genl = family();
	const VhostDevice fresh(device_path);
	const Attributes before = get(genl, VHOST_NET_ALT_CMD_DEV_GET, dev(id_of(fresh)));
	CHECK_EQUAL(before.u32(VHOST_NET_ALT_A_DEV_STATE), VHOST_NET_ALT_DEV_STATE_OPENED);
	CHECK(!before.has(VHOST_NET_ALT_A_DEV_OWNER_PID));
	CHECK_EQUAL(before.u32(VHOST_NET_ALT_A_DEV_MEM_REGIONS), 0);

	Live live(device_path, {.features = feature::version_1 | feature::indirect, .size = 128});
	const std::uint32_t id = id_of(live.rig.device);
	const Attributes now = get(genl, VHOST_NET_ALT_CMD_DEV_GET, dev(id));
	CHECK_EQUAL(now.u32(VHOST_NET_ALT_A_DEV_STATE), VHOST_NET_ALT_DEV_STATE_RUNNING);
	CHECK_EQUAL(now.u32(VHOST_NET_ALT_A_DEV_OWNER_PID), getpid());
	CHECK_EQUAL(now.u64(VHOST_NET_ALT_A_DEV_FEATURES), feature::version_1 | feature::indirect);
	CHECK_EQUAL(now.u64(VHOST_NET_ALT_A_DEV_FEATURES_HIGH), 0);
	CHECK_EQUAL(now.u32(VHOST_NET_ALT_A_DEV_MEM_REGIONS), 2);
	CHECK_EQUAL(now.u32(VHOST_NET_ALT_A_DEV_QUEUES), 2);

	live.pass();
	for (unsigned index : {rx_queue, tx_queue}) {
		const Attributes shown = queue(genl, id, index);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_DEV_ID), id);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_ID), index);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_TYPE),
			    index == rx_queue ? VHOST_NET_ALT_QUEUE_TYPE_RX :
						VHOST_NET_ALT_QUEUE_TYPE_TX);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_STATE),
			    VHOST_NET_ALT_QUEUE_STATE_RUNNING);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_RING_SIZE), 128);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_RING_FORMAT),
			    VHOST_NET_ALT_RING_FORMAT_SPLIT);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_BACKEND),
			    VHOST_NET_ALT_BACKEND_TYPE_TAP);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_IFINDEX), index_of("vna0"));
		CHECK(shown.string(VHOST_NET_ALT_A_QUEUE_IFNAME) == "vna0");
		CHECK(shown.u32(VHOST_NET_ALT_A_QUEUE_WORKER_PID));
		CHECK(!shown.has(VHOST_NET_ALT_A_QUEUE_IN_ORDER));
		CHECK(!shown.has(VHOST_NET_ALT_A_QUEUE_RULE));
	}
	/* The base is where the device stands: nothing is outstanding on this queue. */
	unsigned base;
	live.rig.detach();
	CHECK_ERRNO(live.rig.device.get_base(tx_queue, base), 0);
	const Attributes off = queue(genl, id, tx_queue);
	CHECK_EQUAL(off.u32(VHOST_NET_ALT_A_QUEUE_BASE), base);
	CHECK_EQUAL(off.u32(VHOST_NET_ALT_A_QUEUE_STATE), VHOST_NET_ALT_QUEUE_STATE_OFF);
	CHECK_EQUAL(off.u32(VHOST_NET_ALT_A_QUEUE_BACKEND), VHOST_NET_ALT_BACKEND_TYPE_NONE);
	CHECK(!off.has(VHOST_NET_ALT_A_QUEUE_IFNAME));
}

void backends_have_their_type_and_device()
{
	Genl genl = family();
	Rig rig(device_path, {});
	const std::uint32_t id = id_of(rig.device);
	const Link lower = Link::dummy("lower0");
	set_up("lower0");
	{
		const PacketSocket packet("lower0", ETH_P_ALL);
		rig.attach(packet.fd());
		const Attributes shown = queue(genl, id, rx_queue);
		CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_BACKEND),
			    VHOST_NET_ALT_BACKEND_TYPE_PACKET);
		CHECK(shown.string(VHOST_NET_ALT_A_QUEUE_IFNAME) == "lower0");
		rig.detach();
	}
	const Link upper = Link::macvtap("mactap0", "lower0");
	set_up("mactap0");
	const Tap macvtap = Tap::of_macvtap("mactap0");
	rig.attach(macvtap.fd());
	const Attributes shown = queue(genl, id, tx_queue);
	CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_BACKEND), VHOST_NET_ALT_BACKEND_TYPE_MACVTAP);
	CHECK(shown.string(VHOST_NET_ALT_A_QUEUE_IFNAME) == "mactap0");
	rig.detach();
}

/* It is bound to one queue before the other refuses it. */
void a_bind_that_fails_shows_nothing()
{
	Genl genl = family();
	Rig rig(device_path, {});
	const std::uint32_t id = id_of(rig.device);
	const Tap old("vna0", {.offload = TUN_F_CSUM}), plain("vna1");
	const Tap other("vna2", {.offload = TUN_F_CSUM});
	CHECK_ERRNO(rig.device.set_backend(rx_queue, old.fd()), 0);
	CHECK_ERRNO(rig.device.set_backend(tx_queue, plain.fd()), 0);
	const auto name = [&](unsigned index) {
		const Attributes shown = queue(genl, id, index);
		return shown.u32(VHOST_NET_ALT_A_QUEUE_BACKEND) == VHOST_NET_ALT_BACKEND_TYPE_TAP ?
			       shown.string(VHOST_NET_ALT_A_QUEUE_IFNAME) :
			       "none";
	};
	for (unsigned i = 0; i < 2; ++i) {
		CHECK_ERRNO(bind_both(rig.device, other.fd()), EOPNOTSUPP);
		CHECK(name(rx_queue) == "vna0", "%s", name(rx_queue).c_str());
		CHECK(name(tx_queue) == "vna1", "%s", name(tx_queue).c_str());
	}
	CHECK_ERRNO(bind_both(rig.device, plain.fd()), 0);
	CHECK(name(rx_queue) == "vna1" && name(tx_queue) == "vna1");
	CHECK_ERRNO(unbind_both(rig.device), 0);
	for (const unsigned index : {rx_queue, tx_queue})
		CHECK_EQUAL(queue(genl, id, index).u32(VHOST_NET_ALT_A_QUEUE_BACKEND),
			    VHOST_NET_ALT_BACKEND_TYPE_NONE);
}

/* --- statistics --- */

Attributes stats(Genl &genl, std::uint32_t id, bool queues, unsigned index = 0)
{
	Attributes request = Attributes().u32(VHOST_NET_ALT_A_QSTATS_DEV_ID, id);
	if (queues)
		request.u32(VHOST_NET_ALT_A_QSTATS_SCOPE, VHOST_NET_ALT_QSTATS_SCOPE_QUEUE);
	const GenlResult result = genl.dump(VHOST_NET_ALT_CMD_QSTATS_GET, request);
	CHECK(!result.error, "%s: %s", std::strerror(result.error), result.text.c_str());
	CHECK_EQUAL(result.messages.size(), queues ? 2 : 1);
	return result.messages.at(index).attributes;
}

/* Of all its frames. */
std::uint64_t bytes_of(const Traffic &traffic)
{
	const auto lengths = frame_lengths(traffic.count, traffic.largest, traffic.seed);
	return std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{0});
}

void statistics_equal_what_was_sent()
{
	Genl genl = family();
	Live live(device_path);
	const std::uint32_t id = id_of(live.rig.device);
	constexpr unsigned count = 300;
	const Traffic traffic{.count = count, .batch = 7};
	transmit(live.rig, live.wire.far, traffic);
	std::uint64_t bytes = 0;
	{
		const Attributes tx = stats(genl, id, true, 1).nest(VHOST_NET_ALT_A_QSTATS_TX);
		CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_PACKETS), count);
		CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_BUFFERS), count);
		CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_DESCRIPTORS), count);
		bytes = tx.u64(VHOST_NET_ALT_A_COUNTERS_BYTES);
		CHECK_EQUAL(bytes, bytes_of(traffic));
		/* Each fetch has one size: the histogram is of all of them. */
		std::uint64_t fetches = 0, least = 0, most = 0;
		for (unsigned i = 0; i < 7; i++) {
			const std::uint64_t n = tx.u64(VHOST_NET_ALT_A_COUNTERS_BATCH_1 + i);
			fetches += n;
			least += n << i;
			most += n * ((2u << i) - 1);
		}
		CHECK_EQUAL(fetches, tx.u64(VHOST_NET_ALT_A_COUNTERS_BATCHES));
		CHECK(least <= count && count <= most, "%llu to %llu", (unsigned long long)least,
		      (unsigned long long)most);
		CHECK(tx.u64(VHOST_NET_ALT_A_COUNTERS_KICKS) +
			      tx.u64(VHOST_NET_ALT_A_COUNTERS_KICKS_SUPPRESSED) >=
		      fetches);
	}
	const Traffic inward{.count = 40};
	Receiver receiver(live.rig, inward);
	receiver.run(live.wire.far);

	/* The same by queue and by device, and in fdinfo. */
	const Attributes device = stats(genl, id, false);
	const Counters fdinfo(live.rig.device.fd());
	CHECK_EQUAL(device.u32(VHOST_NET_ALT_A_QSTATS_DEV_ID), id);
	const Attributes rx = device.nest(VHOST_NET_ALT_A_QSTATS_RX);
	const Attributes tx = device.nest(VHOST_NET_ALT_A_QSTATS_TX);
	CHECK_EQUAL(rx.u64(VHOST_NET_ALT_A_COUNTERS_PACKETS), 40);
	CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_BYTES), bytes);
	CHECK_EQUAL(rx.u64(VHOST_NET_ALT_A_COUNTERS_BYTES), bytes_of(inward));
	CHECK_EQUAL(rx.u64(VHOST_NET_ALT_A_COUNTERS_PACKETS), fdinfo.at("rx.packets"));
	CHECK_EQUAL(rx.u64(VHOST_NET_ALT_A_COUNTERS_CALLS_SUPPRESSED),
		    fdinfo.at("rx.calls_suppressed"));
	CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_CALLS), fdinfo.at("tx.calls"));
	CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS), 0);
	for (unsigned index : {rx_queue, tx_queue}) {
		const Attributes one = stats(genl, id, true, index);
		CHECK_EQUAL(one.u32(VHOST_NET_ALT_A_QSTATS_QUEUE_ID), index);
		CHECK(one.has(index == rx_queue ? VHOST_NET_ALT_A_QSTATS_RX :
						  VHOST_NET_ALT_A_QSTATS_TX));
		CHECK(!one.has(index == rx_queue ? VHOST_NET_ALT_A_QSTATS_TX :
						   VHOST_NET_ALT_A_QSTATS_RX));
	}
}

/* --- what is refused --- */

void bad_requests_are_refused_in_words()
{
	Genl genl = family();
	const VhostDevice device(device_path);
	const std::uint32_t id = id_of(device);
	const auto get_dev = [&](const Attributes &request) {
		return genl.request(VHOST_NET_ALT_CMD_DEV_GET, request);
	};
	refused(get_dev({}), EINVAL, "attribute id is missing");
	refused(get_dev(dev(0)), ERANGE, "integer out of range");
	const std::uint16_t half = 1;
	refused(get_dev(Attributes().raw(VHOST_NET_ALT_A_DEV_ID, &half, sizeof half)), EINVAL,
		"invalid attribute length");
	refused(get_dev(dev(id).u32(99, 1)), EINVAL, "Unknown attribute type");
	const std::string gone = "no device with this id in this network namespace";
	refused(get_dev(dev(id + 1000)), ENODEV, gone);
	refused(genl.dump(VHOST_NET_ALT_CMD_QSTATS_GET,
			  Attributes().u32(VHOST_NET_ALT_A_QSTATS_DEV_ID, id + 1000)),
		ENODEV, gone, false);
	refused(genl.dump(VHOST_NET_ALT_CMD_DEV_GET, dev(id)), EINVAL, "a dump is of all devices",
		false);
	refused(genl.dump(VHOST_NET_ALT_CMD_QSTATS_GET,
			  Attributes().u32(VHOST_NET_ALT_A_QSTATS_SCOPE, 2)),
		EINVAL, "reserved bit set");
	refused(genl.request(VHOST_NET_ALT_CMD_QUEUE_GET,
			     Attributes().u32(VHOST_NET_ALT_A_QUEUE_DEV_ID, id)),
		EINVAL, "attribute id is missing");
	refused(genl.request(VHOST_NET_ALT_CMD_QUEUE_GET,
			     Attributes()
				     .u32(VHOST_NET_ALT_A_QUEUE_DEV_ID, id)
				     .u32(VHOST_NET_ALT_A_QUEUE_ID, 2)),
		ENOENT, "no queue with this id in the device");
	/* None of it did anything. */
	CHECK(!get(genl, VHOST_NET_ALT_CMD_DEV_GET, dev(id)).has(VHOST_NET_ALT_A_DEV_OWNER_PID));
}

struct Setting {
	unsigned attribute;
	std::uint32_t least, most;
};

constexpr Setting settings[] = {
	{VHOST_NET_ALT_A_DEV_RX_BATCH, 1, 64},
	{VHOST_NET_ALT_A_DEV_TX_BATCH, 1, 64},
	{VHOST_NET_ALT_A_DEV_WEIGHT_PACKETS, 1, 65536},
	{VHOST_NET_ALT_A_DEV_WEIGHT_BYTES, 65536, 64 << 20},
	{VHOST_NET_ALT_A_DEV_BUSYPOLL, VHOST_NET_ALT_BUSYPOLL_MODE_OFF,
	 VHOST_NET_ALT_BUSYPOLL_MODE_ADAPTIVE},
};

/* Those that have none. */
constexpr unsigned unbounded[] = {
	VHOST_NET_ALT_A_DEV_ZEROCOPY,
	VHOST_NET_ALT_A_DEV_BUSYPOLL_US,
};

GenlResult set(Genl &genl, std::uint32_t id, unsigned attribute, std::uint32_t value)
{
	return genl.request(VHOST_NET_ALT_CMD_DEV_SET, dev(id).u32(attribute, value));
}

void settings_have_bounds_and_change_alone()
{
	Genl genl = family();
	const VhostDevice device(device_path), other(device_path);
	const std::uint32_t id = id_of(device);
	const auto values = [&](std::uint32_t of) {
		const Attributes shown = get(genl, VHOST_NET_ALT_CMD_DEV_GET, dev(of));
		std::vector<std::uint32_t> all;
		for (const Setting &setting : settings)
			all.push_back(shown.u32(setting.attribute));
		return all;
	};
	const auto first = values(id_of(other));
	for (std::size_t i = 0; i < std::size(settings); i++) {
		const Setting &s = settings[i];
		auto want = values(id);
		refused(set(genl, id, s.attribute, s.least - 1), ERANGE, "integer out of range");
		refused(set(genl, id, s.attribute, s.most + 1), ERANGE, "integer out of range");
		CHECK(values(id) == want);
		for (const std::uint32_t value : {s.most, s.least}) {
			CHECK_ERRNO(set(genl, id, s.attribute, value).error, 0);
			want[i] = value;
			CHECK(values(id) == want);
		}
	}
	for (const unsigned attribute : unbounded) {
		for (const std::uint32_t value : {~0u, 17u, 0u}) {
			CHECK_ERRNO(set(genl, id, attribute, value).error, 0);
			const Attributes shown = get(genl, VHOST_NET_ALT_CMD_DEV_GET, dev(id));
			CHECK_EQUAL(shown.u32(attribute), value);
		}
	}
	CHECK(values(id_of(other)) == first);
	/* All or nothing. */
	const auto before = values(id);
	refused(genl.request(VHOST_NET_ALT_CMD_DEV_SET,
			     dev(id).u32(VHOST_NET_ALT_A_DEV_RX_BATCH, 33)
				     .u32(VHOST_NET_ALT_A_DEV_TX_BATCH, 65)),
		ERANGE, "integer out of range");
	CHECK(values(id) == before);
	refused(genl.request(VHOST_NET_ALT_CMD_DEV_SET, {}), EINVAL, "attribute id is missing");
}

void settings_take_effect_under_traffic()
{
	Genl genl = family();
	Live live(device_path);
	const std::uint32_t id = id_of(live.rig.device);
	CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_TX_BATCH, 1).error, 0);
	CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_WEIGHT_PACKETS, 4).error, 0);
	transmit(live.rig, live.wire.far, {.count = 64, .batch = 32});
	const Attributes tx = stats(genl, id, true, 1).nest(VHOST_NET_ALT_A_QSTATS_TX);
	CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_BATCH_1), 64);
	CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_BATCHES), 64);
	CHECK(tx.u64(VHOST_NET_ALT_A_COUNTERS_REQUEUES) > 0);
	std::atomic<bool> stop = false;
	std::thread changes([&] {
		Genl other = family();
		for (std::uint32_t i = 0; !stop; i++) {
			set(other, id, VHOST_NET_ALT_A_DEV_TX_BATCH, 1 + i % 64);
			set(other, id, VHOST_NET_ALT_A_DEV_RX_BATCH, 64 - i % 64);
			set(other, id, VHOST_NET_ALT_A_DEV_WEIGHT_PACKETS, 1 + i % 300);
		}
	});
	std::string failure;
	try {
		for (unsigned i = 0; i < 20; i++)
			live.pass(20);
	} catch (const ktap::Failure &failed) {
		failure = failed.what;
	}
	stop = true;
	changes.join();
	CHECK(failure.empty(), "%s", failure.c_str());
}

/* A bridge whose one other port holds what it is given until the test lets go. */
class Holding
{
public:
	explicit Holding(const char *tap) : bridge_(Link::bridge("vnb0")), port_(Link::dummy("vnp0"))
	{
		for (const char *const name : {"vnp0", tap})
			set_master(name, "vnb0");
		set_mtu("vnp0", 65521);
		set_up("vnp0");
		set_up("vnb0");
		command("replace dev vnp0 root netem limit 1000 delay 200s");
	}
	void let_go() const { command("del dev vnp0 root"); }

private:
	static void command(const std::string &line)
	{
		CHECK(!std::system(("tc qdisc " + line).c_str()));
	}
	Link bridge_, port_;
};

void frames_in_flight_are_counted_with_their_pages()
{
	Genl genl = family();
	Rig rig(device_path, {});
	const Tap tap("vna0");
	const Holding port("vna0");
	rig.attach(tap.fd());
	const std::uint32_t id = id_of(rig.device);
	const auto flights = [&] {
		const Attributes shown = queue(genl, id, tx_queue);
		return std::pair(shown.u32(VHOST_NET_ALT_A_QUEUE_IN_FLIGHT),
				 shown.u32(VHOST_NET_ALT_A_QUEUE_PINNED_PAGES));
	};
	/* One frame, which comes back at once if it was copied. */
	const auto goes_by_reference = [&] {
		const std::uint32_t before = flights().first;
		offer_frame(rig, make_frame(16000, 1));
		rig.tx.publish();
		const auto deadline = std::chrono::steady_clock::now() + patience;
		while (!rig.tx.ring().collect()) {
			if (flights().first > before)
				return true;
			CHECK(std::chrono::steady_clock::now() < deadline);
		}
		return false;
	};
	CHECK(!queue(genl, id, rx_queue).has(VHOST_NET_ALT_A_QUEUE_IN_FLIGHT));
	CHECK(!goes_by_reference());
	CHECK(flights() == std::pair(0u, 0u));
	/* It is switched on, and off, while the queue runs: not in the middle of a turn. */
	unsigned copied = 1, referred = 1;
	CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_ZEROCOPY, 1).error, 0);
	while (!goes_by_reference())
		copied++;
	for (; referred < 5; referred++)
		CHECK(goes_by_reference());
	/* 16000 bytes behind the first 256 lie in 4 pages or 5. */
	const auto [frames, pages] = flights();
	CHECK_EQUAL(frames, 5);
	CHECK(pages >= 20 && pages <= 25, "%u pages", pages);
	const Counters fdinfo(rig.device.fd());
	CHECK_EQUAL(fdinfo.at("tx.in_flight"), frames);
	CHECK_EQUAL(fdinfo.at("tx.pinned_pages"), pages);
	CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_ZEROCOPY, 0).error, 0);
	while (goes_by_reference())
		referred++;
	CHECK(!goes_by_reference());
	copied += 2;
	CHECK_EQUAL(flights().first, referred);
	port.let_go();
	poll_used(rig.tx, referred);
	CHECK(flights() == std::pair(0u, 0u));
	const Attributes tx = stats(genl, id, true, 1).nest(VHOST_NET_ALT_A_QSTATS_TX);
	CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_ZEROCOPY), referred);
	CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_PACKETS), copied + referred);
}

void polling_is_switched_while_it_runs()
{
	if (std::thread::hardware_concurrency() < 2)
		ktap::skip("nobody looks on one CPU");
	Genl genl = family();
	Live live(device_path);
	const std::uint32_t id = id_of(live.rig.device);
	const auto polls = [&](std::uint32_t mode, std::uint32_t us) {
		CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_BUSYPOLL_US, us).error, 0);
		CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_BUSYPOLL, mode).error, 0);
		const auto count = [&] {
			return stats(genl, id, true, 1)
				.nest(VHOST_NET_ALT_A_QSTATS_TX)
				.u64(VHOST_NET_ALT_A_COUNTERS_POLLS);
		};
		/* A turn that began before the setting may still look. */
		live.pass(2);
		const std::uint64_t before = count();
		live.pass(20);
		return count() - before;
	};
	CHECK(polls(VHOST_NET_ALT_BUSYPOLL_MODE_FIXED, 1000) > 0);
	CHECK_EQUAL(polls(VHOST_NET_ALT_BUSYPOLL_MODE_OFF, 1000), 0);
	CHECK_EQUAL(polls(VHOST_NET_ALT_BUSYPOLL_MODE_ADAPTIVE, 0), 0);
}

void only_who_may_administrate_sets()
{
	const VhostDevice device(device_path);
	const std::uint32_t id = id_of(device);
	CHECK_EQUAL(in_child([&] {
			    CHECK(!setresuid(65534, 65534, 65534));
			    Genl genl = family();
			    CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_TX_BATCH, 7).error,
					EPERM);
			    /* To look is everyone's. */
			    const Attributes shown =
				    get(genl, VHOST_NET_ALT_CMD_DEV_GET, dev(id));
			    CHECK(shown.u32(VHOST_NET_ALT_A_DEV_TX_BATCH) != 7);
			    return 0;
		    }),
		    0);
}

void namespaces_do_not_see_each_other()
{
	Genl genl = family();
	const VhostDevice device(device_path);
	const std::uint32_t id = id_of(device);
	genl.join(VHOST_NET_ALT_MCGRP_MGMT);
	Child child([&](Child &self) {
		CHECK(!unshare(CLONE_NEWNET));
		Genl own = family();
		CHECK(own.dump(VHOST_NET_ALT_CMD_DEV_GET).messages.empty());
		CHECK(own.dump(VHOST_NET_ALT_CMD_QUEUE_GET).messages.empty());
		refused(own.request(VHOST_NET_ALT_CMD_DEV_GET, dev(id)), ENODEV,
			"no device with this id in this network namespace");
		CHECK_ERRNO(set(own, id, VHOST_NET_ALT_A_DEV_TX_BATCH, 7).error, ENODEV);
		const VhostDevice inner(device_path);
		const GenlResult mine = own.dump(VHOST_NET_ALT_CMD_DEV_GET);
		CHECK_EQUAL(mine.messages.size(), 1);
		CHECK_EQUAL(mine.messages[0].attributes.u32(VHOST_NET_ALT_A_DEV_ID),
			    id_of(inner));
		self.ready();
		pause();
		return 0;
	});
	child.wait_ready();
	CHECK_EQUAL(genl.dump(VHOST_NET_ALT_CMD_DEV_GET).messages.size(), 1);
	int error;
	CHECK(!genl.poll(error), "a device of another namespace was told of");
	CHECK_ERRNO(error, EAGAIN);
	child.kill(SIGKILL);
	child.wait();
}

/* A container's vhostctl has to look for the owner in its own /proc. */
void processes_have_the_numbers_that_the_asker_has_for_them()
{
	Live live(device_path);
	live.pass();
	const std::uint32_t outer = id_of(live.rig.device);
	Genl listener = family();
	CHECK(queue(listener, outer, tx_queue).u32(VHOST_NET_ALT_A_QUEUE_WORKER_PID) > 1);
	listener.join(VHOST_NET_ALT_MCGRP_MGMT);
	CHECK_EQUAL(in_child([&] {
			    CHECK(!unshare(CLONE_NEWPID));
			    Child contained([&](Child &self) {
				    CHECK_EQUAL(getpid(), 1);
				    Genl own = family();
				    CHECK(!get(own, VHOST_NET_ALT_CMD_DEV_GET, dev(outer))
						   .has(VHOST_NET_ALT_A_DEV_OWNER_PID));
				    const Attributes worked = queue(own, outer, tx_queue);
				    CHECK(!worked.has(VHOST_NET_ALT_A_QUEUE_WORKER_PID));
				    CHECK(worked.has(VHOST_NET_ALT_A_QUEUE_WORKER_NS));
				    VhostDevice inner(device_path);
				    CHECK_ERRNO(inner.set_owner(), 0);
				    CHECK_EQUAL(get(own, VHOST_NET_ALT_CMD_DEV_GET, dev(id_of(inner)))
							.u32(VHOST_NET_ALT_A_DEV_OWNER_PID),
						1);
				    self.ready();
				    pause();
				    return 0;
			    });
			    contained.wait_ready();
			    const GenlResult all = family().dump(VHOST_NET_ALT_CMD_DEV_GET);
			    CHECK_EQUAL(all.messages.size(), 2);
			    CHECK_EQUAL(all.messages[1].attributes.u32(VHOST_NET_ALT_A_DEV_OWNER_PID),
					contained.pid());
			    contained.kill(SIGKILL);
			    contained.wait();
			    return 0;
		    }),
		    0);
	CHECK_EQUAL(listener.next().command, VHOST_NET_ALT_CMD_DEV_ADD_NTF);
	const GenlMessage owned = listener.next();
	CHECK_EQUAL(owned.command, VHOST_NET_ALT_CMD_DEV_CHANGE_NTF);
	CHECK_EQUAL(owned.attributes.u32(VHOST_NET_ALT_A_DEV_OWNER_PID), 1);
}

/* --- dumps --- */

/* Ids in a dump, which must ascend. */
std::set<std::uint32_t> ids_of(const GenlResult &result)
{
	std::set<std::uint32_t> ids;
	std::uint32_t last = 0;
	for (const GenlMessage &message : result.messages) {
		const std::uint32_t id = message.attributes.u32(VHOST_NET_ALT_A_DEV_ID);
		CHECK(id > last, "%u comes after %u", id, last);
		ids.insert(last = id);
	}
	return ids;
}

void a_dump_of_many_devices_comes_in_parts()
{
	Genl genl = family();
	std::vector<std::unique_ptr<VhostDevice>> devices;
	std::set<std::uint32_t> want;
	for (unsigned i = 0; i < 200; i++) {
		devices.push_back(std::make_unique<VhostDevice>(device_path));
		want.insert(id_of(*devices.back()));
	}
	const GenlResult all = genl.dump(VHOST_NET_ALT_CMD_DEV_GET);
	CHECK_ERRNO(all.error, 0);
	CHECK(!all.interrupted);
	CHECK(ids_of(all) == want);
	const GenlResult counters =
		genl.dump(VHOST_NET_ALT_CMD_QSTATS_GET,
			  Attributes().u32(VHOST_NET_ALT_A_QSTATS_SCOPE,
					   VHOST_NET_ALT_QSTATS_SCOPE_QUEUE));
	CHECK_ERRNO(counters.error, 0);
	CHECK_EQUAL(counters.messages.size(), 400);
	CHECK(!counters.interrupted && counters.packets > 2);
	const GenlResult queues =
		genl.dump(VHOST_NET_ALT_CMD_QUEUE_GET,
			  Attributes().u32(VHOST_NET_ALT_A_QUEUE_DEV_ID, *want.begin()));
	CHECK_EQUAL(queues.messages.size(), 2);
}

void dumps_while_devices_come_and_go()
{
	Genl genl = family();
	const VhostDevice first(device_path);
	std::atomic<bool> stop = false;
	std::vector<std::unique_ptr<VhostDevice>> devices(100);
	for (auto &device : devices)
		device = std::make_unique<VhostDevice>(device_path);
	std::thread churn([&] {
		for (std::size_t i = 0; !stop; i = (i + 37) % devices.size()) { /* each in turn */
			devices[i].reset();
			devices[i] = std::make_unique<VhostDevice>(device_path);
		}
	});
	std::string failure;
	unsigned interrupted = 0;
	const auto deadline = std::chrono::steady_clock::now() + patience;
	try {
		/* Those of some messages may all be of one moment, though not often. */
		for (unsigned i = 0; i < 100 || !interrupted; i++) {
			CHECK(std::chrono::steady_clock::now() < deadline || i < 100,
			      "no dump says that devices came and went");
			const GenlResult all = genl.dump(VHOST_NET_ALT_CMD_DEV_GET);
			CHECK_ERRNO(all.error, 0);
			CHECK(ids_of(all).contains(id_of(first)));
			interrupted += all.interrupted;
			CHECK_ERRNO(genl.dump(VHOST_NET_ALT_CMD_QSTATS_GET).error, 0);
		}
	} catch (const ktap::Failure &failed) {
		failure = failed.what;
	}
	stop = true;
	churn.join();
	CHECK(failure.empty(), "%s", failure.c_str());
}

/* --- notifications --- */

void devices_that_come_change_and_go_are_told_of()
{
	Genl genl = family();
	genl.join(VHOST_NET_ALT_MCGRP_MGMT);
	std::uint32_t id;
	const auto expect = [&](unsigned command) {
		const GenlMessage message = genl.next();
		CHECK_EQUAL(message.command, command);
		CHECK_EQUAL(message.attributes.u32(VHOST_NET_ALT_A_DEV_ID), id);
		return message.attributes;
	};
	const auto nothing = [&] {
		int error;
		CHECK(!genl.poll(error));
		CHECK_ERRNO(error, EAGAIN);
	};
	{
		VhostDevice device(device_path);
		id = id_of(device);
		expect(VHOST_NET_ALT_CMD_DEV_ADD_NTF);
		std::uint64_t features;
		CHECK_ERRNO(device.get_features(features), 0);
		nothing();
		CHECK_ERRNO(device.set_owner(), 0);
		const Attributes owned = expect(VHOST_NET_ALT_CMD_DEV_CHANGE_NTF);
		CHECK_EQUAL(owned.u32(VHOST_NET_ALT_A_DEV_OWNER_PID), getpid());
		CHECK_ERRNO(device.set_owner(), EBUSY);
		nothing();
		CHECK_ERRNO(device.set_features(feature::version_1), 0);
		const Attributes changed = expect(VHOST_NET_ALT_CMD_DEV_CHANGE_NTF);
		CHECK_EQUAL(changed.u64(VHOST_NET_ALT_A_DEV_FEATURES), feature::version_1);
		CHECK_ERRNO(device.set_features(feature::version_1), 0);
		nothing();
		Genl other = family();
		CHECK_ERRNO(set(other, id, VHOST_NET_ALT_A_DEV_TX_BATCH, 3).error, 0);
		const Attributes set_one = expect(VHOST_NET_ALT_CMD_DEV_CHANGE_NTF);
		CHECK_EQUAL(set_one.u32(VHOST_NET_ALT_A_DEV_TX_BATCH), 3);
		CHECK_ERRNO(set(other, id, VHOST_NET_ALT_A_DEV_TX_BATCH, 3).error, 0);
		nothing();
	}
	expect(VHOST_NET_ALT_CMD_DEV_DEL_NTF);
	nothing();
}

void a_backend_that_comes_and_goes_is_told_of()
{
	Genl genl = family();
	Rig rig(device_path, {});
	const Tap tap("vna0");
	genl.join(VHOST_NET_ALT_MCGRP_MGMT);
	CHECK_ERRNO(rig.device.set_backend(tx_queue, tap.fd()), 0);
	const GenlMessage bound = genl.next();
	CHECK_EQUAL(bound.command, VHOST_NET_ALT_CMD_DEV_CHANGE_NTF);
	CHECK_EQUAL(bound.attributes.u32(VHOST_NET_ALT_A_DEV_STATE),
		    VHOST_NET_ALT_DEV_STATE_RUNNING);
	CHECK_ERRNO(rig.device.set_backend(tx_queue, -1), 0);
	CHECK_EQUAL(genl.next().attributes.u32(VHOST_NET_ALT_A_DEV_STATE),
		    VHOST_NET_ALT_DEV_STATE_OWNED);
}

void a_tap_elsewhere_is_not_taken_for_its_namesake()
{
	Genl genl = family();
	const Rig rig(device_path, {});
	const std::uint32_t id = id_of(rig.device);
	const Tap away_first("vna0", {.multi_queue = true}),
		away_second("vna0", {.multi_queue = true});
	Child elsewhere([](Child &self) {
		CHECK(!unshare(CLONE_NEWNET));
		self.ready();
		pause();
		return 0;
	});
	elsewhere.wait_ready();
	const std::string move = ktap::format("ip link set vna0 netns %d", elsewhere.pid());
	CHECK(!std::system(move.c_str()));
	const Tap first("vna0", {.multi_queue = true}), second("vna0", {.multi_queue = true});
	second.attach(false); // as QEMU's are, before its guest asks for more pairs of queues
	for (const auto &[moved, here] :
	     {std::pair(&away_first, &first), std::pair(&away_second, &second)}) {
		CHECK_ERRNO(rig.device.set_backend(tx_queue, moved->fd()), 0);
		const Attributes away = queue(genl, id, tx_queue);
		CHECK_EQUAL(away.u32(VHOST_NET_ALT_A_QUEUE_BACKEND),
			    VHOST_NET_ALT_BACKEND_TYPE_TAP);
		CHECK(!away.has(VHOST_NET_ALT_A_QUEUE_IFINDEX));
		CHECK(!away.has(VHOST_NET_ALT_A_QUEUE_IFNAME));
		CHECK_ERRNO(rig.device.set_backend(tx_queue, here->fd()), 0);
		CHECK_EQUAL(queue(genl, id, tx_queue).u32(VHOST_NET_ALT_A_QUEUE_IFINDEX),
			    index_of("vna0"));
	}
	CHECK_ERRNO(rig.device.set_backend(tx_queue, -1), 0);
	elsewhere.kill(SIGKILL);
	elsewhere.wait();
}

void a_broken_rule_is_told_by_name()
{
	Genl genl = family(), asks = family();
	Live live(device_path);
	const std::uint32_t id = id_of(live.rig.device);
	genl.join(VHOST_NET_ALT_MCGRP_MGMT);
	driver::SplitTable &table = live.rig.tx.split_table();
	table.set_avail_idx(static_cast<std::uint16_t>(table.avail_idx() + 1000));
	live.rig.tx.kick();
	const GenlMessage message = genl.next();
	CHECK_EQUAL(message.command, VHOST_NET_ALT_CMD_QUEUE_ERROR_NTF);
	const Attributes &told = message.attributes;
	CHECK_EQUAL(told.u32(VHOST_NET_ALT_A_QUEUE_DEV_ID), id);
	CHECK_EQUAL(told.u32(VHOST_NET_ALT_A_QUEUE_ID), tx_queue);
	CHECK_EQUAL(told.u32(VHOST_NET_ALT_A_QUEUE_TYPE), VHOST_NET_ALT_QUEUE_TYPE_TX);
	CHECK(told.string(VHOST_NET_ALT_A_QUEUE_RULE) == "avail_index_jump");
	CHECK(told.string(VHOST_NET_ALT_A_QUEUE_RULE_TEXT).starts_with("available index moved"));
	/* The same can be asked for. */
	const Attributes shown = queue(asks, id, tx_queue);
	CHECK_EQUAL(shown.u32(VHOST_NET_ALT_A_QUEUE_STATE), VHOST_NET_ALT_QUEUE_STATE_STOPPED);
	CHECK(shown.string(VHOST_NET_ALT_A_QUEUE_RULE) == "avail_index_jump");
	const Attributes tx = stats(asks, id, true, 1).nest(VHOST_NET_ALT_A_QSTATS_TX);
	CHECK_EQUAL(tx.u64(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS), 1);
	const Attributes rules = tx.nest(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS_BY_RULE);
	CHECK_EQUAL(rules.u64(VHOST_NET_ALT_A_RULES_AVAIL_INDEX_JUMP), 1);
	CHECK(!rules.has(VHOST_NET_ALT_A_RULES_RING_FAULT));
	/* Set up anew it runs, which is told too. */
	CHECK_ERRNO(live.rig.device.set_backend(tx_queue, -1), 0);
	CHECK_EQUAL(genl.next().command, VHOST_NET_ALT_CMD_DEV_CHANGE_NTF);
	CHECK_EQUAL(queue(asks, id, tx_queue).u32(VHOST_NET_ALT_A_QUEUE_STATE),
		    VHOST_NET_ALT_QUEUE_STATE_OFF);
}

/* A worker may find a broken rule while its device is being closed. */
void nothing_is_told_of_a_device_that_has_gone()
{
	Genl genl = family();
	genl.join(VHOST_NET_ALT_MCGRP_MGMT);
	unsigned errors = 0, rounds = 0;
	/* As many as it takes to see that the worker comes first, now and then. */
	for (; rounds < 100 || !errors; rounds++) {
		CHECK(rounds < 2000, "no ring error is told");
		std::uint32_t id;
		{
			Live live(device_path);
			id = id_of(live.rig.device);
			driver::SplitTable &table = live.rig.tx.split_table();
			table.set_avail_idx(static_cast<std::uint16_t>(table.avail_idx() + 1000));
			live.rig.tx.kick();
		}
		bool gone = false;
		int error;
		while (const auto message = genl.poll(error)) {
			CHECK(!gone, "command %u of device %u after that it has gone",
			      message->command, id);
			gone = message->command == VHOST_NET_ALT_CMD_DEV_DEL_NTF;
			errors += message->command == VHOST_NET_ALT_CMD_QUEUE_ERROR_NTF;
		}
		CHECK_ERRNO(error, EAGAIN);
		CHECK(gone);
	}
	ktap::note("%u of %u broken rules were told", errors, rounds);
}

void who_is_too_slow_is_told_so()
{
	Genl slow = family(), genl = family();
	const VhostDevice device(device_path);
	const std::uint32_t id = id_of(device);
	slow.set_receive_buffer(4096);
	slow.join(VHOST_NET_ALT_MCGRP_MGMT);
	constexpr unsigned events = 10000;
	for (unsigned i = 0; i < events; i++)
		CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_TX_BATCH, 1 + i % 2).error, 0);
	unsigned told = 0, lost = 0;
	for (int error = 0;;) {
		if (slow.poll(error))
			told++;
		else if (error == ENOBUFS)
			lost++;
		else
			break;
	}
	CHECK(told < events && lost, "%u events told, %u times ENOBUFS", told, lost);
	/* It goes on with what comes then. */
	CHECK_ERRNO(set(genl, id, VHOST_NET_ALT_A_DEV_TX_BATCH, 9).error, 0);
	CHECK_EQUAL(slow.next().attributes.u32(VHOST_NET_ALT_A_DEV_TX_BATCH), 9);
}

void the_module_stays_while_it_is_in_use()
{
	const VhostDevice device(device_path);
	CHECK(syscall(SYS_delete_module, "vhost_net_alt", O_NONBLOCK) == -1);
	CHECK_ERRNO(errno, EAGAIN);
}

bool try_to_unload()
{
	if (!syscall(SYS_delete_module, "vhost_net_alt", O_NONBLOCK))
		return true;
	CHECK(errno == EAGAIN || errno == EWOULDBLOCK, "errno %d", errno);
	return false;
}

void unload()
{
	const auto deadline = std::chrono::steady_clock::now() + patience;
	/* What the tests before had in flight may land late. */
	while (!try_to_unload()) {
		CHECK(std::chrono::steady_clock::now() < deadline, "it does not go");
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
	}
}

void load()
{
	const UniqueFd file(open("/lib/vhost_net_alt.ko", O_RDONLY | O_CLOEXEC));
	CHECK(file.get() >= 0);
	CHECK(!syscall(SYS_finit_module, file.get(), "", 0), "errno %d", errno);
}

/* Its code is needed for the parts that have not been asked for, though no device is left. */
void a_dump_under_way_keeps_the_module()
{
	std::optional<Genl> genl = family();
	GenlResult result;
	const auto begin = [&] {
		std::vector<std::unique_ptr<VhostDevice>> devices(200);
		for (auto &device : devices)
			device = std::make_unique<VhostDevice>(device_path);
		result = {};
		genl->begin_dump(VHOST_NET_ALT_CMD_QSTATS_GET,
				 Attributes().u32(VHOST_NET_ALT_A_QSTATS_SCOPE,
						  VHOST_NET_ALT_QSTATS_SCOPE_QUEUE));
		CHECK(genl->more(result));
		CHECK(!result.messages.empty());
	};
	begin();
	/* What else may hold it, in flight from the tests before, has let go by then. */
	for (unsigned i = 0; i < 50; i++) {
		CHECK(!try_to_unload(), "it goes");
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
	}
	while (genl->more(result))
		;
	CHECK_ERRNO(result.error, 0);
	CHECK(result.interrupted && result.messages.size() < 400, "%zu queues",
	      result.messages.size());
	unload();
	load();
	/* Who goes away does not come for the rest. */
	genl = family();
	begin();
	CHECK(!try_to_unload(), "it goes");
	genl.reset();
	unload();
	load();
}

/* Who has a socket, and listens, meanwhile is told that there is no such family, and no more. */
void the_module_goes_and_comes_back()
{
	Genl genl = family();
	genl.join(VHOST_NET_ALT_MCGRP_MGMT);
	unload();
	CHECK_ERRNO(genl.request(VHOST_NET_ALT_CMD_DEV_GET, dev(1)).error, ENOENT);
	CHECK_ERRNO(genl.dump(VHOST_NET_ALT_CMD_DEV_GET).error, ENOENT);
	/* And while it comes and goes. */
	std::atomic<bool> stop = false;
	std::thread asks([&] {
		while (!stop)
			genl.dump(VHOST_NET_ALT_CMD_DEV_GET);
	});
	for (unsigned i = 0; i < 10; i++) {
		load();
		unload();
	}
	stop = true;
	asks.join();
	load();
	CHECK(family().dump(VHOST_NET_ALT_CMD_DEV_GET).messages.empty());
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	const auto add = [&](const char *name, void (*test)()) {
		suite.add_stricter(name, "has no netlink family", test);
	};
	add("an id is the same by ioctl, in fdinfo and by netlink", an_id_is_the_same_everywhere);
	add("an id is not given again", an_id_is_not_given_again);
	add("a device and its queues show how they were set up", a_device_shows_how_it_was_set_up);
	add("backends show their type and network device", backends_have_their_type_and_device);
	add("a bind that fails shows nothing", a_bind_that_fails_shows_nothing);
	add("statistics equal what was sent, to the packet", statistics_equal_what_was_sent);
	add("bad requests are refused in words", bad_requests_are_refused_in_words);
	add("settings have bounds, and change alone", settings_have_bounds_and_change_alone);
	add("settings take effect under traffic", settings_take_effect_under_traffic);
	add("frames in flight are counted with their pages",
	    frames_in_flight_are_counted_with_their_pages);
	add("polling is switched while it runs", polling_is_switched_while_it_runs);
	add("only who may administrate changes settings", only_who_may_administrate_sets);
	add("network namespaces do not see each other's devices", namespaces_do_not_see_each_other);
	add("PID namespaces have numbers of their own for owners and workers",
	    processes_have_the_numbers_that_the_asker_has_for_them);
	add("a dump of many devices comes in parts", a_dump_of_many_devices_comes_in_parts);
	add("dumps while 100 devices come and go", dumps_while_devices_come_and_go);
	add("devices that come, change and go are told of",
	    devices_that_come_change_and_go_are_told_of);
	add("a backend that comes and goes is told of", a_backend_that_comes_and_goes_is_told_of);
	add("a tap in another namespace is not taken for its namesake",
	    a_tap_elsewhere_is_not_taken_for_its_namesake);
	add("a broken rule is told by name", a_broken_rule_is_told_by_name);
	add("nothing is told of a device that has gone", nothing_is_told_of_a_device_that_has_gone);
	add("who is too slow for 10,000 events is told so", who_is_too_slow_is_told_so);
	add("the module stays while it is in use", the_module_stays_while_it_is_in_use);
	add("a dump under way keeps the module", a_dump_under_way_keeps_the_module);
	add("the module goes and comes back", the_module_goes_and_comes_back);
	return suite.run();
}
