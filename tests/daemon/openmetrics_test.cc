// SPDX-License-Identifier: GPL-2.0-only
// OpenMetrics text: what it says of a snapshot, and that Prometheus's own parser takes it.
#include "metrics/openmetrics.hh"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

using namespace vhostd;

namespace {

Snapshot two_queues()
{
	Snapshot snapshot;
	Device device;
	device.put(VHOST_NET_ALT_A_DEV_ID, std::uint64_t(1));
	device.put(VHOST_NET_ALT_A_DEV_RX_BATCH, std::uint64_t(64));
	snapshot.devices.push_back(device);
	for (const auto type : {VHOST_NET_ALT_QUEUE_TYPE_RX, VHOST_NET_ALT_QUEUE_TYPE_TX}) {
		const std::uint64_t id = type;
		Queue queue;
		queue.put(VHOST_NET_ALT_A_QUEUE_DEV_ID, std::uint64_t(1));
		queue.put(VHOST_NET_ALT_A_QUEUE_ID, id);
		queue.put(VHOST_NET_ALT_A_QUEUE_TYPE, id);
		queue.put(VHOST_NET_ALT_A_QUEUE_STATE,
			  std::uint64_t(VHOST_NET_ALT_QUEUE_STATE_RUNNING));
		queue.put(VHOST_NET_ALT_A_QUEUE_WORKER_PID, std::uint64_t(4711));
		queue.put(VHOST_NET_ALT_A_QUEUE_WORKER_NS, std::uint64_t(12000000034));
		queue.put(VHOST_NET_ALT_A_QUEUE_IFNAME, std::string("t\"a\\p\n0"));
		snapshot.queues.push_back(queue);

		Record rules(spec::rules), counters(spec::counters);
		rules.put(VHOST_NET_ALT_A_RULES_ZERO_LENGTH, std::uint64_t(2));
		for (const spec::Attribute &attribute : spec::counters.attributes)
			if (attribute.type == spec::Type::u64)
				counters.put(attribute.number, std::uint64_t(attribute.number));
		counters.put(VHOST_NET_ALT_A_COUNTERS_PACKETS, std::uint64_t(1) << 53 | 1);
		counters.put(VHOST_NET_ALT_A_COUNTERS_POLL_NS, std::uint64_t(1500000007));
		counters.put(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS_BY_RULE, rules);
		Statistics statistics;
		statistics.put(VHOST_NET_ALT_A_QSTATS_DEV_ID, std::uint64_t(1));
		statistics.put(VHOST_NET_ALT_A_QSTATS_QUEUE_ID, id);
		statistics.put(VHOST_NET_ALT_A_QSTATS_QUEUE_TYPE, id);
		statistics.put(type ? VHOST_NET_ALT_A_QSTATS_TX : VHOST_NET_ALT_A_QSTATS_RX,
			       counters);
		snapshot.statistics.push_back(statistics);
	}
	return snapshot;
}

// The value of the one line that begins with @series.
std::string value(const std::string &text, const std::string &series)
{
	const std::size_t at = ('\n' + text).find('\n' + series + ' ');
	if (at == std::string::npos)
		return "none";
	const std::size_t from = at + series.size() + 1;
	return text.substr(from, text.find('\n', from) - from);
}

const std::string rx = R"(dev="1",queue="0",type="rx",ifname="t\"a\\p\n0")";
const std::string tx = R"(dev="1",queue="1",type="tx",ifname="t\"a\\p\n0")";

} // namespace

