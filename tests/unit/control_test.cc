// SPDX-License-Identifier: GPL-2.0-only
// The ioctls: what each returns, and that one which fails changes nothing.  Errors and their
// order are those of vhost-net.
#include "device_bench.hh"

#include <set>

namespace vna
{
namespace
{

// An argument that is not there.
constexpr host::Address nowhere = 0x10;

constexpr u32 vring_commands[] = {VNA_VHOST_SET_VRING_NUM,  VNA_VHOST_SET_VRING_ADDR,
				  VNA_VHOST_SET_VRING_BASE, VNA_VHOST_GET_VRING_BASE,
				  VNA_VHOST_SET_VRING_KICK, VNA_VHOST_SET_VRING_CALL,
				  VNA_VHOST_SET_VRING_ERR};
constexpr u32 unknown_command = VNA_IOW(0x7f, vna_vhost_vring_state);

// Fills what any command may read, so that nothing but the index is wrong.
long with_index(DeviceBench &b, u32 command, u32 index)
{
	vna_vhost_vring_addr arg{};
	arg.index = index;
	return b.ioctl(command, arg);
}

struct Failing {
	const char *name;
	long expected;
	long (*call)(DeviceBench &);
};

long bad_addr(DeviceBench &b, u64 vna_vhost_vring_addr::*field, u64 value, u32 flags = 0)
{
	auto addr = b.address_of(tx_queue);
	addr.*field = value;
	addr.flags = flags;
	return b.set_addr(tx_queue, addr);
}

long bad_region(DeviceBench &b, vna_vhost_memory_region region, u32 padding = 0)
{
	auto regions = b.regions();
	regions.push_back(region);
	return b.set_memory(regions, padding);
}

using Addr = vna_vhost_vring_addr;
constexpr u64 beyond = host::UserMemory::end;

// On a device that runs.
const Failing failing_at_work[] = {
	{"get_features_fault", -EFAULT,
	 [](DeviceBench &b) { return b.kernel.ioctl(VNA_VHOST_GET_FEATURES, nowhere); }},
	{"set_features_fault", -EFAULT,
	 [](DeviceBench &b) { return b.kernel.ioctl(VNA_VHOST_SET_FEATURES, nowhere); }},
	{"set_features_not_offered", -EOPNOTSUPP,
	 [](DeviceBench &b) { return b.set_features(modern | 1); }},
	{"set_features_bit_63", -EOPNOTSUPP,
	 [](DeviceBench &b) { return b.set_features(1ull << 63); }},
	{"get_backend_features_fault", -EFAULT,
	 [](DeviceBench &b) { return b.kernel.ioctl(VNA_VHOST_GET_BACKEND_FEATURES, nowhere); }},
	{"set_backend_features_fault", -EFAULT,
	 [](DeviceBench &b) { return b.kernel.ioctl(VNA_VHOST_SET_BACKEND_FEATURES, nowhere); }},
	{"set_backend_features_not_offered", -EOPNOTSUPP,
	 [](DeviceBench &b) {
		 u64 bits = 1;
		 return b.ioctl(VNA_VHOST_SET_BACKEND_FEATURES, bits);
	 }},
	{"set_owner_again", -EBUSY, [](DeviceBench &b) { return b.set_owner(); }},

	{"mem_table_fault", -EFAULT,
	 [](DeviceBench &b) { return b.kernel.ioctl(VNA_VHOST_SET_MEM_TABLE, nowhere); }},
	{"mem_table_regions_fault", -EFAULT,
	 [](DeviceBench &b) {
		 struct {
			 vna_vhost_memory head{1, 0};
			 vna_vhost_memory_region region{};
		 } arg;
		 b.kernel.memory.fault(&arg.region, sizeof arg.region);
		 const long result = b.ioctl(VNA_VHOST_SET_MEM_TABLE, arg);
		 b.kernel.memory.heal();
		 return result;
	 }},
	{"mem_table_padding_before_count", -EOPNOTSUPP,
	 [](DeviceBench &b) { return b.set_memory(std::vector<vna_vhost_memory_region>(65), 1); }},
	{"mem_table_too_many", -E2BIG,
	 [](DeviceBench &b) { return b.set_memory(std::vector<vna_vhost_memory_region>(65)); }},
	{"mem_table_4_billion_regions", -E2BIG,
	 [](DeviceBench &b) {
		 vna_vhost_memory head{0xffffffff, 0};
		 return b.ioctl(VNA_VHOST_SET_MEM_TABLE, head);
	 }},
	{"mem_table_empty_region", -EFAULT,
	 [](DeviceBench &b) {
		 return bad_region(b, {0x1000, 0, 0x10000, 0});
	 }},
	{"mem_table_wraps", -EFAULT,
	 [](DeviceBench &b) {
		 return bad_region(b, {~0ull, 2, 0x10000, 0});
	 }},
	{"mem_table_beyond_user_space", -EFAULT,
	 [](DeviceBench &b) {
		 return bad_region(b, {0x1000, 0x1000, beyond - 0xfff, 0});
	 }},

	{"vring_num_busy", -EBUSY,
	 [](DeviceBench &b) { return b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 256); }},
	{"vring_num_busy_before_invalid", -EBUSY,
	 [](DeviceBench &b) { return b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 3); }},
	{"vring_base_busy", -EBUSY,
	 [](DeviceBench &b) { return b.state(VNA_VHOST_SET_VRING_BASE, tx_queue, 0); }},
	{"vring_base_busy_before_invalid", -EBUSY,
	 [](DeviceBench &b) { return b.state(VNA_VHOST_SET_VRING_BASE, tx_queue, 65536); }},

