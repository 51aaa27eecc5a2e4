/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rate_bench [runs=N] [ms=N] [KEY=VALUE...] DEVICE...: packets a second, and what the workers run
 * for each, with a CPU for the driver and one for the workers. The devices take turns, run by run.
 * A line each, medians with the least and most of all runs:
 *
 *	device=PATH way=tx|rx ring=split bytes=N batch=N wait=interrupt|look polling=on|off
 *	rate=X rate_min=X rate_max=X worker_ns=X n=RUNS
 *
 * batch=1 is one packet at a time: the next one when the last was used. The driver sleeps until
 * it is interrupted, or looks at the ring until then, as a polling driver does. The last line of a
 * device is what its workers ran in a second without traffic: device=PATH idle_ns=X.
 */
#include "ktap.hh"
#include "station.hh"

#include <algorithm>
#include <fstream>
#include <list>
#include <map>
#include <sched.h>
#include <thread>

using namespace vna;
using namespace vna::bench;

namespace
{

using Keys = std::map<std::string, std::string>;

struct Case {
	Load load;
	Wait wait;
};

Keys keys_of(const Case &one)
{
	return {{"way", one.load.way == Way::tx ? "tx" : "rx"},
		{"bytes", std::to_string(one.load.bytes)},
		{"batch", std::to_string(one.load.batch)},
		{"wait", one.wait == Wait::look ? "look" : "interrupt"}};
}

bool is_asked_for(const Keys &asked, const Keys &line)
{
	return std::ranges::all_of(line, [&](const auto &key) {
		const auto found = asked.find(key.first);
		return found == asked.end() || found->second == key.second;
	});
}

std::vector<Case> cases(const Keys &asked)
{
	std::vector<Case> all;
	for (const Way way : {Way::tx, Way::rx}) {
		for (const std::size_t bytes : {std::size_t{64}, std::size_t{1500}}) {
			all.push_back({{way, bytes, false, 1}, Wait::interrupt});
			all.push_back({{way, bytes, false, 1}, Wait::look});
			all.push_back({{way, bytes, false, 64}, Wait::interrupt});
		}
	}
	std::erase_if(all, [&](const Case &one) { return !is_asked_for(asked, keys_of(one)); });
	return all;
}

/* Whether the module of this device was loaded with polling. */
bool polls(const std::string &device)
{
	std::string value;
	return !ktap::is_oracle(device) &&
	       std::getline(std::ifstream("/sys/module/vhost_net_alt/parameters/busypoll_us"),
			    value) &&
	       value != "0" && value != "N";
}

double median(std::vector<double> all)
{
	std::ranges::sort(all);
	return all[all.size() / 2];
}

void measure(std::list<Station> &stations, const Case &one, std::chrono::milliseconds time,
	     unsigned runs)
{
	std::vector<std::vector<double>> rates(stations.size()), workers(stations.size());
	for (Station &station : stations)
		station.prepare(one.load);
	for (unsigned i = 0; i < runs; ++i) {
		std::size_t number = 0;
		for (Station &station : stations) {
			const Rate rate = station.run(time, one.wait);
			rates[number].push_back(rate.packets);
			workers[number].push_back(rate.worker);
			++number;
		}
	}
	std::size_t number = 0;
	for (const Station &station : stations) {
		std::printf("device=%s", station.device().c_str());
		for (const char *key : {"way", "bytes", "batch", "wait"})
			std::printf(" %s=%s", key, keys_of(one).at(key).c_str());
		const auto &all = rates[number];
		std::printf(" ring=split polling=%s rate=%.0f rate_min=%.0f rate_max=%.0f "
			    "worker_ns=%.0f n=%u\n",
			    polls(station.device()) ? "on" : "off", median(all),
			    *std::ranges::min_element(all), *std::ranges::max_element(all),
			    median(workers[number]), runs);
		++number;
	}
}

void stay_on_cpu(unsigned cpu)
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	CHECK(!sched_setaffinity(0, sizeof(cpus), &cpus), "%s", std::strerror(errno));
}

unsigned number(const Keys &keys, const char *key, unsigned otherwise)
{
	const auto found = keys.find(key);
	return found == keys.end() ? otherwise : static_cast<unsigned>(std::stoul(found->second));
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

	try {
		CHECK(std::thread::hardware_concurrency() > 1, "needs two CPUs");
		std::list<Station> stations;
		for (const std::string &device : devices) {
			Station &station = stations.emplace_back(
				device, static_cast<unsigned>(stations.size()), 0, false);
			station.pin(1);
		}
		stay_on_cpu(0);
		const std::chrono::milliseconds time(number(asked, "ms", 200));
		for (const Case &one : cases(asked))
			measure(stations, one, time, number(asked, "runs", 5));
		for (Station &station : stations)
			std::printf("device=%s idle_ns=%llu\n", station.device().c_str(),
				    static_cast<unsigned long long>(
					    station.idle(std::chrono::seconds(1))));
	} catch (const ktap::Failure &failure) {
		std::fprintf(stderr, "%s\n", failure.what.c_str());
		return 1;
	}
	return 0;
}
