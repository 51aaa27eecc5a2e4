// SPDX-License-Identifier: GPL-2.0-only
// One ring and all that a driver and a device may do with it, the input saying what: the driver
// anything at all, the device what Virtqueue's contract lets it do.  After each call its results
// are held against the contract, and against a naive reading of the ring where no fault and no
// other processor was in between.
#pragma once

#include <deque>

#include "arena.hh"
#include "core/virtqueue/ring.hh"
#include "naive_chain.hh"

namespace vna::fuzz
{

class RingWorld
{
public:
	RingWorld(Input &in, bool packed);
	~RingWorld();
	RingWorld(const RingWorld &) = delete;
	RingWorld &operator=(const RingWorld &) = delete;

	// Until the input ends.
	void run();

private:
	// The driver.
	void poke();
	void describe();
	void offer();
	void offer_long();
	void offer_raw();
	void expose(u64 addr, u32 len, u16 flags);
	void wish();
	void table(u64 at, u32 count);
	void map_memory();
	void race();
	void fail();
	void renegotiate();
	void set_regions(std::vector<NaiveRegions::Given> given);
	[[nodiscard]] u16 lap_flags(u32 index) const;
	[[nodiscard]] u64 address();
	[[nodiscard]] u32 length();
	[[nodiscard]] u16 index(u32 count);
	[[nodiscard]] u64 offset(Arena::Area area);
	void put_desc(Arena::Area area, u64 offset, u64 addr, u32 len, u16 flags, u16 other);

	// The device.
	void start(bool anew);
	void fetch();
	void discard();
	void complete();
	void publish();
	void should_signal();
	void enable_notify();
	void disable_notify();

	// What each call is held against.
	struct Found {
		std::vector<NaiveChain> chains;
		RingError error = RingError::none;
		bool out_of_room = false;
		u16 looked = 0; // split: the available index that was read
	};
	[[nodiscard]] Found find(u32 max);
	void expect_buffer(u32 i, const NaiveChain &chain);
	void check_buffer(u32 i);
	void check_published(u32 count);
	[[nodiscard]] bool signal_wanted(RingError &error, bool &decides);
	void check_base() const;
	void check_error(const char *call, bool failed) const;
	[[nodiscard]] u16 avail_index() const { return arena_.get<u16>(Arena::driver, 2); }
	[[nodiscard]] bool failed() const { return queue().error() != RingError::none; }
	[[nodiscard]] Virtqueue &queue() { return ring_.get(); }
	[[nodiscard]] const Virtqueue &queue() const { return ring_.get(); }

	Input &in_;
	Arena arena_;
	const bool packed_;
	Features features_;
	u32 size_;
	bool event_idx_;
	NaiveRegions regions_;
	RegionTable *table_ = nullptr;
	Ring ring_;

	// Where the driver is: what a well-behaved one would do next.
	u16 next_desc_ = 0;
	NaivePosition driver_at_;

	// Where the device is.
	BufferBatch batch_;
	std::vector<bool> completed_; // of the batch
	u16 avail_ = 0, looked_ = 0, used_ = 0; // split: indices
	NaivePosition avail_at_, seen_at_, used_at_; // packed
	bool look_known_ = true; // looked_ is what the device read last
	bool used_known_ = true; // split: used_ is what the device read when it started

	struct Completed {
		u16 id;
		u16 descs;
		u32 len;
	};
	std::vector<Completed> shadow_;
	bool receives_ = false; // a shadowed buffer has a writable part
	// What was used since the last decision to signal; beyond a lap's worth, everything.
	u64 since_ = 0;
	std::deque<NaivePosition> slots_;
	bool decided_ = false;
	bool decision_known_ = true; // whether the last should_signal() was one
	bool device_area_ours_ = true; // the driver did not write there
};

} // namespace vna::fuzz