	{"vring_addr_flags", -EOPNOTSUPP,
	 [](DeviceBench &b) { return bad_addr(b, &Addr::log_guest_addr, 0, 2); }},
	{"vring_addr_flags_before_alignment", -EOPNOTSUPP,
	 [](DeviceBench &b) { return bad_addr(b, &Addr::avail_user_addr, 1, 2); }},
	{"vring_addr_avail_odd", -EINVAL,
	 [](DeviceBench &b) {
		 return bad_addr(b, &Addr::avail_user_addr,
				 b.address_of(tx_queue).avail_user_addr + 1);
	 }},
	{"vring_addr_used_misaligned", -EINVAL,
	 [](DeviceBench &b) {
		 return bad_addr(b, &Addr::used_user_addr,
				 b.address_of(tx_queue).used_user_addr + 2);
	 }},
	{"vring_addr_log_misaligned", -EINVAL,
	 [](DeviceBench &b) { return bad_addr(b, &Addr::log_guest_addr, 2); }},
	{"vring_addr_desc_beyond_user_space", -EINVAL,
	 [](DeviceBench &b) { return bad_addr(b, &Addr::desc_user_addr, beyond - 16 * 256 + 16); }},
	{"vring_addr_avail_beyond_user_space", -EINVAL,
	 [](DeviceBench &b) {
		 return bad_addr(b, &Addr::avail_user_addr, beyond - (4 + 2 * 256) + 2);
	 }},
	{"vring_addr_used_beyond_user_space", -EINVAL,
	 [](DeviceBench &b) {
		 return bad_addr(b, &Addr::used_user_addr, beyond - (4 + 8 * 256) + 4);
	 }},

	{"get_vring_base_fault", -EFAULT,
	 [](DeviceBench &b) {
		 vna_vhost_vring_state arg{tx_queue, 0};
		 const host::Allowed allowed(b.kernel.memory, &arg, 4);
		 b.kernel.memory.fault(&arg.num, 4);
		 const long result = b.kernel.ioctl(VNA_VHOST_GET_VRING_BASE,
						    host::UserMemory::address_of(&arg));
		 b.kernel.memory.heal();
		 return result;
	 }},

