// SPDX-License-Identifier: GPL-2.0-only
// What can be wrong with a ring.  The enumerators' names are what users see, in
// the log and in a queue's state.
#pragma once

#include <array>

#include "core/base/types.hh"

namespace vna {

// X(name, the rule that was broken)
#define VNA_RING_ERRORS(X)                                                                         \
	X(ring_fault, "the ring itself is not readable and writable")                              \
	X(avail_index_jump, "available index moved by more than the ring holds")                   \
	X(head_out_of_ring, "available ring names a descriptor beyond the table")                  \
	X(next_out_of_table, "next is beyond the descriptor table")                                \
	X(id_out_of_ring, "buffer id is beyond the ring")                                          \
	X(chain_vanished, "chain has a descriptor that is not available")                          \
	X(chain_too_long, "chain loops or is longer than its table")                               \
	X(chain_too_big, "chain describes more than 2^32 - 1 bytes")                               \
	X(too_many_segments, "chain needs more than 1024 pieces of memory")                        \
	X(zero_length, "descriptor of zero bytes")                                                 \
	X(address_wrap, "address plus length wraps")                                               \
	X(address_unmapped, "address is not in the memory table")                                  \
	X(access_denied, "the IOMMU does not allow this access to the address")                    \
	X(log_fault, "the log of written pages is not writable")                                   \
	X(readable_after_writable, "device-readable descriptor after a device-writable one")       \
	X(indirect_not_negotiated, "indirect descriptor without VIRTIO_F_INDIRECT_DESC")           \
	X(indirect_with_next, "descriptor is both indirect and chained")                           \
	X(indirect_nested, "indirect descriptor within an indirect table")                         \
	X(indirect_size, "indirect table is empty, no multiple of 16 bytes or above 65536 entries") \
	X(event_flags, "driver asks for events in a way that was not negotiated")                  \
	X(event_out_of_ring, "driver asks for an event beyond the ring")                           \
	X(writable_on_transmit, "device-writable descriptor on a transmit queue")                  \
	X(readable_on_receive, "device-readable descriptor on a receive queue")

enum class RingError : u8 {
	none,
#define VNA_X(name, rule) name,
	VNA_RING_ERRORS(VNA_X)
#undef VNA_X
	// No error, and in no table: the address waits for its translation.
	untranslated = 0xff,
};

struct RingErrorText {
	const char *name;
	const char *rule;
};

inline constexpr auto ring_error_texts = std::to_array<RingErrorText>({
	{"none", "no rule was broken"},
#define VNA_X(name, rule) {#name, rule},
	VNA_RING_ERRORS(VNA_X)
#undef VNA_X
});

[[nodiscard]] constexpr const RingErrorText &describe(RingError error)
{
	return ring_error_texts[static_cast<u8>(error)];
}

} // namespace vna
