// SPDX-License-Identifier: GPL-2.0-only
// The receive queue: frames into buffers, one or several, and what happens where they do not fit.
#include "device_bench.hh"

namespace vna
{
namespace
{

constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr u64 indirect = feature(VNA_VIRTIO_RING_F_INDIRECT_DESC);
constexpr u64 mergeable = feature(VNA_VIRTIO_NET_F_MRG_RXBUF);
constexpr u64 version_1 = feature(VNA_VIRTIO_F_VERSION_1);

class ReceiveFeatures : public testing::TestWithParam<u64>
{
protected:
	[[nodiscard]] bool own() const { return GetParam() & own_header; }
	// The header that the driver is to find before a frame in @buffers buffers, of which the
	// backend fills its own with 0x5a.
	[[nodiscard]] Bytes header(const DeviceBench &b, unsigned buffers) const
	{
		Bytes h(b.header(), own() ? std::byte{0} : std::byte{0x5a});
		if (h.size() == net_header_mrg_bytes) {
			h[10] = std::byte(buffers & 0xff);
			h[11] = std::byte(buffers >> 8);
		}
		return h;
	}
};

// 5.1.6: 10 bytes of header in a legacy device, otherwise 12 with num_buffers.
TEST_P(ReceiveFeatures, frames_arrive_behind_their_header)
{
	DeviceBench b({.features = GetParam()});
	const std::vector<u32> sizes{0, 1, 14, 60, 1514, 65550};
	for (const u32 size : sizes) {
		b.post({b.header() + size});
		b.backend.arrive(payload(size, size), std::byte{0x5a});
	}
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), sizes.size());
	u64 bytes = 0;
	for (std::size_t i = 0; i < got.size(); i++) {
		EXPECT_EQ(got[i].header, header(b, 1)) << sizes[i];
		EXPECT_EQ(got[i].frame, payload(sizes[i], sizes[i])) << sizes[i];
		bytes += sizes[i];
	}
	EXPECT_EQ(b.count(rx_queue, Count::packets), sizes.size());
	EXPECT_EQ(b.count(rx_queue, Count::bytes), bytes);
	EXPECT_EQ(b.backend.freed, 0u);
}

// 2.7.4.1: no assumption about the arrangement: the header may lie in pieces.
TEST_P(ReceiveFeatures, buffers_may_be_cut_anywhere)
{
	DeviceBench b({.features = GetParam()});
	const u32 h = b.header();
	for (const std::initializer_list<u32> lens : {std::initializer_list<u32>{h, 100},
						      {1, h - 1, 100},
						      {h - 1, 101},
						      {h - 1, 1, 100},
						      {h + 1, 99},
						      {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 50},
						      {10, 1, 1, 100},
						      {11, 100}}) {
		for (const bool in_table : {false, true}) {
			b.post(lens, {.indirect = in_table && (GetParam() & indirect)});
			b.backend.arrive(payload(90, lens.size()), std::byte{0x5a});
			b.kernel.work();
			const auto got = b.received();
			ASSERT_EQ(got.size(), 1u);
			EXPECT_EQ(got[0].header, header(b, 1));
			EXPECT_EQ(got[0].frame, payload(90, lens.size()));
		}
	}
}

// 2.7.8.2: the length is what was written, and no more is written than that.
TEST_P(ReceiveFeatures, used_length_is_header_and_frame_and_the_rest_untouched)
{
	DeviceBench b({.features = GetParam()});
	const auto token = b.post({200, 200});
	b.backend.arrive(payload(60));
	b.kernel.work();
	const auto used = b.rx.ring.collect();
	ASSERT_TRUE(used);
	EXPECT_EQ(used->len, b.header() + 60);
	Bytes all(400);
	driver::chain_read(b.guest, b.rx.offered.at(token), all);
	for (std::size_t i = used->len; i < all.size(); i++)
		ASSERT_EQ(all[i], std::byte{0xaa}) << i;
}

