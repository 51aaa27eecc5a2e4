/* SPDX-License-Identifier: GPL-2.0-only */
#include "vhost_device.hh"

#include "ktap.hh"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>

namespace vna::vm
{

VhostDevice::VhostDevice(const std::string &path) : fd_(open(path.c_str(), O_RDWR | O_CLOEXEC))
{
	CHECK(fd_.get() >= 0, "%s: %s", path.c_str(), std::strerror(errno));
}

int VhostDevice::request(unsigned long request, const void *argument) const
{
	return ioctl(fd_.get(), request, argument) ? errno : 0;
}

int VhostDevice::get_features(std::uint64_t &features) const
{
	return request(VHOST_GET_FEATURES, &features);
}

int VhostDevice::set_features(std::uint64_t features) const
{
	return request(VHOST_SET_FEATURES, &features);
}

int VhostDevice::get_features_array(std::span<std::uint64_t> words) const
{
	std::vector<std::uint64_t> array(1, words.size());
	array.insert(array.end(), words.begin(), words.end());
	const int error = request(VHOST_GET_FEATURES_ARRAY, array.data());
	std::copy(array.begin() + 1, array.end(), words.begin());
	return error;
}

int VhostDevice::set_features_array(std::span<const std::uint64_t> words) const
{
	std::vector<std::uint64_t> array(1, words.size());
	array.insert(array.end(), words.begin(), words.end());
	return request(VHOST_SET_FEATURES_ARRAY, array.data());
}

int VhostDevice::get_backend_features(std::uint64_t &features) const
{
	return request(VHOST_GET_BACKEND_FEATURES, &features);
}

int VhostDevice::set_backend_features(std::uint64_t features) const
{
	return request(VHOST_SET_BACKEND_FEATURES, &features);
}

int VhostDevice::set_mem_table(const std::vector<vhost_memory_region> &regions,
			       std::uint32_t padding) const
{
	const std::size_t bytes = regions.size() * sizeof(vhost_memory_region);
	std::vector<std::uint64_t> table((sizeof(vhost_memory) + bytes) / sizeof(std::uint64_t));
	auto *header = reinterpret_cast<vhost_memory *>(table.data());
	header->nregions = static_cast<std::uint32_t>(regions.size());
	header->padding = padding;
	if (bytes)
		std::memcpy(header->regions, regions.data(), bytes);
	return request(VHOST_SET_MEM_TABLE, table.data());
}

int VhostDevice::set_num(unsigned queue, unsigned num) const
{
	const vhost_vring_state state{queue, num};
	return request(VHOST_SET_VRING_NUM, &state);
}

int VhostDevice::set_base(unsigned queue, unsigned base) const
{
	const vhost_vring_state state{queue, base};
	return request(VHOST_SET_VRING_BASE, &state);
}

int VhostDevice::get_base(unsigned queue, unsigned &base) const
{
	vhost_vring_state state{queue, 0};
	const int error = request(VHOST_GET_VRING_BASE, &state);
	base = state.num;
	return error;
}

int VhostDevice::set_addr(const vhost_vring_addr &addr) const
{
	return request(VHOST_SET_VRING_ADDR, &addr);
}

int VhostDevice::set_kick(unsigned queue, int fd) const
{
	const vhost_vring_file file{queue, fd};
	return request(VHOST_SET_VRING_KICK, &file);
}

int VhostDevice::set_call(unsigned queue, int fd) const
{
	const vhost_vring_file file{queue, fd};
	return request(VHOST_SET_VRING_CALL, &file);
}

int VhostDevice::set_err(unsigned queue, int fd) const
{
	const vhost_vring_file file{queue, fd};
	return request(VHOST_SET_VRING_ERR, &file);
}

int VhostDevice::set_backend(unsigned queue, int fd) const
{
	const vhost_vring_file file{queue, fd};
	return request(VHOST_NET_SET_BACKEND, &file);
}

std::vector<vhost_memory_region> mem_table(const driver::GuestMemory &memory)
{
	std::vector<vhost_memory_region> table;
	for (const driver::Region &region : memory.regions())
		table.push_back({region.base, region.size,
				 reinterpret_cast<std::uintptr_t>(region.user), 0});
	return table;
}

} /* namespace vna::vm */
