/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The buffers that a driver has added and not collected, by the id that names them in the ring
 * and in the order in which they were added.
 */
#pragma once

#include "driver_ring.hh"

#include <cstdint>
#include <vector>

namespace vna::driver
{

class Outstanding
{
public:
	struct Buffer {
		Token token = no_token;
		unsigned descriptors = 0;   /* of the ring itself */
		std::uint32_t writable = 0; /* bytes, by the device */
	};

	explicit Outstanding(unsigned ids) : entries_(ids + 1) { clear(); }

	void clear();
	/* id must be below the number of ids, and free. */
	void add(unsigned id, const Buffer &buffer);
	Buffer remove(unsigned id);

	/* Whether id names a buffer whose token is below end: what the device was shown. */
	bool holds(std::uint32_t id, Token end = no_token) const
	{
		return id < ids() && entries_[id].buffer.token < end;
	}
	const Buffer &operator[](unsigned id) const { return entries_[id].buffer; }
	unsigned count() const { return count_; }

	/* In the order added: from first(), next(id) …, until ids(). */
	unsigned first() const { return entries_[ids()].next; }
	unsigned next(unsigned id) const { return entries_[id].next; }
	unsigned ids() const { return static_cast<unsigned>(entries_.size() - 1); }

	/* How many there are from the first to id, which it holds (§2.7.9, §2.8.8). */
	unsigned through(unsigned id) const;

private:
	/* A ring of links through the last entry, which is no buffer. */
	struct Entry {
		Buffer buffer;
		unsigned previous = 0, next = 0;
	};
	std::vector<Entry> entries_;
	unsigned count_ = 0;
};

} /* namespace vna::driver */
