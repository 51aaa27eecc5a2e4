// SPDX-License-Identifier: GPL-2.0-only
// Frames that are sent by reference: when, and how their buffers come back.
#include "device_bench.hh"

#include <cerrno>

namespace vna
{
namespace
{

constexpr u32 threshold = 1024;

void by_reference(vna_config &config)
{
	config.zerocopy_min = threshold;
}

class ZeroCopied : public EachFormat
{
protected:
	[[nodiscard]] static DeviceOptions on(unsigned size = 256)
	{
		DeviceOptions options = EachFormat::on(modern, size);
		options.configure = by_reference;
		return options;
	}
	[[nodiscard]] static bool ordered() { return GetParam().features & in_order; }
};

VNA_EACH_FORMAT(ZeroCopied);

Bytes long_frame(u64 seed)
{
	return payload(4096, seed);
}

Bytes without_header(const DeviceBench &b, const Bytes &sent)
{
	return {sent.begin() + b.backend.header(), sent.end()};
}

std::vector<driver::Token> tokens(DeviceBench::Side &side)
{
	std::vector<driver::Token> all;
	while (const auto used = side.ring.collect()) {
		EXPECT_EQ(used->len, 0u);
		all.push_back(used->token);
	}
	return all;
}

TEST_P(ZeroCopied, only_long_frames_go_by_reference)
{
	DeviceBench b(on());
	const u32 h = b.header();
	b.send(payload(60, 1));
	b.send(payload(threshold - h - 1, 2));
	b.send(payload(threshold - h, 3));
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 2u);
	ASSERT_EQ(b.backend.in_flight.size(), 1u);
	EXPECT_EQ(b.collect(b.tx), 2u) << "the third is in flight";
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 0u);

	const unsigned calls = b.calls(b.tx);
	b.backend.land(0);
	b.kernel.work();
	EXPECT_EQ(without_header(b, b.backend.sent[2]), payload(threshold - h, 3));
	EXPECT_EQ(b.collect(b.tx), 1u) << "without a kick";
	EXPECT_EQ(b.calls(b.tx), calls + 1);
	EXPECT_EQ(b.count(tx_queue, Count::packets), 3u);
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy), 1u);
	EXPECT_EQ(b.count(tx_queue, Count::copied_short), 2u);
	EXPECT_EQ(b.kernel.locked, 0u);
}

TEST_P(ZeroCopied, buffers_come_back_as_frames_land)
{
	DeviceBench b(on());
	std::vector<driver::Token> sent;
	for (unsigned i = 0; i < 5; i++)
		sent.push_back(b.send(long_frame(i), {}, {.indirect = i % 2 != 0}));
	b.kernel.work();
	ASSERT_EQ(b.backend.in_flight.size(), 5u);

	const auto land = [&](std::size_t i) {
		b.backend.land(i);
		b.kernel.work();
		return tokens(b.tx);
	};
	using Tokens = std::vector<driver::Token>;
	// By their places among those that are left: 2, 4, 0, 3, 1.
	if (ordered()) {
		EXPECT_EQ(land(2), Tokens{});
		EXPECT_EQ(land(3), Tokens{});
		EXPECT_EQ(land(0), Tokens{sent[0]});
		EXPECT_EQ(land(1), Tokens{});
		EXPECT_EQ(land(0).size(), 4u);
	} else {
		EXPECT_EQ(land(2), Tokens{sent[2]});
		EXPECT_EQ(land(3), Tokens{sent[4]});
		EXPECT_EQ(land(0), Tokens{sent[0]});
		EXPECT_EQ(land(1), Tokens{sent[3]});
		EXPECT_EQ(land(0), Tokens{sent[1]});
	}
	EXPECT_EQ(b.tx.ring.outstanding(), 0u);
	const std::array<u64, 5> order{2, 4, 0, 3, 1};
	for (std::size_t i = 0; i < 5; i++)
		EXPECT_EQ(without_header(b, b.backend.sent[i]), long_frame(order[i]));
	b.expect_traffic();
}

