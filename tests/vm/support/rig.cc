/* SPDX-License-Identifier: GPL-2.0-only */
#include "rig.hh"

#include "driver/net_header.hh"
#include "ktap.hh"

namespace vna::vm
{

namespace
{

/* Runs first among the initialisers: the rings are allocated from the regions. */
driver::GuestMemory &with_regions(driver::GuestMemory &memory, std::uint64_t bytes)
{
	memory.add_region(Rig::first_gpa, bytes);
	memory.add_region(Rig::first_gpa + bytes, bytes);
	return memory;
}

driver::SplitConfig ring_config(const RigOptions &options)
{
	driver::SplitConfig config;
	config.size = options.size;
	config.event_idx = options.features & feature::event_idx;
	config.indirect_entries = options.features & feature::indirect ? 32 : 0;
	config.first_index = options.first_index;
	return config;
}

} /* namespace */

Rig::Rig(const std::string &path, const RigOptions &options)
    : device(path), rx(with_regions(memory, options.region_bytes), rx_queue, ring_config(options)),
      tx(memory, tx_queue, ring_config(options)), options_(options),
      header_size_(driver::net_header_size(options.features))
{
	CHECK_ERRNO(device.set_owner(), 0);
	std::uint64_t offered = 0;
	CHECK_ERRNO(device.get_features(offered), 0);
	CHECK(!(options.features & ~offered), "features %#llx are not offered",
	      static_cast<unsigned long long>(options.features & ~offered));
	CHECK_ERRNO(device.set_features(options.features), 0);
	CHECK_ERRNO(device.set_mem_table(mem_table(memory)), 0);
	rx.configure(device);
	tx.configure(device);
}

void Rig::attach(int backend_fd)
{
	CHECK_ERRNO(device.set_backend(rx_queue, backend_fd), 0);
	CHECK_ERRNO(device.set_backend(tx_queue, backend_fd), 0);
}

void Rig::detach()
{
	CHECK_ERRNO(device.set_backend(rx_queue, -1), 0);
	CHECK_ERRNO(device.set_backend(tx_queue, -1), 0);
}

} /* namespace vna::vm */
