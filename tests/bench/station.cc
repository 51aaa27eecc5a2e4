/* SPDX-License-Identifier: GPL-2.0-only */
#include "station.hh"

#include "ktap.hh"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <thread>
#include <x86intrin.h>

using namespace vna::vm;

namespace vna::bench
{

namespace
{

TapOptions tap_options()
{
	TapOptions options;
	options.offload = TUN_F_CSUM | TUN_F_TSO4;
	return options;
}

RigOptions rig_options(std::uint64_t features)
{
	RigOptions options;
	options.features = feature::version_1 | feature::event_idx | feature::indirect | features;
	return options;
}

/* Of no protocol: one that listened would be on the path of every frame. */
UniqueFd make_sender(const std::string &netdev)
{
	UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	CHECK(fd.get() >= 0, "packet socket: %s", std::strerror(errno));
	const int on = 1, bytes = 64 << 20;
	CHECK(!setsockopt(fd.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)));
	CHECK(!setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)));
	sockaddr_ll address{};
	address.sll_family = AF_PACKET;
	address.sll_ifindex = index_of(netdev);
	CHECK(!bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), "%s: %s",
	      netdev.c_str(), std::strerror(errno));
	return fd;
}

void write_file(const std::string &path, const char *text)
{
	CHECK(std::ofstream(path) << text << std::flush, "%s", path.c_str());
}

} /* namespace */

Station::Station(const std::string &device, unsigned number, std::uint64_t features, bool bridged)
    : device_(device), number_(number), others_(workers()), tap_(own("vnatap"), tap_options()),
      rig_(device, rig_options(features)), clock_(others_), sender_(make_sender(tap_.name())),
      buffers_(rig_.memory.allocate(slots * slot_bytes, page))
{
	if (bridged) {
		bridge_.emplace(Link::bridge(own("vnabr")));
		/* It would join groups, and say so on the link whose frames are counted. */
		write_file("/sys/class/net/" + bridge_->name() + "/bridge/multicast_snooping", "0");
		sink_.emplace(Link::dummy(own("vnasink")));
		set_master(tap_.name(), bridge_->name());
		set_master(sink_->name(), bridge_->name());
		set_up(sink_->name());
		set_up(bridge_->name());
	}
	rig_.attach(tap_.fd());
}

/*
 * Until the worker has gone to sleep. Never the same time twice in a row: rounds in step with the
 * scheduler's tick would each have one.
 */
void Station::settle() const
{
	static unsigned call;
	const auto deadline = std::chrono::steady_clock::now() + patience;
	do {
		call = (call + 37) % 101;
		std::this_thread::sleep_for(std::chrono::microseconds(2000 + 17 * call));
		CHECK(std::chrono::steady_clock::now() < deadline, "the worker never sleeps");
	} while (!clock_.asleep());
}

std::uint64_t Station::arrived() const
{
	return sink_ ? statistic(sink_->name(), "tx_packets")
		     : statistic(tap_.name(), "rx_packets");
}

void Station::prepare(const Load &load)
{
	const bool tx = load.way == Way::tx;
	load_ = load;
	frames_.clear();
	chains_.clear();
	for (unsigned i = 0; i < load.batch; ++i) {
		frames_.emplace_back(load.bytes, i);
		const auto len = static_cast<std::uint32_t>(rig_.header_size() + load.bytes);
		const auto piece = load.indirect ? static_cast<std::uint32_t>(page) : len;
		chains_.push_back(driver::cut(slot(i), len, piece, !tx));
		std::byte *bytes = rig_.memory.at(slot(i), len);
		std::memset(bytes, 0, len);
		if (!tx)
			continue;
		std::memcpy(bytes, &frames_[i].header, sizeof(frames_[i].header));
		std::ranges::copy(frames_[i].bytes, bytes + rig_.header_size());
	}

	/* Receive: round() looks at the last, and each buffer still has what was written. */
	std::optional<PacketSocket> far;
	if (tx)
		far.emplace(tap_.name(), 0);
	round();
	for (unsigned i = 0; i < load.batch; ++i) {
		if (tx)
			CHECK(far->receive() == frames_[i].bytes, "frame %u is another", i);
		else
			check_received(i, chain_length(chains_[i]));
	}
}

void Station::check_received(unsigned number, std::uint32_t len)
{
	const std::vector<std::byte> &frame = frames_[number].bytes;
	CHECK_EQUAL(len, rig_.header_size() + frame.size());
	CHECK(std::ranges::equal(frame,
				 std::span(rig_.memory.at(slot(number), len) + rig_.header_size(),
					   frame.size())),
	      "frame %u is another", number);
}

void Station::send()
{
	for (BenchFrame &frame : frames_) {
		const iovec parts[] = {{&frame.header, sizeof(frame.header)},
				       {frame.bytes.data(), frame.bytes.size()}};
		CHECK(writev(sender_.get(), parts, 2) > 0, "%s", std::strerror(errno));
	}
}

