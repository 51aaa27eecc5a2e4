/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A split virtqueue's driver that follows virtio 1.2 §2.7.13 and §2.7.14 to the letter. Tests
 * that want it broken write through table().
 */
#pragma once

#include "indirect_pool.hh"
#include "outstanding.hh"
#include "ring_config.hh"
#include "split_table.hh"

#include <vector>

namespace vna::driver
{

using SplitConfig = RingConfig;

class SplitRing final : public DriverRing
{
public:
	SplitRing(GuestMemory &memory, const SplitConfig &config);

	std::optional<Token> add(std::span<const Segment> chain,
				 const AddOptions &options = {}) override;
	unsigned publish() override;
	bool needs_kick() override;
	std::optional<Used> collect() override;
	bool has_used() const override;
	[[nodiscard]] bool enable_notifications(unsigned after = 1) override;
	void disable_notifications() override;
	unsigned size() const override { return table_.size(); }
	unsigned free_descriptors() const override { return free_count_; }
	unsigned outstanding() const override { return outstanding_.count(); }
	RingAreas areas() const override { return table_.areas(); }
	std::uint32_t base() const override { return last_used_; }
	void reset(std::uint16_t index = 0) override;

	/* Every field, unchecked. */
	SplitTable &table() { return table_; }
	const SplitTable &table() const { return table_; }

	/* The indirect table that add() uses for the chain whose descriptors end at index. */
	const IndirectPool &indirect() const { return indirect_; }

private:
	unsigned take_free();
	void fill_indirect(unsigned index, std::span<const Segment> chain);
	Used take(unsigned head, std::uint32_t len);

	SplitTable table_;
	IndirectPool indirect_;
	const bool event_idx_;
	const bool in_order_;
	Outstanding outstanding_; /* by head */

	/*
	 * Free list and chains by index, kept apart from the table's next fields: these the
	 * tests may overwrite, and a real driver keeps its own copy for the same reason.
	 */
	std::vector<std::uint16_t> next_;
	unsigned free_head_ = 0;
	unsigned free_count_ = 0;
	Token next_token_ = 0;
	Token shown_ = 0; /* tokens below it are the device's */

	std::uint16_t avail_ = 0;     /* next entry to fill; ahead of avail->idx until publish */
	std::uint16_t published_ = 0; /* what avail->idx holds */
	std::uint16_t kicked_ = 0;    /* published_ when needs_kick() was last asked */
	std::uint16_t last_used_ = 0; /* next used entry to collect */
	/* Buffers of a batch that one used entry stood for and that remain, its last one's len. */
	unsigned batch_left_ = 0;
	std::uint32_t batch_len_ = 0;
};

} /* namespace vna::driver */
