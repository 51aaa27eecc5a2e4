// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/region_table.hh"

#include "core/base/env.hh"

namespace vna {

namespace {

// Heap sort by start, then by place in @given (kept in Region::user meanwhile):
// in place, and O(n log n) whatever the order that a user chose.
struct Before {
	bool operator()(const Region &a, const Region &b) const
	{
		return a.start != b.start ? a.start < b.start : a.user < b.user;
	}
};

template <class T, class Less> void sift(std::span<T> heap, std::size_t root, const Less &before)
{
	for (;;) {
		std::size_t child = 2 * root + 1;
		if (child >= heap.size())
			return;
		if (child + 1 < heap.size() && before(heap[child], heap[child + 1]))
			child++;
		if (!before(heap[root], heap[child]))
			return;
		std::swap(heap[root], heap[child]);
		root = child;
	}
}

template <class T, class Less> void sort(std::span<T> all, const Less &before)
{
	for (std::size_t i = all.size() / 2; i-- > 0;)
		sift(all, i, before);
	for (std::size_t n = all.size(); n-- > 1;) {
		std::swap(all[0], all[n]);
		sift(all.first(n), 0, before);
	}
}

} // namespace

struct RegionTable::ByUser {
	bool operator()(const Alias &a, const Alias &b) const
	{
		return a.user != b.user ? a.user < b.user : a.guest < b.guest;
	}
};

// Makes a tree of what is sorted: as deep as the logarithm of its size.
u64 RegionTable::plant(std::span<Alias> aliases)
{
	if (aliases.empty())
		return 0;
	const std::size_t middle = aliases.size() / 2;
	Alias &root = aliases[middle];
	root.last_of_all = root.last;
	for (const u64 last : {plant(aliases.first(middle)), plant(aliases.subspan(middle + 1))}) {
		if (root.last_of_all < last)
			root.last_of_all = last;
	}
	return root.last_of_all;
}

int RegionTable::make(std::span<const vna_vhost_memory_region> given, RegionTable *&out)
{
	for (const auto &g : given) {
		// One region may span all 2^64 bytes only as a size of 0, which vhost takes
		// at address 0 alone; no user has so much memory, so it is refused here.
		if (!g.memory_size || g.guest_phys_addr + (g.memory_size - 1) < g.guest_phys_addr)
			return -efault;
	}

	void *mem = vna_env_alloc(size_of(given.size()));
	if (!mem)
		return -enomem;
	auto *table = new (mem) RegionTable(static_cast<u32>(given.size()));
	table->aliases_ = reinterpret_cast<Alias *>(table->first() + given.size());
	table->used_ = reinterpret_cast<Mark *>(table->aliases_ + given.size());
	std::span<Region> all{table->first(), given.size()};
	for (std::size_t i = 0; i < given.size(); i++)
		all[i] = {given[i].guest_phys_addr,
			  given[i].guest_phys_addr + (given[i].memory_size - 1), i};
	sort(all, Before{});

	// Clip each region to what no earlier one holds; drop what nothing is left of.
	std::size_t kept = 0;
	for (const Region &r : all) {
		const auto &g = given[r.user];
		u64 start = r.start;
		if (kept && start <= all[kept - 1].last) {
			if (r.last <= all[kept - 1].last)
				continue;
			start = all[kept - 1].last + 1;
		}
		all[kept++] = {start, r.last, g.userspace_addr + (start - g.guest_phys_addr)};
	}
	table->count_ = kept;

	const std::span<Alias> aliases{table->aliases_, kept};
	for (std::size_t i = 0; i < kept; i++) {
		const Region &r = all[i];
		aliases[i] = {r.user, r.user + (r.last - r.start), r.start, 0};
	}
	sort(aliases, ByUser{});
	plant(aliases);
	out = table;
	return 0;
}

void RegionTable::destroy(RegionTable *table)
{
	vna_env_free(table);
}

bool RegionTable::user_ok() const
{
	for (const Region &r : regions()) {
		if (!vna_env_user_ok(r.user, r.last - r.start + 1))
			return false;
	}
	return true;
}

const Region *RegionTable::find(u64 guest) const
{
	const auto all = regions();
	std::size_t low = 0, high = all.size();
	while (low < high) { // the first region that ends at or after guest
		const std::size_t mid = low + (high - low) / 2;
		if (all[mid].last < guest)
			low = mid + 1;
		else
			high = mid;
	}
	return low < all.size() && all[low].start <= guest ? &all[low] : nullptr;
}

bool RegionTable::keeps(const Region &region) const
{
	// It may have grown, been cut in pieces that still touch, or both.
	u64 at = region.start;
	const u64 offset = region.user - region.start;
	for (;;) {
		const Region *here = find(at);
		if (!here || here->user - here->start != offset)
			return false;
		if (here->last >= region.last)
			break;
		at = here->last + 1;
	}
	const Region *const last = find(region.last);
	for (const Region *here = find(region.start); here <= last; here++)
		note_use(*here);
	return true;
}

} // namespace vna