	{"kick_closed", -EBADF,
	 [](DeviceBench &b) {
		 return b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, b.kernel.closed_fd);
	 }},
	{"kick_minus_2", -EBADF,
	 [](DeviceBench &b) { return b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, -2); }},
	{"kick_no_eventfd", -EINVAL,
	 [](DeviceBench &b) {
		 return b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, b.kernel.add_plain_file());
	 }},
	{"kick_no_memory", -ENOMEM,
	 [](DeviceBench &b) {
		 b.kernel.kick_error = -ENOMEM;
		 const long result = b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, b.tx.kick_fd);
		 b.kernel.kick_error = 0;
		 return result;
	 }},
	{"call_closed", -EBADF,
	 [](DeviceBench &b) {
		 return b.file(VNA_VHOST_SET_VRING_CALL, tx_queue, b.kernel.closed_fd);
	 }},
	{"call_no_eventfd", -EINVAL,
	 [](DeviceBench &b) { return b.file(VNA_VHOST_SET_VRING_CALL, tx_queue, b.backend.fd()); }},
	{"err_closed", -EBADF,
	 [](DeviceBench &b) {
		 return b.file(VNA_VHOST_SET_VRING_ERR, tx_queue, b.kernel.closed_fd);
	 }},
	{"err_no_eventfd", -EINVAL,
	 [](DeviceBench &b) { return b.file(VNA_VHOST_SET_VRING_ERR, tx_queue, b.backend.fd()); }},

	{"backend_fault", -EFAULT,
	 [](DeviceBench &b) { return b.kernel.ioctl(VNA_VHOST_NET_SET_BACKEND, nowhere); }},
	{"backend_index", -ENOBUFS,
	 [](DeviceBench &b) { return b.set_backend(2, b.backend.fd()); }},
	{"backend_closed", -ENOTSOCK,
	 [](DeviceBench &b) { return b.set_backend(tx_queue, b.kernel.closed_fd); }},
	{"backend_minus_2", -ENOTSOCK, [](DeviceBench &b) { return b.set_backend(tx_queue, -2); }},
	{"backend_no_socket", -ENOTSOCK,
	 [](DeviceBench &b) { return b.set_backend(tx_queue, b.tx.kick_fd); }},
	{"backend_open_no_memory", -ENOMEM,
	 [](DeviceBench &b) {
		 auto &other = b.others.emplace_back(new host::FakeBackend(b.kernel));
		 other->open_error = -ENOMEM;
		 const long result = b.set_backend(tx_queue, other->fd());
		 EXPECT_EQ(other->opened, 0u);
		 return result;
	 }},
	{"backend_dead", -EINVAL,
	 [](DeviceBench &b) {
		 auto &other = b.others.emplace_back(new host::FakeBackend(b.kernel));
		 other->attach_error = -EINVAL;
		 const long result = b.set_backend(rx_queue, other->fd());
		 EXPECT_EQ(other->opened, 0u) << "what failed is closed";
		 return result;
	 }},

	{"unknown_command", -ENOTTY,
	 [](DeviceBench &b) { return with_index(b, unknown_command, 1); }},
	{"unknown_command_fault", -EFAULT,
	 [](DeviceBench &b) { return b.kernel.ioctl(unknown_command, nowhere); }},
	{"unknown_command_index", -ENOBUFS,
	 [](DeviceBench &b) { return with_index(b, unknown_command, 2); }},
};

class ControlAtWork : public testing::TestWithParam<Failing>
{
};

TEST_P(ControlAtWork, fails_and_changes_nothing)
{
	DeviceBench b;
	b.expect_traffic();
	const u32 rx_base = b.base(rx_queue), tx_base = b.base(tx_queue);
	EXPECT_EQ(GetParam().call(b), GetParam().expected);
	EXPECT_EQ(b.base(rx_queue), rx_base);
	EXPECT_EQ(b.base(tx_queue), tx_base);
	EXPECT_EQ(b.backend.attached, 2u);
	const unsigned tx_calls = b.calls(b.tx), rx_calls = b.calls(b.rx);
	b.expect_traffic();
	EXPECT_GT(b.calls(b.tx), tx_calls);
	EXPECT_GT(b.calls(b.rx), rx_calls);
	// Only those which concern the queue, not all that failed, may be seen in its errors.
	b.offer(b.tx, {{b.guest.unmapped(), 100, false}});
	b.kernel.work();
	EXPECT_EQ(b.errors(b.tx), 1u);
}