TEST_P(ReceiveFeatures, frame_that_comes_in_another_length_is_lost_and_the_buffer_kept)
{
	for (const int by : {-1, 1}) {
		DeviceBench b({.features = GetParam()});
		b.post({2048});
		b.backend.arrive({Bytes(b.backend.header() + 100), static_cast<u32>(100 + by)});
		b.backend.arrive(payload(77));
		b.kernel.work();
		const auto got = b.received();
		ASSERT_EQ(got.size(), 1u) << by;
		EXPECT_EQ(got[0].frame, payload(77));
		EXPECT_EQ(b.count(rx_queue, Count::drop_backend), 1u);
	}
}

TEST_P(ReceiveFeatures, frame_that_the_backend_fails_to_give_is_lost_and_the_buffer_kept)
{
	DeviceBench b({.features = GetParam()});
	b.post({10, 2048});
	for (const int error : {-EFAULT, -ENOMEM, -EAGAIN, -EIO})
		b.backend.arrive({Bytes(b.backend.header() + 100), {}, error});
	b.backend.arrive(payload(77));
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	EXPECT_EQ(got[0].frame, payload(77));
	EXPECT_EQ(b.count(rx_queue, Count::drop_backend), 4u);
	EXPECT_EQ(b.count(rx_queue, Count::packets), 1u);
}

// The header is written by the core where it is its own, or has num_buffers.
TEST_P(ReceiveFeatures, frame_whose_header_faults_is_lost_and_the_queue_goes_on)
{
	DeviceBench b({.features = GetParam()});
	const auto bad = driver::allocate_chain(b.guest, std::vector<u32>{2048}, true);
	b.kernel.memory.fault(b.user(bad[0].gpa), 2048);
	b.offer(b.rx, bad);
	b.backend.arrive(payload(50));
	b.kernel.work();
	EXPECT_EQ(b.count(rx_queue, Count::drop_backend), 1u);
	EXPECT_EQ(b.count(rx_queue, Count::packets), 0u);
	EXPECT_EQ(b.kernel.state(rx_queue), "running");
	b.kernel.memory.heal();
	b.backend.arrive(payload(51));
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	EXPECT_EQ(got[0].frame, payload(51));
}

INSTANTIATE_TEST_SUITE_P(
	All, ReceiveFeatures,
	testing::Values(modern, modern | event_idx, modern | own_header, version_1,
			modern | in_order, modern | packed_ring, modern | packed_ring | event_idx,
			modern | packed_ring | in_order, modern | packed_ring | own_header,
			version_1 | packed_ring,
			version_1 | own_header, mergeable, mergeable | own_header | event_idx,
			indirect, indirect | own_header),
	[](const auto &info) {
		const Features f{info.param};
		return std::string(f.has(VNA_VIRTIO_F_VERSION_1) ? "modern" : "legacy") +
		       (f.has(VNA_VIRTIO_NET_F_MRG_RXBUF) ? "_mergeable" : "") +
		       (f.has(VNA_VIRTIO_RING_F_INDIRECT_DESC) ? "_indirect" : "") +
		       (f.has(VNA_VIRTIO_RING_F_EVENT_IDX) ? "_event_idx" : "") +
		       (f.has(VNA_VHOST_NET_F_VIRTIO_NET_HDR) ? "_own_header" : "") +
		       (f.has(VNA_VIRTIO_F_RING_PACKED) ? "_packed" : "") +
		       (f.has(VNA_VIRTIO_F_IN_ORDER) ? "_in_order" : "");
	});

// Mergeable buffers (5.1.6.4).

class ReceiveSpan : public testing::TestWithParam<std::tuple<RingFormat, unsigned, u64>>
{
};