// 7.2's vhost-net reports these ahead of it.
TEST_P(ZeroCopied, in_order_copied_and_dropped_frames_wait_behind_one_in_flight)
{
	DeviceBench b(on());
	b.send(payload(60, 1));
	b.send(long_frame(2));
	b.send(payload(60, 3));
	b.send(payload(13)); // too short
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 2u);
	EXPECT_EQ(b.collect(b.tx), ordered() ? 1u : 3u);
	b.send(payload(60, 4));
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), ordered() ? 0u : 1u);
	b.backend.land(0);
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), ordered() ? 4u : 1u);
	EXPECT_EQ(b.tx.ring.outstanding(), 0u);
	b.expect_traffic();
}

// All of a ring waits behind the first, many times around it.
TEST_P(ZeroCopied, a_full_ring_waits_and_goes_on)
{
	DeviceBench b(on(16));
	for (unsigned round = 0; round < 20; round++) {
		b.send(long_frame(round));
		for (unsigned i = 1; i < 16; i++)
			b.send(payload(60 + i, round));
		b.kernel.work();
		EXPECT_EQ(b.collect(b.tx), ordered() ? 0u : 15u);
		ASSERT_EQ(b.backend.in_flight.size(), 1u);
		b.backend.land(0);
		b.kernel.work();
		EXPECT_EQ(b.collect(b.tx), ordered() ? 16u : 1u);
	}
	EXPECT_EQ(b.backend.sent.size(), 320u);
	b.expect_traffic();
}

TEST_P(ZeroCopied, what_has_no_slot_is_copied)
{
	for (const unsigned size : {16u, 256u}) {
		DeviceBench b(on(size));
		const unsigned slots = size == 16 ? 8 : VNA_MAX_IN_FLIGHT;
		for (unsigned i = 0; i < slots + 5; i++)
			b.send(long_frame(i));
		b.kernel.work();
		EXPECT_EQ(b.backend.in_flight.size(), slots);
		EXPECT_EQ(b.backend.sent.size(), 5u);
		EXPECT_EQ(b.count(tx_queue, Count::copied_slots), 5u);
		EXPECT_EQ(b.collect(b.tx), ordered() ? 0u : 5u);
		b.backend.land_all();
		b.kernel.work();
		EXPECT_EQ(b.collect(b.tx), ordered() ? slots + 5 : slots);
		// And all of them are free again.
		for (unsigned i = 0; i < slots; i++)
			b.send(long_frame(i));
		b.kernel.work();
		EXPECT_EQ(b.backend.in_flight.size(), slots);
		b.backend.land_all();
		b.kernel.work();
		EXPECT_EQ(b.collect(b.tx), slots);
	}
}

// The device that consumes a frame at once: nobody is woken for that, and the
// driver is told once a batch.
TEST_P(ZeroCopied, frames_that_land_at_once_wake_nobody)
{
	DeviceBench b(on());
	b.backend.lands_at_once = true;
	const unsigned batch = GetParam().batch;
	for (unsigned i = 0; i < 10; i++)
		b.tx.ring.add(driver::allocate_chain(b.guest, std::vector<u32>{4096}, false));
	b.kick(b.tx);
	const unsigned wakes = b.kernel.wakes, calls = b.calls(b.tx);
	EXPECT_EQ(b.kernel.work(), 1u);
	EXPECT_EQ(b.kernel.wakes, wakes);
	EXPECT_EQ(b.calls(b.tx), calls + (batch == 1 ? 10 : 1));
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy), 10u);
	EXPECT_EQ(b.collect(b.tx), 10u);
}

// A frame may land while the worker is about to sleep.
TEST_P(ZeroCopied, a_frame_that_lands_at_the_last_moment_is_seen)
{
	DeviceBench b(on());
	b.send(long_frame(1));
	b.when_it_asks(b.tx, [&] { b.backend.land_all(); });
	b.kernel.work();
	EXPECT_TRUE(b.backend.in_flight.empty());
	EXPECT_EQ(b.collect(b.tx), 1u);
}

