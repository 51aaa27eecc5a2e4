// SPDX-License-Identifier: GPL-2.0-only
// What a start, or another one after an error, makes of a ring: in every format.
#include "ring_bench.hh"

namespace vna
{
namespace
{

constexpr u64 version_1 = feature(VNA_VIRTIO_F_VERSION_1);
constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr u64 packed = feature(VNA_VIRTIO_F_RING_PACKED);

class RingStart : public testing::TestWithParam<u64>
{
protected:
	RingStart() : bench(make_bench({.size = 8, .features = version_1 | GetParam(), .first = 6}))
	{
	}
	std::unique_ptr<AnyRingBench> bench;
	AnyRingBench &b = *bench;
};

INSTANTIATE_TEST_SUITE_P(All, RingStart,
			 testing::Values(u64{0}, event_idx, packed, packed | event_idx),
			 [](const auto &info) {
				 return std::string(info.param & packed ? "packed" : "split") +
					(info.param & event_idx ? "_event_idx" : "");
			 });

// Who starts again has looked at nothing yet: buffers that were seen before count as new.
TEST_P(RingStart, what_was_seen_before_is_news_again)
{
	b.offer(b.writable({10}));
	b.offer(b.writable({10, 20}));
	ASSERT_EQ(b.fetch(), 2u);
	ASSERT_EQ(b.fetch(), 0u);
	b.device_side.discard(b.batch, 2);
	EXPECT_FALSE(b.device_side.enable_notify());
	ASSERT_TRUE(b.device_side.start());
	EXPECT_TRUE(b.device_side.enable_notify());
	EXPECT_EQ(b.fetch(), 2u);
}

// The position stays, over laps, and what was completed and not shown yet is shown then.
TEST_P(RingStart, goes_on_where_it_was)
{
	driver::Token token = 0;
	for (unsigned i = 0; i < 40; i++) {
		b.offer(b.writable({10, 20}));
		b.offer(b.writable({30}));
		b.batch.clear();
		ASSERT_EQ(b.fetch(1), 1u);
		b.device_side.complete(b.batch[0], 7);
		const u32 base = b.device_side.base();
		ASSERT_TRUE(b.device_side.start());
		EXPECT_EQ(b.device_side.base(), base);
		EXPECT_EQ(b.device_side.shadowed(), 1u);
		ASSERT_TRUE(b.device_side.publish());
		ASSERT_EQ(b.consume(8), 1u);
		for (const u32 len : {7u, 8u}) {
			const auto used = b.driver_side.collect();
			ASSERT_TRUE(used);
			EXPECT_EQ(used->token, token++);
			EXPECT_EQ(used->len, len);
		}
	}
}

} // namespace
} // namespace vna
