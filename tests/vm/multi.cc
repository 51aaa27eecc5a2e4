/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several devices at once, and the several queues of one interface: as QEMU has it (mq=on), a tap
 * is opened once for each pair of queues, and each pair is a device of its own.
 */
#include "ktap.hh"
#include "support/counters.hh"
#include "support/live.hh"

#include <algorithm>
#include <exception>
#include <linux/if_ether.h>
#include <memory>
#include <thread>
#include <vector>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

/* Runs all in threads of their own; throws what the first that failed has thrown. */
template <typename Run> void at_once(unsigned count, Run run)
{
	std::vector<std::exception_ptr> failures(count);
	std::vector<std::thread> threads;
	for (unsigned i = 0; i < count; ++i) {
		threads.emplace_back([&, i] {
			try {
				run(i);
			} catch (...) {
				failures[i] = std::current_exception();
			}
		});
	}
	for (std::thread &thread : threads)
		thread.join();
	for (const std::exception_ptr &failure : failures) {
		if (failure)
			std::rethrow_exception(failure);
	}
}

constexpr unsigned many = 8;

/* Each with features of its own where the device has more than one kind of ring. */
std::uint64_t features_of(unsigned device)
{
	std::uint64_t features = feature::version_1;
	features |= device & 1 ? feature::mrg_rxbuf : 0;
	features |= device & 2 ? feature::event_idx : 0;
	if (device & 4 && !ktap::is_oracle(device_path))
		features |= device & 1 ? feature::packed : feature::in_order;
	return features;
}

void devices_are_busy_at_once()
{
	std::vector<std::unique_ptr<Live>> devices;
	for (unsigned i = 0; i < many; ++i) {
		const RigOptions options{.features = features_of(i), .region_bytes = 4 << 20};
		devices.push_back(
			std::make_unique<Live>(device_path, options, "vna" + std::to_string(i)));
	}
	at_once(many, [&](unsigned i) {
		for (unsigned round = 0; round < 5; ++round)
			devices[i]->pass(10);
	});
	for (unsigned i = 0; i < many; ++i) {
		/* Whoever is closed first takes nothing from the others. */
		const Counters counters(devices[i]->rig.device.fd());
		if (!counters.empty())
			CHECK_EQUAL(counters.at("tx.packets"), 50 + i);
		devices[i].reset();
		for (unsigned other = i + 1; other < many; ++other)
			devices[other]->pass(1);
	}
}

/* --- one tap, several queues --- */

constexpr unsigned pairs = 4;

/* UDP over IPv4, of which the tap makes a flow by its ports and addresses. */
std::vector<std::byte> make_udp(unsigned flow, bool answer, std::uint64_t seed)
{
	std::vector<std::byte> frame = make_frame(200, seed, answer ? guest_mac : far_mac,
						  answer ? far_mac : guest_mac);
	const auto put = [&](std::size_t at, std::initializer_list<unsigned> bytes) {
		for (const unsigned byte : bytes)
			frame[at++] = static_cast<std::byte>(byte);
	};
	const unsigned from = answer ? 2 : 1, to = answer ? 1 : 2;
	const unsigned here = answer ? 0x50 : 0x40 + flow, there = answer ? 0x40 + flow : 0x50;
	put(12, {0x08, 0x00, 0x45, 0, 0, 186, 0, 1, 0, 0, 64, 17, 0, 0});
	put(26, {192, 0, 2, from, 192, 0, 2, to});
	put(34, {0x20, here, 0x20, there, 0, 166, 0, 0});
	return frame;
}

/* A device for each queue of one tap, with the far end of the wire behind it. */
class MultiQueue
{
public:
	explicit MultiQueue(std::uint64_t features)
	{
		for (unsigned i = 0; i < pairs; ++i) {
			taps_.push_back(std::make_unique<Tap>("vna0", TapOptions{.multi_queue = true}));
			const RigOptions options{.features = features, .region_bytes = 4 << 20};
			rigs_.push_back(std::make_unique<Rig>(device_path, options));
			rigs_.back()->attach(taps_.back()->fd());
			offer(i);
		}
		far_ = std::make_unique<PacketSocket>("vna0", ETH_P_IP);
	}

