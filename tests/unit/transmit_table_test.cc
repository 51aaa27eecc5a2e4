// SPDX-License-Identifier: GPL-2.0-only
// The indirect tables of a packed ring that the device only reads.  DPDK's driver (22.11, 24.11)
// leaves WRITE in the first entry of those that it transmits, and in the one whose place in the
// table is the table's in the ring.
#include "core/virtqueue/ring.hh"
#include "core/virtqueue/ring.hh"
#include "ring_bench.hh"

#include <vector>

namespace vna
{
namespace
{

struct TransmitTable : testing::Test {
	TransmitTable() { b.queue.set_transmits(true); }

	// A table in the ring's next slot, an entry of 64 bytes for each of these flags.
	void table(const std::vector<u16> &flags)
	{
		const u64 at = b.guest.allocate(16 * flags.size(), 16);
		for (unsigned i = 0; i < flags.size(); i++)
			b.put(at + 16 * i, {b.guest.allocate(64), 64, 0, flags[i]});
		b.desc(0, at, static_cast<u32>(16 * flags.size()), desc_f_indirect);
	}

	PackedBench b;
};

TEST_F(TransmitTable, is_readable_whatever_its_entries_say)
{
	table({desc_f_write, 0, desc_f_write, 0});
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable, 4u);
	EXPECT_EQ(b.batch[0].readable_len, 256u);
	EXPECT_EQ(b.batch[0].writable, 0u);
}

TEST_F(TransmitTable, is_readable_where_all_entries_say_writable)
{
	table({desc_f_write, desc_f_write});
	ASSERT_EQ(b.fetch(), 1u) << name_of(b.queue.error());
	EXPECT_EQ(b.batch[0].readable, 2u);
	EXPECT_EQ(b.batch[0].writable, 0u);
}

// What is no indirect table is as it says: see writable_on_transmit.
TEST_F(TransmitTable, does_not_excuse_a_writable_descriptor_in_the_ring)
{
	b.desc(0, b.guest.allocate(64), 64, desc_f_write);
	ASSERT_EQ(b.fetch(), 1u);
	EXPECT_EQ(b.batch[0].writable, 1u);
}

TEST(Ring, keeps_its_direction_when_its_format_changes_and_when_it_is_reset)
{
	const Features packed{u64{1} << VNA_VIRTIO_F_RING_PACKED};
	Ring ring;
	ring.get().set_transmits(true);
	ring.set_features(packed);
	EXPECT_TRUE(ring.get().setup().transmits);
	ring.reset();
	EXPECT_TRUE(ring.get().setup().transmits);
	ring.set_features(packed);
	EXPECT_TRUE(ring.get().setup().transmits);
}

} // namespace
} // namespace vna
