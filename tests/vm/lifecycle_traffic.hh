/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traffic that goes on while the test does something else: threads at both ends of the wire, and
 * numbered frames, so that either end can tell what is lost, changed or out of order. A thread
 * that fails fails the test where that next waits for it.
 */
#pragma once

#include "ktap.hh"
#include "support/frame.hh"
#include "support/packet_socket.hh"
#include "support/rig.hh"
#include "support/shape.hh"
#include "support/tap.hh"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <thread>
#include <vector>

namespace vna::vm {

/* Waits until it is so; fails the test when that takes longer than any machine needs. */
template <typename Condition> void wait_until(Condition condition, const char *what)
{
	const auto end = std::chrono::steady_clock::now() + patience;
	while (!condition()) {
		CHECK(std::chrono::steady_clock::now() < end, "%s", what);
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
}

/* Who sent a frame is the last byte of its source address: one far end, one number. */
inline constexpr unsigned max_sources = 8;
inline constexpr std::uint8_t guest_source = guest_mac[5];

inline Mac source_mac(std::uint8_t source)
{
	return { 0x02, 0, 0, 0, 0, source };
}

/* Frame number n of a source: the number, then bytes that follow from it. */
inline std::vector<std::byte> numbered_frame(std::uint64_t n, const Mac &to, std::uint8_t source)
{
	std::vector<std::byte> frame = make_frame(60 + n * 37 % 1400, n, to, source_mac(source));
	std::memcpy(&frame[ethernet_header], &n, sizeof(n));
	return frame;
}

struct Numbered {
	std::uint64_t number;
	std::uint8_t source;
};

/* Checks every byte of a numbered frame and says which it is. */
inline Numbered identify(std::span<const std::byte> frame, const Mac &to)
{
	Numbered is{};
	CHECK(frame.size() >= 60, "a frame of %zu bytes", frame.size());
	std::memcpy(&is.number, &frame[ethernet_header], sizeof(is.number));
	is.source = static_cast<std::uint8_t>(frame[11]);
	const auto expected = numbered_frame(is.number, to, is.source);
	CHECK(std::equal(frame.begin(), frame.end(), expected.begin(), expected.end()),
	      "frame %llu of source %u is changed", static_cast<unsigned long long>(is.number),
	      is.source);
	return is;
}

/* A thread of the test. */
class Hand {
public:
	Hand() : stop_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { CHECK(stop_fd_.get() >= 0); }
	~Hand() { join(); }
	Hand(const Hand &) = delete;

	void start(std::function<void()> body)
	{
		std::uint64_t count = 0;
		(void)!read(stop_fd_.get(), &count, sizeof(count));
		stopping_ = false;
		thread_ = std::thread([this, body = std::move(body)] {
			try {
				body();
			} catch (const ktap::Failure &failure) {
				failure_ = failure;
				failed_ = true;
			}
		});
	}

	/* Ends the thread; its failure becomes the caller's. */
	void finish()
	{
		join();
		rethrow();
	}

	/* The same, whatever it has failed with. */
	void halt() { join(); }

	/* Waits until the counter that the thread drives has come that far. */
	void reach(const std::atomic<std::uint64_t> &counter, std::uint64_t target,
		   const char *what)
	{
		const auto end = std::chrono::steady_clock::now() + patience;
		while (counter < target) {
			rethrow();
			CHECK(std::chrono::steady_clock::now() < end, "%s: %llu of %llu", what,
			      static_cast<unsigned long long>(counter),
			      static_cast<unsigned long long>(target));
			std::this_thread::sleep_for(std::chrono::milliseconds(1));
		}
	}

	/* For the thread itself: whether to end, and a descriptor that is readable then. */
	bool stopping() const { return stopping_; }
	int stop_fd() const { return stop_fd_.get(); }

private:
	void join()
	{
		const std::uint64_t one = 1;
		stopping_ = true;
		(void)!write(stop_fd_.get(), &one, sizeof(one));
		if (thread_.joinable())
			thread_.join();
	}

	void rethrow()
	{
		if (failed_.exchange(false))
			throw failure_;
	}

	UniqueFd stop_fd_;
	std::atomic<bool> stopping_{ false }, failed_{ false };
	ktap::Failure failure_;
	std::thread thread_;
};

/*
 * The guest's half of a queue, driven by a thread with a strict driver's manners (see Queue): it
 * sleeps until it is told, so a lost wake-up is a stall.
 */
class GuestQueue {
public:
	struct Options {
		unsigned buffers = 32;
		std::size_t largest = 1514; /* bytes of a frame */
		/* In place of the queue's own kick. */
		std::function<void()> kick{};
		/* Whether an event on the error eventfd fails the test. */
		bool errors_fail = true;
	};

	/* Buffers that came back. */
	std::uint64_t returned() const { return returned_; }
	void reach(std::uint64_t target) { hand_.reach(returned_, target, "buffers returned"); }

	/* Ends the thread at once, whatever is outstanding. */
	void abandon() { hand_.finish(); }
	void halt() { hand_.halt(); }

	/* After the ring was reset: every buffer is the guest's. */
	void forget()
	{
		outstanding_.clear();
		idle_.clear();
		for (unsigned i = 0; i < chains_.size(); ++i)
			idle_.push_back(i);
	}

protected:
	GuestQueue(Rig &rig, Queue &queue, bool writable, const Options &options)
		: rig_(rig), queue_(queue), options_(options)
	{
		for (unsigned i = 0; i < options.buffers; ++i)
			chains_.push_back(make_chain(rig.memory, Shape::one, rig.header_size(),
						     options.largest, writable, rig.seam()));
		forget();
	}

	void add(unsigned buffer, const driver::Chain &chain)
	{
		const auto token = queue_.ring().add(chain);
		CHECK(token, "the ring is full");
		outstanding_[*token] = buffer;
	}

	void publish()
	{
		queue_.ring().publish();
		if (!queue_.ring().needs_kick())
			return;
		if (options_.kick)
			options_.kick();
		else
			queue_.kick();
	}

	struct Returned {
		unsigned buffer;
		std::uint32_t len;
	};

	/* The next buffer that comes back; nothing when the thread is to end. */
	std::optional<Returned> next(bool may_rest)
	{
		for (;;) {
			if (const auto used = queue_.ring().collect()) {
				const auto found = outstanding_.find(used->token);
				CHECK(found != outstanding_.end(),
				      "queue %u: the device used buffer %u, which it does not hold",
				      queue_.index(), used->id);
				const unsigned buffer = found->second;
				outstanding_.erase(found);
				++returned_;
				return Returned{ buffer, used->len };
			}
			if (!queue_.ring().enable_notifications())
				continue;
			pollfd ready[] = { { queue_.call_fd(), POLLIN, 0 },
					   { queue_.err_fd(), POLLIN, 0 },
					   { hand_.stop_fd(), POLLIN, 0 } };
			const auto wait = std::chrono::milliseconds(patience).count();
			/* The one that drains is waiting for the device only. */
			const int count = poll(ready, draining_ ? 2 : 3,
					       may_rest ? -1 : static_cast<int>(wait));
			if (!draining_ && ready[2].revents)
				return std::nullopt;
			if (ready[1].revents) {
				CHECK(!options_.errors_fail, "queue %u reports an error",
				      queue_.index());
				queue_.take_errors();
			}
			CHECK(count > 0, "queue %u stalls: %zu buffers outstanding, %s",
			      queue_.index(), outstanding_.size(),
			      queue_.ring().has_used() ? "used ones without an interrupt"
						       : "none used");
			queue_.take_calls();
		}
	}

	Rig &rig_;
	Queue &queue_;
	const Options options_;
	std::vector<driver::Chain> chains_;
	std::vector<unsigned> idle_;
	std::map<driver::Token, unsigned> outstanding_;
	std::atomic<std::uint64_t> returned_{ 0 };
	std::atomic<bool> draining_{ false };
	Hand hand_;
};

/* The guest sends frames, one after the other. */
class Sender : public GuestQueue {
public:
	explicit Sender(Rig &rig, const Options &options = {})
		: GuestQueue(rig, rig.tx, false, options)
	{
	}

	void start()
	{
		draining_ = full_speed_ = false;
		hand_.start([this] { run(); });
	}

	/* No more under way than the far end's socket holds for sure: none may be lost. */
	void start_lossless(std::function<std::uint64_t()> received)
	{
		received_ = std::move(received);
		start();
	}

	/*
	 * Always the same frames, as long as they may be: making one takes the guest no time, and
	 * copying it takes the device a lot, so that it is saturated.
	 */
	void start_flood()
	{
		draining_ = false;
		full_speed_ = true;
		const auto frame = numbered_frame(0, far_mac, guest_source);
		for (const driver::Chain &chain : chains_) {
			const driver::Chain at =
				driver::cut(chain.front().gpa + rig_.header_size(), frame.size(),
					    largest_frame, false);
			CHECK(chain_write(rig_.memory, at, frame) == frame.size());
		}
		hand_.start([this] { run(); });
	}

	/* Sends no more, and ends when every buffer is back. */
	void finish()
	{
		draining_ = true;
		hand_.finish();
	}

	std::uint64_t sent() const { return sent_; }

private:
	void fill(unsigned buffer)
	{
		const auto frame = numbered_frame(sent_, far_mac, guest_source);
		std::vector<std::byte> bytes(rig_.header_size());
		bytes.insert(bytes.end(), frame.begin(), frame.end());
		chains_[buffer].front().len = static_cast<std::uint32_t>(bytes.size());
		CHECK(chain_write(rig_.memory, chains_[buffer], bytes) == bytes.size());
	}

	void run()
	{
		while (!hand_.stopping() || draining_) {
			while (!idle_.empty() && !draining_ && may_send()) {
				if (!full_speed_)
					fill(idle_.back());
				add(idle_.back(), chains_[idle_.back()]);
				idle_.pop_back();
				++sent_;
			}
			publish();
			if (outstanding_.empty() && (draining_ || !received_))
				return;
			if (outstanding_.empty()) {
				std::this_thread::sleep_for(std::chrono::microseconds(200));
				continue;
			}
			const auto back = next(false);
			if (!back)
				return;
			/* §2.7.8.2: the device wrote nothing. */
			CHECK_EQUAL(back->len, 0);
			idle_.push_back(back->buffer);
		}
	}

	bool may_send() const { return !received_ || sent_ - received_() < 64; }

	bool full_speed_ = false;
	std::uint64_t sent_ = 0;
	std::function<std::uint64_t()> received_;
};

/* The guest receives frames: each whole, those of a source in order. Some may be missing. */
class Reader : public GuestQueue {
public:
	explicit Reader(Rig &rig, const Mac &to = guest_mac, const Options &options = {})
		: GuestQueue(rig, rig.rx, true, options), to_(to)
	{
	}

	void start()
	{
		hand_.start([this] { run(); });
	}

	/* Frames from a far end. */
	std::uint64_t received(std::uint8_t source) const { return received_[source]; }
	void reach(std::uint8_t source, std::uint64_t target)
	{
		hand_.reach(received_[source], target, "frames received by the guest");
	}

private:
	void run()
	{
		std::vector<std::byte> bytes;
		for (;;) {
			for (; !idle_.empty(); idle_.pop_back())
				add(idle_.back(), chains_[idle_.back()]);
			publish();
			const auto back = next(true);
			if (!back)
				return;
			const std::size_t header = rig_.header_size();
			CHECK(back->len > header && back->len <= header + 1514, "%u bytes",
			      back->len);
			bytes.resize(back->len);
			CHECK(chain_read(rig_.memory, chains_[back->buffer], bytes) == back->len);
			const Numbered is = identify(std::span(bytes).subspan(header), to_);
			CHECK(is.source < max_sources && is.number >= expected_[is.source],
			      "frame %llu of source %u is late or comes twice",
			      static_cast<unsigned long long>(is.number), is.source);
			expected_[is.source] = is.number + 1;
			++received_[is.source];
			idle_.push_back(back->buffer);
		}
	}

	const Mac to_;
	std::array<std::uint64_t, max_sources> expected_{};
	std::array<std::atomic<std::uint64_t>, max_sources> received_{};
};

/* The far end sends frames to the guest. */
class FarSource {
public:
	FarSource(const PacketSocket &far, std::uint8_t source, const Mac &to = guest_mac,
		  std::uint64_t first = 0)
		: far_(far), source_(source), to_(to), sent_(first)
	{
	}

	/* As fast as it goes; the wire may lose what it likes, and be away. */
	void start()
	{
		hand_.start([this] {
			while (!hand_.stopping()) {
				for (unsigned i = 0; i < 8; ++i)
					(void)far_.send(numbered_frame(sent_++, to_, source_));
				std::this_thread::sleep_for(std::chrono::microseconds(500));
			}
		});
	}

	/* No more under way than the tap holds for sure: none may be lost. */
	void start_lossless(const Reader &reader)
	{
		hand_.start([this, &reader] {
			while (!hand_.stopping()) {
				if (sent_ - reader.received(source_) >= 64) {
					std::this_thread::sleep_for(std::chrono::microseconds(200));
					continue;
				}
				const auto frame = numbered_frame(sent_++, to_, source_);
				CHECK_ERRNO(far_.send(frame), 0);
			}
		});
	}

	void finish() { hand_.finish(); }
	void halt() { hand_.halt(); }

	std::uint8_t source() const { return source_; }
	std::uint64_t sent() const { return sent_; }

private:
	const PacketSocket &far_;
	const std::uint8_t source_;
	const Mac to_;
	std::atomic<std::uint64_t> sent_;
	Hand hand_;
};

/* The far end takes the guest's frames: each whole and in order. Some may be missing. */
class FarSink {
public:
	explicit FarSink(const PacketSocket &far) : far_(far) {}

	void start()
	{
		hand_.start([this] {
			while (!hand_.stopping()) {
				pollfd ready[] = { { far_.fd(), POLLIN, 0 },
						   { hand_.stop_fd(), POLLIN, 0 } };
				poll(ready, 2, -1);
				take();
			}
			take();
		});
	}

	/* Ends when it has taken what is there: the guest must have ended before. */
	void finish() { hand_.finish(); }

	std::uint64_t received() const { return received_; }
	void reach(std::uint64_t target)
	{
		hand_.reach(received_, target, "frames received by the far end");
	}

	/* Once finished: the numbers that came, ascending. */
	const std::vector<std::uint64_t> &numbers() const { return numbers_; }

private:
	void take()
	{
		while (const auto frame = far_.try_receive()) {
			const Numbered is = identify(*frame, far_mac);
			CHECK(numbers_.empty() || is.number > numbers_.back(),
			      "frame %llu comes after frame %llu",
			      static_cast<unsigned long long>(is.number),
			      static_cast<unsigned long long>(numbers_.back()));
			numbers_.push_back(is.number);
			++received_;
		}
	}

	const PacketSocket &far_;
	std::vector<std::uint64_t> numbers_;
	std::atomic<std::uint64_t> received_{ 0 };
	Hand hand_;
};

/* A wire's far end, at work in both directions. */
struct FarEnd {
	FarEnd(const std::string &netdev, std::uint8_t source_number, const Mac &guest = guest_mac)
		: socket(netdev, test_ethertype), source(socket, source_number, guest), sink(socket)
	{
	}

	void start()
	{
		source.start();
		sink.start();
	}
	void finish()
	{
		source.finish();
		sink.finish();
	}

	PacketSocket socket;
	FarSource source;
	FarSink sink;
};

/* The guest on its device, both queues. */
struct Guest {
	explicit Guest(const std::string &path, const Mac &mac = guest_mac,
		       const RigOptions &options = { .features = feature::version_1 |
								 feature::event_idx })
		: rig(path, options), sender(rig), reader(rig, mac)
	{
	}

	void start()
	{
		sender.start();
		reader.start();
	}
	/* With all that was sent back. */
	void finish()
	{
		sender.finish();
		reader.abandon();
	}
	void abandon()
	{
		sender.abandon();
		reader.abandon();
	}

	Rig rig;
	Sender sender;
	Reader reader;
};

/* Frames go on from the guest to this far end; from there to the guest; both. */
inline void sends(FarEnd &far, unsigned frames = 40)
{
	far.sink.reach(far.sink.received() + frames);
}

inline void receives(Guest &guest, const FarEnd &far, unsigned frames = 40)
{
	const std::uint8_t source = far.source.source();
	guest.reader.reach(source, guest.reader.received(source) + frames);
}

/* As all of the threads that serve them fail by themselves, the guest's are asked too. */
inline void flows(Guest &guest, FarEnd &far, unsigned frames = 40)
{
	guest.sender.reach(guest.sender.returned() + frames);
	sends(far, frames);
	receives(guest, far, frames);
}

} /* namespace vna::vm */