TEST_P(ReceiveSpan, fills_each_buffer_before_the_next)
{
	const auto [format, n, more] = GetParam();
	DeviceBench b(format.options(modern | more));
	constexpr u32 each = 100;
	for (const u32 spare : {0u, 1u, each - 13}) {
		for (unsigned i = 0; i < n + 2; i++)
			b.post({60, 40});
		const u32 frame = n * each - b.header() - spare;
		b.backend.arrive(payload(frame, n));
		b.backend.arrive(payload(30, 99));
		b.kernel.work();
		const auto got = b.received();
		ASSERT_EQ(got.size(), 2u);
		EXPECT_EQ(got[0].buffers, n);
		EXPECT_EQ(got[0].frame, payload(frame, n));
		EXPECT_EQ(got[1].buffers, 1u);
		EXPECT_EQ(got[1].frame, payload(30, 99));
		// The one left over is used before those of the next round.
		b.backend.arrive(payload(31));
		b.kernel.work();
		ASSERT_EQ(b.received().size(), 1u);
	}
}

INSTANTIATE_TEST_SUITE_P(Mergeable, ReceiveSpan,
			 testing::Combine(testing::ValuesIn(ring_formats),
					  testing::Values(1, 2, 3, 5, 17, 60),
					  testing::Values(0, own_header, event_idx)),
			 [](const auto &info) {
				 const u64 more = std::get<2>(info.param);
				 return std::string(std::get<0>(info.param).name) + "_" +
					std::to_string(std::get<1>(info.param)) + "_buffers" +
					(more == own_header ? "_own_header" : "") +
					(more == event_idx ? "_event_idx" : "");
			 });

class ReceiveMergeable : public EachFormat
{
};

VNA_EACH_FORMAT(ReceiveMergeable);

class Receive : public EachFormat
{
};

VNA_EACH_FORMAT(Receive);

// num_buffers may lie in any buffer, if those are small.
TEST_P(ReceiveMergeable, header_may_span_buffers)
{
	for (const u64 more : {u64{0}, own_header}) {
		for (const u32 first : {1u, 5u, 9u, 10u, 11u, 12u}) {
			DeviceBench b(on(modern | more));
			b.post({first});
			b.post({200});
			b.backend.arrive(payload(60));
			b.kernel.work();
			EXPECT_EQ(b.tx.ring.outstanding(), 0u);
			ASSERT_EQ(b.collect(b.rx), 2u) << first;
			Bytes bytes(first + 200);
			driver::chain_read(b.guest, b.rx.offered.at(0),
					   std::span(bytes).first(first));
			driver::chain_read(b.guest, b.rx.offered.at(1),
					   std::span(bytes).subspan(first));
			EXPECT_EQ(bytes[10], std::byte{2});
			EXPECT_EQ(bytes[11], std::byte{0});
			EXPECT_EQ(Bytes(bytes.begin() + 12, bytes.begin() + 72), payload(60));
		}
	}
}

TEST_P(ReceiveMergeable, too_few_buffers_wait_and_go_on_with_a_kick)
{
	for (const u64 more : {u64{0}, event_idx}) {
		DeviceBench b(on(modern | more));
		b.post({100});
		b.post({100});
		b.kernel.work();
		b.backend.arrive(payload(250));
		b.kernel.work();
		EXPECT_TRUE(b.received().empty());
		EXPECT_EQ(b.base(rx_queue), b.rx.ring.base())
			<< "no buffer is used for a part of a frame";
		EXPECT_EQ(b.count(rx_queue, Count::no_buffers), 1u);
		EXPECT_FALSE(b.kernel.woken());
		// More frames are no news, and do not wake the worker in vain.
		const unsigned wakes = b.kernel.wakes;
		b.backend.arrive(payload(40));
		EXPECT_EQ(b.kernel.wakes, wakes);
		// The next buffer is.
		b.post({100});
		EXPECT_TRUE(b.kernel.woken());
		b.post({100});
		b.kernel.work();
		const auto got = b.received();
		ASSERT_EQ(got.size(), 2u);
		EXPECT_EQ(got[0].frame, payload(250));
		EXPECT_EQ(got[1].frame, payload(40));
		EXPECT_EQ(b.backend.freed, 0u);
	}
}

