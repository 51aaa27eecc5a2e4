// SPDX-License-Identifier: GPL-2.0-only
// What is set of a device while it runs, what it shows, and what others are told.
#include "device_bench.hh"

namespace vna
{

namespace
{

vna_device_info show(DeviceBench &b)
{
	vna_device_info info;
	vna_core_show(b.kernel.core(), &info);
	return info;
}

vna_queue_info show(DeviceBench &b, u32 queue)
{
	vna_queue_info info;
	vna_core_show_queue(b.kernel.core(), queue, &info);
	return info;
}

struct Bound {
	vna_u32 vna_settings::*setting;
	u32 least, most;
};

constexpr std::array bounds{
	Bound{&vna_settings::rx_batch, 1, VNA_MAX_BATCH},
	Bound{&vna_settings::tx_batch, 1, VNA_MAX_BATCH},
	Bound{&vna_settings::weight_packets, 1, VNA_MAX_WEIGHT_PACKETS},
	Bound{&vna_settings::weight_bytes, VNA_MIN_WEIGHT_BYTES, VNA_MAX_WEIGHT_BYTES},
	Bound{&vna_settings::poll_mode, VNA_POLL_OFF, VNA_POLL_ADAPTIVE},
};

TEST(Settings, have_bounds)
{
	DeviceBench b;
	for (const Bound &bound : bounds) {
		const vna_settings before = show(b).settings;
		for (const u32 bad : {bound.least - 1, bound.most + 1}) {
			vna_settings settings = before;
			settings.rx_batch = 17; // good, and not taken
			settings.*bound.setting = bad;
			EXPECT_EQ(vna_core_set(b.kernel.core(), &settings), -einval);
			EXPECT_EQ(show(b).settings.rx_batch, before.rx_batch);
		}
		for (const u32 good : {bound.least, bound.most}) {
			vna_settings settings = before;
			settings.*bound.setting = good;
			EXPECT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
			EXPECT_EQ(show(b).settings.*bound.setting, good);
		}
	}
	b.expect_traffic(100);
}

TEST(Settings, a_batch_is_taken_over_on_the_next_turn)
{
	DeviceBench b;
	vna_settings settings = show(b).settings;
	settings.tx_batch = 1;
	ASSERT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
	for (unsigned i = 0; i < 10; i++)
		b.send(payload(60, i));
	b.kernel.work();
	EXPECT_EQ(b.count(tx_queue, Count::batch_1), 10u);
	settings.tx_batch = 4;
	ASSERT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
	for (unsigned i = 0; i < 10; i++)
		b.send(payload(60, i));
	b.kernel.work();
	EXPECT_EQ(b.count(tx_queue, Count::batch_4), 2u);
	EXPECT_EQ(b.count(tx_queue, Count::batch_2), 1u);
	EXPECT_EQ(b.count(tx_queue, Count::batches), 13u);
	EXPECT_EQ(b.count(tx_queue, Count::packets), 20u);
	EXPECT_EQ(b.count(tx_queue, Count::descriptors), 20u);
}

TEST(Settings, a_turn_ends_after_its_weight)
{
	DeviceBench b;
	vna_settings settings = show(b).settings;
	settings.tx_batch = 1;
	settings.weight_packets = 2;
	ASSERT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
	b.kernel.work();
	for (unsigned i = 0; i < 8; i++)
		b.send(payload(60, i));
	b.kernel.work();
	EXPECT_EQ(b.count(tx_queue, Count::packets), 8u);
	EXPECT_GE(b.count(tx_queue, Count::requeues), 3u);
}

// Beyond what a turn has by default: it neither ends there nor stays there for ever.
TEST(Settings, a_turn_may_send_as_many_bytes_as_it_is_given)
{
	DeviceBench b;
	vna_settings settings = show(b).settings;
	settings.weight_bytes = VNA_MAX_WEIGHT_BYTES;
	settings.weight_packets = VNA_MAX_WEIGHT_PACKETS;
	ASSERT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
	constexpr unsigned count = 40; // 1.2 MB
	for (unsigned i = 0; i < count; i++)
		b.send(payload(30000, i));
	b.kernel.work();
	EXPECT_EQ(b.count(tx_queue, Count::packets), count);
	EXPECT_EQ(b.count(tx_queue, Count::requeues), 0u);
	settings.weight_bytes = VNA_MIN_WEIGHT_BYTES;
	ASSERT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
	b.collect(b.tx);
	for (unsigned i = 0; i < count; i++)
		b.send(payload(30000, i));
	b.kernel.work();
	EXPECT_EQ(b.count(tx_queue, Count::packets), 2 * count);
	EXPECT_GE(b.count(tx_queue, Count::requeues), count / 4);
}

TEST(Settings, frames_go_by_reference_from_a_length_that_may_change)
{
	DeviceBench b;
	const auto send = [&](u32 least) {
		vna_settings settings = show(b).settings;
		settings.zerocopy_min = least;
		ASSERT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
		b.send(payload(2000));
		b.send(payload(8000));
		b.kernel.work();
		b.collect(b.tx);
	};
	send(0);
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy), 0u);
	EXPECT_EQ(b.count(tx_queue, Count::copied_short), 0u);
	send(4000);
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy), 1u);
	EXPECT_EQ(b.count(tx_queue, Count::copied_short), 1u);
	send(1);
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy), 3u);
	send(0);
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy), 3u);
	// What is in flight comes back all the same.
	while (!b.backend.in_flight.empty())
		b.backend.land(0);
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 3u);
	EXPECT_EQ(b.tx.ring.outstanding(), 0u);
	EXPECT_EQ(b.kernel.locked, 0u);
}

