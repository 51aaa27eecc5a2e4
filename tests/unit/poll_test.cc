// SPDX-License-Identifier: GPL-2.0-only
// Waiting by looking: when it is worth its time, what it saves, and that nothing is missed at its
// end.
#include "core/net/poll.hh"
#include "device_bench.hh"

namespace vna
{
namespace
{

// The decision, by a clock of its own.

constexpr u64 limit = 1000;

struct Clocked {
	explicit Clocked(u64 ns = limit) : poll(ns) {}

	// The queue is dry for @ns.
	void wait(u64 ns)
	{
		poll.dry(now);
		now += ns;
		poll.found(now);
	}
	void wait(u64 ns, unsigned times)
	{
		while (times--)
			wait(ns);
	}
	// How many waits of @ns it takes until looking pays, or does not.
	unsigned until(bool pays, u64 ns)
	{
		unsigned n = 0;
		for (; poll.pays() != pays && n < 1000; n++)
			wait(ns);
		return n;
	}

	Poll poll;
	u64 now = 1;
};

TEST(Poll, without_limit_or_timeout_it_is_off)
{
	Poll poll;
	EXPECT_FALSE(poll.on());
	EXPECT_FALSE(poll.pays());
	poll.set_timeout(1);
	EXPECT_TRUE(poll.on());
	EXPECT_TRUE(poll.pays());
	poll.set_timeout(0);
	EXPECT_FALSE(poll.on());
	EXPECT_FALSE(poll.pays());
}

TEST(Poll, begins_when_waits_are_shorter_than_its_limit)
{
	Clocked c;
	EXPECT_FALSE(c.poll.pays()) << "nothing is known";
	const unsigned n = c.until(true, limit / 10);
	EXPECT_GE(n, 5u);
	EXPECT_LE(n, 20u);
	c.wait(limit / 10, 1000);
	EXPECT_TRUE(c.poll.pays());
}

TEST(Poll, never_begins_when_waits_are_longer)
{
	for (const u64 wait : {limit, limit + 1, 2 * limit, 1000000 * limit}) {
		Clocked c;
		EXPECT_EQ(c.until(true, wait), 1000u) << wait;
	}
}

TEST(Poll, ends_with_one_long_silence_and_begins_soon_after)
{
	Clocked c;
	c.wait(limit / 10, 100);
	c.wait(1000000 * limit);
	EXPECT_FALSE(c.poll.pays());
	EXPECT_LE(c.until(true, limit / 10), 2u);
}

// What it costs where it fails is at most a fraction of where it does not.
TEST(Poll, does_not_look_when_few_waits_of_many_are_short)
{
	for (unsigned shorts = 1; shorts <= 5; shorts++) {
		Clocked c;
		unsigned in_vain = 0;
		for (unsigned i = 0; i < 1000; i++) {
			c.wait(limit / 10, shorts);
			in_vain += c.poll.pays();
			c.wait(100 * limit);
		}
		EXPECT_EQ(in_vain, 0u) << shorts << " short waits to a long one";
	}
}

TEST(Poll, ends_a_wait_at_its_limit_or_timeout)
{
	Poll poll(limit);
	poll.dry(5000);
	EXPECT_FALSE(poll.over(5000 + limit - 1));
	EXPECT_TRUE(poll.over(5000 + limit));
	poll.set_timeout(7);
	EXPECT_FALSE(poll.over(5000 + 7000 - 1));
	EXPECT_TRUE(poll.over(5000 + 7000));
	poll.set_timeout(~0u);
	EXPECT_FALSE(poll.over(5000 + 4294967295ull * 1000 - 1));
	EXPECT_TRUE(poll.over(5000 + 4294967295ull * 1000));
}

TEST(Poll, a_clock_that_goes_back_is_no_long_wait)
{
	Clocked c;
	c.wait(limit / 10, 100);
	c.poll.dry(1000000);
	EXPECT_EQ(c.poll.waited(999000), 0u);
	EXPECT_FALSE(c.poll.over(999000));
	c.poll.found(999000);
	EXPECT_TRUE(c.poll.pays());
}

TEST(Poll, forgets_when_it_is_reset)
{
	Clocked c;
	c.wait(limit / 10, 100);
	c.poll.set_timeout(5);
	c.poll.reset();
	EXPECT_EQ(c.poll.timeout(), 0u);
	EXPECT_TRUE(c.poll.on());
	EXPECT_FALSE(c.poll.pays());
}

// The device.

struct PollBench : DeviceBench {
	// Looks for so long each time, or adapts up to so long.
	explicit PollBench(DeviceOptions options, u32 timeout = 50, u32 limit = 0)
	    : DeviceBench(with_limit(std::move(options), limit))
	{
		for (const u32 queue : {rx_queue, tx_queue})
			EXPECT_EQ(set_timeout(queue, timeout), 0);
	}
	static DeviceOptions with_limit(DeviceOptions options, u32 limit)
	{
		options.configure = [limit](vna_config &config) { config.busypoll_us = limit; };
		return options;
	}

