// SPDX-License-Identifier: GPL-2.0-only
// Rings of which some bytes are not there.  What is needed and cannot be read or written is a
// fault, and nothing else is.
#include "ring_bench.hh"

#include <functional>

namespace vna
{
namespace
{

constexpr u64 version_1 = feature(VNA_VIRTIO_F_VERSION_1);
constexpr u64 indirect = feature(VNA_VIRTIO_RING_F_INDIRECT_DESC);
constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr u64 packed = feature(VNA_VIRTIO_F_RING_PACKED);

// Two bytes, and the first buffer that cannot be fetched without them.
struct Needed {
	u64 at;
	u32 by;
	bool shared; // read together with those of others: fewer may be delivered
};

class RingFaults : public testing::TestWithParam<u64>
{
protected:
	RingFaults() { make(); }
	void make()
	{
		bench.reset(); // one kernel at a time
		bench = make_bench({.features = GetParam()});
	}
	// Direct, in a table, a chain, and direct again.
	void offer()
	{
		chains = {bench->readable({10}), bench->readable({1, 2, 3}),
			  bench->readable({5, 6}), bench->readable({7})};
		const unsigned direct = GetParam() & packed ? 0 : 1;
		bench->offer(chains[0]);
		bench->offer(chains[1], {.indirect = true, .direct_first = direct});
		bench->offer(chains[2]);
		bench->offer(chains[3]);
	}
	[[nodiscard]] std::vector<Needed> needed() const
	{
		std::vector<Needed> all;
		const auto area = [&](u64 at, u64 bytes, u32 by, bool shared) {
			for (u64 i = 0; i < bytes; i += 2)
				all.push_back({at + i, by, shared});
		};
		const auto areas = bench->driver_side.areas();
		const u64 desc = bench->user(areas.descriptor);
		if (GetParam() & packed) {
			auto &ring = static_cast<PackedBench &>(*bench).ring;
			const std::vector<u32> slots{0, 1, 2, 2, 3};
			for (unsigned i = 0; i < slots.size(); i++)
				area(desc + 16 * i, 16, slots[i], false);
			area(bench->user(ring.indirect().gpa(ring.table().desc(1).id)), 48, 1,
			     false);
		} else {
			const auto &ring = static_cast<RingBench &>(*bench).ring;
			const std::vector<u32> descs{0, 1, 1, 2, 2, 3};
			for (unsigned i = 0; i < descs.size(); i++)
				area(desc + 16 * i, 16, descs[i], false);
			area(bench->user(areas.driver) + 2, 2, 0, true);
			for (u32 i = 0; i < 4; i++)
				area(bench->user(areas.driver) + 4 + 2 * i, 2, i, true);
			area(bench->user(ring.indirect().gpa(2)), 32, 1, false);
		}
		return all;
	}
	std::unique_ptr<AnyRingBench> bench;
	std::vector<driver::Chain> chains;
};

// Nothing is delivered of what could not be read; what could be is, without an error.
TEST_P(RingFaults, of_any_bytes_that_a_fetch_needs)
{
	offer();
	const std::size_t count = needed().size();
	for (std::size_t i = 0; i < count; i++) {
		make();
		offer();
		AnyRingBench &b = *bench;
		const Needed n = needed()[i];
		b.kernel.memory.fault(n.at, 2);
		const u32 got = b.fetch();
		if (n.shared)
			EXPECT_LE(got, n.by) << "bytes " << i;
		else
			EXPECT_EQ(got, n.by) << "bytes " << i;
		EXPECT_EQ(b.device_side.error(), got ? RingError::none : RingError::ring_fault);
		EXPECT_EQ(b.fetch(), 0u);
		EXPECT_EQ(b.device_side.error(), RingError::ring_fault);
		EXPECT_EQ(b.batch.size(), got);
		// Mended, it goes on where it was.
		b.kernel.memory.heal();
		b.device_side.clear_error();
		EXPECT_EQ(b.fetch(), 4 - got);
		for (u32 k = 0; k < 4; k++)
			b.expect_buffer(k, chains[k]);
	}
}

// What lies beside is copied ahead if it can be, and not missed if not.
TEST_P(RingFaults, of_descriptors_that_are_not_needed_are_none)
{
	offer();
	const u64 desc = bench->user(bench->driver_side.areas().descriptor);
	// Of a packed ring the flags of the next one are: they say that there is none.
	for (unsigned i = GetParam() & packed ? 5 : 6; i < 16; i++)
		bench->kernel.memory.fault(desc + 16 * i, GetParam() & packed ? 14 : 16);
	EXPECT_EQ(bench->fetch(), 4u);
	EXPECT_EQ(bench->fetch(), 0u);
	EXPECT_EQ(bench->device_side.error(), RingError::none);
	for (u32 k = 0; k < 4; k++)
		bench->expect_buffer(k, chains[k]);
}

// A fault that passes, at any access: what was read before it counts and nothing is lost.
TEST_P(RingFaults, that_pass_lose_nothing)
{
	for (unsigned n = 1;; n++) {
		make();
		offer();
		AnyRingBench &b = *bench;
		b.kernel.memory.fail_at(n);
		const u64 before = b.kernel.memory.accesses();
		const u32 got = b.fetch();
		const bool reached = b.kernel.memory.accesses() - before >= n;
		if (got == 0) {
			EXPECT_EQ(b.device_side.error(), RingError::ring_fault);
		}
		b.kernel.memory.fail_at(0);
		b.device_side.clear_error();
		EXPECT_EQ(b.fetch(), 4 - got);
		for (u32 k = 0; k < 4; k++)
			b.expect_buffer(k, chains[k]);
		if (!reached) {
			EXPECT_EQ(got, 4u);
			EXPECT_GT(n, 3u) << "a fetch is more than that";
			break;
		}
	}
}

// What was used and cannot be shown is kept, and the driver sees nothing of it.
TEST_P(RingFaults, of_any_bytes_that_publish_writes)
{
	make();
	offer();
	ASSERT_EQ(bench->fetch(), 4u);
	for (u32 i = 0; i < 4; i++)
		bench->device_side.complete(bench->batch[i], 1 + i);
	bench->kernel.memory.record(true);
	ASSERT_TRUE(bench->device_side.publish());
	std::vector<u64> offsets; // of each two bytes, in the area that is written to
	const auto written = [&](const AnyRingBench &b) {
		const auto now = b.driver_side.areas();
		return b.user(GetParam() & packed ? now.descriptor : now.device);
	};
	for (const auto &r : bench->kernel.memory.records()) {
		ASSERT_EQ(r.kind, host::Access::write);
		for (u64 i = 0; i < r.len; i += 2)
			offsets.push_back(r.at + i - written(*bench));
	}
	ASSERT_GE(offsets.size(), 4u);
	for (const u64 offset : offsets) {
		make();
		offer();
		AnyRingBench &b = *bench;
		ASSERT_EQ(b.fetch(), 4u);
		for (u32 i = 0; i < 4; i++)
			b.device_side.complete(b.batch[i], 1 + i);
		b.kernel.memory.fault(written(b) + offset, 2);
		for (unsigned again = 0; again < 3; again++) {
			EXPECT_FALSE(b.device_side.publish()) << offset;
			EXPECT_EQ(b.device_side.error(), RingError::ring_fault);
			EXPECT_FALSE(b.driver_side.has_used());
			b.device_side.clear_error();
		}
		b.kernel.memory.heal();
		ASSERT_TRUE(b.device_side.start());
		ASSERT_TRUE(b.device_side.publish());
		for (unsigned i = 0; i < 4; i++) {
			const auto used = b.driver_side.collect();
			ASSERT_TRUE(used);
			EXPECT_EQ(used->token, i);
			EXPECT_EQ(used->len, 1 + i);
		}
		EXPECT_FALSE(b.driver_side.has_used());
	}
}

struct Step {
	const char *name;
	std::function<bool(AnyRingBench &)> run; // whether it says that something is to be done
};

// Every access of the calls around notifications, each of which must not hide a fault.
TEST_P(RingFaults, of_any_access_of_a_notification)
{
	const Step steps[] = {
		{"should_signal", [](auto &b) { return b.device_side.should_signal(); }},
		{"enable_notify", [](auto &b) { return b.device_side.enable_notify(); }},
		{"disable_notify",
		 [](auto &b) {
			 b.device_side.disable_notify();
			 return false;
		 }},
	};
	for (const Step &step : steps) {
		for (unsigned n = 1;; n++) {
			make();
			offer();
			AnyRingBench &b = *bench;
			ASSERT_EQ(b.consume(), 4u);
			if (std::string(step.name) == "enable_notify")
				b.device_side.disable_notify();
			if (event_idx & GetParam()) {
				(void)b.driver_side.enable_notifications(4);
			}
			offer(); // so that there is something to be found
			const u64 before = b.kernel.memory.accesses();
			b.kernel.memory.fail_at(n);
			const bool says = step.run(b);
			const u64 made = b.kernel.memory.accesses() - before;
			b.kernel.memory.fail_at(0);
			if (made < n) {
				EXPECT_EQ(b.device_side.error(), RingError::none);
				break;
			}
			EXPECT_EQ(b.device_side.error(), RingError::ring_fault)
				<< step.name << ' ' << n;
			EXPECT_EQ(made, n) << "nothing is done after a fault";
			// Rather a signal too many; no wait is worth while after an error.
			EXPECT_EQ(says, std::string(step.name) == "should_signal");
		}
	}
}

TEST_P(RingFaults, of_any_access_of_start_are_told_and_leave_the_base)
{
	for (unsigned n = 1;; n++) {
		make();
		AnyRingBench &b = *bench;
		const u32 base = b.device_side.base();
		const u64 before = b.kernel.memory.accesses();
		b.kernel.memory.fail_at(n);
		const bool started = b.device_side.start();
		const bool reached = b.kernel.memory.accesses() - before >= n;
		EXPECT_EQ(started, !reached);
		EXPECT_EQ(b.device_side.base(), base);
		b.kernel.memory.fail_at(0);
		if (!reached) {
			EXPECT_EQ(n, 3u) << "one write, one read";
			break;
		}
		EXPECT_TRUE(b.device_side.start());
	}
}

INSTANTIATE_TEST_SUITE_P(All, RingFaults,
			 testing::Values(version_1 | indirect, version_1 | indirect | event_idx,
					 version_1 | indirect | packed,
					 version_1 | indirect | packed | event_idx),
			 [](const auto &info) {
				 return std::string(info.param & packed ? "packed" : "split") +
					(info.param & event_idx ? "_event_idx" : "");
			 });

} // namespace
} // namespace vna
