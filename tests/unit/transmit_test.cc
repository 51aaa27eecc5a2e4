// SPDX-License-Identifier: GPL-2.0-only
// The transmit queue: what becomes of each buffer, and of the worker's time.
#include "device_bench.hh"
#include "malformed.hh"

namespace vna
{
namespace
{

constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);

// A frame is sent with its header as the driver wrote it, whatever the feature set.
class TransmitFeatures : public testing::TestWithParam<u64>
{
};

TEST_P(TransmitFeatures, frames_of_all_sizes_go_out_in_order)
{
	DeviceBench b({.features = GetParam()});
	const std::vector<u32> sizes{14, 15, 60, 1514, 9000, 65535, max_frame_bytes};
	for (const u32 size : sizes)
		b.send(payload(size, size), {}, {}, std::byte{0x11});
	b.kernel.work();
	ASSERT_EQ(b.backend.sent.size(), sizes.size());
	u64 bytes = 0;
	for (std::size_t i = 0; i < sizes.size(); i++) {
		Bytes expected(b.backend.header(), std::byte{0x11});
		const Bytes frame = payload(sizes[i], sizes[i]);
		expected.insert(expected.end(), frame.begin(), frame.end());
		EXPECT_EQ(b.backend.sent[i], expected) << sizes[i];
		bytes += sizes[i];
	}
	EXPECT_EQ(b.count(tx_queue, Count::packets), sizes.size());
	EXPECT_EQ(b.count(tx_queue, Count::bytes), bytes);
	EXPECT_EQ(b.count(tx_queue, Count::buffers), sizes.size());
	for (std::size_t i = 0; i < sizes.size(); i++) {
		const auto used = b.tx.ring.collect();
		ASSERT_TRUE(used);
		EXPECT_EQ(used->token, i);
		EXPECT_EQ(used->len, 0u) << "nothing is written to a transmit buffer (2.7.8.2)";
	}
}

// The header may lie in any number of segments (2.7.4.1).
TEST_P(TransmitFeatures, frames_cut_anywhere_go_out_whole)
{
	DeviceBench b({.features = GetParam()});
	const u32 h = b.header();
	const std::vector<std::vector<u32>> cuts{{1},
						 {h - 1},
						 {h},
						 {h + 1},
						 {3, 4},
						 {h, 1, 1, 1},
						 {1, h - 1},
						 {1, h},
						 {h - 1, 1},
						 {h - 1, 2},
						 std::vector<u32>(h + 14, 1)};
	for (const auto &cut : cuts) {
		for (const bool indirect : {false, true})
			b.send(payload(60, cut.size()), cut, {.indirect = indirect});
	}
	b.kernel.work();
	ASSERT_EQ(b.backend.sent.size(), 2 * cuts.size());
	for (std::size_t i = 0; i < b.backend.sent.size(); i++) {
		const Bytes &sent = b.backend.sent[i];
		EXPECT_EQ(Bytes(sent.begin() + b.backend.header(), sent.end()),
			  payload(60, cuts[i / 2].size()))
			<< "cut " << i / 2;
	}
}

TEST_P(TransmitFeatures, short_and_long_frames_are_dropped_and_counted)
{
	DeviceBench b({.features = GetParam()});
	const u32 h = b.header();
	b.send(payload(13));
	b.send(payload(60, 1));
	b.send(payload(max_frame_bytes + 1));
	const u64 data = b.guest.allocate(64);
	for (const u32 len : {1u, h - 1, h, h + 1})
		b.offer(b.tx, {{data, len, false}});
	b.send(payload(60, 2));
	b.kernel.work();
	ASSERT_EQ(b.backend.sent.size(), 2u);
	EXPECT_EQ(b.count(tx_queue, Count::drop_short), 5u);
	EXPECT_EQ(b.count(tx_queue, Count::drop_long), 1u);
	EXPECT_EQ(b.count(tx_queue, Count::packets), 2u);
	EXPECT_EQ(b.count(tx_queue, Count::bytes), 120u);
	EXPECT_EQ(b.collect(b.tx), 8u) << "dropped ones are given back too";
}

INSTANTIATE_TEST_SUITE_P(
	All, TransmitFeatures,
	testing::Values(modern, modern | event_idx, modern | own_header, modern | in_order,
			modern | packed_ring, modern | packed_ring | event_idx,
			modern | packed_ring | in_order, modern | packed_ring | own_header,
			feature(VNA_VIRTIO_RING_F_INDIRECT_DESC),
			feature(VNA_VIRTIO_RING_F_INDIRECT_DESC) | own_header | event_idx),
	[](const auto &info) {
		const Features f{info.param};
		return std::string(f.has(VNA_VIRTIO_F_VERSION_1) ? "modern" : "legacy") +
		       (f.has(VNA_VIRTIO_RING_F_EVENT_IDX) ? "_event_idx" : "") +
		       (f.has(VNA_VHOST_NET_F_VIRTIO_NET_HDR) ? "_own_header" : "") +
		       (f.has(VNA_VIRTIO_F_RING_PACKED) ? "_packed" : "") +
		       (f.has(VNA_VIRTIO_F_IN_ORDER) ? "_in_order" : "");
	});

class Transmit : public EachFormat
{
};

VNA_EACH_FORMAT(Transmit);

TEST_P(Transmit, one_call_to_the_backend_carries_a_batch_at_most)
{
	DeviceBench b(on());
	for (unsigned i = 0; i < 150; i++) {
		ASSERT_TRUE(b.tx.ring.add(driver::cut(b.guest.allocate(100), 72, 72, false)));
	}
	b.kick(b.tx);
	b.kernel.work();
	const u32 batch = GetParam().batch;
	std::vector<u32> expected(150 / batch, batch);
	if (150 % batch)
		expected.push_back(150 % batch);
	EXPECT_EQ(b.backend.batches, expected);
	EXPECT_EQ(b.count(tx_queue, Count::batches), expected.size());
}

TEST_P(Transmit, driver_is_called_once_a_batch)
{
	DeviceBench b(on());
	for (unsigned i = 0; i < 10; i++)
		ASSERT_TRUE(b.tx.ring.add(driver::cut(b.guest.allocate(100), 72, 72, false)));
	b.kick(b.tx);
	b.kernel.work();
	const unsigned calls = GetParam().batch == 1 ? 10 : 1;
	EXPECT_EQ(b.calls(b.tx), calls);
	EXPECT_EQ(b.count(tx_queue, Count::calls), calls);
	b.tx.ring.disable_notifications();
	b.send(payload(60));
	b.kernel.work();
	EXPECT_EQ(b.calls(b.tx), calls);
	EXPECT_EQ(b.count(tx_queue, Count::calls_suppressed), 1u);
}

TEST_P(Transmit, without_a_call_eventfd_frames_pass)
{
	DeviceBench b(on());
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_CALL, tx_queue, -1), 0);
	b.expect_transmit();
	EXPECT_EQ(b.calls(b.tx), 0u);
}

