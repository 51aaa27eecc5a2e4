// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/translator.hh"

#include <utility>

namespace vna {

const Iotlb::Entry *Translator::look_up(u64 at, Access access)
{
	const Iotlb::Entry *hit = iotlb_->find(at);
	if (!hit) {
		miss(at, access);
		return nullptr;
	}
	if (!hit->allows(access)) {
		why_ = Failure::denied;
		return nullptr;
	}
	return hit;
}

u64 Translator::run_by_iotlb(u64 at, u64 len, Access access, u64 &user)
{
	const Iotlb::Entry *hit = look_up(at, access);
	if (!hit)
		return 0;
	user = hit->user + (at - hit->start);
	// No entry spans 2^64 addresses: an update's size is never 0.
	return min(len, hit->last - at + 1);
}

bool Translator::find(u64 guest)
{
	if (iotlb_) {
		const Iotlb::Entry *hit = look_up(guest, access_);
		if (hit)
			window_ = {hit->start, hit->last - hit->start + 1, hit->user};
		return hit;
	}
	for (;;) {
		const Region *hit = table_ ? table_->find(guest) : nullptr;
		if (hit)
			table_->note_use(*hit); // before it is used: see Memory::publish()
		if (reader_ && reader_->stale()) {
			// Only as often as the owner replaces it.
			adopt(reader_->enter());
			continue;
		}
		if (!hit) {
			why_ = Failure::unmapped;
			return false;
		}
		window_ = {hit->start, hit->last - hit->start + 1, hit->user};
		return true;
	}
}

// The table is another than the window was found in: what it says stays only if
// that one says the same.
void Translator::review()
{
	generation_ = table_ ? table_->generation : 0;
	if (!window_.bytes || iotlb_)
		return;
	const Window before = std::exchange(window_, Window());
	if (find(before.start) && before.bytes <= window_.bytes - (before.start - window_.start) &&
	    before.user == window_.user + (before.start - window_.start))
		return;
	window_ = Window();
}

} // namespace vna
