/* SPDX-License-Identifier: GPL-2.0-only */
#include "outstanding.hh"

namespace vna::driver
{

void Outstanding::clear()
{
	const unsigned end = ids();
	entries_.assign(entries_.size(), Entry{});
	entries_[end].previous = entries_[end].next = end;
	count_ = 0;
}

void Outstanding::add(unsigned id, const Buffer &buffer)
{
	const unsigned end = ids(), last = entries_[end].previous;
	entries_[id] = {buffer, last, end};
	entries_[last].next = entries_[end].previous = id;
	++count_;
}

Outstanding::Buffer Outstanding::remove(unsigned id)
{
	const Entry entry = entries_[id];
	entries_[entry.previous].next = entry.next;
	entries_[entry.next].previous = entry.previous;
	entries_[id] = {};
	--count_;
	return entry.buffer;
}

unsigned Outstanding::through(unsigned id) const
{
	unsigned n = 1;
	for (unsigned at = first(); at != id; at = next(at))
		++n;
	return n;
}

} /* namespace vna::driver */