TEST(Settings, a_queue_that_ran_dry_is_looked_at_as_the_mode_says)
{
	DeviceBench b;
	const auto looks = [&](vna_poll_mode mode, u32 us) {
		vna_settings settings = show(b).settings;
		settings.poll_mode = mode;
		settings.poll_us = us;
		EXPECT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
		const u64 before = b.count(tx_queue, Count::polls);
		b.send(payload(60));
		b.kernel.work();
		b.collect(b.tx);
		return b.count(tx_queue, Count::polls) - before;
	};
	EXPECT_EQ(looks(VNA_POLL_OFF, 50), 0u);
	EXPECT_GT(looks(VNA_POLL_FIXED, 50), 0u);
	EXPECT_EQ(looks(VNA_POLL_FIXED, 0), 0u);
	EXPECT_EQ(looks(VNA_POLL_ADAPTIVE, 50), 0u) << "nothing is known";
	ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT, tx_queue, 20), 0);
	EXPECT_GT(looks(VNA_POLL_ADAPTIVE, 0), 0u) << "the owner's timeout";
	EXPECT_EQ(looks(VNA_POLL_OFF, 50), 0u) << "goes before that";
}

// It would else look for as long as it once was to.
TEST(Settings, looking_ends_when_it_is_switched_off)
{
	DeviceBench b;
	vna_settings settings = show(b).settings;
	settings.poll_mode = VNA_POLL_FIXED;
	settings.poll_us = 4000000000;
	ASSERT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
	b.kernel.before_look[10] = [&] {
		settings.poll_mode = VNA_POLL_OFF;
		ASSERT_EQ(vna_core_set(b.kernel.core(), &settings), 0);
	};
	b.send(payload(60));
	b.kernel.work();
	EXPECT_GE(b.count(tx_queue, Count::polls), 10u);
	EXPECT_LE(b.count(tx_queue, Count::polls), 12u);
	b.expect_traffic();
}

TEST(Show, a_device_as_it_comes_to_run)
{
	DeviceBench b({.start = false});
	EXPECT_EQ(show(b).state, VNA_DEVICE_OPENED);
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(show(b).state, VNA_DEVICE_OWNED);
	EXPECT_EQ(b.kernel.changes, 1u);
	EXPECT_EQ(show(b).regions, 0u);
	ASSERT_EQ(b.set_memory(), 0);
	EXPECT_EQ(show(b).regions, b.regions().size());
	EXPECT_EQ(b.kernel.changes, 2u);
	ASSERT_EQ(b.set_features(b.options.features), 0);
	EXPECT_EQ(show(b).features, b.options.features);
	EXPECT_EQ(b.kernel.changes, 3u);
	ASSERT_EQ(b.set_features(b.options.features), 0);
	EXPECT_EQ(b.kernel.changes, 3u) << "nothing has";
	b.set_up(tx_queue);
	EXPECT_EQ(show(b, tx_queue).size, b.options.size);
	EXPECT_EQ(show(b, tx_queue).state, VNA_QUEUE_OFF);
	b.start(tx_queue);
	EXPECT_EQ(show(b).state, VNA_DEVICE_RUNNING);
	EXPECT_EQ(show(b, tx_queue).state, VNA_QUEUE_RUNNING);
	EXPECT_TRUE(show(b, tx_queue).transmits);
	EXPECT_FALSE(show(b, rx_queue).transmits);
	EXPECT_EQ(b.kernel.changes, 4u);
	ASSERT_EQ(b.set_backend(tx_queue, -1), 0);
	EXPECT_EQ(b.kernel.changes, 5u);
	EXPECT_EQ(show(b).state, VNA_DEVICE_OWNED);
}

TEST(Show, a_queue_that_broke_a_rule)
{
	DeviceBench b;
	const unsigned changes = b.kernel.changes;
	auto &table = b.tx.split().table();
	table.set_avail_idx(static_cast<u16>(table.avail_idx() + 1000));
	b.kernel.write_eventfd(b.tx.kick_fd);
	b.kernel.work();
	ASSERT_EQ(b.kernel.stopped.size(), 1u);
	EXPECT_EQ(b.kernel.stopped[0].first, tx_queue);
	EXPECT_EQ(b.kernel.stopped[0].second, "avail_index_jump");
	const vna_queue_info info = show(b, tx_queue);
	EXPECT_EQ(info.state, VNA_QUEUE_STOPPED);
	EXPECT_STREQ(info.rule, "avail_index_jump");
	EXPECT_EQ(show(b).state, VNA_DEVICE_RUNNING) << "the other queue does";
	EXPECT_EQ(b.kernel.changes, changes) << "that is told of by itself";
	u64 broken = 0;
	for (u32 rule = 0; rule < vna_core_rules(); rule++)
		broken += vna_core_broken(b.kernel.core(), tx_queue, rule);
	EXPECT_EQ(broken, 1u);
	EXPECT_EQ(vna_core_broken(b.kernel.core(), tx_queue,
				  static_cast<u32>(RingError::avail_index_jump) - 1),
		  1u);
	ASSERT_EQ(b.set_backend(tx_queue, -1), 0);
	EXPECT_EQ(b.kernel.changes, changes + 1);
}

} // namespace

} // namespace vna
