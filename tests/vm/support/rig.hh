/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hypervisor is to the device: guest memory, two queues, an owner. Set up in QEMU's order;
 * tests of other orders do it by hand.
 *
 *	guest memory: 0x100000 [ rings, half the buffers ][ other half ] adjacent guest addresses,
 *	far apart in this process, so that a buffer may straddle the two
 */
#pragma once

#include "queue.hh"

#include <cstdint>
#include <functional>
#include <string>

namespace vna::vm
{

struct RigOptions {
	/* Feature bits to negotiate; the ring follows those that are about rings. */
	std::uint64_t features = feature::version_1;
	unsigned size = 256;	       /* entries of each ring */
	std::uint16_t first_index = 0; /* where the rings' indices start */
	bool first_wrap = true;	       /* and the wrap counters of packed ones */
	std::uint64_t region_bytes = 16 << 20;
	/* What goes before SET_OWNER. */
	std::function<void(const VhostDevice &)> before_owner{};
	std::uint64_t features_64 = 0; /* from bit 64 on; where any, SET_FEATURES_ARRAY */
};

/*
 * Skips the test where the kernel's own vhost-net does not offer these features, and fails it
 * where another device does not.
 */
void need_features(const VhostDevice &device, const std::string &path, std::uint64_t features);
void need_features(const std::string &path, std::uint64_t features);

class Rig
{
public:
	static constexpr driver::Gpa first_gpa = 0x100000;

	/* Opens the device, owns it, and sets up all but the backends. Needs the features. */
	Rig(const std::string &path, const RigOptions &options);
	/* The same with a device that someone has opened, of this path. */
	Rig(VhostDevice opened, const std::string &path, const RigOptions &options);

	/* Bytes of the header in front of every frame in guest memory. */
	std::size_t header_size() const { return header_size_; }
	std::uint64_t features() const { return options_.features; }
	/* The guest address where the second region follows the first. */
	driver::Gpa seam() const { return first_gpa + options_.region_bytes; }

	/* Both queues on one backend; each must succeed. */
	void attach(int backend_fd);
	void detach();

	driver::GuestMemory memory;
	VhostDevice device;
	Queue rx, tx;

private:
	RigOptions options_;
	std::size_t header_size_;
};

} /* namespace vna::vm */
