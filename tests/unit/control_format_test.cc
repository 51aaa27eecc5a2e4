// SPDX-License-Identifier: GPL-2.0-only
// The ioctls where a ring's format matters: features, sizes, alignments, bases.
#include "device_bench.hh"

namespace vna
{
namespace
{

constexpr u64 version_1 = feature(VNA_VIRTIO_F_VERSION_1);
constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr u64 packed_modern = modern | packed_ring;
constexpr u64 beyond = host::UserMemory::end;

// Features.

TEST(ControlFormat, features_of_modern_drivers_need_version_1)
{
	DeviceBench b({.start = false});
	for (const u64 bits : {packed_ring, in_order, packed_ring | in_order}) {
		EXPECT_EQ(b.set_features(bits), -EOPNOTSUPP);
		EXPECT_EQ(b.set_features((modern & ~version_1) | bits), -EOPNOTSUPP);
		EXPECT_EQ(b.set_features(bits | version_1), 0);
		EXPECT_EQ(vna_core_features(b.kernel.core(), 0), bits | version_1);
		EXPECT_EQ(b.set_features(bits), -EOPNOTSUPP);
		EXPECT_EQ(vna_core_features(b.kernel.core(), 0), bits | version_1);
	}
}

TEST(ControlFormat, format_does_not_change_while_a_backend_is_bound)
{
	for (const u64 from : {modern, packed_modern}) {
		for (const u32 only : {rx_queue, tx_queue}) {
			DeviceBench b({.features = from});
			ASSERT_EQ(b.set_backend(1 - only, -1), 0);
			const u64 to = from ^ packed_ring;
			EXPECT_EQ(b.set_features(to), -EBUSY);
			EXPECT_EQ(vna_core_features(b.kernel.core(), 0), from);
			// Other features may.
			EXPECT_EQ(b.set_features(from | event_idx), 0);
			EXPECT_EQ(b.set_features(from | in_order), 0);
			EXPECT_EQ(b.set_features(from), 0);
			ASSERT_EQ(b.set_backend(1 - only, b.backend.fd()), 0);
			b.expect_traffic();
			ASSERT_EQ(b.set_backend(rx_queue, -1), 0);
			ASSERT_EQ(b.set_backend(tx_queue, -1), 0);
			EXPECT_EQ(b.set_features(to), 0);
			EXPECT_EQ(vna_core_features(b.kernel.core(), 0), to);
		}
	}
}

// The driver's ring is of one format; the device's follows where it is set up anew.
TEST(ControlFormat, of_a_device_may_change_between_two_drivers)
{
	for (const u64 first : {modern, packed_modern}) {
		DeviceBench b({.features = first});
		b.expect_traffic();
		for (const u32 q : {rx_queue, tx_queue})
			ASSERT_EQ(b.set_backend(q, -1), 0);
		ASSERT_EQ(b.set_features(first ^ packed_ring), 0);
		EXPECT_EQ(b.base(tx_queue), first & packed_ring ? 0u : 0x80008000u)
			<< "it begins anew";
		ASSERT_EQ(b.set_features(first), 0);
		for (const u32 q : {rx_queue, tx_queue})
			b.start(q);
		b.kernel.work();
		b.expect_traffic();
	}
}

TEST(ControlFormat, event_index_may_come_and_go_while_a_packed_ring_is_at_work)
{
	DeviceBench b({.features = packed_modern});
	for (unsigned i = 0; i < 10; i++) {
		b.expect_traffic(20);
		// The driver wants all interrupts, which is as good with the feature as without.
		ASSERT_EQ(b.set_features(packed_modern | (i % 2 ? 0 : event_idx)), 0);
		b.kernel.write_eventfd(b.tx.kick_fd);
		b.kernel.work();
		EXPECT_EQ(b.wish(b.tx), i % 2 ? 0u : 2u);
		ASSERT_EQ(b.set_features(packed_modern), 0);
		b.kernel.write_eventfd(b.tx.kick_fd);
		b.kernel.work();
	}
}

TEST(ControlFormat, in_order_may_come_and_go_while_the_ring_is_at_work)
{
	for (const u64 base : {modern, packed_modern}) {
		DeviceBench b({.features = base | in_order}); // the driver is in order all along
		for (unsigned i = 0; i < 10; i++) {
			b.expect_traffic(20);
			ASSERT_EQ(b.set_features(base | (i % 2 ? in_order : 0)), 0);
		}
	}
}

// Sizes (2.7, 2.8).

TEST(ControlFormat, sizes_of_packed_rings_are_any_up_to_32768)
{
	DeviceBench b({.start = false});
	ASSERT_EQ(b.set_owner(), 0);
	ASSERT_EQ(b.set_features(packed_modern), 0);
	for (const u32 bad : {0u, 32769u, 65535u, 65536u, 0x80000000u, ~0u})
		EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, bad), -EINVAL) << bad;
	for (const u32 good : {1u, 2u, 3u, 5u, 255u, 256u, 257u, 32767u, 32768u})
		EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, good), 0) << good;
	ASSERT_EQ(b.set_features(modern), 0);
	EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 3), -EINVAL);
}