INSTANTIATE_TEST_SUITE_P(Control, ControlAtWork, testing::ValuesIn(failing_at_work),
			 [](const auto &info) { return info.param.name; });

class VringCommand : public testing::TestWithParam<u32>
{
};

TEST_P(VringCommand, of_a_queue_that_is_not_there_is_enobufs)
{
	DeviceBench b;
	EXPECT_EQ(with_index(b, GetParam(), 2), -ENOBUFS);
	EXPECT_EQ(with_index(b, GetParam(), 0xffffffff), -ENOBUFS);
}

TEST_P(VringCommand, with_an_argument_that_is_not_there_is_efault)
{
	DeviceBench b;
	EXPECT_EQ(b.kernel.ioctl(GetParam(), nowhere), -EFAULT);
	// The index is there and nothing else; a busy queue is reported first.
	u32 index = tx_queue;
	ASSERT_EQ(b.set_backend(tx_queue, -1), 0);
	const host::Allowed allowed(b.kernel.memory, &index, sizeof index);
	b.kernel.memory.fault(&index + 1, 40);
	EXPECT_EQ(b.kernel.ioctl(GetParam(), host::UserMemory::address_of(&index)), -EFAULT);
}

TEST_P(VringCommand, of_no_owner_is_eperm_whatever_else_is_wrong)
{
	DeviceBench b({.start = false});
	EXPECT_EQ(b.kernel.ioctl(GetParam(), nowhere), -EPERM);
	EXPECT_EQ(with_index(b, GetParam(), 9), -EPERM);
	ASSERT_EQ(b.set_owner(), 0);
	b.kernel.process = 2;
	EXPECT_EQ(with_index(b, GetParam(), 0), -EPERM);
}

INSTANTIATE_TEST_SUITE_P(Control, VringCommand, testing::ValuesIn(vring_commands),
			 [](const auto &info) { return std::to_string(info.index); });

TEST(Control, without_an_owner_is_eperm_but_for_features)
{
	DeviceBench b({.start = false});
	for (const int process : {1, 2}) {
		b.kernel.process = process;
		EXPECT_EQ(b.set_memory(), -EPERM);
		EXPECT_EQ(b.set_backend(tx_queue, -1), -EPERM);
		EXPECT_EQ(b.set_backend(7, -1), -EPERM);
		EXPECT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), -EPERM);
		EXPECT_EQ(with_index(b, unknown_command, 0), -EPERM);
		// As in vhost-net, which copies this argument before it looks for an owner.
		EXPECT_EQ(b.kernel.ioctl(VNA_VHOST_NET_SET_BACKEND, nowhere), -EFAULT);
		u64 bits = 0;
		EXPECT_EQ(b.ioctl(VNA_VHOST_GET_FEATURES, bits), 0);
		EXPECT_EQ(b.set_features(bits), 0);
		EXPECT_EQ(b.ioctl(VNA_VHOST_GET_BACKEND_FEATURES, bits), 0);
		EXPECT_EQ(b.ioctl(VNA_VHOST_SET_BACKEND_FEATURES, bits), 0);
		if (process == 1) {
			ASSERT_EQ(b.set_owner(), 0);
		}
	}
	EXPECT_EQ(b.set_owner(), -EBUSY);
}

TEST(Control, offers_what_it_implements)
{
	DeviceBench b({.start = false});
	u64 bits = 0;
	ASSERT_EQ(b.ioctl(VNA_VHOST_GET_FEATURES, bits), 0);
	EXPECT_EQ(bits, 1ull << 15 | 1ull << 24 | 1ull << 26 | 1ull << 27 | 1ull << 28 |
				1ull << 29 | 1ull << 32 | 1ull << 33 | 1ull << 34 | 1ull << 35 |
				1ull << 40);
	ASSERT_EQ(b.ioctl(VNA_VHOST_GET_BACKEND_FEATURES, bits), 0);
	EXPECT_EQ(bits, 1ull << VNA_VHOST_BACKEND_F_IOTLB_MSG_V2);
}