TEST_P(ZeroCopied, where_the_host_copies_it_is_tried_less_and_less)
{
	DeviceBench b(on());
	b.backend.lands_at_once = b.backend.copies = true;
	const auto send = [&](unsigned n) {
		for (unsigned i = 0; i < n; i++) {
			b.send(long_frame(i));
			b.kernel.work();
			EXPECT_EQ(b.collect(b.tx), 1u);
		}
		return b.count(tx_queue, Count::zerocopy);
	};
	EXPECT_EQ(send(1), 1u);
	EXPECT_EQ(send(16), 1u) << "after a failure frames are copied";
	EXPECT_EQ(send(1), 2u) << "until one is tried";
	EXPECT_EQ(send(32), 2u) << "twice as many as before";
	const u64 before = send(1);
	EXPECT_LE(send(5000) - before, 10u);
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy_copied), b.count(tx_queue, Count::zerocopy));
	EXPECT_GT(b.count(tx_queue, Count::copied_backoff), 4900u);

	b.backend.copies = false;
	send(1025);
	const u64 after = b.count(tx_queue, Count::zerocopy);
	EXPECT_EQ(send(10), after + 10) << "one that succeeds ends it";
}

TEST_P(ZeroCopied, while_the_host_copies_one_frame_is_tried_at_a_time)
{
	DeviceBench b(on());
	b.backend.lands_at_once = b.backend.copies = true;
	b.send(long_frame(0));
	b.kernel.work();
	b.backend.lands_at_once = false;
	for (unsigned i = 0; i < 33; i++)
		b.send(long_frame(i));
	b.kernel.work();
	EXPECT_EQ(b.backend.in_flight.size(), 1u);
	b.backend.land_all();
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 34u);
}

TEST_P(ZeroCopied, what_cannot_be_referred_to_is_copied_in_its_place)
{
	struct Case {
		std::function<void(DeviceBench &)> prepare;
		u32 bytes;
		Count reason;
	};
	const std::vector<Case> cases{
		{[](DeviceBench &b) { b.backend.reference_error = -EFAULT; }, 4096,
		 Count::copied_fault},
		{[](DeviceBench &b) { b.kernel.lock_limit = 0; }, 4096, Count::copied_limit},
		{[](DeviceBench &b) { b.backend.reference_error = -EMSGSIZE; }, 4096,
		 Count::copied_pages},
	};
	std::vector<std::pair<Case, u64>> pairs;
	for (const Case &c : cases) {
		pairs.emplace_back(c, 0);
		pairs.emplace_back(c, own_header); // which is cut off, and no more than that
	}
	for (const auto &[c, header] : pairs) {
		DeviceOptions options = on();
		options.features |= header;
		DeviceBench b(options);
		c.prepare(b);
		for (unsigned i = 0; i < 8; i++)
			b.send(i % 4 == 1 ? payload(c.bytes, i) : payload(60, i));
		b.kernel.work();
		ASSERT_EQ(b.backend.sent.size(), 8u);
		for (unsigned i = 0; i < 8; i++)
			EXPECT_EQ(without_header(b, b.backend.sent[i]),
				  i % 4 == 1 ? payload(c.bytes, i) : payload(60, i));
		EXPECT_EQ(b.collect(b.tx), 8u);
		EXPECT_EQ(b.count(tx_queue, c.reason), 2u);
		EXPECT_EQ(b.count(tx_queue, Count::zerocopy), 0u);
		EXPECT_EQ(b.count(tx_queue, Count::packets), 8u);
	}
}

TEST_P(ZeroCopied, the_limit_is_on_what_is_in_flight)
{
	DeviceBench b(on());
	b.kernel.lock_limit = 6;
	for (unsigned i = 0; i < 8; i++)
		b.send(long_frame(i)); // of two pages, or one
	b.kernel.work();
	EXPECT_LE(b.kernel.locked, 6u);
	EXPECT_GT(b.kernel.locked, 3u);
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy) + b.count(tx_queue, Count::copied_limit), 8u);
	b.backend.land_all();
	EXPECT_EQ(b.kernel.locked, 0u);
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 8u);
}