TEST(ControlFormat, traffic_passes_through_packed_rings_of_any_size)
{
	for (const unsigned size : {1u, 2u, 3u, 5u, 255u, 32768u}) {
		DeviceBench b({.features = version_1 | packed_ring, .size = size});
		for (unsigned i = 0; i < 30; i++)
			b.expect_traffic(std::min(size, 1 + i % 4));
		EXPECT_EQ(b.base(tx_queue), b.tx.ring.base());
		EXPECT_EQ(b.base(rx_queue), b.rx.ring.base());
	}
}

// Alignment (2.8.10.1).

TEST(ControlFormat, addresses_of_packed_rings_are_aligned)
{
	DeviceBench b({.features = packed_modern});
	struct {
		u64 vna_vhost_vring_addr::*field;
		u64 align;
	} const fields[] = {{&vna_vhost_vring_addr::desc_user_addr, 16},
			    {&vna_vhost_vring_addr::avail_user_addr, 4},
			    {&vna_vhost_vring_addr::used_user_addr, 4}};
	for (const auto &f : fields) {
		for (u64 off = 1; off < f.align; off *= 2) {
			auto addr = b.address_of(tx_queue);
			addr.*f.field += off;
			EXPECT_EQ(b.set_addr(tx_queue, addr), -EINVAL) << f.align << ' ' << off;
		}
	}
	auto addr = b.address_of(tx_queue);
	addr.log_guest_addr = 2;
	EXPECT_EQ(b.set_addr(tx_queue, addr), -EINVAL);
	EXPECT_EQ(b.set_addr(tx_queue), 0);
	b.expect_traffic();
}

TEST(ControlFormat, areas_of_packed_rings_lie_in_user_space)
{
	DeviceBench b({.features = packed_modern});
	struct {
		u64 vna_vhost_vring_addr::*field;
		u64 last; // the last address at which the area fits
		u64 align;
	} const fields[] = {{&vna_vhost_vring_addr::desc_user_addr, beyond - 16 * 256, 16},
			    {&vna_vhost_vring_addr::avail_user_addr, beyond - 4, 4},
			    {&vna_vhost_vring_addr::used_user_addr, beyond - 4, 4}};
	for (const auto &f : fields) {
		auto addr = b.address_of(tx_queue);
		addr.*f.field = f.last + f.align;
		EXPECT_EQ(b.set_addr(tx_queue, addr), -EINVAL);
		addr.*f.field = f.last;
		EXPECT_EQ(b.set_addr(tx_queue, addr), 0);
	}
	ASSERT_EQ(b.set_addr(tx_queue), 0);
	b.expect_traffic();
}

// Base.

