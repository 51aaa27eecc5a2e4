// SPDX-License-Identifier: GPL-2.0-only
// fuzz-control: a device, from open to close.
#include <memory>

#include "device_world.hh"

extern "C" int LLVMFuzzerTestOneInput(const vna::u8 *data, std::size_t size)
{
	vna::fuzz::Input in(data, size);
	std::make_unique<vna::fuzz::DeviceWorld>(in)->run();
	return 0;
}
