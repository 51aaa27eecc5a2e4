/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packed virtqueue's driver that follows virtio 1.2 §2.8.21 and §2.8.22 to the letter. Tests
 * that want it broken write through table().
 */
#pragma once

#include "indirect_pool.hh"
#include "outstanding.hh"
#include "packed_table.hh"
#include "ring_config.hh"

#include <vector>

namespace vna::driver
{

class PackedRing final : public DriverRing
{
public:
	PackedRing(GuestMemory &memory, const RingConfig &config);

	/* direct_first must be 0: a list has descriptors of one kind only (§2.8.5). */
	std::optional<Token> add(std::span<const Segment> chain,
				 const AddOptions &options = {}) override;
	unsigned publish() override;
	bool needs_kick() override;
	std::optional<Used> collect() override;
	bool has_used() const override { return ready(1) != 0; }
	/*
	 * The device looks at slots, not at buffers: with after above 1 the slot asked for is
	 * that of the buffer to be used after so many, if they are used in the order added.
	 */
	[[nodiscard]] bool enable_notifications(unsigned after = 1) override;
	void disable_notifications() override;
	unsigned size() const override { return table_.size(); }
	unsigned free_descriptors() const override { return free_count_; }
	unsigned outstanding() const override { return outstanding_.count(); }
	RingAreas areas() const override { return table_.areas(); }
	/* Both halves: the device has used all that it has fetched. */
	std::uint32_t base() const override { return used_.encoded() * 0x10001u; }
	void reset(std::uint16_t index = 0) override { reset({index, true}); }
	void reset(PackedPosition start);

	/* Where the next buffer is placed, and where the next used descriptor is expected. */
	PackedPosition next_available() const { return avail_; }
	PackedPosition next_used() const { return used_; }

	/* Every field, unchecked. */
	PackedTable &table() { return table_; }
	const PackedTable &table() const { return table_; }

	/* The indirect table that add() uses for the buffer of an id. */
	const IndirectPool &indirect() const { return indirect_; }

private:
	std::uint16_t write(std::span<const Segment> chain, std::uint16_t id);
	std::uint16_t write_indirect(std::span<const Segment> chain, std::uint16_t id);
	unsigned ready(unsigned limit) const;
	PackedPosition used_after(unsigned buffers) const;
	Used take(unsigned id, std::uint32_t len);

	PackedTable table_;
	IndirectPool indirect_;
	const bool event_idx_;
	const bool in_order_;
	Outstanding outstanding_;
	std::vector<std::uint16_t> free_ids_;
	unsigned free_count_ = 0;
	Token next_token_ = 0;
	Token published_ = 0; /* tokens below it are the device's */

	PackedPosition avail_; /* next slot to fill */
	/* The first descriptor added since the last publish(): its flags are still to be written.
	 */
	struct Pending {
		unsigned index;
		std::uint16_t flags;
		unsigned descriptors; /* of all that was added since */
	};
	std::optional<Pending> pending_;
	unsigned exposed_ = 0; /* descriptors since needs_kick() was last asked; at most 2 laps */

	PackedPosition used_; /* next slot to collect */
	/* Buffers of a batch that one used descriptor stood for and that remain, its last one's
	 * len. */
	unsigned batch_left_ = 0;
	std::uint32_t batch_len_ = 0;
};

} /* namespace vna::driver */