TEST(ControlFormat, base_of_a_packed_ring_is_two_positions)
{
	DeviceBench b({.start = false});
	ASSERT_EQ(b.set_owner(), 0);
	ASSERT_EQ(b.set_features(packed_modern), 0);
	EXPECT_EQ(b.base(tx_queue), 0x80008000u);
	for (const u32 base : {0x80058003u, 0x00058003u, 0xffffffffu, 0x00010000u}) {
		EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, tx_queue, base), 0);
		EXPECT_EQ(b.base(tx_queue), base);
	}
	// The start, as DPDK's virtio-user has it.
	EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, tx_queue, 0x8000), 0);
	EXPECT_EQ(b.base(tx_queue), 0x80008000u);
	for (const u32 base : {0x8005u, 0x0005u, 0u}) {
		EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, tx_queue, base), 0);
		EXPECT_EQ(b.base(tx_queue), base);
	}
	EXPECT_EQ(b.base(rx_queue), 0x80008000u);
}

TEST(ControlFormat, base_beyond_a_packed_ring_is_einval_at_the_backend)
{
	DeviceBench b({.features = packed_modern});
	ASSERT_EQ(b.set_backend(tx_queue, -1), 0);
	for (const u32 bad : {0x8100u, 0x0100u, 0x81008000u, 0x80008100u, 0xffffffffu}) {
		ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, tx_queue, bad), 0);
		EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EINVAL) << bad;
		EXPECT_EQ(b.backend.opened, 1u);
		EXPECT_EQ(b.kernel.state(tx_queue), "off");
		EXPECT_EQ(b.set_backend(tx_queue, -1), 0);
	}
	// A smaller ring makes a base wrong that was right.
	ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, tx_queue, 0x80058005u), 0);
	ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 5), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EINVAL);
	ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 256), 0);
	ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, tx_queue, 0x8000u), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), 0);
	b.kernel.work();
	b.expect_traffic();
}

// Stopped and started at the base that it told, with buffers waiting: none is lost or used twice.
TEST(ControlFormat, queue_goes_on_at_the_base_that_it_told)
{
	for (const RingFormat &format : ring_formats) {
		DeviceBench b(format.options(modern, 16));
		for (unsigned round = 0; round < 20; round++) {
			b.expect_traffic(1 + round % 5);
			for (const u32 q : {rx_queue, tx_queue}) {
				ASSERT_EQ(b.set_backend(q, -1), 0);
				const u32 base = b.base(q);
				EXPECT_EQ(base, b.side(q).ring.base());
				ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, q, 3), 0);
				ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, q, base), 0);
			}
			b.backend.sent.clear();
			b.send(payload(70)); // between two lives
			for (const u32 q : {rx_queue, tx_queue})
				ASSERT_EQ(b.set_backend(q, b.backend.fd()), 0);
			b.kernel.work();
			EXPECT_EQ(b.backend.sent.size(), 1u);
			EXPECT_EQ(b.collect(b.tx), 1u);
		}
	}
}

// What was set before the features chose a format.

TEST(ControlFormat, features_may_come_last)
{
	for (const u64 features : {modern, packed_modern, packed_modern | in_order}) {
		DeviceBench b({.features = features, .start = false});
		ASSERT_EQ(b.set_owner(), 0);
		ASSERT_EQ(b.set_memory(), 0);
		// Everything but the base, which the new format begins anew.
		for (const u32 q : {rx_queue, tx_queue}) {
			ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, q, 256), 0);
			ASSERT_EQ(b.set_addr(q), 0);
			ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, q, b.side(q).kick_fd), 0);
			ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_CALL, q, b.side(q).call_fd), 0);
			ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_ERR, q, b.side(q).error_fd), 0);
		}
		ASSERT_EQ(b.set_features(features), 0);
		for (const u32 q : {rx_queue, tx_queue})
			ASSERT_EQ(b.set_backend(q, b.backend.fd()), 0);
		b.kernel.work();
		b.expect_traffic();
	}
}

