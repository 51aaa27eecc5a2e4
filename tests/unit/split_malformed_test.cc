// SPDX-License-Identifier: GPL-2.0-only
// Every rule of a split ring whose breach is an error.
#include <set>

#include "malformed.hh"

namespace vna
{
namespace
{

class SplitMalformed : public testing::TestWithParam<Malformed>
{
protected:
	static RingOptions options()
	{
		RingOptions o;
		o.features &= ~GetParam().features_off;
		return o;
	}
};

TEST_P(SplitMalformed, is_named_and_stays_where_it_is_after_those_before_it)
{
	const Malformed &m = GetParam();
	RingBench b(options());
	b.offer(b.readable({10}));
	b.offer(b.readable({11, 12}));
	m.make({b.ring, b.guest, b.kernel.memory});
	u32 delivered = 0;
	for (u32 n = 1; n && b.queue.error() == RingError::none; delivered += n) {
		b.batch.clear();
		n = b.fetch();
	}
	EXPECT_EQ(name_of(b.queue.error()), name_of(m.error));
	EXPECT_EQ(delivered, m.delivers_before ? 2u : 0u);
	EXPECT_EQ(b.queue.base(), delivered);

	// Nothing has changed, so the same is found again.
	b.queue.clear_error();
	b.batch.clear();
	EXPECT_EQ(b.fetch(), 0u);
	EXPECT_EQ(b.queue.error(), m.error);
	EXPECT_EQ(b.queue.base(), delivered);
}

INSTANTIATE_TEST_SUITE_P(All, SplitMalformed, testing::ValuesIn(malformed_rings),
			 [](const auto &info) { return info.param.name; });

TEST(RingErrors, each_has_a_ring_that_produces_it)
{
	std::set<RingError> found{RingError::none};
	for (const Malformed &m : malformed_rings)
		found.insert(m.error);
	// These the net code finds: see transmit_test.cc and receive_test.cc.
	found.insert(RingError::writable_on_transmit);
	found.insert(RingError::readable_on_receive);
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

// Each access of a fetch may fault: nothing is delivered of what could not be read, and what
// could be is delivered without an error.
TEST(SplitFaults, at_any_access_of_a_fetch_deliver_nothing_that_was_not_read)
{
	for (unsigned n = 1;; n++) {
		RingBench b;
		const auto first = b.readable({10});
		b.offer(first);
		b.offer(b.readable({1, 2, 3}), {.indirect = true, .direct_first = 1});
		b.kernel.memory.fail_at(n);
		const u64 before = b.kernel.memory.accesses();
		const u32 got = b.fetch();
		if (b.kernel.memory.accesses() - before < n) {
			EXPECT_EQ(got, 2u);
			EXPECT_EQ(n, 7u) << "index, entries, one descriptor, two and a table";
			break;
		}
		EXPECT_LT(got, 2u);
		EXPECT_EQ(b.queue.error(), got ? RingError::none : RingError::ring_fault) << n;
		EXPECT_EQ(b.queue.base(), got);
		b.queue.clear_error();
		EXPECT_EQ(b.fetch(), 2 - got);
		b.expect_buffer(0, first);
	}
}

} // namespace
} // namespace vna