TEST(Control, owner_that_cannot_be_kept_is_none)
{
	DeviceBench b({.start = false});
	b.kernel.attach_error = -ENOMEM;
	EXPECT_EQ(b.set_owner(), -ENOMEM);
	EXPECT_EQ(b.set_memory(), -EPERM);
	b.kernel.attach_error = 0;
	b.start();
	b.expect_traffic();
}

// On a queue that is off.

TEST(Control, sizes_are_powers_of_two_of_16_bits)
{
	DeviceBench b({.start = false});
	ASSERT_EQ(b.set_owner(), 0);
	for (const u32 bad : {0u, 3u, 5u, 255u, 257u, 32767u, 65535u, 65536u, 0x80000000u, ~0u})
		EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, bad), -EINVAL) << bad;
	for (u32 good = 1; good <= 32768; good *= 2)
		EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, good), 0) << good;
}

TEST(Control, base_is_16_bits_and_is_read_back)
{
	DeviceBench b({.start = false});
	ASSERT_EQ(b.set_owner(), 0);
	EXPECT_EQ(b.base(rx_queue), 0u);
	EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, rx_queue, 0xffff), 0);
	EXPECT_EQ(b.state(VNA_VHOST_SET_VRING_BASE, rx_queue, 0x10000), -EINVAL);
	EXPECT_EQ(b.base(rx_queue), 0xffffu);
	EXPECT_EQ(b.base(tx_queue), 0u);
}

TEST(Control, addresses_are_not_checked_before_there_is_a_backend)
{
	DeviceBench b({.start = false});
	ASSERT_EQ(b.set_owner(), 0);
	ASSERT_EQ(b.set_memory({{0x1000, 0x1000, beyond, 0}}), 0);
	ASSERT_EQ(b.state(VNA_VHOST_SET_VRING_NUM, tx_queue, 256), 0);
	auto addr = b.address_of(tx_queue);
	addr.desc_user_addr = beyond - 16;
	EXPECT_EQ(b.set_addr(tx_queue, addr), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EFAULT);
	EXPECT_EQ(b.set_backend(tx_queue, -1), -EFAULT);
	EXPECT_EQ(b.backend.opened, 0u);
}

TEST(Control, backend_on_a_ring_that_is_not_there_is_efault)
{
	DeviceBench b({.start = false});
	ASSERT_EQ(b.set_owner(), 0);
	ASSERT_EQ(b.set_memory(), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EFAULT);
	EXPECT_EQ(b.backend.opened, 0u);
	EXPECT_EQ(b.kernel.state(tx_queue), "off");
	EXPECT_EQ(b.set_backend(tx_queue, -1), 0);
}

TEST(Control, backend_without_a_memory_table_is_efault)
{
	DeviceBench b({.start = false});
	ASSERT_EQ(b.set_owner(), 0);
	b.set_up(tx_queue);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EFAULT);
	EXPECT_EQ(b.set_backend(tx_queue, -1), -EFAULT);
	EXPECT_EQ(b.backend.opened, 0u);
	ASSERT_EQ(b.set_memory({{0x1000, 0x1000, beyond, 0}}), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EFAULT);
	ASSERT_EQ(b.set_memory({}), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), 0);
}

TEST(Control, event_field_counts_in_the_ring_only_if_negotiated)
{
	for (const u64 event : {u64{0}, feature(VNA_VIRTIO_RING_F_EVENT_IDX)}) {
		DeviceBench b({.features = modern | event});
		const u64 avail = beyond - (4 + 2 * 256);
		auto addr = b.address_of(tx_queue);
		addr.avail_user_addr = avail;
		EXPECT_EQ(b.set_addr(tx_queue, addr), event ? -EINVAL : 0);
	}
}

