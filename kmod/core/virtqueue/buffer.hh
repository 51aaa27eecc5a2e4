// SPDX-License-Identifier: GPL-2.0-only
// Buffers as net code sees them: what a driver made available, translated, in
// whatever ring format it came.
#pragma once

#include <array>
#include <span>

#include "core/base/types.hh"
#include "core/control/vhost_abi.h"

namespace vna {

using Segment = vna_segment;

// One chain of descriptors.  Its segments, device-readable ones first, are a run
// in the batch's pool.
struct Buffer {
	u16 id; // to be given back: the head's index (split)
	u16 first; // its first segment
	u16 descs; // descriptors that it takes in the ring itself
	u16 readable; // number of device-readable segments
	u16 writable; // number of device-writable segments
	u32 readable_len; // bytes
	u32 writable_len; // bytes
};

// Buffers that were fetched and not yet completed, in the order of the ring.
class BufferBatch {
public:
	// The most chains in a batch, and the most segments: any legal chain fits.
	static constexpr u32 capacity = VNA_MAX_SEGMENTS;

	void clear()
	{
		count_ = used_ = 0;
		out_of_room_ = false;
	}
	[[nodiscard]] u32 size() const { return count_; }
	[[nodiscard]] bool full() const { return count_ == capacity; }
	[[nodiscard]] u32 segments() const { return used_; }
	// Whether the last fetch left a chain for want of room.
	[[nodiscard]] bool out_of_room() const { return out_of_room_; }
	void set_out_of_room(bool yes) { out_of_room_ = yes; }
	// By pointer: @i is below size(), and this is once a packet and more.
	[[nodiscard]] Buffer &operator[](u32 i) { return buffers_.data()[i]; }
	[[nodiscard]] const Buffer &operator[](u32 i) const { return buffers_.data()[i]; }
	[[nodiscard]] std::span<Segment> segments(const Buffer &b)
	{
		// By pointer: push() made it so, and this is once a packet.
		return {segments_.data() + b.first, static_cast<u32>(b.readable + b.writable)};
	}
	// Segments of @n consecutive buffers from @i: one run, as the pool is filled
	// in order.
	[[nodiscard]] std::span<Segment> segments(u32 i, u32 n)
	{
		// By pointer, as above.
		const Buffer &last = buffers_.data()[i + n - 1];
		const u32 begin = buffers_.data()[i].first;
		return {segments_.data() + begin,
			static_cast<u32>(last.first + last.readable + last.writable) - begin};
	}

	// For the ring: room for the next chain's segments, and the chain that is there.
	[[nodiscard]] std::span<Segment> room() { return std::span(segments_).subspan(used_); }
	void push(u16 id, u16 descs, u16 readable, u16 writable, u32 readable_len,
		  u32 writable_len)
	{
		buffers_[count_++] = {id,	static_cast<u16>(used_), descs,	      readable,
				      writable, readable_len,		 writable_len};
		used_ += readable + writable;
	}

	// For the ring, where chains are of one descriptor each: its own place in the
	// batch, which the compiler keeps in registers.  Nothing else is to use the
	// batch before commit().
	class Singles {
	public:
		explicit Singles(BufferBatch &batch)
			: batch_(batch), segment_(batch.segments_.data() + batch.used_),
			  buffer_(batch.buffers_.data() + batch.count_), first_(batch.used_)
		{
		}
		// How many may be pushed.
		[[nodiscard]] u32 room() const
		{
			return capacity - (batch_.used_ < batch_.count_ ? batch_.count_ :
									  batch_.used_);
		}
		void push(u16 id, u64 user, u32 len, bool writable)
		{
			*segment_++ = {user, len};
			*buffer_++ = {id,
				      static_cast<u16>(first_++),
				      1,
				      static_cast<u16>(!writable),
				      writable,
				      writable ? 0 : len,
				      writable ? len : 0};
		}
		void commit()
		{
			batch_.used_ = first_;
			batch_.count_ = static_cast<u32>(buffer_ - batch_.buffers_.data());
		}

	private:
		BufferBatch &batch_;
		Segment *segment_;
		Buffer *buffer_;
		u32 first_; // segments of all buffers
	};

	// Takes the last @n buffers off.
	void drop_back(u32 n)
	{
		count_ -= n;
		used_ = count_ ? buffers_[count_ - 1].first + buffers_[count_ - 1].readable +
					 buffers_[count_ - 1].writable :
				 0;
	}
	// Takes the first @n off and moves the others down.
	void drop_front(u32 n)
	{
		if (n == count_)
			return clear();
		const u16 base = buffers_[n].first;
		for (u32 i = base; i < used_; i++)
			segments_[i - base] = segments_[i];
		for (u32 i = n; i < count_; i++) {
			buffers_[i - n] = buffers_[i];
			buffers_[i - n].first -= base;
		}
		count_ -= n;
		used_ -= base;
	}

private:
	u32 count_ = 0;
	u32 used_ = 0; // segments
	bool out_of_room_ = false;
	std::array<Buffer, capacity> buffers_;
	std::array<Segment, capacity> segments_;
};

} // namespace vna
