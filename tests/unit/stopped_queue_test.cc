// SPDX-License-Identifier: GPL-2.0-only
// A ring that breaks a rule stops its queue, and nothing else, until the queue is set up anew.
#include "device_bench.hh"
#include "malformed.hh"

namespace vna
{
namespace
{

class StoppedQueue : public testing::TestWithParam<Malformed>
{
};

TEST_P(StoppedQueue, tells_once_and_harms_no_other)
{
	const Malformed &m = GetParam();
	DeviceBench b({.features = m.features(modern)});
	b.send(payload(60, 1));
	b.send(payload(60, 2));
	m.make(b.tx.ring, b.guest, b.kernel.memory);
	b.kernel.write_eventfd(b.tx.kick_fd);
	b.kernel.work();

	EXPECT_EQ(b.kernel.state(tx_queue), describe(m.error).name);
	EXPECT_EQ(b.errors(b.tx), 1u);
	EXPECT_EQ(b.errors(b.rx), 0u);
	EXPECT_EQ(b.count(tx_queue, Count::ring_errors), 1u);
	ASSERT_EQ(b.kernel.log.size(), 1u);
	EXPECT_NE(b.kernel.log[0].find(vna_core_queue_name(tx_queue)), std::string::npos);
	EXPECT_NE(b.kernel.log[0].find(describe(m.error).name), std::string::npos);
	EXPECT_NE(b.kernel.log[0].find(describe(m.error).rule), std::string::npos);
	const unsigned before = m.delivers_before ? 2 : 0;
	EXPECT_EQ(b.backend.sent.size(), before);
	EXPECT_EQ(b.collect(b.tx), before);
	EXPECT_EQ(b.base(tx_queue), b.tx.ring.base()) << "it stays where it is";

	// Neither kicks nor the backend wake it, and it says nothing more.
	b.kernel.write_eventfd(b.tx.kick_fd);
	b.kernel.work();
	EXPECT_EQ(b.errors(b.tx), 1u);
	EXPECT_EQ(b.kernel.log.size(), 1u);
	b.expect_receive();
	EXPECT_EQ(b.kernel.state(rx_queue), "running");
}

INSTANTIATE_TEST_SUITE_P(All, StoppedQueue, testing::ValuesIn(malformed_rings()),
			 [](const auto &info) { return info.param.name; });

struct Restart {
	const char *name;
	void (*call)(DeviceBench &, u32 queue);
};

class Restarted : public testing::TestWithParam<std::tuple<RingFormat, Restart>>
{
protected:
	// Stops the queue by a descriptor that points nowhere, and mends that.
	static DeviceOptions options() { return std::get<0>(GetParam()).options(); }
	static void call(DeviceBench &b, u32 queue) { std::get<1>(GetParam()).call(b, queue); }
	static void stop_and_mend(DeviceBench &b, u32 queue)
	{
		auto &side = b.side(queue);
		const auto chain =
			driver::allocate_chain(b.guest, std::vector<u32>{100}, queue == rx_queue);
		const unsigned slot = b.is_packed() ? side.packed().next_available().index : 0;
		b.offer(side, {{b.guest.unmapped(), 100, queue == rx_queue}});
		b.backend.arrive(payload(60));
		b.kernel.work();
		ASSERT_EQ(b.kernel.state(queue), "address_unmapped");
		if (b.is_packed()) {
			side.packed().table().desc(slot).addr = chain[0].gpa;
		} else {
			auto &table = side.split().table();
			const auto head = table.avail_entry(static_cast<u16>(table.avail_idx() - 1));
			table.desc(head).addr = chain[0].gpa;
		}
		side.offered.rbegin()->second = chain;
	}
};

TEST_P(Restarted, transmit_queue_goes_on_where_it_stopped)
{
	DeviceBench b(options());
	b.expect_traffic();
	stop_and_mend(b, tx_queue);
	call(b, tx_queue);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "running");
	EXPECT_EQ(b.backend.sent.size(), 4u);
	EXPECT_EQ(b.collect(b.tx), 1u);
	b.expect_transmit();
	EXPECT_EQ(b.errors(b.tx), 1u);
	EXPECT_EQ(b.backend.opened, 2u);
}

TEST_P(Restarted, receive_queue_goes_on_where_it_stopped)
{
	DeviceBench b(options());
	b.expect_traffic();
	stop_and_mend(b, rx_queue);
	call(b, rx_queue);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(rx_queue), "running");
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	EXPECT_EQ(got[0].frame, payload(60));
	b.expect_traffic();
	EXPECT_EQ(b.errors(b.rx), 1u);
}

TEST_P(Restarted, stops_again_if_nothing_was_mended)
{
	DeviceBench b(options());
	b.offer(b.tx, {{b.guest.unmapped(), 100, false}});
	b.kernel.work();
	call(b, tx_queue);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "address_unmapped");
	EXPECT_EQ(b.errors(b.tx), 2u);
}

