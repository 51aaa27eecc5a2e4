// SPDX-License-Identifier: GPL-2.0-only
// Every rule of a ring whose breach is an error.
#include <set>

#include "malformed.hh"

namespace vna
{
namespace
{

class MalformedRing : public testing::TestWithParam<Malformed>
{
protected:
	static RingOptions options()
	{
		RingOptions o;
		o.features = GetParam().features(o.features);
		return o;
	}
};

TEST_P(MalformedRing, is_named_and_stays_where_it_is_after_those_before_it)
{
	const Malformed &m = GetParam();
	const auto bench = make_bench(options());
	AnyRingBench &b = *bench;
	b.offer(b.readable({10}));
	b.offer(b.readable({11, 12}));
	m.make(b.driver_side, b.guest, b.kernel.memory);
	u32 delivered = 0;
	for (u32 n = 1; n && b.device_side.error() == RingError::none; delivered += n) {
		b.batch.clear();
		n = b.fetch();
	}
	EXPECT_EQ(delivered, m.delivers_before ? 2u : 0u);
	const u32 base = b.base_after(delivered, delivered ? 3 : 0);
	EXPECT_EQ(b.device_side.base(), base);
	if (m.in_wish) {
		EXPECT_EQ(b.device_side.error(), RingError::none) << "not asked yet";
		EXPECT_TRUE(b.device_side.should_signal()) << "rather one too many";
	}
	EXPECT_EQ(name_of(b.device_side.error()), name_of(m.error));

	// Nothing has changed, so the same is found again.
	b.device_side.clear_error();
	b.batch.clear();
	EXPECT_EQ(b.fetch(), 0u);
	if (m.in_wish)
		(void)b.device_side.should_signal();
	EXPECT_EQ(b.device_side.error(), m.error);
	EXPECT_EQ(b.device_side.base(), base);
}

// Whatever the number that a fetch asks for.
TEST_P(MalformedRing, is_found_one_by_one_too)
{
	const Malformed &m = GetParam();
	if (m.in_wish)
		return;
	const auto bench = make_bench(options());
	AnyRingBench &b = *bench;
	b.offer(b.readable({10}));
	b.offer(b.readable({11, 12}));
	m.make(b.driver_side, b.guest, b.kernel.memory);
	u32 delivered = 0;
	while (b.fetch(1)) {
		delivered++;
		b.batch.clear(); // or a chain might be left for want of room
	}
	EXPECT_EQ(name_of(b.device_side.error()), name_of(m.error));
	EXPECT_LE(delivered, 2u);
	if (m.delivers_before) {
		EXPECT_EQ(delivered, 2u);
	}
}

INSTANTIATE_TEST_SUITE_P(Split, MalformedRing, testing::ValuesIn(malformed_split_rings),
			 [](const auto &info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Packed, MalformedRing, testing::ValuesIn(malformed_packed_rings),
			 [](const auto &info) { return info.param.name; });

TEST(RingErrors, each_has_a_ring_that_produces_it)
{
	std::set<RingError> found{RingError::none};
	for (const Malformed &m : malformed_rings())
		found.insert(m.error);
	// These the net code finds: see transmit_test.cc and receive_test.cc.
	found.insert(RingError::writable_on_transmit);
	found.insert(RingError::readable_on_receive);
	// These need an IOTLB and a log: see iotlb_test.cc and dirty_log_test.cc.
	found.insert(RingError::access_denied);
	found.insert(RingError::log_fault);
	for (std::size_t i = 0; i < ring_error_texts.size(); i++)
		EXPECT_TRUE(found.contains(static_cast<RingError>(i))) << ring_error_texts[i].name;
}

TEST(RingErrors, have_names_and_rules_of_their_own)
{
	std::set<std::string> names, rules;
	for (const auto &text : ring_error_texts) {
		EXPECT_TRUE(names.insert(text.name).second) << text.name;
		EXPECT_TRUE(rules.insert(text.rule).second) << text.name;
		EXPECT_FALSE(std::string(text.rule).empty());
	}
	EXPECT_STREQ(describe(RingError::none).name, "none");
	EXPECT_STREQ(describe(RingError::ring_fault).name, "ring_fault");
	EXPECT_STREQ(describe(RingError::readable_on_receive).name, "readable_on_receive");
}

} // namespace
} // namespace vna