TEST_P(ZeroCopied, a_refused_frame_is_dropped_and_counted)
{
	DeviceBench b(on());
	const std::vector<std::pair<int, Count>> errors{{-EINVAL, Count::drop_header},
							{-ENOMEM, Count::drop_nomem},
							{-EIO, Count::drop_backend}};
	for (const auto &[error, count] : errors) {
		b.backend.reference_error = error;
		b.send(long_frame(1));
		b.kernel.work();
		EXPECT_EQ(b.collect(b.tx), 1u);
		EXPECT_EQ(b.count(tx_queue, count), 1u);
	}
	EXPECT_TRUE(b.backend.sent.empty());
	EXPECT_EQ(b.count(tx_queue, Count::packets), 0u);
}

TEST_P(ZeroCopied, without_room_a_frame_waits)
{
	DeviceBench b(on());
	b.backend.room = 1;
	b.send(payload(60, 1));
	b.send(long_frame(2));
	b.send(payload(60, 3));
	b.kernel.work();
	EXPECT_EQ(b.backend.wanted, 1u);
	EXPECT_EQ(b.collect(b.tx), 1u);
	EXPECT_TRUE(b.backend.in_flight.empty());
	b.backend.make_room(2);
	b.kernel.work();
	EXPECT_EQ(b.backend.in_flight.size(), 1u);
	b.backend.land_all();
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 2u);
}

TEST_P(ZeroCopied, a_backend_that_refers_to_nothing_gets_copies)
{
	DeviceBench b(on());
	b.others.push_back(std::make_unique<host::FakeBackend>(b.kernel, b.header()));
	b.others[0]->refers = false;
	ASSERT_EQ(b.set_backend(tx_queue, b.others[0]->fd()), 0);
	b.send(long_frame(1));
	b.kernel.work();
	EXPECT_EQ(b.others[0]->sent.size(), 1u);
	EXPECT_EQ(b.collect(b.tx), 1u);
	EXPECT_EQ(b.count(tx_queue, Count::zerocopy), 0u);
	EXPECT_EQ(b.count(tx_queue, Count::copied_short), 0u) << "it is not for being short";
}

// Frames in flight need neither the backend that took them nor the memory table.
TEST_P(ZeroCopied, a_backend_is_swapped_without_a_wait)
{
	DeviceBench b(on());
	b.send(long_frame(1));
	b.kernel.work();
	b.others.push_back(std::make_unique<host::FakeBackend>(b.kernel, b.header()));
	ASSERT_EQ(b.set_backend(tx_queue, b.others[0]->fd()), 0);
	ASSERT_EQ(b.set_memory(), 0);
	b.send(long_frame(2));
	b.kernel.work();
	EXPECT_EQ(b.kernel.waits, 0u);
	EXPECT_EQ(b.others[0]->in_flight.size(), 1u);
	b.others[0]->land_all();
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), ordered() ? 0u : 1u);
	b.backend.land_all();
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), ordered() ? 2u : 1u);
}

// What is behind SET_BACKEND -1 and GET_VRING_BASE, and starts anew from there.
TEST_P(ZeroCopied, unbinding_waits_and_gives_all_buffers_back)
{
	for (const bool lands : {true, false}) {
		DeviceBench b(on());
		b.send(long_frame(1));
		b.send(payload(60, 2));
		b.send(long_frame(3));
		b.kernel.work();
		b.collect(b.tx);
		if (lands)
			b.kernel.on_wait = [&] { b.backend.land_all(); };
		ASSERT_EQ(b.set_backend(tx_queue, -1), 0);
		EXPECT_EQ(b.kernel.waits, 1u);
		EXPECT_EQ(b.kernel.in_flight_open, 0u);
		b.collect(b.tx);
		EXPECT_EQ(b.tx.ring.outstanding(), 0u);
		EXPECT_EQ(b.base(tx_queue), b.tx.ring.base());
		EXPECT_EQ(b.count(tx_queue, Count::zerocopy_orphaned), lands ? 0u : 2u);
		EXPECT_EQ(b.kernel.locked == 0, lands) << "charged until they land";

		ASSERT_EQ(b.set_backend(tx_queue, b.backend.fd()), 0);
		b.expect_transmit();
		if (!lands) {
			const unsigned wakes = b.kernel.wakes;
			b.backend.land_all();
			EXPECT_EQ(b.kernel.wakes, wakes) << "that is no one's business";
			EXPECT_EQ(b.kernel.locked, 0u);
			EXPECT_EQ(b.collect(b.tx), 0u);
		}
		b.expect_transmit();
	}
}