	long set_timeout(u32 queue, u32 us)
	{
		return state(VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT, queue, us);
	}
	// A frame out, so that the queue has something to be dry after.
	void begin_transmit()
	{
		kernel.work();
		send(payload(60));
		kernel.turn();
		collect(tx);
	}
	// The same inwards: buffers are left, and no frame.
	void begin_receive()
	{
		kernel.work();
		for (unsigned i = 0; i < 10; i++)
			post({200});
		backend.arrive(payload(60));
		kernel.turn();
		EXPECT_EQ(received().size(), 1u);
	}
	[[nodiscard]] u64 polls() const
	{
		return count(rx_queue, Count::polls) + count(tx_queue, Count::polls);
	}
};

class PollingDevice : public EachFormat
{
protected:
	[[nodiscard]] static u64 event_idx() { return modern | feature(VNA_VIRTIO_RING_F_EVENT_IDX); }
};
VNA_EACH_FORMAT(PollingDevice);

TEST_P(PollingDevice, a_buffer_is_found_with_no_kick_and_no_wake_up)
{
	for (const u64 features : {modern, event_idx()}) {
		PollBench b(on(features));
		b.begin_transmit();
		const u64 kicks = b.count(tx_queue, Count::kicks);
		const unsigned wakes = b.kernel.wakes;
		for (unsigned i = 0; i < 20; i++) {
			EXPECT_TRUE(vna_core_has_work(b.kernel.core(), 0)) << "it would sleep";
			b.kernel.turn();
			b.kernel.turn();
			b.send(payload(60));
			b.kernel.turn();
			EXPECT_EQ(b.backend.sent.size(), 2 + i);
			b.collect(b.tx);
		}
		EXPECT_EQ(b.count(tx_queue, Count::kicks), kicks);
		EXPECT_EQ(b.kernel.wakes, wakes);
		EXPECT_EQ(b.count(tx_queue, Count::poll_hits), 20u);
		EXPECT_EQ(b.count(tx_queue, Count::polls), 60u);
		EXPECT_EQ(b.count(tx_queue, Count::poll_ns), 60000u);
	}
}

TEST_P(PollingDevice, a_frame_is_found_with_no_wake_up)
{
	PollBench b(on());
	b.begin_receive();
	const unsigned wakes = b.kernel.wakes;
	for (unsigned i = 0; i < 9; i++) {
		b.kernel.turn();
		b.backend.arrive(payload(60));
		EXPECT_EQ(b.kernel.wakes, wakes) << "it is no news to who looks";
		b.kernel.turn();
		EXPECT_EQ(b.received().size(), 1u);
	}
	EXPECT_EQ(b.count(rx_queue, Count::poll_hits), 9u);
}

TEST_P(PollingDevice, a_buffer_for_a_frame_that_waits_is_found_with_no_kick)
{
	PollBench b(on());
	b.kernel.work();
	b.post({200});
	b.backend.arrive(payload(60));
	b.backend.arrive(payload(61));
	b.kernel.turn();
	EXPECT_EQ(b.received().size(), 1u);
	const u64 kicks = b.count(rx_queue, Count::kicks);
	b.kernel.turn();
	b.post({200});
	EXPECT_EQ(b.count(rx_queue, Count::kicks), kicks);
	b.kernel.turn();
	EXPECT_EQ(b.received().size(), 1u);
	EXPECT_EQ(b.count(rx_queue, Count::poll_hits), 1u);
}

// The time is over: from then on there are kicks and wake-ups again.
TEST_P(PollingDevice, ends_by_asking_for_events)
{
	for (const u64 features : {modern, event_idx()}) {
		PollBench b(on(features));
		b.begin_transmit();
		b.kernel.work();
		EXPECT_EQ(b.count(tx_queue, Count::polls), 50u);
		EXPECT_FALSE(vna_core_has_work(b.kernel.core(), 0));
		const u64 kicks = b.count(tx_queue, Count::kicks);
		b.send(payload(60));
		EXPECT_EQ(b.count(tx_queue, Count::kicks), kicks + 1);
		b.kernel.work();
		EXPECT_EQ(b.backend.sent.size(), 2u);

		b.begin_receive();
		b.kernel.work();
		EXPECT_FALSE(b.kernel.woken());
		b.backend.arrive(payload(60));
		EXPECT_TRUE(b.kernel.woken());
		b.kernel.work();
		EXPECT_EQ(b.received().size(), 1u);
	}
}

// The driver comes between the last look and the wish for kicks, and does not kick.
TEST_P(PollingDevice, misses_nothing_at_its_end)
{
	for (const u64 features : {modern, event_idx()}) {
		PollBench b(on(features));
		b.begin_transmit();
		b.when_it_asks(b.tx, [&] {
			const driver::Chain chain{
				{b.guest.allocate(b.header() + 60), b.header() + 60, false}};
			ASSERT_TRUE(b.tx.ring.add(chain));
			b.tx.ring.publish();
		});
		b.kernel.work();
		EXPECT_EQ(b.backend.sent.size(), 2u);
	}
}

// A frame comes when a look, the last one too, has just found none.
TEST_P(PollingDevice, misses_no_frame_at_its_end)
{
	for (unsigned at = 1; at <= 50; at++) {
		PollBench b(on());
		b.begin_receive();
		b.kernel.before_look[at] = [&] {
			// It looks, and then at the clock.
			b.kernel.at_clock = [&] { b.backend.arrive(payload(60)); };
		};
		b.kernel.work();
		EXPECT_EQ(b.received().size(), 1u) << at;
	}
}

TEST_P(PollingDevice, gives_way_to_who_wants_the_processor)
{
	PollBench b(on());
	b.begin_transmit();
	b.kernel.wanted = true;
	b.kernel.work();
	EXPECT_EQ(b.count(tx_queue, Count::polls), 1u);
	const u64 kicks = b.count(tx_queue, Count::kicks);
	b.send(payload(60));
	EXPECT_EQ(b.count(tx_queue, Count::kicks), kicks + 1);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 2u);
}

TEST_P(PollingDevice, does_not_look_on_a_single_processor)
{
	PollBench b(on(), 50, 50);
	b.kernel.can_poll = false;
	for (unsigned i = 0; i < 50; i++)
		b.expect_traffic();
	EXPECT_EQ(b.polls(), 0u);
}

TEST_P(PollingDevice, by_default_there_is_none)
{
	PollBench b(on(), 0, 0);
	for (unsigned i = 0; i < 50; i++)
		b.expect_traffic();
	EXPECT_EQ(b.polls(), 0u);
}

TEST_P(PollingDevice, a_malformed_ring_is_found_and_stops)
{
	PollBench b(on());
	b.begin_transmit();
	b.kernel.turn();
	const auto areas = b.tx.ring.areas();
	b.kernel.memory.fault(b.user(b.is_packed() ? areas.descriptor : areas.driver),
			      b.user(b.is_packed() ? areas.descriptor : areas.driver) + 64);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "ring_fault");
	EXPECT_EQ(b.errors(b.tx), 1u);
	b.kernel.memory.heal();
	EXPECT_FALSE(vna_core_has_work(b.kernel.core(), 0));
}

