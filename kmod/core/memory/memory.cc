// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/memory.hh"

namespace vna {

Memory::~Memory()
{
	(void)publish(nullptr);
}

void Memory::add(Reader &reader)
{
	reader.memory_ = this;
	reader.next_ = readers_;
	readers_ = &reader;
}

bool Memory::publish(RegionTable *table)
{
	if (table)
		table->generation = ++generation_;
	RegionTable *old = table_.exchange(table, std::memory_order_seq_cst);
	if (!old)
		return false;
	// What was ever looked up stays marked in the new table.  A queue marks what it
	// finds before it makes sure that the table is still the published one: so
	// either the mark is seen here, or the queue sees the new table and marks there.
	bool in_use = false;
	for (const Region &region : old->regions()) {
		if (old->is_used(region) && !(table && table->keeps(region)))
			in_use = true;
	}
	old->next_retired = retired_;
	retired_ = old;
	reclaim();
	return in_use;
}

void Memory::reclaim()
{
	RegionTable **link = &retired_;
	while (RegionTable *table = *link) {
		bool held = false;
		for (const Reader *reader = readers_; reader; reader = reader->next_)
			held |= reader->held_.load(std::memory_order_seq_cst) == table;
		if (held) {
			link = &table->next_retired;
		} else {
			*link = table->next_retired;
			RegionTable::destroy(table);
		}
	}
}

} // namespace vna
