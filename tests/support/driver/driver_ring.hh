/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's half of a virtqueue, whatever its format. A test written against this interface
 * runs on a split ring and on any other.
 *
 * One thread drives a ring; the device may run in another thread, another process or the kernel.
 */
#pragma once

#include "chain.hh"

#include <cstdint>
#include <optional>
#include <span>

namespace vna::driver
{

/* Names one buffer for its life: 0 for the first buffer added, then 1, 2, … never repeated. */
using Token = std::uint64_t;

/* What collect() reports when the device returned a buffer that it does not hold. */
inline constexpr Token no_token = ~Token{0};

struct AddOptions {
	/* Put the segments in an indirect table (virtio 1.2 §2.7.5.3, §2.8.7). */
	bool indirect = false;
	/* With indirect: leave this many segments as plain descriptors before the table. */
	unsigned direct_first = 0;
};

struct Used {
	Token token;	   /* what add() returned, or no_token: the device is at fault */
	std::uint32_t len; /* bytes the device says it wrote */
	std::uint32_t id;  /* the buffer id as it stood in the ring */
};

/* Where the ring's three parts are, by virtio's names; for VHOST_SET_VRING_ADDR. */
struct RingAreas {
	Gpa descriptor;
	Gpa driver; /* split: available ring; packed: driver event suppression */
	Gpa device; /* split: used ring; packed: device event suppression */
};

class DriverRing
{
public:
	virtual ~DriverRing() = default;

	/*
	 * Place one buffer in free descriptors; the device does not see it yet. Nothing when
	 * the free descriptors do not suffice, the chain is empty, or it does not fit an
	 * indirect table.
	 */
	virtual std::optional<Token> add(std::span<const Segment> chain,
					 const AddOptions &options = {}) = 0;

	/* Expose all buffers added since the last call. Returns how many. */
	virtual unsigned publish() = 0;

	/*
	 * Whether the device asked to be notified of what was published since this was last
	 * called (§2.7.10, §2.8.21). Call after publish(); a true must be followed by a kick.
	 */
	virtual bool needs_kick() = 0;

	/* Take back the next used buffer; nothing when there is none. */
	virtual std::optional<Used> collect() = 0;

	/* Whether collect() would return a buffer. */
	virtual bool has_used() const = 0;

	/*
	 * Ask for a notification once after more buffers (1: the next one) beyond those already
	 * collected are used. Without event index any count means "each". Returns false where
	 * that many are used already: the device may have missed the request, so collect.
	 */
	[[nodiscard]] virtual bool enable_notifications(unsigned after = 1) = 0;

	/* Ask for none. With event index a hint only: the device may still send some. */
	virtual void disable_notifications() = 0;

	/* Entries of the ring; free descriptors; buffers added and not yet collected. */
	virtual unsigned size() const = 0;
	virtual unsigned free_descriptors() const = 0;
	virtual unsigned outstanding() const = 0;

	virtual RingAreas areas() const = 0;

	/*
	 * The position to give to VHOST_SET_VRING_BASE for a device that starts with what has
	 * been collected up to now, in the ABI's encoding of the format.
	 */
	virtual std::uint32_t base() const = 0;

	/* Forget every buffer, empty the ring and restart at index (format's own counting). */
	virtual void reset(std::uint16_t index = 0) = 0;
};

} /* namespace vna::driver */
