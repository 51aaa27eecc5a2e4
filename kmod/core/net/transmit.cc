// SPDX-License-Identifier: GPL-2.0-only
#include "core/net/transmit.hh"

#include "core/base/algorithm.hh"

namespace vna {

namespace {

enum class Verdict : u8 { send, too_short, too_long, malformed };

// The rules for a buffer on a transmit queue.  A short or long frame is dropped;
// a writable descriptor breaks a rule of the ring.
Verdict judge(const Framing &framing, const Buffer &buffer)
{
	if (buffer.writable)
		return Verdict::malformed;
	if (buffer.readable_len < framing.header + eth_header_bytes)
		return Verdict::too_short;
	if (buffer.readable_len > framing.header + max_frame_bytes)
		return Verdict::too_long;
	return Verdict::send;
}

// @segs without their first @bytes: the first one left is cut in place.
[[nodiscard]] std::span<Segment> skip(std::span<Segment> segs, u64 bytes)
{
	while (!segs.empty() && bytes >= segs[0].len) {
		bytes -= segs[0].len;
		segs = segs.subspan(1);
	}
	if (!segs.empty()) {
		segs[0].addr += bytes;
		segs[0].len -= bytes;
	}
	return segs;
}

// Describes @buffer for the backend, without the header where that is ours: no
// offload is offered then, so there is nothing in it to heed.
vna_tx_frame frame_of(Queue &q, const Buffer &buffer)
{
	auto segs = q.batch.segments(buffer);
	u32 len = buffer.readable_len;
	u32 header = q.framing.header;
	if (q.framing.own) {
		segs = skip(segs, header); // judge(): there is more than that
		len -= header;
		header = 0;
	}
	return {segs.data(), static_cast<u32>(segs.size()), len, header, 0};
}

// What was sent, counted at the end of a batch.
struct Tally {
	u32 packets = 0;
	u64 bytes = 0;
};

void count_sent(Queue &q, const vna_tx_frame &frame, Tally &tally)
{
	if (frame.result >= 0) [[likely]] {
		tally.packets++;
		tally.bytes += frame.len - frame.header;
	} else if (frame.result == -einval) {
		q.counters.add(Count::drop_header);
	} else if (frame.result == -enomem || frame.result == -enobufs) {
		q.counters.add(Count::drop_nomem);
	} else {
		q.counters.add(Count::drop_backend);
	}
}

struct Sent {
	u32 done; // buffers at the batch's front that may be completed
	bool blocked; // the backend took no more
	bool malformed; // the next buffer is
};

// Sends what the batch begins with, as many frames as make one call.
Sent send(Queue &q)
{
	std::array<Verdict, VNA_MAX_BATCH> verdicts;
	const Framing framing = q.framing;
	const u32 limit = min(q.batch.size(), q.batch_limit); // by pointer below it
	u32 n = 0, judged = 0;
	u64 bytes = 0;
	bool malformed = false;
	for (; judged < limit && bytes < Weight::max_bytes; judged++) {
		const Buffer &buffer = q.batch[judged];
		const Verdict verdict = judge(framing, buffer);
		malformed = verdict == Verdict::malformed;
		if (malformed)
			break;
		verdicts.data()[judged] = verdict;
		bytes += buffer.readable_len;
		if (verdict == Verdict::send)
			q.frames.data()[n++] = frame_of(q, buffer);
	}
	const u32 sent = n ? vna_env_backend_send(q.backend, q.frames.data(), n) : 0;
	u32 counted = 0, done = 0;
	bool blocked = false;
	Tally tally;
	for (; done < judged; done++) {
		const Verdict verdict = verdicts.data()[done];
		if (verdict == Verdict::too_short) {
			q.counters.add(Count::drop_short);
		} else if (verdict == Verdict::too_long) {
			q.counters.add(Count::drop_long);
		} else if (counted == sent) {
			blocked = true;
			break;
		} else {
			count_sent(q, q.frames.data()[counted++], tally);
		}
	}
	q.counters.add(Count::packets, tally.packets);
	q.counters.add(Count::bytes, tally.bytes);
	return {done, blocked, malformed && !blocked};
}

} // namespace

Outcome transmit(Queue &q)
{
	Virtqueue &ring = q.ring();
	Weight weight;

	ring.disable_notify();
	for (;;) {
		if (!q.fetch(q.batch_limit, weight)) {
			if (ring.error() != RingError::none)
				return Outcome::stopped;
			if (!ring.enable_notify())
				return ring.error() == RingError::none ? Outcome::idle :
									 Outcome::stopped;
			ring.disable_notify();
			weight.add(0); // an index that goes to and fro must not hold us here
			if (weight.exceeded())
				return Outcome::more;
			continue;
		}
		const Sent sent = send(q);
		for (u32 i = 0; i < sent.done; i++) {
			weight.add(q.batch[i].readable_len);
			q.complete(q.batch[i], 0);
		}
		q.discard(sent.done);
		if (!q.flush())
			return Outcome::stopped;
		if (sent.blocked) {
			q.counters.add(Count::no_room);
			return vna_env_backend_want_room(q.backend) ? Outcome::more : Outcome::idle;
		}
		if (sent.malformed) {
			ring.fail(RingError::writable_on_transmit);
			return Outcome::stopped;
		}
		if (weight.exceeded())
			return Outcome::more;
	}
}

} // namespace vna