	Rig &rig(unsigned pair) { return *rigs_[pair]; }
	const Tap &tap(unsigned pair) const { return *taps_[pair]; }

	void send(unsigned pair, unsigned flow)
	{
		const auto frame = make_udp(flow, false, ++seed_);
		offer_frame(rig(pair), frame);
		rig(pair).tx.publish();
		CHECK(far_->receive() == frame, "pair %u sends another frame", pair);
		rig(pair).tx.wait_used();
	}

	/* The far end answers the flow: the frame has to come to the pair that has sent it. */
	void answer(unsigned flow, unsigned pair)
	{
		const auto frame = make_udp(flow, true, ++seed_);
		CHECK_ERRNO(far_->send(frame), 0);
		const std::size_t header = rig(pair).header_size();
		const driver::Used used = rig(pair).rx.wait_used();
		CHECK_EQUAL(used.len, header + frame.size());
		std::vector<std::byte> bytes(used.len);
		chain_read(rig(pair).memory, buffers_[pair], bytes);
		CHECK(std::equal(frame.begin(), frame.end(),
				 bytes.begin() + static_cast<long>(header)),
		      "pair %u receives another frame", pair);
		offer(pair);
	}

	void close(unsigned pair)
	{
		rigs_[pair].reset();
		taps_[pair].reset();
	}

private:
	void offer(unsigned pair)
	{
		buffers_[pair] = driver::allocate_chain(rig(pair).memory, {{2048}}, true);
		CHECK(rig(pair).rx.ring().add(buffers_[pair]));
		rig(pair).rx.publish();
	}

	std::vector<std::unique_ptr<Tap>> taps_;
	std::vector<std::unique_ptr<Rig>> rigs_;
	std::unique_ptr<PacketSocket> far_;
	driver::Chain buffers_[pairs];
	std::uint64_t seed_ = 0;
};

/* virtio 1.2 §5.1.6.5.5: a flow is received by the pair that it was last sent by. */
void flows_come_back_where_they_went_out(std::uint64_t features)
{
	MultiQueue interface(features);
	for (unsigned round = 0; round < 3; ++round) {
		for (unsigned flow = 0; flow < 2 * pairs; ++flow) {
			const unsigned pair = (flow + round) % pairs;
			interface.send(pair, flow);
			interface.answer(flow, pair);
		}
	}
}

/* TUNSETQUEUE, by which QEMU follows VQ_PAIRS_SET, and the end of a pair. */
void pairs_come_and_go()
{
	MultiQueue interface(feature::version_1);
	interface.send(3, 1);
	interface.tap(3).attach(false);
	interface.send(2, 1);
	interface.answer(1, 2);
	interface.tap(3).attach(true);
	interface.send(3, 1);
	interface.answer(1, 3);
	interface.close(3);
	for (unsigned pair = 0; pair < 3; ++pair) {
		interface.send(pair, 1);
		interface.answer(1, pair);
	}
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();

	suite.add("8 devices busy at once, and closed one by one", devices_are_busy_at_once);
	suite.add("multi-queue tap: a flow is received by the pair that sent it",
		  [] { flows_come_back_where_they_went_out(feature::version_1); });
	suite.add("multi-queue tap: the same, mergeable, event index", [] {
		flows_come_back_where_they_went_out(feature::version_1 | feature::mrg_rxbuf |
						    feature::event_idx);
	});
	suite.add_stricter("multi-queue tap: the same, packed", "knows no packed rings", [] {
		flows_come_back_where_they_went_out(feature::version_1 | feature::packed);
	});
	suite.add("multi-queue tap: pairs come and go", pairs_come_and_go);
	return suite.run();
}
