/* SPDX-License-Identifier: GPL-2.0-only */
#include "flood.hh"

#include "frame.hh"
#include "ktap.hh"
#include "packet_socket.hh"

#include <cstring>

namespace vna::vm
{

namespace
{

constexpr unsigned buffers = 32;

std::vector<std::byte> flood_frame(unsigned number, const Mac &to, const Mac &from)
{
	std::vector<std::byte> frame = make_frame(60 + number * 40, number, to, from);
	frame[12] = std::byte{flood_ethertype >> 8};
	frame[13] = std::byte{flood_ethertype & 0xff};
	return frame;
}

void wait_until(const std::function<bool()> &done, const char *what)
{
	const auto deadline = std::chrono::steady_clock::now() + patience;
	while (!done()) {
		CHECK(std::chrono::steady_clock::now() < deadline, "%s", what);
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
}

} /* namespace */

GuestFlood::GuestFlood(Rig &rig) : rig_(rig)
{
	/* All memory is allocated here, in one thread; the other one only offers it. */
	for (unsigned i = 0; i < buffers; ++i) {
		std::vector<std::byte> bytes(rig.header_size());
		const auto frame = flood_frame(i, far_mac, guest_mac);
		bytes.insert(bytes.end(), frame.begin(), frame.end());
		const auto length = static_cast<std::uint32_t>(bytes.size());
		frames_.push_back({rig.memory.allocate(length), length, false});
		std::memcpy(rig.memory.at(frames_.back().gpa, length), bytes.data(), length);
		buffers_.push_back({rig.memory.allocate(2048), 2048, true});
	}
	thread_ = std::thread([this] { run(); });
}

void GuestFlood::run()
{
	driver::DriverRing &tx = rig_.tx.ring(), &rx = rig_.rx.ring();
	tx.disable_notifications();
	rx.disable_notifications();
	std::size_t next_frame = 0, next_buffer = 0;
	while (!stop_) {
		/* Frames share buffers, which is no harm: the device only reads them. */
		while (tx.outstanding() < buffers && tx.add({&frames_[next_frame], 1}))
			next_frame = (next_frame + 1) % buffers;
		rig_.tx.publish();
		while (rx.outstanding() < buffers) {
			const auto token = rx.add({&buffers_[next_buffer], 1});
			if (!token)
				break;
			if (first_buffer_ == driver::no_token)
				first_buffer_ = *token;
			next_buffer = (next_buffer + 1) % buffers;
		}
		rig_.rx.publish();
		while (tx.collect())
			++sent_;
		while (const auto used = rx.collect()) {
			look_at(used->token);
			++received_;
		}
	}
}

void GuestFlood::look_at(driver::Token token)
{
	/* Buffers are offered in turn, so the token tells which this is. */
	const driver::Segment &buffer = buffers_[(token - first_buffer_) % buffers];
	const std::byte *frame = rig_.memory.at(buffer.gpa) + rig_.header_size();
	if (frame[12] == std::byte{test_ethertype >> 8} &&
	    frame[13] == std::byte{test_ethertype & 0xff})
		marked_ = true;
}

void GuestFlood::wait_marker()
{
	wait_until([&] { return marked_.load(); }, "the marker is not received");
}

void GuestFlood::wait_sent(std::uint64_t count)
{
	const std::uint64_t goal = sent_ + count;
	wait_until([&] { return sent_ >= goal; }, "the device sends nothing");
}

void GuestFlood::wait_received(std::uint64_t count)
{
	const std::uint64_t goal = received_ + count;
	wait_until([&] { return received_ >= goal; }, "the device receives nothing");
}

void GuestFlood::stop()
{
	stop_ = true;
	if (thread_.joinable())
		thread_.join();
}

void GuestFlood::drain()
{
	driver::DriverRing &tx = rig_.tx.ring();
	wait_until(
		[&] {
			while (tx.collect())
				++sent_;
			return tx.outstanding() == 0;
		},
		"buffers offered for sending are never used");
}

HostFlood::HostFlood(const std::string &netdev)
{
	/* Bound here, while the netdev is sure to be there. */
	auto socket = std::make_shared<PacketSocket>(netdev, flood_ethertype);
	thread_ = std::thread([this, socket] {
		for (unsigned i = 0; !stop_; ++i) {
			/* The netdev may be down, full or gone: not a concern of ours. */
			(void)socket->send(flood_frame(i % buffers, guest_mac, far_mac));
			/* Not so many that the test's own frames find no place in the queue. */
			if (i % 16 == 0)
				std::this_thread::sleep_for(std::chrono::milliseconds(1));
		}
	});
}

HostFlood::~HostFlood()
{
	stop_ = true;
	thread_.join();
}

} /* namespace vna::vm */
