// SPDX-License-Identifier: GPL-2.0-only
#include "core/net/receive.hh"

#include "core/base/algorithm.hh"

namespace vna {

namespace {

enum class Gathered : u8 {
	enough,
	too_few, // the driver offers less than the frame needs
	never, // the frame does not fit into what the driver offers
	full, // no room in the batch while other frames wait to be written
	malformed,
	parked, // an address waits for its translation
};

// What a run has in hand.  The batch's buffers are, in this order: completed,
// found for frames that are to be written next, fetched ahead.
struct Hand {
	u32 completed = 0; // buffers
	u32 found = 0; // buffers
	u32 frames = 0; // that these buffers are for
	bool lost = false; // one of those was lost, its buffers are free again
	Weight weight;
};

// Finds buffers for the next frame, of @need bytes, fetching what is missing:
// the first of them is batch[completed + found].
Gathered gather(Queue &q, Hand &hand, u32 need, u32 &n)
{
	u64 bytes = 0;
	for (n = 0; bytes < need;) {
		if (n && !q.framing.mergeable)
			return Gathered::never;
		const u32 at = hand.completed + hand.found + n;
		if (at == q.batch.size()) {
			// As many as this frame lacks, and one for each that this turn is
			// likely to write: what it does not use is fetched again.
			const u64 each = n ? bytes / n : need;
			const u64 lacking = (need - bytes + each - 1) / each;
			const u32 turn = max(hand.weight.room(need), hand.frames + 1);
			const u64 want = lacking + min(q.taken - q.next, turn) - hand.frames - 1;
			if (!q.fetch(static_cast<u32>(min<u64>(want, q.batch_limit)),
				     hand.weight)) {
				if (q.ring().error() != RingError::none)
					return Gathered::malformed;
				if (q.ring().parked())
					return Gathered::parked;
				if (!q.batch.out_of_room())
					return Gathered::too_few;
				if (hand.frames)
					return Gathered::full;
				if (!hand.completed)
					return Gathered::never; // too many pieces for a frame
				q.batch.drop_front(hand.completed);
				hand.completed = 0;
				continue;
			}
		}
		const Buffer &buffer = q.batch[at];
		if (buffer.readable) {
			q.ring().fail(RingError::readable_on_receive);
			return Gathered::malformed;
		}
		bytes += buffer.writable_len;
		n++;
	}
	return Gathered::enough;
}

// Finds buffers for the frames that were taken, until one finds none: why.
Gathered gather_all(Queue &q, Hand &hand)
{
	Weight planned = hand.weight; // with those found here
	hand.found = hand.frames = 0;
	while (q.next + hand.frames < q.taken && !planned.exceeded()) {
		// By pointer below: taken is a batch's at most, and so are the frames.
		const u32 need = q.lens.data()[q.next + hand.frames] + q.framing.header;
		u32 at = hand.completed + hand.found, n = 1;
		// Most frames find one that is at hand and long enough.
		if (at == q.batch.size() || q.batch[at].readable ||
		    q.batch[at].writable_len < need) [[unlikely]] {
			const Gathered result = gather(q, hand, need, n);
			if (result != Gathered::enough)
				return result;
			at = hand.completed + hand.found; // it may have made room
		}
		const auto segs = n == 1 ? q.batch.segments(q.batch[at]) : q.batch.segments(at, n);
		q.filling.data()[hand.frames] = {
			.segs = segs.data(),
			.nsegs = static_cast<u32>(segs.size()),
			.len = need,
			.header = q.framing.header,
			.blank = q.framing.own,
			.num_buffers = static_cast<u16>(q.framing.num_buffers ? n : 0),
			.result = 0,
		};
		q.spans.data()[hand.frames++] = static_cast<u16>(n);
		hand.found += n;
		planned.add(need);
	}
	return Gathered::enough;
}

// Completes the buffers of a frame that was written.  False: the ring failed.
bool complete(Queue &q, Hand &hand, u32 i)
{
	const u32 n = q.spans.data()[i];
	u32 left = q.filling.data()[i].len;
	// The driver sees all of a frame or nothing of it.
	if (q.ring().shadowed() + n > q.ring().max_shadow && !q.flush()) [[unlikely]]
		return false;
	if (n == 1) [[likely]] {
		q.complete(q.batch[hand.completed++], left);
		return true;
	}
	for (u32 end = hand.completed + n; hand.completed < end; hand.completed++) {
		const Buffer &buffer = q.batch[hand.completed];
		const u32 len = min(left, buffer.writable_len);
		left -= len;
		q.complete(buffer, len);
	}
	return true;
}

// Has the frames written that found buffers.  False: the ring failed.
bool deliver(Queue &q, Hand &hand)
{
	hand.lost = false;
	if (!hand.frames)
		return true;
	const u32 done = vna_env_backend_receive(q.backend, q.filling.data(), hand.frames);
	q.next += done;
	if (q.logs_buffers && !q.log_frames(done)) [[unlikely]]
		return false;
	u32 packets = 0;
	u64 bytes = 0, all = 0;
	bool failed = false;
	for (u32 i = 0; i < done && !failed; i++) {
		const vna_rx_frame &frame = q.filling.data()[i];
		all += frame.len;
		// Someone else may read the backend too, or its header, where it writes that
		// itself, may have another size than the driver's: what is not the frame
		// that was announced is lost.
		if (frame.result < 0 || static_cast<u32>(frame.result) != frame.len) {
			q.counters.add(Count::drop_backend);
			hand.lost = true;
			continue;
		}
		failed = !complete(q, hand, i);
		packets += !failed;
		bytes += failed ? 0 : frame.len - frame.header;
	}
	hand.weight.add_all(done, all);
	q.counters.add(Count::packets, packets);
	q.counters.add(Count::bytes, bytes);
	if (failed)
		return false;
	if (hand.completed == q.batch.size()) {
		q.batch.clear();
		hand.completed = 0;
	}
	return true;
}

// Ends a run: what was not used goes back to the ring, what was is shown.
Outcome end(Queue &q, const Hand &hand, Outcome outcome)
{
	q.discard(hand.completed);
	return q.flush() ? outcome : Outcome::stopped;
}

// Frames are news from here on.
void feed(Queue &q)
{
	q.starved.store(false, std::memory_order_relaxed);
	// They are looked for after that: pairs with the fence in Device::event().
	std::atomic_thread_fence(std::memory_order_seq_cst);
}

// Ends a run that took all frames.
Outcome idle(Queue &q, const Hand &hand)
{
	const Outcome outcome = end(q, hand, Outcome::idle);
	if (outcome != Outcome::idle || !q.polls())
		return outcome;
	q.starved.store(true, std::memory_order_relaxed); // who looks need not be told
	return Outcome::dry;
}

void drop(Queue &q, Count reason)
{
	q.counters.add(reason);
	vna_env_backend_free(q.backend, 1);
}

} // namespace

Outcome receive(Queue &q)
{
	Virtqueue &ring = q.ring();
	Hand hand;
	hand.weight = q.weight_limit;

	feed(q);
	ring.disable_notify();
	for (;;) {
		if (hand.weight.exceeded())
			return end(q, hand, Outcome::more);
		if (q.next == q.taken) {
			// A socket gives its frames one by one: not an interrupt for each.
			if (ring.shadowed() >= q.batch_limit && !q.flush())
				return end(q, hand, Outcome::stopped);
			q.next = 0;
			q.taken = vna_env_backend_consume(q.backend, q.lens.data(), q.batch_limit);
			if (!q.taken)
				return idle(q, hand);
		}
		const Gathered gathered = gather_all(q, hand);
		if (!deliver(q, hand))
			return end(q, hand, Outcome::stopped);
		if (hand.lost)
			continue; // the others find their buffers anew
		switch (gathered) {
		case Gathered::enough:
		case Gathered::full:
			continue;
		case Gathered::malformed:
			(void)end(q, hand, Outcome::stopped);
			return Outcome::stopped;
		case Gathered::parked:
			return end(q, hand, Outcome::idle);
		case Gathered::never:
			hand.weight.add(q.lens[q.next++]);
			drop(q, Count::drop_buffer);
			continue;
		case Gathered::too_few:
			q.discard(hand.completed);
			hand.completed = 0;
			if (!q.flush())
				return Outcome::stopped;
			q.starved.store(true, std::memory_order_relaxed);
			if (q.polls())
				return Outcome::dry;
			if (!ring.enable_notify()) {
				q.counters.add(Count::no_buffers);
				return ring.error() == RingError::none ? Outcome::idle :
									 Outcome::stopped;
			}
			feed(q);
			ring.disable_notify();
			hand.weight.add(0); // an index that goes to and fro must not hold us here
		}
	}
}

} // namespace vna
