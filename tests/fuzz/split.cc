// SPDX-License-Identifier: GPL-2.0-only
// fuzz-split: a split ring.
#include <memory>

#include "ring_world.hh"

extern "C" int LLVMFuzzerTestOneInput(const vna::u8 *data, std::size_t size)
{
	vna::fuzz::Input in(data, size);
	std::make_unique<vna::fuzz::RingWorld>(in, false)->run();
	return 0;
}
