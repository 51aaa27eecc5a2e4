// SPDX-License-Identifier: GPL-2.0-only
// race FORMAT [BUFFERS]: a driver and a device, a thread each, on one small ring, so that both
// sleep all the time.  Each sleeps only after it has asked to be woken and has looked once more,
// and wakes the other only where that asked for it (virtio 1.2 sections 2.7.7, 2.7.10, 2.8.10).
//
// What is lost between the two stops both: that is found, not timed, as two threads that wait for
// each other never wake.  Contents, lengths, ids and order of all buffers are checked.
#include <array>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "core/virtqueue/ring.hh"
#include "driver/ring_config.hh"
#include "env.hh"
#include "wake.hh"

using namespace vna;
using race::Wake;

namespace
{

struct Config {
	bool packed, event_idx, in_order;
	unsigned size;
	unsigned chain; // descriptors of the longest
	[[nodiscard]] u64 features() const
	{
		return 1ull << VNA_VIRTIO_F_VERSION_1 | u64{packed} << VNA_VIRTIO_F_RING_PACKED |
		       u64{event_idx} << VNA_VIRTIO_RING_F_EVENT_IDX |
		       u64{in_order} << VNA_VIRTIO_F_IN_ORDER;
	}
};

[[noreturn]] __attribute__((format(printf, 1, 2))) void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	std::fputs("FAILED: ", stdout);
	std::vprintf(format, args);
	std::putchar('\n');
	std::fflush(stdout);
	std::_Exit(1); // the other thread is at work
}

class Random
{
public:
	explicit Random(u64 seed) : state_(seed) {}
	u32 below(u32 n)
	{
		state_ ^= state_ << 13;
		state_ ^= state_ >> 7;
		state_ ^= state_ << 17;
		return static_cast<u32>(state_ >> 32) % n;
	}
	// Has one side be early or late by a little, so that it meets all of the other's steps.
	void dawdle()
	{
		if (below(4))
			return;
		for (u32 i = below(64); i; i--)
			__builtin_ia32_pause();
	}

private:
	u64 state_;
};

// What a side has done so far, for the other to see, in words, when both have stopped.
using Progress = std::atomic<u64>;

