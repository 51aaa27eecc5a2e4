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

driver::RingConfig ring_config(const RigOptions &options)
{
	driver::RingConfig config;
	config.size = options.size;
	config.event_idx = options.features & feature::event_idx;
	config.packed = options.features & feature::packed;
	config.in_order = options.features & feature::in_order;
	config.indirect_entries = options.features & feature::indirect ? 32 : 0;
	config.first_index = options.first_index;
	config.first_wrap = options.first_wrap;
	return config;
}

} /* namespace */

void need_features(const VhostDevice &device, const std::string &path, std::uint64_t features)
{
	std::uint64_t offered = 0;
	CHECK_ERRNO(device.get_features(offered), 0);
	const std::uint64_t missing = features & ~offered;
	const std::string what = ktap::format("features %#llx are not offered",
					      static_cast<unsigned long long>(missing));
	if (missing && ktap::is_oracle(path))
		ktap::skip("oracle: " + what);
	CHECK(!missing, "%s", what.c_str());
}

void need_features(const std::string &path, std::uint64_t features)
{
	need_features(VhostDevice(path), path, features);
}

Rig::Rig(const std::string &path, const RigOptions &options)
    : Rig(VhostDevice(path), path, options)
{
}

Rig::Rig(VhostDevice opened, const std::string &path, const RigOptions &options)
    : device(std::move(opened)), rx(with_regions(memory, options.region_bytes), rx_queue, ring_config(options)),
      tx(memory, tx_queue, ring_config(options)), options_(options),
      header_size_(driver::net_header_size(options.features, options.features_64))
{
	if (options.before_owner)
		options.before_owner(device);
	CHECK_ERRNO(device.set_owner(), 0);
	need_features(device, path, options.features);
	const std::uint64_t words[] = {options.features, options.features_64};
	CHECK_ERRNO(words[1] ? device.set_features_array(words)
			     : device.set_features(options.features),
		    0);
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