// After frames waited, they are news again.
TEST_P(ReceiveMergeable, waiting_ends_with_the_wait)
{
	DeviceBench b(on());
	b.backend.arrive(payload(40, 1));
	b.kernel.work();
	b.post({100});
	b.kernel.work();
	ASSERT_EQ(b.received().size(), 1u);
	b.post({100});
	b.kernel.work();
	b.backend.arrive(payload(40, 2));
	EXPECT_TRUE(b.kernel.woken());
	b.kernel.work();
	EXPECT_EQ(b.received().size(), 1u);
}

// A frame that arrives while the queue finds out that it has no buffers, and a buffer that does.
TEST_P(ReceiveMergeable, buffer_that_comes_while_notifications_are_enabled_is_used)
{
	for (const u64 more : {u64{0}, event_idx}) {
		DeviceBench b(on(modern | more));
		bool once = false;
		b.when_it_asks(b.rx, [&] {
			once = true;
			const auto chain =
				driver::allocate_chain(b.guest, std::vector<u32>{100}, true);
			b.rx.offered[*b.rx.ring.add(chain)] = chain;
			b.rx.ring.publish(); // and no kick
		});
		b.backend.arrive(payload(40));
		b.kernel.work();
		EXPECT_TRUE(once);
		EXPECT_EQ(b.received().size(), 1u);
	}
}

TEST_P(Receive, index_that_goes_to_and_fro_does_not_hold_the_worker)
{
	for (const u64 more : {u64{0}, event_idx}) {
		DeviceBench b(on(modern | more));
		b.offer_to_and_fro(b.rx);
		b.kernel.memory.record(true);
		b.backend.arrive(payload(40));
		EXPECT_TRUE(b.kernel.turn());
		EXPECT_EQ(b.count(rx_queue, Count::requeues), 1u);
		EXPECT_LT(b.kernel.memory.records().size(), 2500u);
		b.end_to_and_fro(b.rx);
		b.kernel.work();
	}
}

// Frames that do not fit.

TEST_P(Receive, frame_larger_than_the_buffer_is_dropped_and_counted_unless_mergeable)
{
	for (const u64 features : {version_1, version_1 | own_header}) {
		DeviceBench b(on(features));
		b.post({b.header() + 60});
		b.backend.arrive(payload(61));
		b.backend.arrive(payload(60));
		b.kernel.work();
		const auto got = b.received();
		ASSERT_EQ(got.size(), 1u);
		EXPECT_EQ(got[0].frame, payload(60));
		EXPECT_EQ(b.count(rx_queue, Count::drop_buffer), 1u);
		EXPECT_EQ(b.backend.freed, 1u);
	}
}

TEST_P(Receive, frame_that_needs_more_than_1024_pieces_is_dropped_and_counted)
{
	DeviceBench b(on(modern, 2048));
	const u64 data = b.guest.allocate(2048);
	for (unsigned i = 0; i < 1500; i++)
		ASSERT_TRUE(b.rx.ring.add(std::vector<driver::Segment>{{data + i, 1, true}}));
	b.kick(b.rx);
	b.backend.arrive(payload(1024 - 12 + 1));
	b.kernel.work();
	EXPECT_EQ(b.count(rx_queue, Count::drop_buffer), 1u);
	EXPECT_EQ(b.base(rx_queue), b.rx.ring.base());
	b.backend.arrive(payload(1024 - 12));
	b.kernel.work();
	EXPECT_EQ(b.count(rx_queue, Count::packets), 1u);
	EXPECT_EQ(b.collect(b.rx), 1024u);
	EXPECT_EQ(b.base(rx_queue), b.rx.ring.base());
}