// What the driver wished to be told of meanwhile it is told of then.
TEST_P(Transmit, call_eventfd_that_comes_later_hears_of_what_was_used_before)
{
	DeviceBench b(on(modern | event_idx));
	b.send(payload(60));
	b.kernel.work();
	ASSERT_EQ(b.calls(b.tx), 1u);
	b.collect(b.tx);
	ASSERT_TRUE(b.tx.ring.enable_notifications());
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_CALL, tx_queue, -1), 0);
	b.send(payload(60));
	b.kernel.work();
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_CALL, tx_queue, b.tx.call_fd), 0);
	b.send(payload(60));
	b.kernel.work();
	EXPECT_EQ(b.calls(b.tx), 2u);
}

// -EAGAIN.

class TransmitBlocked : public testing::TestWithParam<std::tuple<RingFormat, unsigned>>
{
};

TEST_P(TransmitBlocked, keeps_the_order_and_loses_nothing)
{
	const auto &[format, room] = GetParam();
	DeviceBench b(format.options());
	unsigned collected = 0;
	b.backend.room = room;
	for (unsigned i = 0; i < 100; i++)
		b.send(payload(60 + i, i));
	for (unsigned round = 1; b.backend.sent.size() < 100; round++) {
		b.kernel.work();
		ASSERT_EQ(b.backend.sent.size(),
			  std::min(100u, round * room + (room ? 0 : round - 1)));
		collected += b.collect(b.tx);
		ASSERT_EQ(collected, b.backend.sent.size());
		EXPECT_EQ(b.base(tx_queue), b.tx.ring.base());
		if (b.backend.sent.size() == 100)
			break;
		EXPECT_EQ(b.backend.wanted, round);
		EXPECT_EQ(b.count(tx_queue, Count::no_room), round);
		EXPECT_FALSE(b.kernel.woken()) << "no busy wait";
		b.backend.make_room(room ? room : 1);
	}
	for (unsigned i = 0; i < 100; i++)
		ASSERT_EQ(b.backend.sent[i].size(), 72 + i);
	EXPECT_EQ(b.tx.ring.outstanding(), 0u);
	EXPECT_EQ(b.count(tx_queue, Count::packets), 100u);
}

INSTANTIATE_TEST_SUITE_P(Transmit, TransmitBlocked,
			 testing::Combine(testing::ValuesIn(ring_formats),
					  testing::Values(0, 1, 7, 63, 64, 65)),
			 [](const auto &info) {
				 return std::string(std::get<0>(info.param).name) + "_room_" +
					std::to_string(std::get<1>(info.param));
			 });