TEST(PollingDevices, an_idle_one_does_not_look)
{
	PollBench b({}, 0, 50);
	for (unsigned i = 0; i < 100; i++)
		b.expect_traffic();
	EXPECT_GT(b.polls(), 0u) << "it pays while there is traffic";
	b.kernel.work();
	const u64 polls = b.polls();
	b.kernel.clock += 1000000000;
	b.kernel.work();
	EXPECT_EQ(b.polls(), polls);
	// A frame now and then is not worth looking.
	for (unsigned i = 0; i < 20; i++) {
		b.expect_traffic(1);
		b.kernel.work();
		b.kernel.clock += 1000000000;
	}
	EXPECT_LE(b.polls(), polls + 2 * 51);
}

TEST(PollingDevices, kicks_for_nothing_are_not_looked_after)
{
	PollBench b({});
	b.begin_transmit();
	b.kernel.work();
	const u64 polls = b.polls();
	for (unsigned i = 0; i < 10; i++) {
		b.kernel.write_eventfd(b.tx.kick_fd);
		b.kernel.write_eventfd(b.rx.kick_fd);
		b.kernel.work();
	}
	EXPECT_EQ(b.polls(), polls);
}

TEST(PollingDevices, the_other_queue_is_served_meanwhile)
{
	PollBench b({}, 1000);
	b.begin_transmit();
	EXPECT_EQ(b.set_timeout(rx_queue, 0), 0);
	b.kernel.turn();
	b.post({200});
	b.backend.arrive(payload(60));
	b.kernel.turn();
	EXPECT_EQ(b.received().size(), 1u);
	b.kernel.turn();
	EXPECT_EQ(b.count(tx_queue, Count::polls), 3u);
}

