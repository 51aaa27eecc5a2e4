// SPDX-License-Identifier: GPL-2.0-only
// The device's memory table as its queues read it: published by one pointer,
// changed without a queue's lock.
//
// A queue holds one table while it has a turn (Reader::enter() and leave()), and
// looks for a newer one where the one it holds has no answer: so what is added is
// there at once, and nobody waits.  What is taken away may be in use until the
// turns under way have ended; publish() tells whether any of it ever was, as only
// then there is something to wait for.
#pragma once

#include "core/memory/region_table.hh"

namespace vna {

class Memory {
public:
	class Reader;

	Memory() = default;
	~Memory();
	Memory(const Memory &) = delete;
	Memory &operator=(const Memory &) = delete;

	// All of these under the device lock.

	// Readers live as long as the memory does.
	void add(Reader &reader);
	[[nodiscard]] const RegionTable *table() const
	{
		return table_.load(std::memory_order_relaxed);
	}
	// Takes @table over, in place of the one before; null for none.  True if a turn
	// under way may use what is not in it, at the same place, any more: who promises
	// an end of that waits for each reader() that is reading, then reclaim()s.
	[[nodiscard]] bool publish(RegionTable *table);
	// Frees the tables that no reader holds any more.
	void reclaim();

private:
	std::atomic<RegionTable *> table_{nullptr};
	u64 generation_ = 0;
	RegionTable *retired_ = nullptr; // replaced, and perhaps held
	Reader *readers_ = nullptr;
};

// A queue's hold on the table.  All but reading() under the queue's lock.
class Memory::Reader {
public:
	Reader() = default;
	Reader(const Reader &) = delete;
	Reader &operator=(const Reader &) = delete;

	// Holds the table that is published, in place of the one held before.
	[[nodiscard]] const RegionTable *enter()
	{
		const RegionTable *table = memory_->table_.load(std::memory_order_seq_cst);
		for (;;) {
			// Held before it is looked at again: pairs with publish(), which
			// replaces it before reclaim() and reading() look who holds it.
			held_.store(table, std::memory_order_seq_cst);
			const RegionTable *now = memory_->table_.load(std::memory_order_seq_cst);
			if (now == table)
				return table;
			table = now;
		}
	}
	void leave() { held_.store(nullptr, std::memory_order_release); }
	// Whether the table held is not the one that is published.
	[[nodiscard]] bool stale() const
	{
		return memory_->table_.load(std::memory_order_seq_cst) !=
		       held_.load(std::memory_order_relaxed);
	}
	// Whether a turn is under way that holds a table.  Without a lock.
	[[nodiscard]] bool reading() const
	{
		return held_.load(std::memory_order_seq_cst) != nullptr;
	}

private:
	friend class Memory;

	const Memory *memory_ = nullptr;
	Reader *next_ = nullptr;
	std::atomic<const RegionTable *> held_{nullptr};
};

} // namespace vna