TEST_P(Transmit, room_that_is_there_at_once_is_used_without_an_event)
{
	DeviceBench b(on());
	b.backend.room = 5;
	b.backend.room_at_once = true;
	for (unsigned i = 0; i < 10; i++)
		b.send(payload(60 + i, i));
	b.kernel.turn();
	EXPECT_EQ(b.backend.sent.size(), 5u);
	EXPECT_TRUE(b.kernel.woken());
	b.backend.room = 5;
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 10u);
}

// Short frames on either side of the one that blocks: those before it are done.
TEST_P(Transmit, blocked_behind_short_frames_gives_those_back)
{
	DeviceBench b(on());
	b.backend.room = 1;
	b.send(payload(60, 1));
	b.send(payload(5));
	b.send(payload(60, 2));
	b.send(payload(5));
	b.kernel.work();
	EXPECT_EQ(b.count(tx_queue, Count::drop_short), 1u);
	EXPECT_EQ(b.collect(b.tx), 2u);
	EXPECT_EQ(b.base(tx_queue), b.tx.ring.base());
	b.backend.make_room(5);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 2u);
	EXPECT_EQ(b.count(tx_queue, Count::drop_short), 2u);
	EXPECT_EQ(b.collect(b.tx), 2u);
}

// What the backend refuses is done with, and counted by its kind.
TEST_P(Transmit, refused_frames_are_counted_by_reason)
{
	DeviceBench b(on());
	b.backend.results = {{1, -EINVAL}, {2, -ENOMEM}, {3, -ENOBUFS}, {4, -EFAULT}, {5, -EIO}};
	for (unsigned i = 0; i < 8; i++)
		b.send(payload(60 + i, i));
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 3u);
	EXPECT_EQ(b.backend.sent[1].size(), 72u + 6);
	EXPECT_EQ(b.count(tx_queue, Count::drop_header), 1u);
	EXPECT_EQ(b.count(tx_queue, Count::drop_nomem), 2u);
	EXPECT_EQ(b.count(tx_queue, Count::drop_backend), 2u);
	EXPECT_EQ(b.count(tx_queue, Count::packets), 3u);
	EXPECT_EQ(b.count(tx_queue, Count::bytes), 60u + 66 + 67);
	EXPECT_EQ(b.collect(b.tx), 8u);
}

// Weight.

TEST_P(Transmit, lets_others_run_after_256_frames)
{
	DeviceBench b(on(modern, 1024));
	for (unsigned i = 0; i < 600; i++)
		b.send(payload(60));
	b.kernel.turn();
	EXPECT_EQ(b.backend.sent.size(), 256u);
	EXPECT_EQ(b.count(tx_queue, Count::requeues), 1u);
	EXPECT_TRUE(vna_core_has_work(b.kernel.core(), 0));
	b.kernel.turn();
	EXPECT_EQ(b.backend.sent.size(), 512u);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 600u);
}

TEST_P(Transmit, lets_others_run_after_512_kilobytes)
{
	DeviceBench b(on());
	for (unsigned i = 0; i < 20; i++)
		b.send(payload(65000));
	b.kernel.turn();
	EXPECT_EQ(b.backend.sent.size(), 9u);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 20u);
}

// What is dropped costs time too (CVE-2019-3900).
TEST_P(Transmit, lets_others_run_after_256_dropped_frames)
{
	DeviceBench b(on(modern, 1024));
	const u64 data = b.guest.allocate(64);
	for (unsigned i = 0; i < 600; i++)
		b.offer(b.tx, {{data, 1, false}});
	b.kernel.turn();
	EXPECT_EQ(b.count(tx_queue, Count::drop_short), 256u);
	b.kernel.work();
	EXPECT_EQ(b.count(tx_queue, Count::drop_short), 600u);
}

TEST_P(Transmit, lets_others_run_after_8192_segments)
{
	DeviceBench b(on(modern, 1024));
	for (unsigned i = 0; i < 250; i++)
		b.send(payload(51), std::vector<u32>(62, 1), {.indirect = true});
	b.kernel.turn();
	EXPECT_LE(b.backend.sent.size(), 8192u / 63 + 64);
	EXPECT_GT(b.backend.sent.size(), 100u);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 250u);
}

// A chain for which a batch has no room is walked, and walked again in the next one: that counts.
TEST(TransmitWeight, counts_chains_that_were_walked_and_left)
{
	for (const u64 format : {u64{0}, packed_ring}) {
		DeviceBench b({.features = modern | format, .size = 32768});
		const u64 data = b.guest.allocate(2048);
		for (unsigned i = 0; i < 16; i++) {
			ASSERT_TRUE(b.tx.ring.add(driver::cut(data, 72, 72, false)));
			ASSERT_TRUE(b.tx.ring.add(driver::cut(data, 1024, 1, false)));
		}
		b.kick(b.tx);
		b.kernel.turn();
		EXPECT_LE(b.backend.sent.size(), 9u) << "1024 pieces for each look";
		b.kernel.work();
		EXPECT_EQ(b.backend.sent.size(), 32u);
	}
}