TEST(Control, memory_table_takes_64_regions)
{
	DeviceBench b;
	auto regions = b.regions();
	while (regions.size() < 64)
		regions.push_back({(regions.size() + 1) << 44, 0x1000, 0x100000, 0});
	EXPECT_EQ(b.set_memory(regions), 0);
	b.expect_traffic();
	EXPECT_EQ(b.set_memory({}), 0);
	b.send(payload(60));
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "address_unmapped");
}

// A region that goes is not translated by any more, and one that comes is.
TEST(Control, memory_table_that_is_set_is_the_one_that_counts)
{
	DeviceBench b;
	b.expect_traffic();
	const u64 base = 1ull << 33;
	const std::size_t index = b.guest.add_region(base, 4096);
	b.kernel.memory.allow(b.guest.regions()[index].user, 4096);
	ASSERT_EQ(b.set_memory(), 0);
	b.offer(b.tx, {{base, 100, false}});
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 4u);
	auto regions = b.regions();
	regions.pop_back();
	ASSERT_EQ(b.set_memory(regions), 0);
	b.offer(b.tx, {{base, 100, false}});
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(tx_queue), "address_unmapped");
}

// Memory exhaustion.

TEST(Control, memory_exhaustion_at_any_allocation_is_enomem_and_nothing_half_made)
{
	for (unsigned n = 1;; n++) {
		DeviceBench b;
		b.expect_traffic();
		b.kernel.fail_alloc_at(n);
		const unsigned before = b.kernel.allocations;
		const long result = b.set_memory({});
		if (b.kernel.allocations - before < n) {
			EXPECT_EQ(result, 0);
			EXPECT_EQ(n, 3u) << "a copy and a table";
			break;
		}
		EXPECT_EQ(result, -ENOMEM);
		b.expect_traffic();
	}
}

TEST(Control, reset_owner_without_memory_is_enomem_and_changes_nothing)
{
	DeviceBench b;
	b.expect_traffic();
	b.kernel.fail_alloc_at(1);
	EXPECT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), -ENOMEM);
	EXPECT_EQ(b.backend.attached, 2u);
	b.expect_traffic();
}

// Each user access of each ioctl of a set-up may fault; the same call then works.
TEST(Control, fault_at_any_access_is_efault_and_the_same_call_works_afterwards)
{
	unsigned faults = 0;
	for (unsigned n = 1; n < 8; n++) {
		DeviceBench b({.start = false});
		ASSERT_EQ(b.set_owner(), 0);
		const auto twice = [&](const auto &call) {
			b.kernel.memory.fail_at(n);
			const u64 before = b.kernel.memory.accesses();
			const long result = call();
			const bool failed = b.kernel.memory.accesses() - before >= n;
			b.kernel.memory.fail_at(0);
			EXPECT_EQ(result, failed ? -EFAULT : 0);
			faults += failed;
			if (failed) {
				EXPECT_EQ(call(), 0);
			}
		};
		twice([&] { return b.set_features(modern); });
		twice([&] { return b.set_memory(); });
		for (const u32 q : {rx_queue, tx_queue}) {
			const auto &side = b.side(q);
			twice([&] { return b.state(VNA_VHOST_SET_VRING_NUM, q, 256); });
			twice([&] { return b.state(VNA_VHOST_SET_VRING_BASE, q, 0); });
			twice([&] { return b.set_addr(q); });
			twice([&] { return b.file(VNA_VHOST_SET_VRING_KICK, q, side.kick_fd); });
			twice([&] { return b.file(VNA_VHOST_SET_VRING_CALL, q, side.call_fd); });
			twice([&] { return b.file(VNA_VHOST_SET_VRING_ERR, q, side.error_fd); });
			twice([&] { return b.set_backend(q, b.backend.fd()); });
		}
		EXPECT_EQ(b.backend.opened, 2u);
		b.kernel.work();
		b.expect_traffic();
	}
	EXPECT_GT(faults, 20u);
}

// Coming and going.

