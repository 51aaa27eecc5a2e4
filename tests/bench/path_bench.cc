/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * path_bench [to=bridge] [rounds=N] [KEY=VALUE...] DEVICE...: what a frame costs each device, with
 * each kind of ring that it offers. They take turns, round by round. A line each:
 *
 *	device=PATH way=tx|rx ring=RING bytes=N form=one|indirect batch=N to=tap|bridge
 *	zerocopy=on|off worker=X path=X n=ROUNDS
 *
 * where any of the first six may be asked for, to leave out the rest. Medians of the rounds, for
 * one frame:
 *
 *	worker	what the device's own threads ran, wake-up to sleep, in ns by the scheduler
 *	path	from the driver's kick to its interrupt, in TSC ticks: with it the driver's
 *		eventfd_write() and poll(), and two switches of threads, once a batch
 *
 * Under -icount shift=0 with one CPU both are instructions. They are all that the device does: a
 * round begins and ends with its threads asleep. The driver's work on its ring is before the kick
 * and after the interrupt; what else the machine does meanwhile is not in the median. The driver
 * gives way to the workers (SCHED_IDLE): they run inside its kick and are done before it waits, so
 * that none of the cost of waking it is theirs, whichever way the scheduler would lean.
 *
 *	tx	frames into the tap's network stack, which drops them: it is nobody's ethertype, or
 *		for 64 KB nobody's address; or into a bridge, whose other port is a dummy
 *	rx	frames that wait in the tap, for buffers that are then made available
 */
#include "ktap.hh"
#include "station.hh"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <list>
#include <map>
#include <sched.h>

using namespace vna;
using namespace vna::bench;
namespace feature = vna::vm::feature;

namespace
{

struct Ring {
	const char *name;
	std::uint64_t features;
};
constexpr Ring rings[] = {
	{"split", 0},
	{"packed", feature::packed},
	{"split-in-order", feature::in_order},
	{"packed-in-order", feature::packed | feature::in_order},
};

/* What is asked for: a line whose key has another value is not measured. */
using Keys = std::map<std::string, std::string>;

bool is_asked_for(const Keys &asked, const Keys &line)
{
	return std::ranges::all_of(asked, [&](const auto &key) {
		const auto found = line.find(key.first);
		return found == line.end() || found->second == key.second;
	});
}

Keys keys_of(const Load &load)
{
	return {{"way", load.way == Way::tx ? "tx" : "rx"},
		{"bytes", std::to_string(load.bytes)},
		{"form", load.indirect ? "indirect" : "one"},
		{"batch", std::to_string(load.batch)}};
}

std::vector<Load> loads_for(const Keys &asked, bool bridged)
{
	std::vector<Load> loads;
	for (const Way way : {Way::tx, Way::rx}) {
		for (const std::size_t bytes :
		     {std::size_t{64}, std::size_t{256}, std::size_t{1500}, gso_bytes}) {
			for (const bool indirect : {false, true}) {
				for (const unsigned batch : {1u, 64u}) {
					const Load load{way, bytes, indirect, batch};
					/* A table of one page stands for nothing. */
					if ((indirect && bytes != gso_bytes) ||
					    (bridged && way == Way::rx))
						continue;
					if (is_asked_for(asked, keys_of(load)))
						loads.push_back(load);
				}
			}
		}
	}
	return loads;
}

std::uint64_t median(std::vector<std::uint64_t> all)
{
	std::sort(all.begin(), all.end());
	return all[all.size() / 2];
}

/* Whether the module of this device was loaded with zero-copy. */
bool has_zerocopy(const std::string &device)
{
	const char *const path = ktap::is_oracle(device)
					 ? "/sys/module/vhost_net/parameters/experimental_zcopytx"
					 : "/sys/module/vhost_net_alt/parameters/zerocopy";
	std::string value;
	return std::getline(std::ifstream(path), value) && value != "0" && value != "N";
}

bool offers(const std::string &device, std::uint64_t features)
{
	std::uint64_t offered = 0;
	CHECK_ERRNO(vm::VhostDevice(device).get_features(offered), 0);
	return (offered & features) == features;
}

/* While it lives, whoever else can run runs first. Threads made meanwhile would do the same. */
class GivesWay
{
public:
	GivesWay() { set(SCHED_IDLE); }
	~GivesWay() noexcept(false) { set(SCHED_OTHER); }

private:
	static void set(int policy)
	{
		const sched_param none{};
		CHECK(!sched_setscheduler(0, policy, &none), "%s", std::strerror(errno));
	}
};

void measure(std::list<Station> &stations, const Ring &ring, const Load &load, bool bridged,
	     unsigned rounds)
{
	constexpr unsigned warm_up = 8;
	std::vector<std::vector<std::uint64_t>> worker(stations.size()), path(stations.size());
	for (Station &station : stations)
		station.prepare(load);
	const GivesWay gives_way;
	for (unsigned i = 0; i < warm_up + rounds; ++i) {
		std::size_t number = 0;
		for (Station &station : stations) {
			const Cost cost = station.round();
			if (i >= warm_up) {
				worker[number].push_back(cost.worker);
				path[number].push_back(cost.path);
			}
			++number;
		}
	}
	std::size_t number = 0;
	for (const Station &station : stations) {
		std::printf("device=%s way=%s ring=%s bytes=%zu form=%s batch=%u to=%s "
			    "zerocopy=%s worker=%.1f path=%.1f n=%u\n",
			    station.device().c_str(), load.way == Way::tx ? "tx" : "rx", ring.name,
			    load.bytes, load.indirect ? "indirect" : "one", load.batch,
			    bridged ? "bridge" : "tap",
			    has_zerocopy(station.device()) ? "on" : "off",
			    static_cast<double>(median(worker[number])) / load.batch,
			    static_cast<double>(median(path[number])) / load.batch, rounds);
		++number;
	}
}

} /* namespace */

int main(int argc, char **argv)
{
	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	Keys asked;
	std::vector<std::string> devices;
	for (const std::string argument : std::span(argv + 1, argv + argc)) {
		const std::size_t equals = argument.find('=');
		if (equals == argument.npos)
			devices.push_back(argument);
		else
			asked[argument.substr(0, equals)] = argument.substr(equals + 1);
	}
	const bool bridged = asked["to"] == "bridge";
	const unsigned rounds =
		asked.contains("rounds") ? static_cast<unsigned>(std::stoul(asked["rounds"])) : 21;
	asked.erase("to");
	asked.erase("zerocopy"); /* as the modules were loaded */

	try {
		for (const Ring &ring : rings) {
			if (!is_asked_for(asked, {{"ring", ring.name}}))
				continue;
			std::list<Station> stations;
			for (const std::string &device : devices) {
				if (is_asked_for(asked, {{"device", device}}) &&
				    offers(device, ring.features))
					stations.emplace_back(
						device, static_cast<unsigned>(stations.size()),
						ring.features, bridged);
			}
			for (const Load &load : loads_for(asked, bridged))
				measure(stations, ring, load, bridged, rounds);
		}
	} catch (const ktap::Failure &failure) {
		std::fprintf(stderr, "%s\n", failure.what.c_str());
		return 1;
	}
	return 0;
}
