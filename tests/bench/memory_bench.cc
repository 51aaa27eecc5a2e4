/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory_bench DEVICE...: what it costs to add a region to a memory table, and to take it away
 * again, while a driver sends as fast as it can. A line for each size of the table:
 *
 *	DEVICE regions=N add=T remove=T gap=T quiet=T frames=N lost=N
 *
 * Microseconds: the median ioctl that adds, the median one that removes; the longest time without
 * a used buffer in the median round, of those with an ioctl and of those without. The region that
 * comes and goes holds nothing that the driver uses. Frames that were used and did not come out of
 * the tap are lost.
 */
#include "driver/net_header.hh"
#include "ktap.hh"
#include "support/rig.hh"
#include "support/wire.hh"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

using namespace vna;
using namespace vna::vm;

namespace
{

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr unsigned sizes[] = {1, 16, 64, 509};
constexpr unsigned rounds = 51;
constexpr std::uint64_t filler_bytes = 1 << 16;
constexpr driver::Gpa fillers = 0x100000000;

double median(std::vector<double> all)
{
	std::sort(all.begin(), all.end());
	return all[all.size() / 2];
}

/* Sends without a pause from one buffer, and knows how long nothing was used. */
class Sender
{
public:
	Sender(Rig &rig, const driver::Segment &segment)
	    : rig_(rig), segment_(segment), thread_([this] { run(); })
	{
	}
	~Sender() { finish(); }

	/* Returns when all that was sent is used. */
	void finish()
	{
		stop_ = true;
		if (thread_.joinable())
			thread_.join();
	}

	std::uint64_t frames() const { return frames_; }
	/* The longest gap since the last call, and one more frame at least. */
	double take_gap()
	{
		const std::uint64_t seen = frames_;
		while (frames_ == seen)
			std::this_thread::yield();
		return gap_.exchange(0);
	}

private:
	void run()
	{
		driver::DriverRing &ring = rig_.tx.ring();
		auto last = Clock::now();
		for (unsigned sent = 0; !stop_ || sent;) {
			while (!stop_ && ring.add({&segment_, 1}))
				sent++;
			rig_.tx.publish();
			unsigned n = 0;
			while (ring.collect())
				n++;
			if (!n)
				continue;
			const auto now = Clock::now();
			const double gap = Microseconds(now - last).count();
			last = now;
			if (gap > gap_)
				gap_ = gap;
			frames_ += n;
			sent -= n;
		}
	}

	Rig &rig_;
	const driver::Segment segment_;
	std::atomic<std::uint64_t> frames_ = 0;
	std::atomic<double> gap_ = 0;
	std::atomic<bool> stop_ = false;
	std::thread thread_;
};

/* What has come out of the tap. */
std::uint64_t received(const Tap &tap)
{
	std::ifstream file("/sys/class/net/" + tap.name() + "/statistics/rx_packets");
	std::uint64_t count = 0;
	CHECK(file >> count, "%s does not count", tap.name().c_str());
	return count;
}

void settle()
{
	std::this_thread::sleep_for(std::chrono::milliseconds(3));
}

double timed(const Rig &rig, const std::vector<vhost_memory_region> &table)
{
	const auto start = Clock::now();
	CHECK_ERRNO(rig.device.set_mem_table(table), 0);
	return Microseconds(Clock::now() - start).count();
}

void measure(const std::string &device)
{
	Rig rig(device, {.features = feature::version_1 | feature::event_idx});
	const Wire wire;
	rig.attach(wire.tap.fd());

	driver::GuestMemory filler;
	filler.add_region(fillers, filler_bytes);
	const auto user = reinterpret_cast<std::uintptr_t>(filler.at(fillers));
	const auto len = static_cast<std::uint32_t>(rig.header_size() + 64);
	const driver::Segment frame{rig.memory.allocate(len), len, false};
	auto *bytes = rig.memory.at(frame.gpa, len) + rig.header_size();
	bytes[12] = std::byte{0x88};
	bytes[13] = std::byte{0xb6}; /* not what anyone listens to */

	for (const unsigned size : sizes) {
		/* Rings and frame are in the first region; the others are scattered. */
		std::vector<vhost_memory_region> table{mem_table(rig.memory)[0]};
		while (table.size() < size)
			table.push_back({fillers + 2 * filler_bytes * table.size(), filler_bytes,
					 user, 0});
		auto more = table;
		more.push_back({fillers + 2 * filler_bytes * more.size(), filler_bytes, user, 0});

		CHECK_ERRNO(rig.device.set_mem_table(table), 0);
		std::vector<double> add, remove, gap, quiet;
		const std::uint64_t before = received(wire.tap);
		Sender sender(rig, frame);
		for (unsigned i = 0; i < rounds; ++i) {
			sender.take_gap();
			settle();
			quiet.push_back(sender.take_gap());
			settle();
			sender.take_gap();
			add.push_back(timed(rig, more));
			settle();
			gap.push_back(sender.take_gap());
			remove.push_back(timed(rig, table));
		}
		sender.finish();
		const std::uint64_t frames = sender.frames();
		std::printf("%s regions=%u add=%.1f remove=%.1f gap=%.1f quiet=%.1f frames=%llu "
			    "lost=%lld\n",
			    device.c_str(), size, median(add), median(remove), median(gap),
			    median(quiet), static_cast<unsigned long long>(frames),
			    static_cast<long long>(frames + before - received(wire.tap)));
	}
	rig.detach();
}

} /* namespace */

int main(int argc, char **argv)
{
	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	try {
		for (int i = 1; i < argc; ++i)
			measure(argv[i]);
	} catch (const ktap::Failure &failure) {
		std::fprintf(stderr, "%s\n", failure.what.c_str());
		return 1;
	}
	return 0;
}
