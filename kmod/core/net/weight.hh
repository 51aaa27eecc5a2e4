// SPDX-License-Identifier: GPL-2.0-only
// How much a queue may do before others get a turn.  Everything counts, also
// what is discarded, or a guest could hold the worker with what it has dropped.
#pragma once

#include "core/base/algorithm.hh"
#include "core/base/types.hh"

namespace vna {

class Weight {
public:
	// vhost-net's limits for a turn.
	static constexpr u32 max_packets = 256;
	static constexpr u32 max_bytes = 512 * 1024;
	// Descriptors cost time whether they carry much or nothing.
	static constexpr u32 max_segments = 8192;

	Weight() = default;
	// What a turn may come to before it ends.
	Weight(u32 packets, u32 bytes) : packet_limit_(packets), byte_limit_(bytes) {}

	// A frame, sent, received or dropped; or a look at the ring that found none.
	void add(u64 bytes)
	{
		packets_++;
		bytes_ += bytes;
	}
	// @n of those, of @bytes together.
	void add_all(u32 n, u64 bytes)
	{
		packets_ += n;
		bytes_ += bytes;
	}
	void add_segments(u32 n) { segments_ += n; }
	[[nodiscard]] u64 bytes() const { return bytes_; }
	// How many frames of @each bytes, not 0, the turn may still take; of those that
	// come after the first, the last one may exceed it.
	[[nodiscard]] u32 room(u64 each) const
	{
		if (exceeded())
			return 0;
		const u64 frames = (byte_limit_ - bytes_ - 1) / each + 1;
		return static_cast<u32>(min<u64>(frames, packet_limit_ - packets_));
	}
	[[nodiscard]] u64 byte_limit() const { return byte_limit_; }
	[[nodiscard]] bool exceeded() const
	{
		return packets_ >= packet_limit_ || bytes_ >= byte_limit_ ||
		       segments_ >= max_segments;
	}

private:
	u32 packet_limit_ = max_packets;
	u32 byte_limit_ = max_bytes;
	u32 packets_ = 0;
	u32 segments_ = 0;
	u64 bytes_ = 0;
};

} // namespace vna
