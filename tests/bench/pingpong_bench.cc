/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pingpong_bench DEVICE MODE SECONDS [BUSYLOOP]: one frame at a time, frames a second. The next one
 * is sent when the last has been told of. BUSYLOOP: VHOST_SET_VRING_BUSYLOOP_TIMEOUT's microseconds.
 * A line:
 *
 *	DEVICE MODE per_second=N
 *
 *	tx: the guest sends, and waits for the interrupt that says so
 *	rx: the guest waits for the frame's interrupt
 *	rr: the guest sends, the far end answers: a round is both
 *	tx-spin, rx-spin, rr-spin: the guest looks at its rings, and wants no interrupts
 *
 * With two processors the guest and its far end are on the first, the worker on the second.
 */
#include "ktap.hh"
#include "lifecycle_process.hh"
#include "support/rig.hh"
#include "support/wire.hh"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <poll.h>
#include <sched.h>
#include <string_view>

using namespace vna;
using namespace vna::vm;

namespace
{

constexpr std::size_t frame_bytes = 60;
constexpr unsigned buffers = 64;
constexpr auto settle = std::chrono::milliseconds(300);

class PingPong
{
public:
	PingPong(const std::string &device, std::string_view mode, unsigned busyloop)
	    : rig_(device, {.features = feature::version_1 | feature::event_idx}),
	      sends_(!mode.starts_with("rx")), receives_(!mode.starts_with("tx")),
	      spins_(mode.ends_with("-spin")),
	      out_(make_frame(frame_bytes, 1)), in_(make_frame(frame_bytes, 2, guest_mac, far_mac))
	{
		for (const unsigned index : {rx_queue, tx_queue}) {
			const vhost_vring_state timeout{index, busyloop};
			CHECK_ERRNO(rig_.device.request(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &timeout),
				    0);
		}
		rig_.attach(wire_.tap.fd());
		const auto bytes = static_cast<std::uint32_t>(rig_.header_size() + frame_bytes);
		tx_ = {rig_.memory.allocate(bytes), bytes, false};
		const std::vector<std::byte> header(rig_.header_size());
		CHECK(chain_write(rig_.memory, {&tx_, 1}, header) == header.size());
		const driver::Chain frame{{tx_.gpa + header.size(), frame_bytes, false}};
		CHECK(chain_write(rig_.memory, frame, out_) == out_.size());
		for (unsigned i = 0; i < buffers; ++i) {
			const driver::Segment buffer{rig_.memory.allocate(2048), 2048, true};
			give(buffer);
		}
		rig_.rx.publish();
	}

	/* Frames, or pairs of them, in that time. */
	double run(std::chrono::nanoseconds time)
	{
		const auto start = std::chrono::steady_clock::now();
		std::uint64_t rounds = 0;
		for (;;) {
			for (unsigned i = 0; i < 64; ++i, ++rounds)
				round();
			const auto took = std::chrono::steady_clock::now() - start;
			if (took >= time)
				return static_cast<double>(rounds) /
				       std::chrono::duration<double>(took).count();
		}
	}

private:
	void give(const driver::Segment &buffer)
	{
		const auto token = rig_.rx.ring().add({&buffer, 1});
		CHECK(token);
		given_.emplace_back(*token, buffer);
	}

	void round()
	{
		if (sends_) {
			CHECK(rig_.tx.ring().add({&tx_, 1}));
			rig_.tx.publish();
			/* In a round trip the answer is what the guest waits for. */
			if (!receives_) {
				(void)next(rig_.tx);
			} else {
				answer();
				while (rig_.tx.ring().collect())
					;
			}
		}
		if (!receives_) {
			while (wire_.far.try_receive())
				;
			return;
		}
		if (!sends_)
			CHECK_ERRNO(wire_.far.send(in_), 0);
		const driver::Used used = next(rig_.rx);
		const auto found = std::find_if(given_.begin(), given_.end(), [&](const auto &b) {
			return b.first == used.token;
		});
		CHECK(found != given_.end() && used.len == rig_.header_size() + frame_bytes);
		const driver::Segment buffer = found->second;
		given_.erase(found);
		give(buffer);
		rig_.rx.publish();
	}

	/* The far end's half of a round trip. */
	void answer()
	{
		while (spins_) {
			if (wire_.far.try_receive())
				return (void)wire_.far.send(in_);
		}
		(void)wire_.far.receive();
		CHECK_ERRNO(wire_.far.send(in_), 0);
	}

	driver::Used next(Queue &queue)
	{
		while (spins_) {
			if (const auto used = queue.ring().collect())
				return *used;
		}
		return queue.wait_used();
	}

	Wire wire_;
	Rig rig_;
	const bool sends_, receives_, spins_;
	const std::vector<std::byte> out_, in_;
	driver::Segment tx_;
	std::vector<std::pair<driver::Token, driver::Segment>> given_;
};

void move(pid_t thread, int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(thread, sizeof(set), &set));
}

} /* namespace */

int main(int argc, char **argv)
{
	if (argc < 4) {
		std::fprintf(stderr, "usage: pingpong_bench DEVICE MODE SECONDS [BUSYLOOP]\n");
		return 2;
	}
	try {
		cpu_set_t all;
		CHECK(!sched_getaffinity(0, sizeof(all), &all));
		PingPong bench(argv[1], argv[2],
			       argc > 4 ? static_cast<unsigned>(std::atoi(argv[4])) : 0);
		if (CPU_COUNT(&all) > 1) {
			move(0, 0);
			move(std::stoi(worker_of(getpid()).folder.filename().string()), 1);
		}
		(void)bench.run(settle);
		std::printf("%s %s per_second=%.0f\n", argv[1], argv[2],
			    bench.run(std::chrono::milliseconds(
				    static_cast<long>(std::atof(argv[3]) * 1000))));
	} catch (const ktap::Failure &failure) {
		std::fprintf(stderr, "%s\n", failure.what.c_str());
		return 1;
	}
	return 0;
}