TEST(Control, reset_owner_gives_everything_back_and_the_device_can_be_set_up_anew)
{
	DeviceBench b;
	for (unsigned round = 0; round < 3; round++) {
		b.expect_traffic();
		b.backend.arrive(payload(60)); // waits for buffers
		b.kernel.work();
		ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
		EXPECT_EQ(b.kernel.leaks(), std::vector<std::string>{"1 allocations"})
			<< "an empty memory table";
		EXPECT_FALSE(b.kernel.has_worker());
		EXPECT_EQ(b.backend.opened, 0u);
		EXPECT_EQ(b.set_memory(), -EPERM);
		EXPECT_EQ(b.kernel.state(rx_queue), "off");
		b.backend.waiting.clear();
		// As it was opened: sizes, bases and addresses are gone.
		ASSERT_EQ(b.set_owner(), 0);
		EXPECT_EQ(b.base(tx_queue), 0u);
		EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EFAULT);
		ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
		b.rx.ring.reset();
		b.tx.ring.reset();
		b.start();
	}
}

TEST(Control, features_are_forgotten_with_the_owner)
{
	DeviceBench b({.features = modern | own_header});
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	ASSERT_EQ(b.set_owner(), 0);
	ASSERT_EQ(b.set_memory(), 0);
	b.tx.ring.reset();
	b.start(tx_queue);
	// A legacy header of 10 bytes, which the backend knows, and 14 of the frame.
	b.offer(b.tx, {{b.guest.allocate(24), 24, false}});
	b.kernel.work();
	ASSERT_EQ(b.backend.sent.size(), 1u);
	EXPECT_EQ(b.backend.sent[0].size(), 24u);
}

TEST(Control, closing_gives_everything_back)
{
	for (const bool at_work : {false, true}) {
		DeviceBench b;
		if (at_work)
			b.expect_traffic();
		b.backend.arrive(payload(60));
		b.send(payload(60));
		b.kernel.close();
		EXPECT_TRUE(b.kernel.leaks().empty());
		EXPECT_EQ(b.backend.opened, 0u);
	}
}

TEST(Control, eventfds_are_replaced_and_taken_away)
{
	DeviceBench b;
	const int kick = b.kernel.add_eventfd(), call = b.kernel.add_eventfd();
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, kick), 0);
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_CALL, tx_queue, call), 0);
	const u64 kicks = b.count(tx_queue, Count::kicks);
	b.kernel.write_eventfd(b.tx.kick_fd);
	EXPECT_EQ(b.count(tx_queue, Count::kicks), kicks);
	ASSERT_TRUE(b.tx.ring.add(driver::cut(b.guest.allocate(100), 72, 72, false)));
	b.tx.ring.publish();
	b.kernel.write_eventfd(kick);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 1u);
	EXPECT_EQ(b.count(tx_queue, Count::kicks), kicks + 1);
	EXPECT_EQ(b.calls(b.tx), 0u);
	EXPECT_EQ(b.kernel.eventfd_count(call), 1u);
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, -1), 0);
	b.kernel.write_eventfd(kick);
	EXPECT_EQ(b.count(tx_queue, Count::kicks), kicks + 1);
}

TEST(Control, a_kick_that_came_before_the_eventfd_was_set_is_seen)
{
	DeviceBench b;
	const int kick = b.kernel.add_eventfd();
	ASSERT_TRUE(b.tx.ring.add(driver::cut(b.guest.allocate(100), 72, 72, false)));
	b.tx.ring.publish();
	b.kernel.write_eventfd(kick);
	ASSERT_EQ(b.file(VNA_VHOST_SET_VRING_KICK, tx_queue, kick), 0);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 1u);
}

TEST(Control, buffers_that_were_there_before_the_backend_are_served)
{
	DeviceBench b;
	ASSERT_EQ(b.set_backend(tx_queue, -1), 0);
	b.send(payload(60));
	b.kernel.work();
	EXPECT_TRUE(b.backend.sent.empty());
	EXPECT_EQ(b.kernel.state(tx_queue), "off");
	ASSERT_EQ(b.set_backend(tx_queue, b.backend.fd()), 0);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 1u);
	EXPECT_EQ(b.kernel.state(tx_queue), "running");
}