void count(Progress &progress, u64 n = 1)
{
	progress.store(progress.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

// What both sides know of.
struct Shared {
	Wake kick, call;
	Progress offered{0}, fetched{0}, used{0}, collected{0};
	std::atomic<bool> enough{false}; // the driver need not make all of its buffers
	std::atomic<bool> last{false}; // the driver offers no more
	std::atomic<bool> over{false};
};

// A buffer's contents: a number to the device, and where there is a place for it, the answer.
struct Slot {
	u64 number;
	u64 answer;
	u64 apart[6]; // from others
};

// On a busy machine a ring is left for the next after so long, but not before so many buffers.
constexpr auto patience = std::chrono::milliseconds(1200);
constexpr u64 least = 20000;

constexpr u64 answer_to(u64 number)
{
	return ~number * 0x9e3779b97f4a7c15;
}

class Driver
{
public:
	Driver(Shared &shared, driver::GuestMemory &guest, const Config &config)
	    : shared_(shared), config_(config), guest_(guest),
	      ring(driver::make_ring(guest, {.size = config.size,
					     .event_idx = config.event_idx,
					     .packed = config.packed,
					     .in_order = config.in_order,
					     .indirect_entries = 0,
					     .first_index = 0,
					     .region = 0})),
	      slots_(config.size)
	{
		for (Slot *&slot : slots_)
			slot = reinterpret_cast<Slot *>(guest.at(guest.allocate(sizeof(Slot))));
	}

	u64 run(u64 buffers)
	{
		while (next_ < buffers &&
		       (next_ < least || !shared_.enough.load(std::memory_order_relaxed))) {
			offer(1 + random_.below(4));
			collect();
			if (ring->free_descriptors() < config_.chain)
				sleep();
		}
		shared_.last.store(true, std::memory_order_release);
		shared_.kick.post(); // for what it held back
		while (ring->outstanding()) {
			collect();
			if (ring->outstanding())
				sleep();
		}
		shared_.over.store(true, std::memory_order_release);
		shared_.kick.post();
		return next_;
	}

private:
	struct Offered {
		Slot *slot = nullptr;
		driver::Token token = driver::no_token;
		bool answers = false;
	};

	Shared &shared_;
	const Config config_;
	driver::GuestMemory &guest_;

public:
	std::unique_ptr<driver::DriverRing> ring;

private:
	void offer(u32 n)
	{
		u32 added = 0;
		for (; added < n; added++) {
			const bool answers = config_.chain > 1 && random_.below(2);
			Slot *slot = slots_.empty() ? nullptr : slots_.back();
			if (!slot || ring->free_descriptors() < config_.chain)
				break;
			const driver::Gpa at = *guest_.gpa_of(slot);
			std::vector<driver::Segment> chain{{at, 8, false}};
			if (answers)
				chain.push_back({at + 8, 8, true});
			slot->number = next_;
			slot->answer = 0;
			const auto token = ring->add(chain);
			if (!token)
				fail("the driver could not add %zu descriptors", chain.size());
			slots_.pop_back();
			offered_[*token % offered_.size()] = {slot, *token, answers};
			next_++;
		}
		if (!added)
			return;
		count(shared_.offered, added); // first: the device may be quick
		ring->publish();
		if (ring->needs_kick())
			shared_.kick.post();
		random_.dawdle();
	}

	void collect()
	{
		while (const auto used = ring->collect()) {
			const u64 token = used->token;
			if (token == driver::no_token)
				fail("the device used id %u, which it does not hold", used->id);
			if (config_.in_order && token != collected_)
				fail("buffer %llu was used in place of %llu", token,
				     collected_);
			Offered &offered = offered_[token % offered_.size()];
			if (offered.token != token)
				fail("buffer %llu was used twice", token);
			offered.token = driver::no_token;
			if (used->len != (offered.answers ? 8 : 0))
				fail("buffer %llu was used with %u bytes", token, used->len);
			if (offered.answers &&
			    offered.slot->answer != answer_to(offered.slot->number))
				fail("buffer %llu has no answer", token);
			slots_.push_back(offered.slot);
			collected_++;
			count(shared_.collected);
		}
	}

	void sleep()
	{
		// The slot of a later buffer is known where they are used in order.  The device
		// may keep two that it deems too few.
		const unsigned many = ring->outstanding() > 3 ? ring->outstanding() - 2 : 1;
		const bool later = config_.event_idx && (config_.in_order || !config_.packed) &&
				   !shared_.last.load(std::memory_order_relaxed);
		if (ring->enable_notifications(later ? 1 + random_.below(many) : 1))
			shared_.call.wait();
		ring->disable_notifications();
		random_.dawdle();
	}

	std::vector<Slot *> slots_; // free ones
	std::array<Offered, 4096> offered_;
	Random random_{0x5eed};
	u64 next_ = 0;
	u64 collected_ = 0;
};

class Device
{
public:
	Device(Shared &shared, const Driver &driver, const driver::GuestMemory &guest,
	       const Config &config)
	    : shared_(shared), config_(config)
	{
		const auto user = [&](u64 gpa) { return reinterpret_cast<u64>(guest.at(gpa)); };
		const driver::Region &region = guest.regions()[0];
		const vna_vhost_memory_region given{region.base, region.size, user(region.base), 0};
		if (RegionTable::make({&given, 1}, table_))
			fail("there is no memory table");
		ring_.set_features(Features{config.features()});
		const auto areas = driver.ring->areas();
		ring().set_memory(table_);
		ring().set_size(config.size);
		ring().set_addresses({user(areas.descriptor), user(areas.driver),
				      user(areas.device)});
		ring().set_base(driver.ring->base());
		if (!ring().set_up_ok() || !ring().start())
			fail("the ring does not start");
		if (!config.packed)
			race::copied_ahead(user(areas.descriptor), 16 * config.size);
	}
	~Device() { RegionTable::destroy(table_); }
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;

	void run()
	{
		while (!shared_.over.load(std::memory_order_acquire)) {
			ring().disable_notify();
			serve();
			shared_.kick.wait();
		}
	}

private:
	Virtqueue &ring() { return ring_.get(); }

	// Until there is nothing to do and the driver was asked to say when there is.
	void serve()
	{
		u32 promised = 0; // how many there are at least: what was left, and more
		for (u32 need = 1;;) {
			const u32 n = ring().fetch(batch_, 1 + random_.below(4));
			check();
			// The driver may have too few left for more: then any will do.
			if (shared_.last.load(std::memory_order_acquire))
				need = 1;
			if (batch_.size() >= need) {
				use(1 + random_.below(batch_.size()));
				need = 1 + random_.below(3);
				promised = 0;
			} else if (!n) {
				if (batch_.size() < promised)
					fail("enable_notify says that there is more than %u, "
					     "and there is not", promised - 1);
				promised = batch_.size() + 1;
				// As the receive queue does when a frame lacks room.
				ring().discard(batch_, batch_.size());
				if (!ring().enable_notify()) {
					check();
					return;
				}
				ring().disable_notify();
				random_.dawdle();
			}
		}
	}

	// Uses @n of the batch; the others go back.
	void use(u32 n)
	{
		std::array<u32, BufferBatch::capacity> order;
		for (u32 i = 0; i < n; i++) {
			const auto segs = batch_.segments(batch_[i]);
			u64 number;
			(void)vna_env_copy_from_user(&number, segs[0].addr, sizeof number);
			if (number != number_++)
				fail("buffer %llu was fetched in place of %llu", number,
				     number_ - 1);
			if (batch_[i].writable) {
				const u64 answer = answer_to(number);
				(void)vna_env_copy_to_user(segs[1].addr, &answer, sizeof answer);
			}
			order[i] = i;
		}
		for (u32 i = n; !config_.in_order && i > 1; i--)
			std::swap(order[i - 1], order[random_.below(i)]);
		for (u32 i = 0; i < n; i++)
			ring().complete(batch_[order[i]], batch_[order[i]].writable ? 8 : 0);
		ring().discard(batch_, batch_.size() - n);
		batch_.clear();
		count(shared_.fetched, n);
		count(shared_.used, n);
		if (!ring().publish())
			check();
		if (ring().should_signal())
			shared_.call.post();
		check();
		random_.dawdle();
	}

	void check()
	{
		if (ring().error() != RingError::none)
			fail("the ring has an error: %s", describe(ring().error()).name);
	}

	Shared &shared_;
	const Config config_;
	RegionTable *table_ = nullptr;
	Ring ring_;
	BufferBatch batch_;
	Random random_{0xdead};
	u64 number_ = 0;
};

// Looks until the driver has ended; fails where both sleep and no one is left to wake them.
void watch(Shared &shared)
{
	const auto start = std::chrono::steady_clock::now();
	u64 driver = 0, device = 0;
	while (!shared.over.load(std::memory_order_relaxed)) {
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
		if (std::chrono::steady_clock::now() - start > patience)
			shared.enough.store(true, std::memory_order_relaxed);
		const u64 driver_now = shared.call.asleep(), device_now = shared.kick.asleep();
		// In the same waits as the last time: in between neither did anything.
		if (driver_now && device_now && driver_now == driver && device_now == device) {
			const auto get = [](const Progress &progress) { return u64{progress}; };
			const u64 available = get(shared.offered) - get(shared.fetched);
			const u64 uncollected = get(shared.used) - get(shared.collected);
			fail("after %llu buffers both sides sleep: the device with %llu "
			     "available%s, the driver with %llu used%s",
			     get(shared.collected), available,
			     available > 2 ? " (a kick is missing)" : "", uncollected,
			     uncollected ? " (a call is missing)" : "");
		}
		driver = driver_now;
		device = device_now;
	}
}

void race_on(const Config &config, u64 buffers)
{
	driver::GuestMemory guest;
	guest.add_region(0x100000, 1 << 20);
	Shared shared;
	Driver driver(shared, guest, config);
	const auto device = std::make_unique<Device>(shared, driver, guest, config);
	std::printf("%s, %s%s: ", config.packed ? "packed" : "split",
		    config.event_idx ? "event index" : "flags", config.in_order ? ", in order" : "");
	std::fflush(stdout);
	std::thread device_thread([&] { device->run(); });
	std::thread driver_thread([&] { buffers = driver.run(buffers); });
	watch(shared);
	driver_thread.join();
	device_thread.join();
	std::printf("%llu buffers; the driver slept %llu times and kicked %llu, the device slept "
		    "%llu and called %llu\n",
		    buffers, shared.call.waits(), shared.kick.posts(), shared.kick.waits(),
		    shared.call.posts());
	// The least that makes it a test: each slept, and not at every step.
	if (shared.call.waits() < buffers / 1000 || shared.kick.waits() < buffers / 1000)
		fail("the sides hardly slept");
}

} // namespace

int main(int argc, char **argv)
{
	if (argc < 2) {
		std::fprintf(stderr, "usage: race split|packed [BUFFERS]\n");
		return 2;
	}
	const bool packed = !std::strcmp(argv[1], "packed");
	const u64 buffers = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : VNA_RACE_BUFFERS;
	for (const bool event_idx : {false, true}) {
		for (const bool in_order : {false, true})
			race_on({packed, event_idx, in_order, packed ? 7u : 8u, 2}, buffers);
	}
	return 0;
}