TEST(PollingDevices, what_is_set_up_anew_is_no_longer_looked_at)
{
	PollBench b({}, ~0u);
	b.begin_transmit();
	b.begin_receive();
	EXPECT_TRUE(vna_core_has_work(b.kernel.core(), 0));
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_backend(queue, -1), 0);
	b.kernel.work(10);
	EXPECT_FALSE(vna_core_has_work(b.kernel.core(), 0));
	b.kernel.wanted = true;
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_backend(queue, b.backend.fd()), 0);
	b.kernel.work();
	b.send(payload(60));
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 2u);
	b.kernel.wanted = false;
	b.collect(b.tx);
	b.begin_transmit();
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	EXPECT_FALSE(vna_core_has_work(b.kernel.core(), 0));
	vna_vhost_vring_state state{tx_queue, 1};
	ASSERT_EQ(b.set_owner(), 0);
	ASSERT_EQ(b.ioctl(VNA_VHOST_GET_VRING_BUSYLOOP_TIMEOUT, state), 0);
	EXPECT_EQ(state.num, 0u);
}

TEST(PollingDevices, a_queue_that_is_handed_over_meanwhile_is_not_forgotten)
{
	PollBench b({}, ~0u);
	b.begin_transmit();
	vna_vhost_worker_state worker{};
	ASSERT_EQ(b.ioctl(VNA_VHOST_NEW_WORKER, worker), 0);
	vna_vhost_vring_worker attach{tx_queue, worker.worker_id};
	ASSERT_EQ(b.ioctl(VNA_VHOST_ATTACH_VRING_WORKER, attach), 0);
	EXPECT_FALSE(vna_core_has_work(b.kernel.core(), 0));
	EXPECT_TRUE(b.kernel.woken(worker.worker_id));
	b.send(payload(60)); // nobody asked for a kick
	b.kernel.turn(0);
	b.kernel.turn(worker.worker_id);
	EXPECT_EQ(b.backend.sent.size(), 2u);
	EXPECT_TRUE(vna_core_has_work(b.kernel.core(), worker.worker_id));
	// While the old one is about to look.
	attach.worker_id = 0;
	b.kernel.before_lock(tx_queue, [&] {
		ASSERT_EQ(b.ioctl(VNA_VHOST_ATTACH_VRING_WORKER, attach), 0);
	});
	b.kernel.turn(worker.worker_id);
	b.send(payload(60));
	b.kernel.turn(0);
	EXPECT_EQ(b.backend.sent.size(), 3u);
}

TEST(PollingDevices, timeouts_are_told_as_they_were_set)
{
	DeviceBench b;
	const auto get = [&](u32 queue) {
		vna_vhost_vring_state state{queue, ~0u};
		EXPECT_EQ(b.ioctl(VNA_VHOST_GET_VRING_BUSYLOOP_TIMEOUT, state), 0);
		EXPECT_EQ(state.index, queue);
		return state.num;
	};
	EXPECT_EQ(get(rx_queue), 0u);
	EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT, rx_queue, ~0u), 0);
	EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT, tx_queue, 1), 0);
	EXPECT_EQ(get(rx_queue), ~0u);
	EXPECT_EQ(get(tx_queue), 1u);
	EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT, rx_queue, 0), 0);
	EXPECT_EQ(get(rx_queue), 0u);
	for (const u32 command :
	     {VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VNA_VHOST_GET_VRING_BUSYLOOP_TIMEOUT}) {
		EXPECT_EQ(b.state(command, 2, 1), -ENOBUFS);
		EXPECT_EQ(b.kernel.ioctl(command, 0x10), -EFAULT);
		b.kernel.process = 2;
		EXPECT_EQ(b.state(command, 0, 1), -EPERM);
		b.kernel.process = 1;
	}
	EXPECT_EQ(get(tx_queue), 1u);
}

} // namespace
} // namespace vna
