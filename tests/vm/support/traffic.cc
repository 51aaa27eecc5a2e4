/* SPDX-License-Identifier: GPL-2.0-only */
#include "traffic.hh"

#include "driver/net_header.hh"
#include "ktap.hh"

#include <algorithm>
#include <cstring>
#include <thread>

namespace vna::vm
{

namespace
{

/* A buffer on the seam has no neighbours: there is one such place. */
unsigned most_outstanding(const Traffic &traffic)
{
	return traffic.shape == Shape::straddle ? 1 : ~0u;
}

void take_used(Queue &tx)
{
	const driver::Used used = tx.wait_used();
	/* §2.7.8.2: the device wrote nothing into a buffer that it only may read. */
	CHECK_EQUAL(used.len, 0);
}

} /* namespace */

void offer_frame(driver::GuestMemory &memory, Queue &tx, std::span<const std::byte> header,
		 std::span<const std::byte> frame, Shape shape)
{
	std::vector<std::byte> bytes(header.begin(), header.end());
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	const driver::Chain chain =
		make_chain(memory, shape, header.size(), frame.size(), false, 0);
	CHECK(chain_write(memory, chain, bytes) == bytes.size());
	CHECK(tx.ring().add(chain), "the ring is full");
}

void offer_frame(Rig &rig, std::span<const std::byte> frame, Shape shape)
{
	const std::vector<std::byte> none(rig.header_size());
	offer_frame(rig.memory, rig.tx, none, frame, shape);
}

void poll_used(Queue &queue, unsigned count)
{
	const auto deadline = std::chrono::steady_clock::now() + patience;
	while (count) {
		if (queue.ring().collect()) {
			--count;
			continue;
		}
		CHECK(std::chrono::steady_clock::now() < deadline,
		      "queue %u stalls: %u buffers are not used", queue.index(), count);
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
}

void transmit(Rig &rig, const Traffic &traffic, const Arrival &arrives)
{
	Queue &tx = rig.tx;
	const auto lengths = frame_lengths(traffic.count, traffic.largest, traffic.seed);
	const std::uint64_t marks[] = {rig.memory.mark(0), rig.memory.mark(1)};
	const unsigned batch = std::min(traffic.batch, most_outstanding(traffic));

	for (unsigned first = 0; first < traffic.count; first += batch) {
		const unsigned end = std::min(first + batch, traffic.count);
		for (unsigned i = first; i < end; ++i) {
			const auto frame = make_frame(lengths[i], traffic.seed + i, traffic.far,
						      traffic.guest);
			std::vector<std::byte> bytes(rig.header_size());
			bytes.insert(bytes.end(), frame.begin(), frame.end());
			const driver::Chain chain =
				make_chain(rig.memory, traffic.shape, rig.header_size(),
					   frame.size(), false, rig.seam());
			CHECK(chain_write(rig.memory, chain, bytes) == bytes.size());
			while (!tx.ring().add(chain, traffic.options)) {
				CHECK(tx.ring().outstanding(), "the chain does not fit the ring");
				tx.publish();
				take_used(tx);
			}
		}
		tx.publish();
		for (unsigned i = first; i < end; ++i)
			arrives(lengths[i], traffic.seed + i);
		while (tx.ring().outstanding())
			take_used(tx);
		rig.memory.release(marks[0], 0);
		rig.memory.release(marks[1], 1);
	}
}

void transmit(Rig &rig, const PacketSocket &far, const Traffic &traffic)
{
	transmit(rig, traffic, [&](std::size_t len, std::uint64_t seed) {
		check_frame(far.receive(), len, seed, traffic.far, traffic.guest);
	});
}

Receiver::Receiver(Rig &rig, const Traffic &traffic)
    : rig_(rig), traffic_(traffic),
      buffer_bytes_(traffic.receive_buffer ? traffic.receive_buffer
					   : rig.header_size() + traffic.largest)
{
}

driver::Chain Receiver::new_chain()
{
	return make_chain(rig_.memory, traffic_.shape, rig_.header_size(),
			  buffer_bytes_ - rig_.header_size(), true, rig_.seam());
}

void Receiver::offer()
{
	constexpr std::size_t most_bytes = 8 << 20;
	const std::size_t most =
		std::min<std::size_t>(most_outstanding(traffic_), most_bytes / buffer_bytes_);

	while (offered_.size() < most) {
		if (free_.empty())
			free_.push_back({new_chain(), buffer_bytes_});
		const auto token = rig_.rx.ring().add(free_.back().chain, traffic_.options);
		if (!token)
			break;
		offered_.emplace_back(*token, std::move(free_.back()));
		free_.pop_back();
	}
	CHECK(!offered_.empty(), "no receive buffer fits the ring");
	rig_.rx.publish();
}

void Receiver::check_gaps(const driver::Chain &chain) const
{
	if (traffic_.shape == Shape::straddle)
		return; /* a guard page, or memory that is nobody's, comes behind */
	for (const driver::Segment &segment : chain) {
		const std::span<const std::byte> gap =
			rig_.memory.run(segment.gpa + segment.len, 16);
		for (const std::byte byte : gap)
			CHECK(byte == std::byte{0}, "the device wrote past a descriptor");
	}
}

bool Receiver::take(std::vector<std::byte> &bytes)
{
	const driver::Used used = rig_.rx.wait_used();
	const auto found = std::find_if(offered_.begin(), offered_.end(), [&](const auto &entry) {
		return entry.first == used.token;
	});
	CHECK(found != offered_.end());
	Buffer buffer = std::move(found->second);
	offered_.erase(found);

	CHECK(used.len <= buffer.capacity, "%u bytes in a buffer of %zu", used.len,
	      buffer.capacity);
	const std::size_t at = bytes.size();
	bytes.resize(at + used.len);
	CHECK(chain_read(rig_.memory, buffer.chain, std::span(bytes).subspan(at)) == used.len);
	check_gaps(buffer.chain);
	const bool full = used.len == buffer.capacity;
	free_.push_back(std::move(buffer));
	return full;
}

void Receiver::expect(std::size_t len, std::uint64_t seed)
{
	std::vector<std::byte> bytes;
	bool full = take(bytes);
	CHECK(bytes.size() >= rig_.header_size(), "%zu bytes hold no header", bytes.size());

	driver::TunnelHeader header{}; /* the longest there is */
	std::memcpy(&header, bytes.data(), rig_.header_size());
	const unsigned num_buffers = std::exchange(header.num_buffers, std::uint16_t{0});
	if (rig_.features() & feature::mrg_rxbuf) {
		CHECK(num_buffers >= 1);
		for (unsigned i = 1; i < num_buffers; ++i) {
			CHECK(full, "a buffer before the frame's last one is not full");
			/* The ring may be too small for a frame: give back what is free. */
			offer();
			full = take(bytes);
		}
	}
	/* §5.1.6.4.1: no offload was negotiated, so every field says none. */
	const driver::TunnelHeader none{};
	CHECK(!std::memcmp(&header, &none, sizeof(none)), "the header is not all zeros");
	check_frame(std::span(bytes).subspan(rig_.header_size()), len, seed, traffic_.guest,
		    traffic_.far);
	offer();
}

void Receiver::run(const PacketSocket &far)
{
	const auto lengths = frame_lengths(traffic_.count, traffic_.largest, traffic_.seed);
	/* Far fewer than a tap queues (1000 frames), or the tap would drop. */
	CHECK(traffic_.batch <= 256);
	offer();
	for (unsigned first = 0; first < traffic_.count; first += traffic_.batch) {
		const unsigned end = std::min(first + traffic_.batch, traffic_.count);
		for (unsigned i = first; i < end; ++i)
			CHECK_ERRNO(far.send(make_frame(lengths[i], traffic_.seed + i,
							traffic_.guest, traffic_.far)),
				    0);
		for (unsigned i = first; i < end; ++i)
			expect(lengths[i], traffic_.seed + i);
	}
	traffic_.seed += traffic_.count;
}

} /* namespace vna::vm */
