// SPDX-License-Identifier: GPL-2.0-only
// fuzz-translate: any memory table, any addresses.
#include "core/base/errno.hh"
#include "core/memory/translator.hh"
#include "host/fake_kernel.hh"
#include "input.hh"
#include "naive_regions.hh"

using namespace vna;
using fuzz::Input;
using fuzz::NaiveRegions;
using host::trap;

namespace
{

// Near a border of what was given, where the mistakes are, or anywhere.
u64 address(Input &in, const std::vector<NaiveRegions::Given> &given)
{
	const u8 how = in.byte();
	const u64 off = in.byte() - 128;
	if (given.empty() || how >= 0xe0)
		return in.number() + off;
	const auto &g = given[how % given.size()];
	return (how & 0x80 ? g.guest_phys_addr + g.memory_size : g.guest_phys_addr) + off;
}

void query(Input &in, Translator &translator, const NaiveRegions &naive)
{
	const u64 guest = address(in, naive.given());
	u64 len = in.number();
	len = len ? len : 1;
	if (len - 1 > ~guest) // none of them wraps
		len = ~guest + 1;
	u64 user = 0;
	const u64 run = translator.run(guest, len, user);
	const auto expected = naive.run(guest, len);
	if (run != (expected ? expected->len : 0))
		trap("%#llx: a run of %#llx bytes, not %#llx", guest, run,
		     expected ? expected->len : 0);
	if (expected && user != expected->user)
		trap("%#llx is at %#llx, not %#llx", guest, user, expected->user);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	static host::FakeKernel kernel; // for its allocator
	Input in(data, size);

	std::vector<NaiveRegions::Given> given(in.byte() % 20);
	std::vector<NaiveRegions::Given> before; // to place the next ones by
	for (auto &g : given) {
		g = {address(in, before), in.number(), in.number() << 12, in.byte()};
		before.push_back(g);
	}
	const NaiveRegions naive(given);
	RegionTable *table = nullptr;
	const int error = RegionTable::make(given, table);
	if (error != (naive.valid() ? 0 : -efault))
		trap("make() says %d", error);
	if (error)
		return -1;

	const auto regions = table->regions();
	for (std::size_t i = 0; i < regions.size(); i++) {
		if (regions[i].start > regions[i].last ||
		    (i && regions[i].start <= regions[i - 1].last))
			trap("region %zu is not behind the one before it", i);
	}
	// What is covered is in bounds, as far as no earlier region hides it.
	bool user_ok = true;
	for (const Region &r : regions)
		user_ok &= r.last - r.start < host::UserMemory::end &&
			   host::UserMemory::ok(r.user, r.last - r.start + 1);
	if (user_ok != table->user_ok())
		trap("user_ok() says %d", table->user_ok());

	Translator translator(table);
	while (!in.empty())
		query(in, translator, naive);
	RegionTable::destroy(table);
	return 0;
}