// The worker is woken once for any number of events until it has come.
TEST(Control, worker_is_woken_only_when_that_is_news)
{
	DeviceBench b;
	const unsigned before = b.kernel.wakes;
	b.kernel.write_eventfd(b.tx.kick_fd);
	b.kernel.write_eventfd(b.tx.kick_fd);
	b.kernel.write_eventfd(b.tx.kick_fd);
	EXPECT_EQ(b.kernel.wakes, before + 1);
	b.kernel.write_eventfd(b.rx.kick_fd);
	EXPECT_EQ(b.kernel.wakes, before + 2);
	b.kernel.work();
	b.kernel.write_eventfd(b.tx.kick_fd);
	EXPECT_EQ(b.kernel.wakes, before + 3);
	EXPECT_EQ(b.count(tx_queue, Count::kicks), 4u);
}

TEST(Control, queues_take_turns)
{
	DeviceBench b({.size = 1024});
	for (unsigned i = 0; i < 600; i++) {
		b.post({100});
		b.send(payload(60));
		b.backend.arrive(payload(60));
	}
	b.kernel.turn();
	EXPECT_EQ(b.count(rx_queue, Count::packets), 256u);
	EXPECT_EQ(b.count(tx_queue, Count::packets), 256u);
}

// Backends swapped.

TEST(Control, backend_is_swapped_under_traffic_and_no_frame_goes_to_the_old_one)
{
	DeviceBench b;
	b.expect_traffic();
	host::FakeBackend &other = *b.others.emplace_back(new host::FakeBackend(b.kernel));
	b.send(payload(61));
	for (const u32 q : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_backend(q, other.fd()), 0);
	b.kernel.work();
	EXPECT_EQ(b.backend.opened, 0u);
	EXPECT_EQ(other.attached, 2u);
	EXPECT_EQ(b.backend.sent.size(), 3u);
	EXPECT_EQ(other.sent.size(), 1u);
	b.post({100});
	other.arrive(payload(62));
	b.backend.arrive(payload(63));
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	EXPECT_EQ(got[0].frame, payload(62));
}

TEST(Control, frames_taken_from_a_backend_that_goes_are_its_own_again)
{
	DeviceBench b;
	host::FakeBackend &other = *b.others.emplace_back(new host::FakeBackend(b.kernel));
	for (unsigned i = 0; i < 3; i++)
		b.backend.arrive(payload(60, i));
	b.kernel.work(); // taken, and no buffer
	EXPECT_TRUE(b.backend.waiting.empty());
	ASSERT_EQ(b.set_backend(rx_queue, other.fd()), 0);
	EXPECT_EQ(b.backend.waiting.size(), 3u);
	b.post({100});
	other.arrive(payload(70));
	b.kernel.work();
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	EXPECT_EQ(got[0].frame, payload(70));
}

TEST(Control, the_same_backend_again_changes_nothing)
{
	DeviceBench b;
	b.backend.arrive(payload(60));
	b.kernel.work();
	ASSERT_EQ(b.set_backend(rx_queue, b.backend.fd()), 0);
	EXPECT_EQ(b.backend.opened, 2u);
	EXPECT_EQ(b.backend.attached, 2u);
	EXPECT_TRUE(b.backend.waiting.empty()) << "still taken";
	b.post({100});
	b.kernel.work();
	EXPECT_EQ(b.received().size(), 1u);
}

// Names that users see.

TEST(Names, of_counters_and_queues_are_unique)
{
	std::set<std::string> names;
	for (u32 i = 0; i < vna_core_counters(); i++)
		EXPECT_TRUE(names.insert(vna_core_counter_name(i)).second) << i;
	EXPECT_EQ(names.size(), count_names.size());
	ASSERT_EQ(vna_core_queues(), 2u);
	EXPECT_EQ(std::string(vna_core_queue_name(rx_queue)).substr(0, 2), "rx");
	EXPECT_EQ(std::string(vna_core_queue_name(tx_queue)).substr(0, 2), "tx");
}

} // namespace
} // namespace vna
