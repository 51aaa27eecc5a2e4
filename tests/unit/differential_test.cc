// SPDX-License-Identifier: GPL-2.0-only
// The same traffic through rings of every format: what a device delivers and what a driver gets
// back must not depend on which.  Both sides act by the rules alone, so that what stalls would
// stall a guest.
#include <algorithm>
#include <deque>

#include "driver/payload.hh"
#include "ring_bench.hh"

namespace vna
{
namespace
{

constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr u64 packed = feature(VNA_VIRTIO_F_RING_PACKED);
constexpr u64 in_order = feature(VNA_VIRTIO_F_IN_ORDER);
constexpr unsigned buffers = 3000;

// A buffer of the traffic, the same whatever the ring.
struct Planned {
	driver::Chain chain;
	bool indirect;
	u32 len; // bytes that the device writes
	bool operator==(const Planned &) const = default;
};

enum class Traffic : std::uint8_t { transmit, receive, both };

std::string name_of(Traffic traffic)
{
	if (traffic == Traffic::both)
		return "both";
	return traffic == Traffic::transmit ? "transmit" : "receive";
}

// All of it is used by its seed: shapes here, the pace in Session.
std::vector<Planned> plan(u64 seed, Traffic traffic)
{
	driver::Random random(seed);
	std::vector<Planned> all(buffers);
	for (Planned &p : all) {
		const auto n = random.between(0, 9) ? random.between(1, 4) : random.between(5, 14);
		u64 split = traffic == Traffic::transmit ? n : 0; // segments before it are readable
		if (traffic == Traffic::both)
			split = random.between(0, n);
		u64 writable = 0;
		for (u64 i = 0; i < n; i++) {
			const auto len = static_cast<u32>(random.between(1, 2000));
			p.chain.push_back({AnyRingBench::guest_base + random.between(0, 100000),
					   len, i >= split});
			writable += i >= split ? len : 0;
		}
		p.indirect = random.between(0, 2) == 0;
		// An empty used length is legal, too.
		p.len = static_cast<u32>(random.between(0, writable));
	}
	return all;
}

// What came out of a ring: buffers as the device saw them, and used ones as the driver did.
struct Delivered {
	std::vector<std::vector<std::tuple<u64, u64, bool>>> seen; // guest address, length, writable
	std::vector<std::pair<driver::Token, u32>> used; // by token
};

// A plan over a ring.  The order and pace of either side follow a seed of their own.
class Session
{
public:
	Session(const RingOptions &options, u64 seed, const std::vector<Planned> &plan)
	    : bench_(make_bench(options)), b_(*bench_), in_order_(options.features & in_order),
	      random_(seed), plan_(plan)
	{
	}

	// As long as it takes; false where both sides wait for each other.
	[[nodiscard]] bool all()
	{
		while (collected_ < plan_.size()) {
			const bool driver = driver_runs_ && drive();
			const bool device = device_runs_ && serve();
			// Each side sleeps when it has nothing to do, and wakes by a notification.
			if (!driver && !device && !driver_runs_ && !device_runs_)
				return false;
			if (error() != RingError::none)
				return false;
		}
		return true;
	}
	[[nodiscard]] RingError error() const { return b_.device_side.error(); }
	Delivered result()
	{
		std::sort(out_.used.begin(), out_.used.end());
		return std::move(out_);
	}
	unsigned kicks = 0, signals = 0, progress = 0;
	[[nodiscard]] std::size_t collected() const { return collected_; }

private:
	// The driver's turn: takes back what is used, offers some more, and sleeps if it can do
	// neither.
	bool drive()
	{
		bool done = false;
		b_.driver_side.disable_notifications();
		for (;;) {
			for (auto n = random_.between(1, 20); n--;)
				done |= collect_one();
			done |= offer_some();
			if (random_.between(0, 2))
				return done; // comes back later, by itself
			if (b_.driver_side.has_used())
				continue;
			const auto outstanding = b_.driver_side.outstanding();
			const auto after =
				outstanding ? random_.between(1, std::min(outstanding, 4u)) : 1;
			// More than the device will have to use is no wish to wait for.
			if (!b_.driver_side.enable_notifications(static_cast<unsigned>(after)))
				continue;
			if (offer_some()) // there may be room, and no one would offer it later
				return true;
			driver_runs_ = false;
			return done;
		}
	}
	bool collect_one()
	{
		const auto used = b_.driver_side.collect();
		if (!used)
			return false;
		EXPECT_NE(used->token, driver::no_token);
		EXPECT_LT(used->token, offered_);
		out_.used.emplace_back(used->token, used->len);
		collected_++;
		return true;
	}
	bool offer_some()
	{
		bool any = false;
		for (auto n = random_.between(1, 12); n-- && offered_ < plan_.size();) {
			const Planned &p = plan_[offered_];
			if (!b_.driver_side.add(p.chain, {.indirect = p.indirect}))
				break;
			offered_++;
			any = true;
		}
		b_.driver_side.publish();
		if (b_.driver_side.needs_kick()) {
			kicks++;
			device_runs_ = true;
		}
		return any;
	}

