// SPDX-License-Identifier: GPL-2.0-only
// A whole device, set up through its ioctls: two queues with the driver's rings, eventfds and a
// backend.  Whatever the kernel around it finds wrong (contexts, locks, leaks) ends the test.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "core/control/vhost_abi.h"
#include "core/net/framing.hh"
#include "core/stats/counters.hh"
#include "driver/net_header.hh"
#include "driver/payload.hh"
#include "driver/split_ring.hh"
#include "host/fake_kernel.hh"
#include "ring_bench.hh"

namespace vna
{

using host::Bytes;
using host::rx_queue;
using host::tx_queue;

inline constexpr u64 modern = feature(VNA_VIRTIO_F_VERSION_1) |
			      feature(VNA_VIRTIO_NET_F_MRG_RXBUF) |
			      feature(VNA_VIRTIO_RING_F_INDIRECT_DESC);
inline constexpr u64 own_header = feature(VNA_VHOST_NET_F_VIRTIO_NET_HDR);

struct DeviceOptions {
	u64 features = modern;
	unsigned size = 256;
	bool start = true; // false: the device as it was opened
};

class DeviceBench
{
public:
	explicit DeviceBench(const DeviceOptions &options = {});

	// One queue as the driver has it.
	struct Side {
		Side(DeviceBench &bench, u32 index, const DeviceOptions &options);

		const u32 index;
		driver::SplitRing ring;
		const int kick_fd, call_fd, error_fd;
		std::map<driver::Token, driver::Chain> offered;
	};

	// Ioctls.  Each declares its argument and no byte more.
	template <class T> long ioctl(u32 command, T &arg)
	{
		const host::Allowed allowed(kernel.memory, &arg, sizeof arg);
		return kernel.ioctl(command, host::UserMemory::address_of(&arg));
	}
	long ioctl(u32 command) { return kernel.ioctl(command, 0); }
	long set_owner() { return ioctl(VNA_VHOST_SET_OWNER); }
	long set_features(u64 bits) { return ioctl(VNA_VHOST_SET_FEATURES, bits); }
	long state(u32 command, u32 index, u32 num)
	{
		vna_vhost_vring_state arg{index, num};
		return ioctl(command, arg);
	}
	long file(u32 command, u32 index, s32 fd)
	{
		vna_vhost_vring_file arg{index, fd};
		return ioctl(command, arg);
	}
	long set_addr(u32 index) { return set_addr(index, address_of(index)); }
	long set_addr(u32, vna_vhost_vring_addr arg)
	{
		return ioctl(VNA_VHOST_SET_VRING_ADDR, arg);
	}
	[[nodiscard]] vna_vhost_vring_addr address_of(u32 index);
	long set_backend(u32 index, s32 fd) { return file(VNA_VHOST_NET_SET_BACKEND, index, fd); }
	long set_memory(const std::vector<vna_vhost_memory_region> &regions, u32 padding = 0);
	long set_memory() { return set_memory(regions()); }
	[[nodiscard]] std::vector<vna_vhost_memory_region> regions() const;
	[[nodiscard]] u32 base(u32 index);
	// Everything of one queue but its backend; and with it.
	void set_up(u32 index);
	void start(u32 index);
	// All of the device.
	void start();

	// Offers a chain and kicks where the device asked for it.
	driver::Token offer(Side &side, const driver::Chain &chain,
			    const driver::AddOptions &how = {});
	void kick(Side &side);

	// Transmit: a frame behind a header of @fill bytes, cut where @cuts say: lengths of the
	// first segments, the rest in one.
	driver::Token send(const Bytes &frame, std::vector<u32> cuts = {},
			   const driver::AddOptions &how = {}, std::byte fill = std::byte{0});
	// Receive: a buffer of writable segments.
	driver::Token post(std::initializer_list<u32> lens, const driver::AddOptions &how = {});
	// The frames that the driver finds, put together from what num_buffers says.
	struct Received {
		Bytes header;
		Bytes frame;
		unsigned buffers;
	};
	std::vector<Received> received();
	// Takes back what was used; returns how many.
	unsigned collect(Side &side);

	[[nodiscard]] u32 header() const
	{
		return static_cast<u32>(driver::net_header_size(options.features));
	}
	[[nodiscard]] u64 user(u64 gpa) const
	{
		return host::UserMemory::address_of(guest.at(gpa));
	}
	[[nodiscard]] Side &side(u32 index) { return index == rx_queue ? rx : tx; }
	[[nodiscard]] unsigned calls(const Side &side) const
	{
		return kernel.eventfd_count(side.call_fd);
	}
	[[nodiscard]] unsigned errors(const Side &side) const
	{
		return kernel.eventfd_count(side.error_fd);
	}
	[[nodiscard]] u64 count(u32 index, Count counter) const
	{
		return kernel.counter(index, count_names[static_cast<u8>(counter)]);
	}

	// Frames pass both ways, in order and unchanged.
	void expect_traffic(unsigned frames = 3);
	void expect_transmit(unsigned frames = 3);
	void expect_receive(unsigned frames = 3);

	const DeviceOptions options;
	host::FakeKernel kernel;
	driver::GuestMemory guest;
	host::FakeBackend backend;
	Side rx, tx;
	std::vector<std::unique_ptr<host::FakeBackend>> others; // that a test adds
};

// @len bytes that @seed tells.
[[nodiscard]] inline Bytes payload(std::size_t len, u64 seed = 1)
{
	Bytes bytes(len);
	driver::fill_payload(bytes, seed);
	return bytes;
}

} // namespace vna