TEST(ControlFormat, what_does_not_suit_the_format_is_einval_at_the_backend)
{
	// A size that only a packed ring may have.
	DeviceBench b({.start = false});
	ASSERT_EQ(b.set_owner(), 0);
	ASSERT_EQ(b.set_memory(), 0);
	ASSERT_EQ(b.set_features(packed_modern), 0);
	ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 255), 0);
	ASSERT_EQ(b.set_features(modern), 0);
	ASSERT_EQ(b.set_addr(tx_queue), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EINVAL);
	EXPECT_EQ(b.set_backend(tx_queue, -1), 0);
	ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 256), 0);
	// Addresses that only a split ring may have.
	struct {
		u64 vna_vhost_vring_addr::*field;
		u64 off;
	} const fields[] = {{&vna_vhost_vring_addr::desc_user_addr, 8},
			    {&vna_vhost_vring_addr::avail_user_addr, 2}};
	for (const auto &f : fields) {
		ASSERT_EQ(b.set_features(modern), 0);
		auto addr = b.address_of(tx_queue);
		addr.*f.field += f.off;
		ASSERT_EQ(b.set_addr(tx_queue, addr), 0);
		ASSERT_EQ(b.set_features(packed_modern), 0);
		EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EINVAL);
	}
	EXPECT_EQ(b.backend.opened, 0u);
	ASSERT_EQ(b.set_addr(tx_queue), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), 0);
}

TEST(ControlFormat, format_is_forgotten_with_the_owner)
{
	DeviceBench b({.features = packed_modern});
	b.expect_traffic();
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	EXPECT_EQ(vna_core_features(b.kernel.core(), 0), 0u);
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(b.base(tx_queue), 0u);
	EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 3), -EINVAL);
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	b.rx.ring.reset();
	b.tx.ring.reset();
	b.start();
	b.expect_traffic();
}

// Each user access of a set-up of packed rings may fault; the same call then works.
TEST(ControlFormat, fault_at_any_access_of_a_packed_set_up_is_efault)
{
	unsigned faults = 0;
	for (unsigned n = 1; n < 8; n++) {
		DeviceBench b({.features = packed_modern, .start = false});
		ASSERT_EQ(b.set_owner(), 0);
		ASSERT_EQ(b.set_features(packed_modern), 0);
		ASSERT_EQ(b.set_memory(), 0);
		for (const u32 q : {rx_queue, tx_queue}) {
			b.set_up(q);
			b.kernel.memory.fail_at(n);
			const u64 before = b.kernel.memory.accesses();
			const long result = b.set_backend(q, b.backend.fd());
			const bool failed = b.kernel.memory.accesses() - before >= n;
			b.kernel.memory.fail_at(0);
			EXPECT_EQ(result, failed ? -EFAULT : 0);
			faults += failed;
			if (failed) {
				EXPECT_EQ(b.set_backend(q, b.backend.fd()), 0);
			}
		}
		b.kernel.work();
		b.expect_traffic();
	}
	EXPECT_EQ(faults, 2u * 3) << "the argument, the wish, the flags";
}

// DPDK's driver leaves WRITE set in tables that it transmits.
TEST(ControlFormat, write_flags_in_a_packed_table_are_ignored_on_the_transmit_queue_only)
{
	for (const u32 q : {rx_queue, tx_queue}) {
		for (const u16 flags : {u16{0}, desc_f_write}) {
			DeviceBench b({.features = packed_modern});
			const u64 table = b.guest.allocate(32);
			const PackedDescriptor entries[] = {
				{b.guest.allocate(100), 100, 0, flags},
				{b.guest.allocate(100), 100, 0, flags}};
			std::memcpy(b.guest.at(table, 32), entries, 32);
			auto &ring = b.side(q).packed();
			ring.table().set_desc(0, table, 32, 0);
			ring.table().set_flags(0, desc_f_indirect | PackedDescriptor::f_avail);
			b.kernel.write_eventfd(b.side(q).kick_fd);
			b.backend.arrive(payload(60));
			b.kernel.work();
			EXPECT_EQ(b.kernel.state(q),
				  q == tx_queue || flags ? "running" : "readable_on_receive");
		}
	}
}

} // namespace
} // namespace vna
