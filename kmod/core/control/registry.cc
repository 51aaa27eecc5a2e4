// SPDX-License-Identifier: GPL-2.0-only
#include "core/control/registry.hh"

namespace vna {

namespace {

constexpr u32 last_id = ~0u;

} // namespace

Registry::Entry *Registry::at_or_after(u32 id) const
{
	if (!last_ || last_->id < id)
		return nullptr;
	Entry *entry = first_;
	while (entry->id < id)
		entry = entry->next;
	return entry;
}

bool Registry::add(Entry &entry)
{
	// Twice at most: up to the last id, then from the first.
	u32 id = given_;
	for (unsigned round = 0; round < 2; round++) {
		id = id == last_id ? 1 : id + 1;
		Entry *after = at_or_after(id);
		for (; after && after->id == id && id != last_id; after = after->next)
			id++;
		if (after && after->id == id)
			continue; // the last one too
		entry.id = given_ = id;
		entry.next = after;
		entry.prev = after ? after->prev : last_;
		(entry.prev ? entry.prev->next : first_) = &entry;
		(after ? after->prev : last_) = &entry;
		if (!++generation_)
			generation_ = 1;
		return true;
	}
	return false;
}

void Registry::remove(Entry &entry)
{
	if (!entry.id)
		return;
	(entry.prev ? entry.prev->next : first_) = entry.next;
	(entry.next ? entry.next->prev : last_) = entry.prev;
	entry = {};
	if (!++generation_)
		generation_ = 1;
}

} // namespace vna