// Where buffers of earlier frames fill the batch, they make way; nothing is dropped.
TEST_P(Receive, frames_of_many_pieces_follow_each_other)
{
	DeviceBench b(on(modern, 2048));
	const u64 data = b.guest.allocate(4096);
	for (unsigned i = 0; i < 2000; i++) {
		const driver::Chain chain{{data + i, 1, true}};
		b.rx.offered[*b.rx.ring.add(chain)] = chain;
	}
	b.kick(b.rx);
	for (unsigned i = 0; i < 3; i++)
		b.backend.arrive(payload(600, i));
	b.kernel.work();
	ASSERT_EQ(b.count(rx_queue, Count::packets), 3u);
	EXPECT_EQ(b.count(rx_queue, Count::drop_buffer), 0u);
	EXPECT_EQ(b.collect(b.rx), 3u * 612);
	Bytes all(3 * 612);
	std::memcpy(all.data(), b.guest.at(data, all.size()), all.size());
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(Bytes(all.begin() + 612 * i + 12, all.begin() + 612 * (i + 1)),
			  payload(600, i));
}

// The driver that sees the first buffer of a frame must see the others.
TEST_P(ReceiveMergeable, frame_in_many_buffers_is_shown_at_once)
{
	DeviceBench b(on(modern, 2048));
	const u64 data = b.guest.allocate(4096);
	for (unsigned i = 0; i < 1000; i++)
		ASSERT_TRUE(b.rx.ring.add(std::vector<driver::Segment>{{data + i, 1, true}}));
	b.kick(b.rx);
	const auto areas = b.rx.ring.areas();
	std::vector<unsigned> shown;
	const auto look = [&](const auto &) {
		const unsigned n = b.shown(b.rx);
		if (n && (shown.empty() || shown.back() != n))
			shown.push_back(n);
	};
	b.kernel.memory.after(host::Access::write, b.user(areas.device), 4, look);
	b.kernel.memory.after(host::Access::write, b.user(areas.descriptor), 2048 * 16, look);
	b.backend.arrive(payload(300 - 12));
	b.backend.arrive(payload(700 - 12));
	b.kernel.work();
	ASSERT_FALSE(shown.empty());
	EXPECT_EQ(shown.back(), 1000u);
	for (const unsigned n : shown)
		EXPECT_TRUE(n == 300 || n == 1000) << n;
}

// Weight.

TEST_P(Receive, lets_others_run_after_256_frames_and_keeps_those_it_took)
{
	DeviceBench b(on(modern, 1024));
	for (unsigned i = 0; i < 600; i++)
		b.post({100});
	b.kernel.work();
	for (unsigned i = 0; i < 600; i++)
		b.backend.arrive(payload(60, i));
	b.kernel.turn();
	EXPECT_EQ(b.count(rx_queue, Count::packets), 256u);
	EXPECT_EQ(b.count(rx_queue, Count::requeues), 1u);
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), 600u);
	for (unsigned i = 0; i < 600; i++)
		ASSERT_EQ(got[i].frame, payload(60, i));
}

// CVE-2019-3900: frames that are dropped count too.
TEST_P(Receive, lets_others_run_after_256_dropped_frames)
{
	DeviceBench b(on(version_1));
	b.post({20});
	for (unsigned i = 0; i < 600; i++)
		b.backend.arrive(payload(60));
	b.kernel.turn();
	EXPECT_EQ(b.count(rx_queue, Count::drop_buffer), 256u);
	b.kernel.work();
	EXPECT_EQ(b.count(rx_queue, Count::drop_buffer), 600u);
}

TEST_P(Receive, lets_others_run_after_256_lost_frames)
{
	DeviceBench b(on());
	b.post({200});
	for (unsigned i = 0; i < 600; i++)
		b.backend.arrive({Bytes(12 + 60), {}, -EIO});
	b.kernel.turn();
	EXPECT_EQ(b.count(rx_queue, Count::drop_backend), 256u);
	b.kernel.work();
	EXPECT_EQ(b.count(rx_queue, Count::drop_backend), 600u);
}