// An index that goes to and fro between the looks of fetch and enable_notify.
TEST_P(Transmit, index_that_goes_to_and_fro_does_not_hold_the_worker)
{
	for (const u64 features : {modern, modern | event_idx}) {
		DeviceBench b(on(features));
		b.offer_to_and_fro(b.tx);
		b.kernel.memory.record(true);
		b.kernel.write_eventfd(b.tx.kick_fd);
		EXPECT_TRUE(b.kernel.turn());
		EXPECT_EQ(b.count(tx_queue, Count::requeues), 1u);
		// A turn's weight of looks, of which one at a packed ring is at a batch of slots.
		const unsigned each = b.is_packed() ? GetParam().batch + 5 : 7;
		EXPECT_LT(b.kernel.memory.records().size(), 257 * each);
		EXPECT_EQ(b.kernel.state(tx_queue), "running");
		b.end_to_and_fro(b.tx);
		b.kernel.work();
	}
}

// No lost wake-up: a buffer that comes when the queue has just found none is sent.
TEST_P(Transmit, buffer_that_comes_while_notifications_are_enabled_is_sent)
{
	for (const u64 features : {modern, modern | event_idx}) {
		DeviceBench b(on(features));
		bool once = false;
		b.when_it_asks(b.tx, [&] {
			once = true;
			b.tx.ring.add(driver::cut(b.guest.allocate(100), 72, 72, false));
			b.tx.ring.publish(); // and no kick
		});
		b.kernel.write_eventfd(b.tx.kick_fd);
		b.kernel.work();
		EXPECT_TRUE(once);
		EXPECT_EQ(b.backend.sent.size(), 1u);
	}
}

// Bad rings.

TEST_P(Transmit, writable_descriptor_stops_the_queue_after_the_frames_before)
{
	DeviceBench b(on());
	b.send(payload(60, 1));
	b.send(payload(60, 2));
	b.offer(b.tx, driver::allocate_chain(b.guest, std::vector<u32>{100}, true));
	b.send(payload(60, 3));
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 2u);
	EXPECT_EQ(b.kernel.state(tx_queue), "writable_on_transmit");
	EXPECT_EQ(b.collect(b.tx), 2u);
	EXPECT_EQ(b.calls(b.tx), GetParam().batch == 1 ? 2u : 1u);
	EXPECT_EQ(b.base(tx_queue), b.tx.ring.base());
	EXPECT_EQ(b.errors(b.tx), 1u);
}

TEST_P(Transmit, readable_and_writable_descriptor_stops_the_queue)
{
	DeviceBench b(on());
	auto chain = driver::allocate_chain(b.guest, std::vector<u32>{100}, false);
	chain.push_back(driver::allocate_chain(b.guest, std::vector<u32>{1}, true)[0]);
	b.offer(b.tx, chain);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "writable_on_transmit");
	EXPECT_TRUE(b.backend.sent.empty());
}

// A backend without room must not hide that the ring is broken.
TEST_P(Transmit, malformed_chain_behind_a_blocked_frame_stops_the_queue_in_time)
{
	DeviceBench b(on());
	b.backend.room = 0;
	b.send(payload(60, 1));
	b.offer(b.tx, {{b.guest.unmapped(), 100, false}});
	b.kernel.work();
	b.backend.make_room(10);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "address_unmapped");
	EXPECT_EQ(b.errors(b.tx), 1u);
	EXPECT_EQ(b.kernel.log.size(), 1u);
}

// Nothing was completed, so there is nothing to publish: the fault must be seen all the same.
TEST_P(Transmit, used_flags_that_fault_stop_the_queue_though_it_is_blocked)
{
	DeviceBench b(on());
	b.backend.room = 0;
	b.kernel.memory.fault(b.wish_address(b.tx), 2);
	b.send(payload(60));
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "ring_fault");
	EXPECT_EQ(b.errors(b.tx), 1u);
}

TEST_P(Transmit, header_is_not_read_by_the_core)
{
	DeviceBench b(on());
	const u64 data = b.guest.allocate(100);
	b.kernel.memory.record(true);
	b.offer(b.tx, {{data, 72, false}});
	b.kernel.work();
	EXPECT_EQ(b.kernel.memory.count(host::Access::read, b.user(data), 72), 1u)
		<< "the backend reads it, once";
}

} // namespace
} // namespace vna
