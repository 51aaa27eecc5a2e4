// SPDX-License-Identifier: GPL-2.0-only
// A device and everything that its users, its driver and its backends may do, in any order: the
// input says what.  The kernel around it checks contexts, locks and who wakes whom; here it is
// held against what is true of it between any two steps.
#pragma once

#include <array>

#include "core/control/core.hh"
#include "host/fake_kernel.hh"
#include "input.hh"
#include "naive_iotlb.hh"

namespace vna::fuzz
{

class DeviceWorld
{
public:
	explicit DeviceWorld(Input &in);
	DeviceWorld(const DeviceWorld &) = delete;
	DeviceWorld &operator=(const DeviceWorld &) = delete;

	// Until the input ends; then the device is closed.
	void run();

private:
	// One queue as the driver has it, in the memory that begins at a fixed place.
	struct Side {
		u32 index;
		int kick_fd, call_fd, error_fd;
		u16 next_desc = 0;
		u16 at = 0; // packed: the slot to offer next
		bool wrap = true;
	};

	// The owner.
	void command();
	void set_up();
	void set_memory(bool whole);
	long ioctl(u32 number, const void *arg, std::size_t bytes);
	template <class T> long ioctl(u32 number, const T &arg)
	{
		return ioctl(number, &arg, sizeof arg);
	}
	long file(u32 number, u32 index, s32 fd);
	[[nodiscard]] s32 any_fd(const Side &side);
	[[nodiscard]] u64 any_features();
	void message();
	[[nodiscard]] bool question(vna_vhost_iotlb_msg &asked);
	[[nodiscard]] u32 any_index() { return in_.byte() < 0xf0 ? in_.chance() : in_.byte(); }

	// The driver.
	void offer(Side &side);
	void wish(Side &side);
	void poke();
	void race();
	[[nodiscard]] u64 ring(const Side &side) const;
	[[nodiscard]] u64 ring_address(const Side &side);

	// What surrounds it.
	void arrive();
	void event(u32 index);
	void backend();
	void misfortune();
	void work();

	void check();
	void check_iotlb();
	void accessed(const host::Access &access);
	[[nodiscard]] const Device &device();
	[[nodiscard]] Side &any_side() { return sides_[in_.chance()]; }
	[[nodiscard]] bool packed() { return Ring::packed(device().features()); }

	Input &in_;
	host::FakeKernel kernel_;
	host::FakeBackend tap_, other_;
	std::array<Side, Device::queue_count> sides_;

	// What another processor writes after so many accesses more.
	u32 race_in_ = 0;
	u64 race_at_ = 0;
	u64 race_value_ = 0;

	NaiveIotlb naive_;
	bool in_turn_ = false;
	bool logs_ = false; // some write to memory is noted

	std::array<std::array<u64, count_names.size()>, Device::queue_count> counted_{};
};

} // namespace vna::fuzz
