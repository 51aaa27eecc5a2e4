// SPDX-License-Identifier: GPL-2.0-only
// The rings on this machine: TSC cycles that the device's side takes to serve a
// ring which the driver has filled, in batches, driver and device on one CPU.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <sys/mman.h>

#include "shape.h"

namespace
{

bool failed; // a ring was not served

void fail(benchmark::State &state, const char *why)
{
	failed = true;
	state.SkipWithError(why);
}

// User memory for one ring.
class Memory
{
public:
	Memory()
	    : at_(mmap(nullptr, VNA_BENCH_USER_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
	{
	}
	Memory(const Memory &) = delete;
	Memory &operator=(const Memory &) = delete;
	~Memory()
	{
		if (ok())
			munmap(at_, VNA_BENCH_USER_BYTES);
	}
	[[nodiscard]] bool ok() const { return at_ != MAP_FAILED; }
	[[nodiscard]] vna_u64 address() const { return reinterpret_cast<vna_u64>(at_); }

private:
	void *at_;
};

// Timed are the device's laps alone; the median of them is what is told, as it
// takes no notice of what else the machine does.
void drain(benchmark::State &state, const vna_bench_shape &shape)
{
	Memory memory;
	const std::unique_ptr<void, void (*)(void *)> mem(vna_env_alloc(vna_bench_size()),
							  vna_env_free);
	vna_bench *bench =
		memory.ok() ? vna_bench_create(mem.get(), &shape, memory.address()) : nullptr;
	if (!bench) {
		fail(state, "no memory");
		return;
	}
	vna_u32 packets = 1, descs = 1;
	std::vector<vna_u64> laps;
	for (auto _ : state) {
		vna_u64 ticks;
		if (vna_bench_drain(bench, &packets, &descs, &ticks)) {
			fail(state, "the device did not serve the ring");
			break;
		}
		laps.push_back(ticks);
		// Seconds at 1 GHz: it is the counters that count.
		state.SetIterationTime(1e-9 * static_cast<double>(ticks));
	}
	vna_bench_destroy(bench);
	if (laps.empty())
		return;
	const auto middle = laps.begin() + static_cast<std::ptrdiff_t>(laps.size() / 2);
	std::nth_element(laps.begin(), middle, laps.end());
	const double ticks = static_cast<double>(*middle);
	state.counters["tsc_per_packet"] = ticks / packets;
	state.counters["tsc_per_desc"] = ticks / descs;
}

struct Format {
	const char *name;
	bool packed, in_order;
};
constexpr Format formats[] = {
	{"split", false, false},
	{"packed", true, false},
	{"split-in-order", false, true},
	{"packed-in-order", true, true},
};

struct Packet {
	const char *name;
	vna_bench_packet packet;
	bool writable;
};
constexpr Packet packets[] = {
	{"direct", VNA_BENCH_DIRECT, false},
	{"receive", VNA_BENCH_DIRECT, true},
	{"chain3", VNA_BENCH_CHAIN, false},
	{"indirect3", VNA_BENCH_INDIRECT, false},
};

} // namespace

int main(int argc, char **argv)
{
	for (const unsigned size : {256u, 1024u}) {
		for (const Packet &packet : packets) {
			for (const Format &format : formats) {
				for (unsigned batch = 1; batch <= VNA_MAX_BATCH; batch *= 2) {
					const vna_bench_shape shape{format.packed,
								    format.in_order,
								    packet.writable,
								    packet.packet,
								    size,
								    batch};
					const std::string name = std::to_string(size) + "/" +
								 packet.name + "/" + format.name +
								 "/" + std::to_string(batch);
					benchmark::RegisterBenchmark(
						name.c_str(),
						[shape](benchmark::State &s) { drain(s, shape); })
						->UseManualTime();
				}
			}
		}
	}
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	benchmark::RunSpecifiedBenchmarks();
	return failed;
}
