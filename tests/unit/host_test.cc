// SPDX-License-Identifier: GPL-2.0-only
// The fake kernel itself: what it does not notice no other test would.
#include <gtest/gtest.h>

#include "host/fake_kernel.hh"
#include "host/handles.hh"

namespace vna::host
{
namespace
{

class Host : public testing::Test
{
protected:
	FakeKernel kernel;
	vna_env env{kernel};
	std::uint16_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	const Address at = UserMemory::address_of(words);
};
using HostDeathTest = Host;

TEST_F(HostDeathTest, traps_what_was_not_declared)
{
	std::uint16_t value;
	EXPECT_DEATH((void)vna_env_get_u16(&value, at), "TRAP: read of 2 bytes");
	kernel.memory.allow(at + 2, 2);
	EXPECT_EQ(vna_env_get_u16(&value, at + 2), 0);
	EXPECT_EQ(value, 2);
	EXPECT_DEATH((void)vna_env_copy_from_user(words, at + 2, 3), "TRAP: read of 3 bytes");
	EXPECT_DEATH((void)vna_env_put_u16(at + 1, 0), "TRAP: write of 2 bytes");
	kernel.memory.forbid(at + 2);
	EXPECT_DEATH((void)vna_env_get_u16(&value, at + 2), "TRAP");
}

TEST_F(Host, faults_where_memory_is_declared_so_or_no_user_has_any)
{
	std::uint16_t value;
	kernel.memory.allow(words, sizeof words);
	kernel.memory.fault(at + 4, 2);
	EXPECT_EQ(vna_env_get_u16(&value, at + 4), -EFAULT);
	EXPECT_EQ(vna_env_copy_from_user(&value, 0, 2), -EFAULT);
	EXPECT_EQ(vna_env_copy_from_user(&value, UserMemory::end - 1, 2), -EFAULT);
	EXPECT_EQ(vna_env_copy_from_user(&value, ~0ull, 2), -EFAULT);
	kernel.memory.heal();
	EXPECT_EQ(vna_env_get_u16(&value, at + 4), 0);
	kernel.memory.fail_at(2);
	EXPECT_EQ(vna_env_get_u16(&value, at), 0);
	EXPECT_EQ(vna_env_get_u16(&value, at), -EFAULT);
	EXPECT_EQ(vna_env_get_u16(&value, at), 0);
}

TEST_F(Host, flips_what_was_read_once)
{
	std::uint16_t value;
	kernel.memory.allow(words, sizeof words);
	kernel.memory.flip_after_read(at, 2);
	kernel.memory.record(true);
	(void)vna_env_get_u16(&value, at);
	EXPECT_EQ(value, 1);
	EXPECT_EQ(kernel.memory.read_twice(at, sizeof words), 0u);
	(void)vna_env_get_u16(&value, at);
	EXPECT_EQ(value, 0xfffe);
	EXPECT_EQ(kernel.memory.read_twice(at, sizeof words), at);
}

TEST_F(HostDeathTest, traps_locks_out_of_order)
{
	vna_env_lock_queue(&env, 1);
	EXPECT_DEATH(vna_env_lock_device(&env), "device lock");
	EXPECT_DEATH(vna_env_lock_queue(&env, 0), "ascending");
	EXPECT_DEATH(vna_env_lock_queue(&env, 1), "ascending");
	EXPECT_DEATH(vna_env_unlock_queue(&env, 0), "not taken");
	vna_env_unlock_queue(&env, 1);
}

TEST_F(HostDeathTest, traps_frames_outside_the_worker_and_opening_without_the_lock)
{
	FakeBackend file(kernel);
	vna_backend *backend = nullptr;
	EXPECT_DEATH((void)vna_env_backend_open(&env, 0, file.fd(), &backend), "without the lock");
	vna_env_lock_queue(&env, 0);
	ASSERT_EQ(vna_env_backend_open(&env, 0, file.fd(), &backend), 0);
	vna_u32 len;
	EXPECT_DEATH((void)vna_env_backend_consume(backend, &len, 1), "outside the worker");
	vna_env_backend_close(backend);
	vna_env_unlock_queue(&env, 0);
}

TEST(HostLeakDeathTest, traps_what_is_left_behind)
{
	EXPECT_DEATH(
		{
			FakeKernel kernel;
			(void)vna_env_alloc(1);
		},
		"left behind: 1 allocations");
	EXPECT_DEATH(
		{
			FakeKernel kernel;
			vna_eventfd *event;
			(void)vna_env_eventfd_open(kernel.add_eventfd(), &event);
		},
		"left behind: 1 eventfds");
}

} // namespace
} // namespace vna::host
