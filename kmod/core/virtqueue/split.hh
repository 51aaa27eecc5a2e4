// SPDX-License-Identifier: GPL-2.0-only
// The split virtqueue (virtio 1.2 section 2.7), the device's side.
#pragma once

#include <span>

#include "core/virtqueue/descriptor.hh"
#include "core/virtqueue/virtqueue.hh"

namespace vna {

class SplitQueue final : public Virtqueue {
public:
	// Bytes of each area for a ring of @size (2.7); the event field after each
	// ring counts with VIRTIO_F_EVENT_IDX only.
	[[nodiscard]] static constexpr u64 desc_bytes(u32 size) { return 16ull * size; }
	[[nodiscard]] static constexpr u64 avail_bytes(u32 size, bool event)
	{
		return 4 + 2ull * size + (event ? 2 : 0);
	}
	[[nodiscard]] static constexpr u64 used_bytes(u32 size, bool event)
	{
		return 4 + 8ull * size + (event ? 2 : 0);
	}
	static constexpr u64 avail_align = 2;
	static constexpr u64 used_align = 4;

	[[nodiscard]] bool start() override;
	[[nodiscard]] u32 fetch(BufferBatch &batch, u32 max) override;
	void discard(BufferBatch &batch, u32 n) override;
	[[nodiscard]] bool publish() override;
	[[nodiscard]] bool should_signal() override;
	[[nodiscard]] bool enable_notify() override;
	void disable_notify() override;
	[[nodiscard]] u32 base() const override { return last_avail_; }
	void set_base(u32 base) override;

private:
	// A window on a table of descriptors: each is copied once, some ahead.
	class Table;

	static constexpr u32 window = 16; // descriptors copied at a time from a table
	static constexpr u32 head_window = 64; // available entries copied at a time

	[[nodiscard]] bool event_idx() const { return features_.has(VNA_VIRTIO_RING_F_EVENT_IDX); }
	[[nodiscard]] bool look(u32 &available);
	[[nodiscard]] RingError chain(u16 head, BufferBatch &batch);
	[[nodiscard]] RingError indirect(const Descriptor &ref, ChainBuilder &builder);
	[[nodiscard]] bool set_used_flags();
	[[nodiscard]] bool set_avail_event(u16 index);

	u16 last_avail_ = 0; // the next available entry to fetch
	u16 avail_ = 0; // the available index as last read
	u16 last_used_ = 0; // the next used entry to write
	u16 signalled_ = 0; // last_used_ at the last decision to signal
	bool signalled_valid_ = false;
	u16 used_flags_ = 0;
};

} // namespace vna
