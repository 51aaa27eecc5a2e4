/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * path_bench DEVICE...: what a frame costs from the driver's kick to its interrupt, by the TSC, on
 * each device with each kind of ring that it offers. A line each:
 *
 *	DEVICE tx|rx RING batch=N ticks=T
 *
 * T is the median of the rounds. Under -icount shift=0 with one CPU a tick is an instruction of
 * all that runs meanwhile: worker, tap, network stack, wake-ups. From one batch to a larger one
 * only what is done for each frame grows.
 *
 *	tx: frames of an ethertype that nobody takes, into the tap's network stack
 *	rx: frames that wait in the tap, for buffers that are then made available
 */
#include "ktap.hh"
#include "support/rig.hh"
#include "support/wire.hh"

#include <algorithm>
#include <chrono>
#include <poll.h>
#include <thread>
#include <x86intrin.h>

using namespace vna;
using namespace vna::vm;

namespace
{

constexpr std::size_t frame_bytes = 64;
constexpr unsigned rounds = 101, warm_up = 16;
constexpr unsigned batches[] = {1, 64};

struct Kind {
	const char *name;
	std::uint64_t features;
};
constexpr Kind kinds[] = {
	{"split", 0},
	{"packed", feature::packed},
	{"split-in-order", feature::in_order},
	{"packed-in-order", feature::packed | feature::in_order},
};

/* Offers the batch, and waits until all of it was used. */
std::uint64_t round(Queue &queue, const driver::Segment &segment, unsigned batch)
{
	driver::DriverRing &ring = queue.ring();
	for (unsigned i = 0; i < batch; ++i)
		CHECK(ring.add({&segment, 1}));
	queue.take_calls();
	CHECK(ring.enable_notifications(batch));
	ring.publish();
	const bool kick = ring.needs_kick();
	CHECK(kick, "the device is awake");

	pollfd ready{queue.call_fd(), POLLIN, 0};
	const std::uint64_t start = __rdtsc();
	queue.kick();
	/* In the time of the machine that is emulated. */
	const int woken = poll(&ready, 1, 20000);
	const std::uint64_t ticks = __rdtsc() - start;
	CHECK(woken == 1, "no interrupt");
	for (unsigned i = 0; i < batch; ++i) {
		const auto used = ring.collect();
		CHECK(used && used->token != driver::no_token, "interrupted before the last of %u",
		      batch);
	}
	return ticks;
}

std::uint64_t median(const std::vector<std::uint64_t> &all)
{
	std::vector<std::uint64_t> sorted = all;
	std::sort(sorted.begin(), sorted.end());
	return sorted[sorted.size() / 2];
}

/* Until the device has gone to sleep. */
void settle()
{
	std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

void measure(const std::string &device, const Kind &kind)
{
	RigOptions options;
	options.features |= feature::event_idx | kind.features;
	std::uint64_t offered = 0;
	CHECK_ERRNO(VhostDevice(device).get_features(offered), 0);
	if (options.features & ~offered)
		return;
	Rig rig(device, options);
	Wire wire;
	rig.attach(wire.tap.fd());

	const auto len = static_cast<std::uint32_t>(rig.header_size() + frame_bytes);
	std::vector<std::byte> frame = make_frame(frame_bytes, 0);
	frame[12] = std::byte{0x88};
	frame[13] = std::byte{0xb6}; /* not what the far end listens to */
	/* One for all frames: the device only reads them, or nobody reads what it wrote. */
	const driver::Segment out{rig.memory.allocate(len), len, false};
	const driver::Segment in{rig.memory.allocate(2048), 2048, true};
	std::memcpy(rig.memory.at(out.gpa, len) + rig.header_size(), frame.data(), frame.size());

	for (const unsigned batch : batches) {
		std::vector<std::uint64_t> ticks;
		for (unsigned i = 0; i < warm_up + rounds; ++i) {
			settle();
			ticks.push_back(round(rig.tx, out, batch));
		}
		ticks.erase(ticks.begin(), ticks.begin() + warm_up);
		std::printf("%s tx %s batch=%u ticks=%llu\n", device.c_str(), kind.name, batch,
			    static_cast<unsigned long long>(median(ticks)));
	}
	for (const unsigned batch : batches) {
		std::vector<std::uint64_t> ticks;
		for (unsigned i = 0; i < warm_up + rounds; ++i) {
			for (unsigned k = 0; k < batch; ++k)
				CHECK_ERRNO(wire.far.send(frame), 0);
			settle();
			ticks.push_back(round(rig.rx, in, batch));
		}
		ticks.erase(ticks.begin(), ticks.begin() + warm_up);
		std::printf("%s rx %s batch=%u ticks=%llu\n", device.c_str(), kind.name, batch,
			    static_cast<unsigned long long>(median(ticks)));
	}
	rig.detach();
}

} /* namespace */

int main(int argc, char **argv)
{
	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	try {
		for (int i = 1; i < argc; ++i) {
			for (const Kind &kind : kinds)
				measure(argv[i], kind);
		}
	} catch (const ktap::Failure &failure) {
		std::fprintf(stderr, "%s\n", failure.what.c_str());
		return 1;
	}
	return 0;
}
