// SPDX-License-Identifier: GPL-2.0-only
// The packed virtqueue (virtio 1.2 section 2.8), the device's side.
#pragma once

#include <array>

#include "core/virtqueue/descriptor.hh"
#include "core/virtqueue/indirect.hh"
#include "core/virtqueue/virtqueue.hh"

namespace vna {

class PackedQueue final : public Virtqueue {
public:
	[[nodiscard]] bool start() override;
	[[nodiscard]] u32 fetch(BufferBatch &batch, u32 max) override;
	void discard(BufferBatch &batch, u32 n) override;
	[[nodiscard]] bool publish() override;
	[[nodiscard]] bool should_signal() override;
	[[nodiscard]] bool enable_notify() override;
	[[nodiscard]] bool has_news() override;
	void disable_notify() override;

	// Bits 0-14 and 15: index and wrap counter of the next descriptor to fetch;
	// 16-30 and 31: of the next to use.
	[[nodiscard]] u32 base() const override { return avail_.bits() | used_.bits() << 16; }
	void set_base(u32 base) override;
	[[nodiscard]] bool base_ok(u32) const override { return true; }

	// 2.8: any number up to 2^15.
	[[nodiscard]] bool size_ok(u32 size) const override { return size && size <= 0x8000; }
	// 2.8.10.1.
	[[nodiscard]] RingArea desc_area() const override
	{
		return {sizeof(PackedDescriptor) * size(), 16};
	}
	[[nodiscard]] RingArea driver_area() const override { return {4, 4}; }
	[[nodiscard]] RingArea device_area() const override { return {4, 4}; }
	[[nodiscard]] bool set_up_ok() const override
	{
		return size_ok(size()) && aligned(addresses()) && avail_.index < size() &&
		       used_.index < size();
	}

private:
	// A place in the ring, and the wrap counter of whoever is there (2.8.1).
	struct Position {
		u16 index = 0;
		bool wrap = true;

		// As event suppression and VRING_BASE have it.
		[[nodiscard]] u32 bits() const { return index | u32{wrap} << 15; }
		[[nodiscard]] static Position of(u32 bits)
		{
			return {static_cast<u16>(bits & 0x7fff), (bits & 0x8000) != 0};
		}
		// By @n <= @size slots.
		void advance(u32 n, u32 size)
		{
			const u32 to = index + n;
			wrap ^= to >= size;
			index = static_cast<u16>(to >= size ? to - size : to);
		}
		void retreat(u32 n, u32 size)
		{
			wrap ^= n > index;
			index = static_cast<u16>(n > index ? index + size - n : index - n);
		}
		// On a circle of two rounds, one for each value of the wrap counter.
		[[nodiscard]] u32 on_circle(u32 size) const { return index + (wrap ? size : 0); }
		// The flags that mark a descriptor there as available, or as used.
		[[nodiscard]] u16 available() const
		{
			return wrap ? PackedDescriptor::f_avail : PackedDescriptor::f_used;
		}
		[[nodiscard]] u16 used() const { return wrap ? available_mask : 0; }
	};
	static constexpr u32 chain_window = 16; // descriptors copied ahead in a list
	static constexpr u16 available_mask = PackedDescriptor::f_avail | PackedDescriptor::f_used;

	[[nodiscard]] u64 slot(u32 index) const
	{
		return at_.desc + sizeof(PackedDescriptor) * index;
	}
	[[nodiscard]] RingError look(Position at, u32 want);
	[[nodiscard]] u32 singles(BufferBatch &batch, u32 max);
	[[nodiscard]] RingError chain(BufferBatch &batch);
	[[nodiscard]] RingError indirect(const PackedDescriptor &ref, BufferBatch &batch);
	[[nodiscard]] static u64 used_word(const UsedBuffer &used, u16 flags);
	[[nodiscard]] bool write_used(Position at);
	[[nodiscard]] bool set_device_event(u16 flags);

	Position avail_; // the next descriptor to fetch
	Position seen_; // behind the last one that a fetch has found
	Position used_; // the next used descriptor to write
	u32 moved_ = 0; // slots that used_ moved since the last decision to signal
	bool moved_valid_ = false; // there was such a decision
	u16 device_flags_ = 0; // of the device event suppression, as last written

	// What a fetch copied; of no use after it.
	DescriptorWindow<PackedDescriptor> ring_; // by Position::on_circle()
	IndirectTable<PackedDescriptor> indirect_;

	// What a publish writes at a time: places in the ring, in bytes, and words.
	static constexpr u32 words_per_write = 64;
	std::array<u32, words_per_write> places_;
	std::array<u64, words_per_write> words_;
};

} // namespace vna
