/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A split virtqueue's driver that follows virtio 1.2 §2.7.13 and §2.7.14 to the letter. Tests
 * that want it broken write through table().
 */
#pragma once

#include "driver_ring.hh"
#include "indirect_pool.hh"
#include "split_table.hh"

#include <vector>

namespace vna::driver
{

struct SplitConfig {
	unsigned size = 256;		/* entries, a power of two */
	bool event_idx = false;		/* VIRTIO_F_EVENT_IDX is negotiated */
	unsigned indirect_entries = 32; /* descriptors an indirect table may hold; 0: none */
	std::uint16_t first_index = 0;	/* where both indices start */
	std::size_t region = 0;		/* of the guest memory that holds ring and tables */
};

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
	unsigned outstanding() const override { return outstanding_; }
	RingAreas areas() const override { return table_.areas(); }
	std::uint32_t base() const override { return last_used_; }
	void reset(std::uint16_t index = 0) override;

	/* Every field, unchecked. */
	SplitTable &table() { return table_; }
	const SplitTable &table() const { return table_; }

	/* The indirect table that add() uses for the chain whose descriptors end at index. */
	const IndirectPool &indirect() const { return indirect_; }

private:
	struct Head {
		Token token = no_token;	  /* no_token: not outstanding */
		unsigned descriptors = 0; /* that return to the free list with it */
	};

	unsigned take_free();
	void fill_indirect(unsigned index, std::span<const Segment> chain);
	void give_back(unsigned head);

	SplitTable table_;
	IndirectPool indirect_;
	const bool event_idx_;
	std::vector<Head> heads_;

	/*
	 * Free list and chains by index, kept apart from the table's next fields: these the
	 * tests may overwrite, and a real driver keeps its own copy for the same reason.
	 */
	std::vector<std::uint16_t> next_;
	unsigned free_head_ = 0;
	unsigned free_count_ = 0;
	unsigned outstanding_ = 0;
	Token next_token_ = 0;

	std::uint16_t avail_ = 0;     /* next entry to fill; ahead of avail->idx until publish */
	std::uint16_t published_ = 0; /* what avail->idx holds */
	std::uint16_t kicked_ = 0;    /* published_ when needs_kick() was last asked */
	std::uint16_t last_used_ = 0; /* next used entry to collect */
};

} /* namespace vna::driver */