INSTANTIATE_TEST_SUITE_P(
	By, Restarted,
	testing::Combine(
		testing::ValuesIn(ring_formats),
		testing::Values(Restart{"addr", [](DeviceBench &b, u32 q) { ASSERT_EQ(b.set_addr(q), 0); }},
			Restart{"kick",
				[](DeviceBench &b, u32 q) {
					ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, q,
							 b.side(q).kick_fd),
						  0);
				}},
			Restart{"num_base_and_backend",
				[](DeviceBench &b, u32 q) {
					const u32 base = b.base(q);
					ASSERT_EQ(b.set_backend(q, -1), 0);
					ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, q, 256), 0);
					ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, q, base), 0);
					ASSERT_EQ(b.set_backend(q, b.backend.fd()), 0);
				}},
			Restart{"the_same_backend",
				[](DeviceBench &b, u32 q) {
					ASSERT_EQ(b.set_backend(q, b.backend.fd()), 0);
				}})),
	[](const auto &info) {
		return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param).name;
	});

// An address that fails leaves the one before, so that the queue may be restarted by another call.
TEST(StoppedQueue, keeps_its_addresses_where_new_ones_fault)
{
	DeviceBench b;
	b.send(payload(60));
	b.tx.ring.publish();
	b.offer(b.tx, {{b.guest.unmapped(), 100, false}});
	b.kernel.work();
	ASSERT_EQ(b.kernel.state(tx_queue), "address_unmapped");
	auto addr = b.address_of(tx_queue);
	addr.used_user_addr = 0x1000; // faults
	EXPECT_EQ(b.set_addr(tx_queue, addr), -EFAULT);
	EXPECT_EQ(b.kernel.state(tx_queue), "address_unmapped");
	// Mended, it goes on at the old addresses.
	b.tx.split().table().desc(b.tx.split().table().avail_entry(1)).addr = b.guest.allocate(100);
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, b.tx.kick_fd), 0);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "running");
	EXPECT_EQ(b.collect(b.tx), 2u);
}

// Buffers that were used and could not be shown are not lost.
TEST(StoppedQueue, shows_what_it_could_not_when_it_is_restarted)
{
	for (const u64 offset : {2, 4}) {
		DeviceBench b;
		b.kernel.memory.fault(b.user(b.tx.ring.areas().device) + offset, 2);
		b.send(payload(60));
		b.kernel.work();
		EXPECT_EQ(b.kernel.state(tx_queue), "ring_fault");
		EXPECT_EQ(b.backend.sent.size(), 1u);
		b.kernel.memory.heal();
		ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, b.tx.kick_fd), 0);
		b.kernel.work();
		EXPECT_EQ(b.backend.sent.size(), 1u) << "sent once";
		EXPECT_EQ(b.collect(b.tx), 1u);
		EXPECT_EQ(b.calls(b.tx), 1u);
		b.expect_transmit();
	}
}

// The same of a packed ring, in order or not, where one slot of those to be used faults.
TEST(StoppedQueue, shows_what_it_could_not_of_a_packed_ring)
{
	for (const u64 more : {u64{0}, in_order}) {
		for (const unsigned bad : {0u, 2u}) {
			DeviceBench b({.features = modern | packed_ring | more});
			b.expect_transmit();
			const auto slot = b.tx.packed().next_used().after(bad, 256);
			const u64 at = b.user(b.tx.ring.areas().descriptor) + 16ull * slot.index;
			ASSERT_EQ(b.set_backend(tx_queue, -1), 0); // so that all come at once
			for (unsigned i = 0; i < 3; i++)
				b.send(payload(60, i));
			// Readable until it was copied.
			b.kernel.memory.after(host::Access::read, at, 16, [&](const auto &access) {
				if (access.len > 2)
					b.kernel.memory.fault(at + 8, 4);
			});
			ASSERT_EQ(b.set_backend(tx_queue, b.backend.fd()), 0);
			b.kernel.work();
			b.kernel.memory.drop_hooks();
			// In order one used descriptor stands for all, over the first.
			const bool stops = !more || !bad;
			EXPECT_EQ(b.kernel.state(tx_queue), stops ? "ring_fault" : "running");
			EXPECT_EQ(b.collect(b.tx), stops ? 0u : 3u);
			b.kernel.memory.heal();
			ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, b.tx.kick_fd), 0);
			b.kernel.work();
			EXPECT_EQ(b.backend.sent.size(), 6u) << "sent once";
			EXPECT_EQ(b.collect(b.tx), stops ? 3u : 0u);
			b.expect_transmit();
		}
	}
}

TEST(StoppedQueue, without_an_error_eventfd_is_logged_all_the_same)
{
	DeviceBench b;
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_ERR, tx_queue, -1), 0);
	b.offer(b.tx, {{b.guest.unmapped(), 100, false}});
	b.kernel.work();
	EXPECT_EQ(b.errors(b.tx), 0u);
	EXPECT_EQ(b.kernel.log.size(), 1u);
}

TEST(StoppedQueue, frames_that_arrive_do_not_wake_the_worker)
{
	DeviceBench b;
	b.offer(b.rx, {{b.guest.unmapped(), 100, true}});
	b.backend.arrive(payload(60));
	b.kernel.work();
	ASSERT_EQ(b.kernel.state(rx_queue), "address_unmapped");
	const unsigned wakes = b.kernel.wakes;
	for (unsigned i = 0; i < 10; i++)
		b.backend.arrive(payload(60));
	EXPECT_EQ(b.kernel.wakes, wakes);
}

} // namespace
} // namespace vna