Cost Station::round()
{
	const bool tx = load_.way == Way::tx;
	driver::DriverRing &ring = queue().ring();
	const std::uint64_t arrived_before = tx ? arrived() : 0;
	for (const driver::Chain &chain : chains_)
		CHECK(ring.add(chain, {.indirect = load_.indirect}));
	if (!tx) {
		/* The last one of the round before looks like the last one of this. */
		std::memset(rig_.memory.at(slot(load_.batch - 1)), 0, rig_.header_size() + 64);
		send();
	}
	settle();
	queue().take_calls();
	CHECK(ring.enable_notifications(load_.batch));
	ring.publish();
	CHECK(ring.needs_kick(), "the device is awake");

	pollfd ready{queue().call_fd(), POLLIN, 0};
	const std::uint64_t worker = clock_.nanoseconds();
	const std::uint64_t start = __rdtsc();
	queue().kick();
	/* In the time of the machine that is emulated. */
	const int woken = poll(&ready, 1, 20000);
	Cost cost{__rdtsc() - start, 0};
	CHECK(woken == 1, "no interrupt");
	settle();
	cost.worker = clock_.nanoseconds() - worker;

	std::uint32_t len = 0;
	for (unsigned i = 0; i < load_.batch; ++i) {
		const auto used = ring.collect();
		CHECK(used && used->token != driver::no_token, "interrupted before the last of %u",
		      load_.batch);
		if (!tx)
			CHECK_EQUAL(used->len, chain_length(chains_[i]));
		len = used->len;
	}
	if (tx)
		CHECK_EQUAL(arrived() - arrived_before, load_.batch);
	else
		check_received(load_.batch - 1, len);
	return cost;
}

unsigned Station::collect_all()
{
	const std::uint64_t len = load_.way == Way::rx ? chain_length(chains_[0]) : 0;
	unsigned count = 0;
	while (const auto used = queue().ring().collect()) {
		CHECK(used->token != driver::no_token && used->len == len, "not what was offered");
		++count;
	}
	return count;
}

/* Asks to be told of the last of that many; looks for them alone otherwise. */
void Station::wait_for_used(unsigned count, Wait wait)
{
	driver::DriverRing &ring = queue().ring();
	if (wait == Wait::look) {
		const auto deadline = std::chrono::steady_clock::now() + patience;
		for (unsigned looks = 1; !ring.has_used(); ++looks) {
			_mm_pause();
			CHECK(looks % 65536 || std::chrono::steady_clock::now() < deadline,
			      "nothing is used");
		}
	} else {
		queue().take_calls();
		if (ring.enable_notifications(count))
			CHECK(queue().wait_call(), "no interrupt");
	}
}

void Station::offer(unsigned count)
{
	for (unsigned i = 0; i < count; ++i)
		CHECK(queue().ring().add(chains_[i % load_.batch], {.indirect = load_.indirect}));
	queue().publish();
}

Rate Station::run(std::chrono::milliseconds time, Wait wait)
{
	using clock = std::chrono::steady_clock;
	const bool tx = load_.way == Way::tx;
	const unsigned batch = load_.batch, depth = batch == 1 ? 1 : 3 * batch;
	settle();
	queue().ring().disable_notifications();
	/* The receive ring is full of buffers, as a guest's is; on their way are frames. */
	if (!tx)
		offer(3 * slots);
	const std::uint64_t arrived_before = tx ? arrived() : 0;
	const std::uint64_t worker = clock_.nanoseconds();
	const auto start = clock::now();
	std::uint64_t packets = 0;
	unsigned pending = 0;
	for (bool more = true; more || pending;) {
		for (; more && pending + batch <= depth; pending += batch) {
			if (tx)
				offer(batch);
			else
				send();
		}
		wait_for_used(std::min(batch, pending), wait);
		const unsigned used = collect_all();
		if (!tx)
			offer(used);
		pending -= used;
		packets += used;
		more = clock::now() - start < time;
	}
	const std::chrono::duration<double> took = clock::now() - start;
	settle();
	const auto ran = static_cast<double>(clock_.nanoseconds() - worker);
	if (tx)
		CHECK_EQUAL(arrived() - arrived_before, packets);
	/* Each buffer is used before the next load. */
	for (unsigned left = tx ? 0 : 3 * slots; left;) {
		send();
		for (unsigned i = batch; i;) {
			wait_for_used(i, Wait::look);
			const unsigned used = collect_all();
			i -= used;
			left -= used;
		}
	}
	const auto count = static_cast<double>(packets);
	return {count / took.count(), ran / count};
}

std::uint64_t Station::idle(std::chrono::milliseconds time)
{
	/* Whatever is polled for is given up by then. */
	std::this_thread::sleep_for(std::chrono::milliseconds(100));
	const std::uint64_t before = clock_.nanoseconds();
	std::this_thread::sleep_for(time);
	return clock_.nanoseconds() - before;
}

} /* namespace vna::bench */
