// SPDX-License-Identifier: GPL-2.0-only
// The split virtqueue (virtio 1.2 section 2.7), the device's side.
#pragma once

#include <array>
#include <span>

#include "core/virtqueue/descriptor.hh"
#include "core/virtqueue/indirect.hh"
#include "core/virtqueue/virtqueue.hh"

namespace vna {

class SplitQueue final : public Virtqueue {
public:
	[[nodiscard]] bool start() override;
	[[nodiscard]] u32 fetch(BufferBatch &batch, u32 max) override;
	void discard(BufferBatch &batch, u32 n) override;
	[[nodiscard]] bool publish() override;
	[[nodiscard]] bool should_signal() override;
	[[nodiscard]] bool enable_notify() override;
	[[nodiscard]] bool has_news() override;
	void disable_notify() override;

	// The available index (2.7.6).
	[[nodiscard]] u32 base() const override { return last_avail_; }
	void set_base(u32 base) override;
	[[nodiscard]] bool base_ok(u32 base) const override { return base <= 0xffff; }

	// 2.7: a power of two, at most 2^15.
	[[nodiscard]] bool size_ok(u32 size) const override
	{
		return size && size <= 0xffff && !(size & (size - 1));
	}
	// 2.7; the event field behind each ring is there with VIRTIO_F_EVENT_IDX only.
	// vhost asks no alignment of the descriptor table.
	[[nodiscard]] RingArea desc_area() const override { return {16ull * size(), 1}; }
	[[nodiscard]] RingArea driver_area() const override
	{
		return {4 + 2ull * size() + (event_idx_ ? 2 : 0), 2};
	}
	[[nodiscard]] RingArea device_area() const override
	{
		return {4 + 8ull * size() + (event_idx_ ? 2 : 0), 4};
	}
	[[nodiscard]] bool set_up_ok() const override { return size_ok(size()); }

private:
	static constexpr u32 head_window = 64; // available entries copied at a time
	static constexpr u32 chain_window = 4; // descriptors copied ahead in a chain

	[[nodiscard]] u32 slot(u16 index) const { return index & (size() - 1); }
	[[nodiscard]] RingError look();
	[[nodiscard]] bool copy(u32 i, u32 n)
	{
		return table_.load(i, n, [&](void *to, u64 len) {
			return copy_ring(to, at_.desc + sizeof(SplitDescriptor) * i, len);
		});
	}
	[[nodiscard]] RingError copy_ahead(std::span<const u16> heads);
	// Whether the chain at @head, if it is at hand, is one descriptor to memory.
	[[nodiscard]] bool is_single(u16 head) const
	{
		return table_.holds(head) &&
		       !(table_[head].flags & (desc_f_indirect | desc_f_next));
	}
	[[nodiscard]] u32 singles(std::span<const u16> heads, BufferBatch &batch);
	[[nodiscard]] RingError bring(std::span<const u16> heads, const BufferBatch &batch);
	[[nodiscard]] RingError chain(u16 head, BufferBatch &batch);
	[[nodiscard]] RingError indirect(const SplitDescriptor &ref, ChainBuilder builder, u16 head,
					 u32 walked, BufferBatch &batch);
	[[nodiscard]] bool set_used_flags();
	[[nodiscard]] bool set_avail_event(u16 index);

	u16 last_avail_ = 0; // the next available entry to fetch
	u16 avail_ = 0; // the available index as last read
	u16 last_used_ = 0; // the next used entry to write
	u16 signalled_ = 0; // last_used_ at the last decision to signal
	bool signalled_valid_ = false;
	u16 used_flags_ = 0;

	// What a fetch copied; of no use after it.
	std::array<u16, head_window> heads_;
	DescriptorWindow<SplitDescriptor> table_;
	IndirectTable<SplitDescriptor> indirect_;
};

} // namespace vna
