/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames through the device with every byte checked at the other side, in order.
 */
#pragma once

#include "frame.hh"
#include "packet_socket.hh"
#include "rig.hh"
#include "shape.hh"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace vna::vm
{

/*
 * Offer one frame behind the header's bytes on a transmit ring, not yet visible to the device:
 * publish() comes next. Its buffer is newly allocated guest memory.
 */
void offer_frame(driver::GuestMemory &memory, Queue &tx, std::span<const std::byte> header,
		 std::span<const std::byte> frame, Shape shape = Shape::one);
/* As above, behind a header that asks for nothing. */
void offer_frame(Rig &rig, std::span<const std::byte> frame, Shape shape = Shape::one);

/* Collect count used buffers by looking, with no interrupt needed. */
void poll_used(Queue &queue, unsigned count);

struct Traffic {
	unsigned count = 8;	      /* frames */
	std::size_t largest = 1514;   /* bytes of the longest */
	unsigned batch = 1;	      /* frames made available, or sent, at a time */
	Shape shape = Shape::one;     /* of each buffer */
	driver::AddOptions options{}; /* direct or indirect */
	std::uint64_t seed = 1;	      /* of the first frame; each frame has the next one */
	/* Bytes of a receive buffer, header included; 0: header and longest frame. */
	std::size_t receive_buffer = 0;
	Mac guest = guest_mac;
	Mac far = far_mac;
};

/* Checks what comes of a frame of this length and seed. */
using Arrival = std::function<void(std::size_t len, std::uint64_t seed)>;

/* The guest sends; of each frame of a batch that was sent, arrives() is told, in order. */
void transmit(Rig &rig, const Traffic &traffic, const Arrival &arrives);

/*
 * The guest sends, the far end receives. Each buffer must come back with length 0, each frame
 * must arrive whole and in order. No buffer is outstanding before or after.
 */
void transmit(Rig &rig, const PacketSocket &far, const Traffic &traffic = {});

/*
 * The far end sends, the guest receives. Each frame must arrive whole and in order behind a
 * header of zeros (and the number of its buffers, when those are mergeable). Buffers are given
 * back as they come, and taken out of the ring's books at the end: detach the backend or go on
 * with receive() of the same receiver afterwards.
 */
class Receiver
{
public:
	Receiver(Rig &rig, const Traffic &traffic);

	/* Offer buffers until the ring, or 8 MB, is full. */
	void offer();
	/* Take the next frame from the ring and compare it with the frame of this seed. */
	void expect(std::size_t len, std::uint64_t seed);
	/* Have the far end send the whole traffic and receive it. */
	void run(const PacketSocket &far);

	const Traffic &traffic() const { return traffic_; }

private:
	struct Buffer {
		driver::Chain chain;
		std::size_t capacity;
	};

	driver::Chain new_chain();
	/* The next used buffer's bytes, appended; returns whether it was full. */
	bool take(std::vector<std::byte> &bytes);
	void check_gaps(const driver::Chain &chain) const;

	Rig &rig_;
	Traffic traffic_;
	std::size_t buffer_bytes_;
	std::vector<Buffer> free_;
	std::vector<std::pair<driver::Token, Buffer>> offered_;
};

} /* namespace vna::vm */
