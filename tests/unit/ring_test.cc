// SPDX-License-Identifier: GPL-2.0-only
// Which format a queue's ring has, and what is kept when that changes.
#include "core/virtqueue/ring.hh"

#include "host/fake_kernel.hh"

#include <gtest/gtest.h>

namespace vna
{
namespace
{

constexpr Features split_features{1ull << VNA_VIRTIO_F_VERSION_1};
constexpr Features packed_features{1ull << VNA_VIRTIO_F_VERSION_1 |
				   1ull << VNA_VIRTIO_F_RING_PACKED};
constexpr u32 packed_start = 0x80008000; // index 0, wrap counter 1, twice

TEST(Ring, is_split_until_told_otherwise)
{
	Ring ring;
	EXPECT_EQ(ring.get().base(), 0u);
	EXPECT_FALSE(ring.get().size_ok(3));
	ring.set_features(packed_features);
	EXPECT_EQ(ring.get().base(), packed_start);
	EXPECT_TRUE(ring.get().size_ok(3));
}

TEST(Ring, keeps_what_was_set_up_when_the_format_changes)
{
	Ring ring;
	ring.get().set_size(64);
	ring.get().set_addresses({0x10000, 0x20000, 0x30000});
	ring.get().set_base(7);
	ring.set_features(packed_features);
	EXPECT_EQ(ring.get().size(), 64u);
	EXPECT_EQ(ring.get().addresses().driver, 0x20000u);
	EXPECT_EQ(ring.get().base(), packed_start) << "a split ring's index says nothing here";
	ring.get().set_base(0x80050005);
	ring.set_features(packed_features);
	EXPECT_EQ(ring.get().base(), 0x80050005u) << "the same format goes on";
	ring.set_features(split_features);
	EXPECT_EQ(ring.get().size(), 64u);
	EXPECT_EQ(ring.get().base(), 0u);
}

TEST(Ring, is_as_it_was_made_after_a_reset)
{
	Ring ring;
	ring.set_features(packed_features);
	ring.get().set_size(3);
	ring.get().set_addresses({0x10000, 0x20000, 0x30000});
	ring.get().fail(RingError::ring_fault);
	ring.reset();
	EXPECT_EQ(ring.get().base(), 0u);
	EXPECT_EQ(ring.get().size(), 1u);
	EXPECT_EQ(ring.get().addresses().desc, 0u);
	EXPECT_EQ(ring.get().error(), RingError::none);
	EXPECT_FALSE(ring.get().size_ok(3));
}

} // namespace
} // namespace vna
