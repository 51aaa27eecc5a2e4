/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One open vhost-net device: a function an ioctl, each returning 0 or the errno.
 */
#pragma once

#include "driver/guest_memory.hh"
#include "driver/net_header.hh"
#include "driver/uapi.hh" /* before linux/vhost.h, which includes what it mends */
#include "unique_fd.hh"

#include <cstdint>
#include <linux/vhost.h>
#include <span>
#include <string>
#include <vector>

namespace vna::vm
{

/* What the headers of 6.1 do not have. */
#ifndef VHOST_GET_FEATURES_ARRAY
struct vhost_features_array {
	std::uint64_t count;
	std::uint64_t features[];
};
#define VHOST_GET_FEATURES_ARRAY _IOR(VHOST_VIRTIO, 0x83, vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY _IOW(VHOST_VIRTIO, 0x83, vhost_features_array)
#endif

/* Feature bits that linux/vhost.h and its neighbours name, as masks. */
namespace feature
{
inline constexpr std::uint64_t mrg_rxbuf = 1ULL << 15;
inline constexpr std::uint64_t notify_on_empty = 1ULL << 24;
inline constexpr std::uint64_t log_all = 1ULL << 26;
/* Also ANY_LAYOUT's bit, which vhost never sees: it has any layout always. */
inline constexpr std::uint64_t device_header = 1ULL << 27;
inline constexpr std::uint64_t indirect = 1ULL << 28;
inline constexpr std::uint64_t event_idx = 1ULL << 29;
inline constexpr std::uint64_t version_1 = 1ULL << 32;
inline constexpr std::uint64_t packed = 1ULL << 34;
inline constexpr std::uint64_t in_order = 1ULL << 35;
/* In the word behind: of VHOST_GET_FEATURES_ARRAY only. */
inline constexpr std::uint64_t word_1_guest_tunnel = driver::feature_64_guest_tunnel;
inline constexpr std::uint64_t word_1_host_tunnel = driver::feature_64_host_tunnel;
inline constexpr std::uint64_t word_1_tunnels = word_1_guest_tunnel | word_1_host_tunnel;
} /* namespace feature */

/* The device's queues: even ones receive, odd ones transmit (guest's view). */
inline constexpr unsigned rx_queue = 0;
inline constexpr unsigned tx_queue = 1;

class VhostDevice
{
public:
	/* Opens the device; fails the test when it cannot. */
	explicit VhostDevice(const std::string &path);
	explicit VhostDevice(UniqueFd fd) : fd_(std::move(fd)) {}

	int fd() const { return fd_.get(); }
	void close() { fd_.reset(); }

	/* Any request with any argument. */
	int request(unsigned long request, const void *argument) const;

	int set_owner() const { return request(VHOST_SET_OWNER, nullptr); }
	int reset_owner() const { return request(VHOST_RESET_OWNER, nullptr); }
	int get_features(std::uint64_t &features) const;
	int set_features(std::uint64_t features) const;
	int get_features_array(std::span<std::uint64_t> words) const;
	int set_features_array(std::span<const std::uint64_t> words) const;
	int get_backend_features(std::uint64_t &features) const;
	int set_backend_features(std::uint64_t features) const;
	int set_mem_table(const std::vector<vhost_memory_region> &regions,
			  std::uint32_t padding = 0) const;
	int set_num(unsigned queue, unsigned num) const;
	int set_base(unsigned queue, unsigned base) const;
	int get_base(unsigned queue, unsigned &base) const;
	int set_addr(const vhost_vring_addr &addr) const;
	int set_kick(unsigned queue, int fd) const;
	int set_call(unsigned queue, int fd) const;
	int set_err(unsigned queue, int fd) const;
	int set_backend(unsigned queue, int fd) const;

private:
	UniqueFd fd_;
};

/* The memory table that describes all regions of guest memory. */
std::vector<vhost_memory_region> mem_table(const driver::GuestMemory &memory);

} /* namespace vna::vm */