TEST_P(ZeroCopied, frames_outlive_reset_and_close)
{
	{
		DeviceBench b(on());
		b.send(long_frame(1));
		b.kernel.work();
		ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
		EXPECT_EQ(b.kernel.in_flight_open, 0u);
		EXPECT_EQ(b.collect(b.tx), 0u) << "a ring that is no more is not written";
		b.backend.land_all();
	}
	DeviceBench b(on());
	b.send(long_frame(1));
	b.kernel.work();
	b.kernel.close();
	EXPECT_TRUE(b.kernel.leaks().empty());
	EXPECT_EQ(b.backend.in_flight.size(), 1u);
	b.backend.land_all();
	EXPECT_EQ(without_header(b, b.backend.sent[0]), long_frame(1));
}

TEST_P(ZeroCopied, a_queue_that_stopped_gives_them_back_when_it_is_restarted)
{
	DeviceBench b(on());
	b.send(long_frame(1));
	b.kernel.work();
	const u64 data = b.guest.allocate(64);
	b.offer(b.tx, {{data, 64, true}}); // writable
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "writable_on_transmit");
	b.backend.land_all();
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 0u);
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, b.tx.kick_fd), 0);
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 1u);
}

// It cannot have more buffers in use than the ring has entries.
TEST(ZeroCopiedInOrder, a_driver_that_offers_what_is_in_use_waits)
{
	DeviceBench b({.features = modern | in_order, .size = 16, .configure = by_reference});
	for (unsigned i = 0; i < 16; i++)
		b.send(payload(60, i));
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 16u);
	b.send(long_frame(0));
	for (unsigned i = 1; i < 8; i++)
		b.send(payload(60, i));
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 16u + 7);
	b.tx.split().table().set_avail_idx(16 + 8 + 16);
	b.kernel.write_eventfd(b.tx.kick_fd);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 16u + 15);
	b.backend.lands_at_once = true;
	b.backend.land_all();
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 40u);
	EXPECT_EQ(b.tx.split().table().used_idx(), 40u);
}

// With frames in flight already, which come in whatever order.
TEST(ZeroCopiedInOrder, the_feature_may_come_and_go)
{
	DeviceBench b({.features = modern, .configure = by_reference});
	b.send(long_frame(1));
	b.send(long_frame(2));
	b.kernel.work();
	ASSERT_EQ(b.set_features(modern | in_order), 0);
	b.send(payload(60, 3));
	b.kernel.work();
	EXPECT_EQ(b.collect(b.tx), 0u);
	ASSERT_EQ(b.set_features(modern), 0);
	b.send(long_frame(4));
	b.kernel.work();
	b.backend.land(2);
	b.kernel.work();
	EXPECT_EQ(b.shown(b.tx), 1u) << "the fourth waits for none";
	b.backend.land_all();
	b.kernel.work();
	EXPECT_EQ(b.shown(b.tx), 4u);
}

TEST(ZeroCopiedOff, frames_are_copied)
{
	DeviceBench b({.features = modern});
	b.send(long_frame(1));
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 1u);
	EXPECT_EQ(b.collect(b.tx), 1u);
}

TEST(ZeroCopiedOff, so_they_are_where_there_is_no_memory_for_more)
{
	for (const unsigned at : {1u, 2u}) {
		DeviceBench b({.features = modern, .start = false, .configure = by_reference});
		ASSERT_EQ(b.set_owner(), 0);
		ASSERT_EQ(b.set_features(modern), 0);
		ASSERT_EQ(b.set_memory(), 0);
		b.set_up(tx_queue);
		b.kernel.fail_alloc_at(at);
		ASSERT_EQ(b.set_backend(tx_queue, b.backend.fd()), 0);
		b.send(long_frame(1));
		b.kernel.work();
		EXPECT_EQ(b.backend.sent.size(), 1u);
		EXPECT_EQ(b.collect(b.tx), 1u);
	}
}

} // namespace
} // namespace vna