TEST_P(Receive, lets_others_run_after_512_kilobytes)
{
	DeviceBench b(on());
	for (unsigned i = 0; i < 20; i++)
		b.post({65536});
	for (unsigned i = 0; i < 20; i++)
		b.backend.arrive(payload(65000));
	b.kernel.turn();
	EXPECT_EQ(b.count(rx_queue, Count::packets), 9u);
	b.kernel.work();
	EXPECT_EQ(b.count(rx_queue, Count::packets), 20u);
}

// Interrupts.

TEST_P(Receive, driver_is_called_once_a_batch)
{
	DeviceBench b(on());
	for (unsigned i = 0; i < 40; i++)
		b.post({100});
	b.kernel.work();
	for (unsigned i = 0; i < 40; i++)
		b.backend.arrive(payload(60));
	b.kernel.work();
	const unsigned batches = GetParam().batch == 1 ? 40 : 1;
	EXPECT_EQ(b.calls(b.rx), batches);
	EXPECT_EQ(b.count(rx_queue, Count::batches), batches) << "as many buffers as frames wait";
}

TEST_P(Receive, without_frames_buffers_are_left_and_no_notification_is_asked_for)
{
	DeviceBench b(on());
	b.post({100});
	b.kernel.work();
	EXPECT_EQ(b.base(rx_queue), b.rx.ring.base());
	EXPECT_EQ(b.wish(b.rx), 1u);
}

// Bad rings.

TEST_P(Receive, readable_descriptor_stops_the_queue_after_the_frames_before)
{
	DeviceBench b(on());
	b.post({100});
	b.offer(b.rx, driver::allocate_chain(b.guest, std::vector<u32>{100}, false));
	b.post({100});
	b.kernel.work();
	for (unsigned i = 0; i < 3; i++)
		b.backend.arrive(payload(60, i));
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(rx_queue), "readable_on_receive");
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	EXPECT_EQ(got[0].frame, payload(60, 0));
	EXPECT_EQ(b.base(rx_queue), b.rx.ring.base());
	EXPECT_EQ(b.errors(b.rx), 1u);
	EXPECT_EQ(b.calls(b.rx), 1u);
}

TEST_P(Receive, malformed_chain_behind_a_buffer_that_is_too_small_stops_the_queue_in_time)
{
	DeviceBench b(on(version_1));
	b.post({20});
	b.offer(b.rx, {{b.guest.unmapped(), 100, true}});
	b.kernel.work();
	b.backend.arrive(payload(60)); // dropped: two buffers are wanted, one is there
	b.backend.arrive(payload(60));
	b.kernel.work();
	b.backend.arrive(payload(5)); // takes the small one
	b.backend.arrive(payload(5));
	b.kernel.work();
	EXPECT_EQ(b.received().size(), 1u);
	EXPECT_EQ(b.kernel.state(rx_queue), "address_unmapped");
	EXPECT_EQ(b.errors(b.rx), 1u);
}

TEST_P(Receive, used_flags_that_fault_stop_the_queue_though_no_frame_passes)
{
	DeviceBench b(on(version_1));
	b.post({20}); // too small
	b.kernel.work();
	b.backend.arrive(payload(60));
	(void)b.rx.ring.needs_kick();
	// Flags are 1 now; a frame without buffers sets them to 0, and the next 1 again.
	b.kernel.work();
	b.backend.arrive(payload(5));
	b.backend.arrive(payload(5));
	b.kernel.work();
	ASSERT_EQ(b.wish(b.rx), 0u);
	b.kernel.memory.fault(b.wish_address(b.rx), 2);
	b.kernel.write_eventfd(b.rx.kick_fd);
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(rx_queue), "ring_fault");
	EXPECT_EQ(b.errors(b.rx), 1u);
}

} // namespace
} // namespace vna
