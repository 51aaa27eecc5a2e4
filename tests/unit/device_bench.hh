// SPDX-License-Identifier: GPL-2.0-only
// A whole device, set up through its ioctls: two queues with the driver's rings, eventfds and a
// backend.  Whatever the kernel around it finds wrong (contexts, locks, leaks) ends the test.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>

#include "core/control/vhost_abi.h"
#include "core/net/framing.hh"
#include "core/stats/counters.hh"
#include "driver/net_header.hh"
#include "driver/payload.hh"
#include "driver/ring_config.hh"
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

inline constexpr u64 packed_ring = feature(VNA_VIRTIO_F_RING_PACKED);
inline constexpr u64 in_order = feature(VNA_VIRTIO_F_IN_ORDER);

struct DeviceOptions {
	u64 features = modern;
	unsigned size = 256;
	bool start = true; // false: the device as it was opened
	u32 batch = VNA_MAX_BATCH; // of both queues
	u64 features_64 = 0; // from bit 64 on
	bool taps_know_tunnels = true;
	std::function<void(vna_config &)> configure{}; // what else is not as by default

	[[nodiscard]] vna_config config() const
	{
		vna_config config = host::default_config(batch);
		config.tunnel_gso = taps_know_tunnels;
		if (configure)
			configure(config);
		return config;
	}
};

// What a test of the device runs on: a format, in order or not, and a batch.
struct RingFormat {
	const char *name;
	u64 features;
	u32 batch = VNA_MAX_BATCH;

	[[nodiscard]] bool is_packed() const { return features & packed_ring; }
	// Options of a device of this format, which needs VERSION_1.
	[[nodiscard]] DeviceOptions options(u64 more = modern, unsigned size = 256) const
	{
		return {.features = features | more | feature(VNA_VIRTIO_F_VERSION_1),
			.size = size,
			.start = true,
			.batch = batch};
	}
};

inline constexpr std::array ring_formats{
	RingFormat{"split", 0},
	RingFormat{"split_batch_1", 0, 1},
	RingFormat{"split_in_order", in_order},
	RingFormat{"split_in_order_batch_1", in_order, 1},
	RingFormat{"packed", packed_ring},
	RingFormat{"packed_batch_1", packed_ring, 1},
	RingFormat{"packed_in_order", packed_ring | in_order},
	RingFormat{"packed_in_order_batch_1", packed_ring | in_order, 1},
};

// A suite that runs on each of them: TEST_P, with a DeviceBench b(on(...)).
class EachFormat : public testing::TestWithParam<RingFormat>
{
protected:
	[[nodiscard]] static DeviceOptions on(u64 more = modern, unsigned size = 256)
	{
		return GetParam().options(more, size);
	}
};

#define VNA_EACH_FORMAT(suite)                                                                     \
	INSTANTIATE_TEST_SUITE_P(All, suite, testing::ValuesIn(ring_formats),                      \
				 [](const auto &info) { return info.param.name; })

class DeviceBench
{
public:
	explicit DeviceBench(const DeviceOptions &options = {});

	// One queue as the driver has it.
	struct Side {
		Side(DeviceBench &bench, u32 index, const DeviceOptions &options);

		const u32 index;
		const std::unique_ptr<driver::DriverRing> made;
		driver::DriverRing &ring;
		// The ring by its format, for what no driver does.
		[[nodiscard]] driver::SplitRing &split() const
		{
			return dynamic_cast<driver::SplitRing &>(ring);
		}
		[[nodiscard]] driver::PackedRing &packed() const
		{
			return dynamic_cast<driver::PackedRing &>(ring);
		}
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
	// By SET_FEATURES, or by SET_FEATURES_ARRAY if there are any from bit 64 on.
	long set_features(u64 bits, u64 more = 0);
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
	// Used entries that the driver may see now.
	[[nodiscard]] unsigned shown(const Side &side) const;

	// Where the device says whether it wants kicks, and what: 1 for none, in either format.
	[[nodiscard]] u64 wish_address(const Side &side) const
	{
		return user(side.ring.areas().device) + (is_packed() ? 2 : 0);
	}
	[[nodiscard]] u16 wish(const Side &side) const
	{
		return is_packed() ? side.packed().table().device_flags()
				   : side.split().table().used_flags();
	}
	// Calls @hook once, when the device has just asked for kicks.
	void when_it_asks(Side &side, std::function<void()> hook);
	// A driver that makes its next slot available and takes it back at each look.
	void offer_to_and_fro(Side &side);
	void end_to_and_fro(Side &side);
	[[nodiscard]] bool is_packed() const { return options.features & packed_ring; }

	[[nodiscard]] u32 header() const
	{
		return static_cast<u32>(driver::net_header_size(options.features,
								    options.features_64));
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
