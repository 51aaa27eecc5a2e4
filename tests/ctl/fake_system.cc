// SPDX-License-Identifier: GPL-2.0-only
#include "fake_system.hh"

#include <algorithm>
#include <cerrno>

#include "net/tun_flags.hh"

namespace vhostctl::test {

using namespace vhostd;

namespace {

constexpr std::uint64_t frame_bytes = 1500, batch = 8;

template <class T> T parse(const spec::Set &set, const NetlinkMessage &message)
{
	return T(parse_reply(set, message.header()));
}

using Counters = std::map<int, std::uint64_t>;

void counters(NetlinkMessage &to, std::uint64_t frames, std::uint64_t rule, const Counters &more = {})
{
	const auto u64 = [&](int counter, std::uint64_t value) {
		to.u64(counter, value, VHOST_NET_ALT_A_COUNTERS_PAD);
	};
	for (const auto &[counter, value] : more)
		u64(counter, value);
	u64(VHOST_NET_ALT_A_COUNTERS_PACKETS, frames);
	u64(VHOST_NET_ALT_A_COUNTERS_BYTES, frames * frame_bytes);
	u64(VHOST_NET_ALT_A_COUNTERS_BUFFERS, frames);
	u64(VHOST_NET_ALT_A_COUNTERS_BATCHES, frames / batch);
	u64(VHOST_NET_ALT_A_COUNTERS_BATCH_1, 0);
	u64(VHOST_NET_ALT_A_COUNTERS_BATCH_8, frames / batch);
	u64(VHOST_NET_ALT_A_COUNTERS_KICKS, frames / 2);
	u64(VHOST_NET_ALT_A_COUNTERS_CALLS, frames / 4);
	u64(VHOST_NET_ALT_A_COUNTERS_DROP_BACKEND, frames / 500);
	u64(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS, rule ? 1 : 0);
	to.nest(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS_BY_RULE, [&](NetlinkMessage &rules) {
		if (rule)
			rules.u64(static_cast<int>(rule), 1, VHOST_NET_ALT_A_RULES_PAD);
	});
}

} // namespace

FakeSystem::FakeSystem()
{
	using namespace std::chrono;
	now_ = sys_days(2026y / November / 21) + 16h + 123456us;
	is.node = Machine::Node{"root", "kvm", "660", true};
	is.administrator = true;
	constexpr unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN |
				      TUN_F_USO4 | TUN_F_USO6;
	is.interfaces["tap0"] = {true, 1500, {offloads, offloads}, 1, "br0", 1500};
	is.memlock[4321] = 65536;
}

void FakeSystem::check() const
{
	if (!loaded)
		throw NotLoaded();
}

std::vector<Device> FakeSystem::devices()
{
	check();
	const auto settings = [](NetlinkMessage &&message) {
		message.u32(VHOST_NET_ALT_A_DEV_MEM_REGIONS, 3)
			.u32(VHOST_NET_ALT_A_DEV_QUEUES, 2)
			.u32(VHOST_NET_ALT_A_DEV_RX_BATCH, 64)
			.u32(VHOST_NET_ALT_A_DEV_TX_BATCH, 32)
			.u32(VHOST_NET_ALT_A_DEV_WEIGHT_PACKETS, 256)
			.u32(VHOST_NET_ALT_A_DEV_WEIGHT_BYTES, 524288);
		return parse<Device>(spec::dev, message);
	};
	return {settings(std::move(
			NetlinkMessage(VHOST_NET_ALT_CMD_DEV_GET)
				.u32(VHOST_NET_ALT_A_DEV_ID, 1)
				.u32(VHOST_NET_ALT_A_DEV_STATE, VHOST_NET_ALT_DEV_STATE_RUNNING)
				.u32(VHOST_NET_ALT_A_DEV_OWNER_PID, 4321)
				.u64(VHOST_NET_ALT_A_DEV_FEATURES, 0x130008000,
				     VHOST_NET_ALT_A_DEV_PAD)
				.u64(VHOST_NET_ALT_A_DEV_FEATURES_HIGH, 0x42,
				     VHOST_NET_ALT_A_DEV_PAD))),
		settings(std::move(
			NetlinkMessage(VHOST_NET_ALT_CMD_DEV_GET)
				.u32(VHOST_NET_ALT_A_DEV_ID, 7)
				.u32(VHOST_NET_ALT_A_DEV_STATE, VHOST_NET_ALT_DEV_STATE_OPENED)
				.u64(VHOST_NET_ALT_A_DEV_FEATURES, 0, VHOST_NET_ALT_A_DEV_PAD)
				.u64(VHOST_NET_ALT_A_DEV_FEATURES_HIGH, 0,
				     VHOST_NET_ALT_A_DEV_PAD)))};
}

Device FakeSystem::device(std::uint32_t id)
{
	for (const Device &device : devices())
		if (device.id() == id)
			return device;
	throw RequestRefused(ENODEV, "device", "no device with this id in this network namespace");
}

std::vector<Queue> FakeSystem::queues(std::optional<std::uint32_t> device)
{
	check();
	std::vector<Queue> all;
	for (const std::uint32_t id : {0u, 1u}) {
		NetlinkMessage message(VHOST_NET_ALT_CMD_QUEUE_GET);
		message.u32(VHOST_NET_ALT_A_QUEUE_DEV_ID, 1)
			.u32(VHOST_NET_ALT_A_QUEUE_ID, id)
			.u32(VHOST_NET_ALT_A_QUEUE_TYPE, id)
			.u32(VHOST_NET_ALT_A_QUEUE_STATE,
			     stopped && id ? VHOST_NET_ALT_QUEUE_STATE_STOPPED :
					     VHOST_NET_ALT_QUEUE_STATE_RUNNING);
		if (stopped && id)
			message.string(VHOST_NET_ALT_A_QUEUE_RULE, "zero_length")
				.string(VHOST_NET_ALT_A_QUEUE_RULE_TEXT, "descriptor of zero bytes");
		message.u32(VHOST_NET_ALT_A_QUEUE_RING_FORMAT, VHOST_NET_ALT_RING_FORMAT_PACKED)
			.u32(VHOST_NET_ALT_A_QUEUE_RING_SIZE, 256)
			.u32(VHOST_NET_ALT_A_QUEUE_BASE, 0x8000)
			.u32(VHOST_NET_ALT_A_QUEUE_WORKER_PID, 4322)
			.u64(VHOST_NET_ALT_A_QUEUE_WORKER_NS, sent_ * 100000,
			     VHOST_NET_ALT_A_QUEUE_PAD)
			.u32(VHOST_NET_ALT_A_QUEUE_BACKEND, VHOST_NET_ALT_BACKEND_TYPE_TAP)
			.u32(VHOST_NET_ALT_A_QUEUE_IFINDEX, 5)
			.string(VHOST_NET_ALT_A_QUEUE_IFNAME, ifname);
		if (id)
			message.flag(VHOST_NET_ALT_A_QUEUE_IN_ORDER);
		all.push_back(parse<Queue>(spec::queue, message));
	}
	for (const std::uint32_t id : {0u, 1u})
		all.push_back(parse<Queue>(
			spec::queue,
			NetlinkMessage(VHOST_NET_ALT_CMD_QUEUE_GET)
				.u32(VHOST_NET_ALT_A_QUEUE_DEV_ID, 7)
				.u32(VHOST_NET_ALT_A_QUEUE_ID, id)
				.u32(VHOST_NET_ALT_A_QUEUE_TYPE, id)
				.u32(VHOST_NET_ALT_A_QUEUE_STATE, VHOST_NET_ALT_QUEUE_STATE_OFF)
				.u32(VHOST_NET_ALT_A_QUEUE_BACKEND,
				     VHOST_NET_ALT_BACKEND_TYPE_NONE)));
	if (device) {
		(void)this->device(*device);
		std::erase_if(all, [&](const Queue &queue) { return queue.device() != *device; });
	}
	return all;
}

std::vector<Statistics> FakeSystem::queue_statistics(std::optional<std::uint32_t> device)
{
	std::vector<Statistics> all;
	for (const Queue &queue : queues(device)) {
		NetlinkMessage message(VHOST_NET_ALT_CMD_QSTATS_GET);
		const bool tx = queue.type() == VHOST_NET_ALT_QUEUE_TYPE_TX;
		const std::uint64_t frames = queue.device() == 1 ? (tx ? sent_ : sent_ / 3) : 0;
		const std::uint64_t rule = queue.state() == VHOST_NET_ALT_QUEUE_STATE_STOPPED ?
						   VHOST_NET_ALT_A_RULES_ZERO_LENGTH :
						   0;
		message.u32(VHOST_NET_ALT_A_QSTATS_DEV_ID, queue.device())
			.u32(VHOST_NET_ALT_A_QSTATS_QUEUE_ID, queue.id())
			.u32(VHOST_NET_ALT_A_QSTATS_QUEUE_TYPE, queue.type())
			.nest(tx ? VHOST_NET_ALT_A_QSTATS_TX : VHOST_NET_ALT_A_QSTATS_RX,
			      [&](NetlinkMessage &to) {
				      counters(to, frames, rule, tx && frames ? sending : Counters{});
			      });
		all.push_back(parse<Statistics>(spec::qstats, message));
	}
	return all;
}

std::vector<Statistics> FakeSystem::device_statistics(std::optional<std::uint32_t>)
{
	std::vector<Statistics> all;
	for (const Device &device : devices()) {
		NetlinkMessage message(VHOST_NET_ALT_CMD_QSTATS_GET);
		const std::uint64_t frames = device.id() == 1 ? sent_ : 0;
		message.u32(VHOST_NET_ALT_A_QSTATS_DEV_ID, device.id())
			.nest(VHOST_NET_ALT_A_QSTATS_RX,
			      [&](NetlinkMessage &to) { counters(to, frames / 3, 0); })
			.nest(VHOST_NET_ALT_A_QSTATS_TX,
			      [&](NetlinkMessage &to) { counters(to, frames, 0); });
		all.push_back(parse<Statistics>(spec::qstats, message));
	}
	return all;
}

void FakeSystem::set(std::uint32_t device, const std::vector<Setting> &changes)
{
	(void)this->device(device);
	for (const Setting &each : changes)
		settings.push_back(std::to_string(device) + ' ' + std::string(each.attribute->name) +
				   '=' + std::to_string(each.value));
}

void FakeSystem::event(const NetlinkMessage &message)
{
	events.push_back(*parse_event(message.header()));
}

std::optional<Event> FakeSystem::event()
{
	if (events.empty())
		return std::nullopt;
	Event event = std::move(events.front());
	events.pop_front();
	return event;
}

std::string FakeSystem::process(std::uint32_t pid)
{
	return pid == 4321 ? owner : "";
}

Machine FakeSystem::machine(const std::vector<std::string> &interfaces,
			    const std::vector<std::uint32_t> &)
{
	Machine machine = is;
	std::erase_if(machine.interfaces, [&](const auto &each) {
		return std::find(interfaces.begin(), interfaces.end(), each.first) ==
		       interfaces.end();
	});
	return machine;
}

void FakeSystem::sleep(std::chrono::nanoseconds duration)
{
	now_ += std::chrono::duration_cast<Clock::duration>(duration);
	sent_ += rate * static_cast<std::uint64_t>(duration.count()) / 1000000000;
}

} // namespace vhostctl::test