	// The device's turn: fetches, uses some of what it holds, signals where the driver asked.
	bool serve()
	{
		bool done = false;
		b_.device_side.disable_notify();
		for (auto turns = random_.between(1, 4); turns--;) {
			b_.batch.clear();
			const u32 got = b_.fetch(static_cast<u32>(random_.between(1, 64)));
			done |= got != 0;
			// Some go back to be fetched again.
			const u32 back = random_.between(0, 3) ?
						 0 :
						 static_cast<u32>(random_.between(0, got));
			b_.device_side.discard(b_.batch, back);
			for (u32 i = 0; i < got - back; i++)
				take(b_.batch[i]);
			use(random_.between(0, held_.size()));
			if (!got && !held_.empty() && !random_.between(0, 1))
				use(held_.size());
			if (b_.device_side.error() != RingError::none)
				return false;
			if (got || !held_.empty())
				continue;
			if (b_.device_side.enable_notify())
				b_.device_side.disable_notify();
			else
				device_runs_ = false;
			break;
		}
		return done;
	}
	// Notes what the device sees of a buffer.
	void take(const Buffer &buffer)
	{
		std::vector<std::tuple<u64, u64, bool>> segments;
		unsigned i = 0;
		for (const Segment &s : b_.batch.segments(buffer)) {
			const auto gpa = b_.guest.gpa_of(reinterpret_cast<const void *>(s.addr));
			segments.emplace_back(gpa.value_or(0), s.len, i++ >= buffer.readable);
		}
		held_.push_back({buffer, out_.seen.size()});
		out_.seen.push_back(std::move(segments));
	}
	void use(u64 n)
	{
		if (!n)
			return;
		for (; n; n--) {
			// In any order, where that is allowed.
			const auto at = static_cast<std::ptrdiff_t>(
				in_order_ ? 0 : random_.between(0, held_.size() - 1));
			const auto [buffer, which] = held_[static_cast<std::size_t>(at)];
			b_.device_side.complete(buffer, plan_[which].len);
			held_.erase(held_.begin() + at);
		}
		EXPECT_TRUE(b_.device_side.publish());
		progress++;
		if (b_.device_side.should_signal()) {
			signals++;
			driver_runs_ = true;
		}
	}

	std::unique_ptr<AnyRingBench> bench_;
	AnyRingBench &b_;
	const bool in_order_;
	driver::Random random_;
	const std::vector<Planned> &plan_;
	Delivered out_;
	std::deque<std::pair<Buffer, std::size_t>> held_;
	std::size_t offered_ = 0, collected_ = 0;
	bool driver_runs_ = true, device_runs_ = true;
};

class Differential : public testing::TestWithParam<std::tuple<Traffic, u64>>
{
};

TEST_P(Differential, every_format_delivers_the_same)
{
	const auto [traffic, seed] = GetParam();
	const auto planned = plan(seed, traffic);
	std::vector<std::vector<std::tuple<u64, u64, bool>>> seen;
	std::vector<std::pair<driver::Token, u32>> used;
	for (std::size_t i = 0; i < planned.size(); i++) {
		auto &segments = seen.emplace_back();
		for (const auto &s : planned[i].chain)
			segments.emplace_back(s.gpa, s.len, s.writable);
		used.emplace_back(i, planned[i].len);
	}
	for (const u64 format : {u64{0}, packed, in_order, packed | in_order}) {
		for (const u64 events : {u64{0}, event_idx}) {
			for (const unsigned size : {16u, 64u, 17u}) {
				if (size == 17 && !(format & packed))
					continue;
				SCOPED_TRACE((format & packed ? "packed" : "split") +
					     std::string(format & in_order ? " in order" : "") +
					     (events ? " event index " : " ") + std::to_string(size));
				const RingOptions options{
					.size = size,
					.features = feature(VNA_VIRTIO_F_VERSION_1) |
						    feature(VNA_VIRTIO_RING_F_INDIRECT_DESC) |
						    format | events,
					.first = static_cast<u16>(format & packed ? size - 2 : 65530),
				};
				Session run(options, seed * 1000 + size, planned);
				ASSERT_TRUE(run.all())
					<< "both sides sleep after " << run.collected() << ": "
					<< vna::name_of(run.error());
				ASSERT_EQ(run.error(), RingError::none);
				// Notifications were suppressed, and some were not.
				EXPECT_GT(run.kicks, 0u);
				EXPECT_LT(run.kicks, buffers);
				EXPECT_LT(run.signals, run.progress);
				const Delivered out = run.result();
				ASSERT_EQ(out.seen.size(), seen.size());
				for (std::size_t i = 0; i < seen.size(); i++)
					ASSERT_EQ(out.seen[i], seen[i]) << "buffer " << i;
				// 2.7.9, 2.8.8: of a batch that one entry stood for the driver takes
				// the buffers to be used completely: those have no writable part.
				ASSERT_EQ(out.used, used);
			}
		}
	}
}

INSTANTIATE_TEST_SUITE_P(All, Differential,
			 testing::Combine(testing::Values(Traffic::transmit, Traffic::receive,
							  Traffic::both),
					  testing::Range(u64{1}, u64{5})),
			 [](const auto &info) {
				 return name_of(std::get<0>(info.param)) + "_seed_" +
					std::to_string(std::get<1>(info.param));
			 });

} // namespace
} // namespace vna