TEST(OpenMetrics, EachCounterIsThere)
{
	const std::string text = openmetrics(two_queues());
	EXPECT_EQ(value(text, "vhost_net_alt_queue_packets_total{" + rx + "}"), "9007199254740993");
	EXPECT_EQ(value(text, "vhost_net_alt_queue_packets_total{" + tx + "}"), "9007199254740993");
	EXPECT_EQ(value(text, "vhost_net_alt_queue_bytes_total{" + rx + "}"),
		  std::to_string(VHOST_NET_ALT_A_COUNTERS_BYTES));
	EXPECT_EQ(value(text, "vhost_net_alt_queue_drops_total{" + rx + ",reason=\"long\"}"),
		  std::to_string(VHOST_NET_ALT_A_COUNTERS_DROP_LONG));
	EXPECT_EQ(value(text, "vhost_net_alt_queue_copied_total{" + tx + ",reason=\"limit\"}"),
		  std::to_string(VHOST_NET_ALT_A_COUNTERS_COPIED_LIMIT));
	EXPECT_EQ(value(text, "vhost_net_alt_queue_poll_seconds_total{" + tx + "}"), "1.500000007");
	EXPECT_EQ(value(text, "vhost_net_alt_queue_ring_errors_by_rule_total{" + tx +
				      ",rule=\"zero_length\"}"),
		  "2");
	EXPECT_EQ(value(text, "vhost_net_alt_queue_running{" + tx + "}"), "1");
	EXPECT_EQ(value(text, "vhost_net_alt_queue_stopped{" + tx + "}"), "0");
	EXPECT_EQ(value(text, "vhost_net_alt_dev_setting{dev=\"1\",name=\"rx_batch\"}"), "64");
	EXPECT_EQ(value(text, "vhost_net_alt_devices"), "1");
	// Once, though it serves both queues.
	EXPECT_EQ(value(text, "vhost_net_alt_worker_cpu_seconds_total{dev=\"1\",worker=\"4711\"}"),
		  "12.000000034");
	EXPECT_TRUE(text.ends_with("\n# EOF\n"));
}

TEST(OpenMetrics, BatchesAreAHistogram)
{
	const std::string text = openmetrics(two_queues());
	const auto below = [&](const std::string &le) {
		return value(text, "vhost_net_alt_queue_batch_size_bucket{" + rx + ",le=\"" + le +
					   "\"}");
	};
	unsigned sum = VHOST_NET_ALT_A_COUNTERS_BATCH_1;
	EXPECT_EQ(below("1.0"), std::to_string(sum));
	sum += VHOST_NET_ALT_A_COUNTERS_BATCH_2;
	EXPECT_EQ(below("3.0"), std::to_string(sum));
	for (int i = VHOST_NET_ALT_A_COUNTERS_BATCH_4; i <= VHOST_NET_ALT_A_COUNTERS_BATCH_64; i++)
		sum += static_cast<unsigned>(i);
	EXPECT_EQ(below("+Inf"), std::to_string(sum));
}

TEST(OpenMetrics, WhatIsNotUtf8DoesNotSpoilTheRest)
{
	Snapshot snapshot = two_queues();
	for (Queue &queue : snapshot.queues)
		queue.put(VHOST_NET_ALT_A_QUEUE_IFNAME, std::string("\xc3\xa4\xff\xe2\x82\xc0\x80"));
	const std::string text = openmetrics(snapshot);
	EXPECT_EQ(value(text, "vhost_net_alt_queue_running{dev=\"1\",queue=\"0\",type=\"rx\",ifname=\""
			      "\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}"),
		  "1");
}

TEST(OpenMetrics, APortIsALabel)
{
	const std::string text = openmetrics(two_queues(), {{"t\"a\\p\n0", "web1"}});
	EXPECT_EQ(value(text, "vhost_net_alt_queue_running{" + rx + ",port=\"web1\"}"), "1");
}

TEST(OpenMetrics, ADeviceThatWentMeanwhileIsLeftOut)
{
	Snapshot snapshot = two_queues();
	snapshot.statistics.pop_back();
	const std::string text = openmetrics(snapshot);
	EXPECT_EQ(value(text, "vhost_net_alt_queue_running{" + rx + "}"), "1");
	EXPECT_EQ(value(text, "vhost_net_alt_queue_running{" + tx + "}"), "none");
}

TEST(OpenMetrics, PrometheusTakesIt)
{
	if (std::system("/usr/bin/python3 -c 'import prometheus_client.openmetrics.parser' 2>/dev/null"))
		GTEST_SKIP() << "python3-prometheus-client is not installed";
	const auto file = std::filesystem::temp_directory_path() /
			  ("openmetrics." + std::to_string(getpid()));
	for (const Snapshot &snapshot : {two_queues(), Snapshot()}) {
		std::ofstream(file) << openmetrics(snapshot);
		const std::string command =
			"/usr/bin/python3 -c 'import sys; from prometheus_client.openmetrics.parser "
			"import text_string_to_metric_families as parse; "
			"sys.exit(not list(parse(open(sys.argv[1]).read())))' " +
			file.string();
		EXPECT_EQ(std::system(command.c_str()), 0);
	}
	std::filesystem::remove(file);
}
