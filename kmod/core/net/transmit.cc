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

// @frame, of @segs, without its header: the first segment left is cut in place.
void cut_header(std::span<Segment> segs, vna_tx_frame &frame)
{
	u64 bytes = frame.header;
	while (!segs.empty() && bytes >= segs[0].len) {
		bytes -= segs[0].len;
		segs = segs.subspan(1);
	}
	if (!segs.empty()) { // judge(): there is more than that
		segs[0].addr += bytes;
		segs[0].len -= bytes;
	}
	frame.segs = segs.data();
	frame.nsegs = static_cast<u32>(segs.size());
	frame.len -= frame.header;
	frame.header = 0;
}

// Describes @buffer for the backend, without the header where that is ours: no
// offload is offered then, so there is nothing in it to heed.  Once: it is cut off.
[[gnu::always_inline]] inline void describe(Queue &q, const Buffer &buffer, vna_tx_frame &frame)
{
	const auto segs = q.batch.segments(buffer);
	frame = {segs.data(), static_cast<u32>(segs.size()), buffer.readable_len, q.framing.header,
		 0};
	if (q.framing.own) [[unlikely]]
		cut_header(segs, frame);
}

// What was sent, counted at the end of a batch.
struct Tally {
	u32 packets = 0;
	u64 bytes = 0;
};

[[gnu::cold, gnu::noinline]] void count_unsent(Queue &q, const vna_tx_frame &frame)
{
	if (frame.result == -einval) {
		q.counters.add(Count::drop_header);
	} else if (frame.result == -enomem || frame.result == -enobufs) {
		q.counters.add(Count::drop_nomem);
	} else {
		q.counters.add(Count::drop_backend);
	}
}

void count_sent(Queue &q, const vna_tx_frame &frame, Tally &tally)
{
	if (frame.result < 0) [[unlikely]] {
		count_unsent(q, frame);
		return;
	}
	tally.packets++;
	tally.bytes += frame.len - frame.header;
}

void count(Queue &q, const Tally &tally)
{
	q.counters.add(Count::packets, tally.packets);
	q.counters.add(Count::bytes, tally.bytes);
}

// Gives back the buffers [@from, @to) of the batch, which are done with.
void finish(Queue &q, u32 from, u32 to, Weight &weight)
{
	const bool behind = q.zerocopy.holds_back();
	u64 bytes = 0;
	for (u32 i = from; i < to; i++) {
		const Buffer &buffer = q.batch[i];
		bytes += buffer.readable_len;
		if (behind) [[unlikely]]
			q.zerocopy.wait(buffer);
		else
			q.complete(buffer, 0);
	}
	weight.add_all(to - from, bytes);
}

// Why sending ended.
enum class End : u8 {
	all, // of the batch, or of what makes one turn
	refer, // the next frame is to go by reference
	blocked, // the backend took no more
	malformed, // the next buffer is
};

// Sends frames of the batch from @at on, one call's, and moves @at behind them.
// @refused: the first, if that is not to go by reference after all.
End send_copies(Queue &q, u32 &at, const vna_tx_frame *refused, Weight &weight)
{
	std::array<Verdict, VNA_MAX_BATCH> verdicts;
	const Framing framing = q.framing;
	// By pointer below it.
	const u32 first = at, limit = min(q.batch.size(), q.batch_limit);
	u32 n = 0, judged = first, small = 0;
	u64 bytes = weight.bytes();
	const u64 byte_limit = weight.byte_limit();
	End end = End::all;
	for (; judged < limit && bytes < byte_limit; judged++) {
		const Buffer &buffer = q.batch[judged];
		const Verdict verdict = judge(framing, buffer);
		if (verdict == Verdict::malformed) {
			end = End::malformed;
			break;
		}
		if (verdict == Verdict::send) {
			if (!q.zerocopy.suits(buffer.readable_len)) {
				small++;
			} else if (!refused && q.zerocopy.choose(q)) {
				end = End::refer;
				break;
			}
			vna_tx_frame &frame = q.frames.data()[n++];
			if (refused) [[unlikely]]
				frame = *refused;
			else
				describe(q, buffer, frame);
		}
		verdicts.data()[judged] = verdict;
		refused = nullptr;
		bytes += buffer.readable_len;
	}
	if (q.zerocopy.possible())
		q.counters.add(Count::copied_short, small);
	const u32 sent = n ? vna_env_backend_send(q.backend, q.frames.data(), n) : 0;
	u32 counted = 0;
	Tally tally;
	if (sent == judged - first) [[likely]] { // with nothing in between
		while (counted < sent)
			count_sent(q, q.frames.data()[counted++], tally);
		at = judged;
	}
	for (; at < judged; at++) {
		const Verdict verdict = verdicts.data()[at];
		if (verdict == Verdict::too_short) {
			q.counters.add(Count::drop_short);
		} else if (verdict == Verdict::too_long) {
			q.counters.add(Count::drop_long);
		} else if (counted == sent) {
			end = End::blocked;
			break;
		} else {
			count_sent(q, q.frames.data()[counted++], tally);
		}
	}
	count(q, tally);
	finish(q, first, at, weight);
	return end;
}

// Sends the frame at @at by reference and moves @at behind it.  @refused: it is
// still there, as @frame, and is to be copied.
End send_reference(Queue &q, u32 &at, vna_tx_frame &frame, bool &refused, Weight &weight)
{
	const Buffer &buffer = q.batch[at];
	describe(q, buffer, frame);
	const int error = q.zerocopy.send(q, buffer, frame);
	switch (error) {
	case -eagain:
		return End::blocked;
	case -emsgsize:
	case -edquot:
	case -efault:
		refused = true;
		return End::all;
	}
	frame.result = error ? error : static_cast<s32>(frame.len);
	Tally tally;
	count_sent(q, frame, tally);
	count(q, tally);
	if (error)
		finish(q, at, at + 1, weight);
	else
		weight.add(buffer.readable_len);
	at++;
	return End::all;
}

// Sends what the batch begins with: the @done buffers that are the ring's no more.
End send(Queue &q, u32 &done, Weight &weight)
{
	const u32 limit = min(q.batch.size(), q.batch_limit);
	vna_tx_frame frame;
	bool refused = false;
	for (;;) {
		End end = send_copies(q, done, refused ? &frame : nullptr, weight);
		refused = false;
		if (end == End::refer)
			end = send_reference(q, done, frame, refused, weight);
		if (end != End::all || done == limit || weight.exceeded())
			return end;
	}
}

// How many buffers to fetch: no more than a turn may still send, going by the
// last ones' length.
u32 worth_fetching(const Queue &q, const Weight &weight)
{
	const u32 most = min(q.batch_limit, q.zerocopy.room());
	return q.usual_len ? min(most, max(weight.room(q.usual_len), 1u)) : most;
}

Outcome serve(Queue &q)
{
	Virtqueue &ring = q.ring();
	Weight weight = q.weight_limit;

	ring.disable_notify();
	for (;;) {
		if (!q.zerocopy.room())
			return Outcome::idle; // whoever holds it up is told of
		if (!q.fetch(worth_fetching(q, weight), weight)) {
			if (ring.error() != RingError::none)
				return Outcome::stopped;
			if (ring.parked())
				return Outcome::idle;
			if (q.polls())
				return Outcome::dry;
			if (!ring.enable_notify())
				return ring.error() == RingError::none ? Outcome::idle :
									 Outcome::stopped;
			ring.disable_notify();
			weight.add(0); // an index that goes to and fro must not hold us here
			if (weight.exceeded())
				return Outcome::more;
			continue;
		}
		q.usual_len = q.batch[0].readable_len;
		u32 done = 0;
		const End end = send(q, done, weight);
		q.discard(done);
		if (q.zerocopy.any() && !q.zerocopy.reap(q))
			return Outcome::stopped;
		if (!q.flush())
			return Outcome::stopped;
		if (end == End::blocked) {
			q.counters.add(Count::no_room);
			return vna_env_backend_want_room(q.backend) ? Outcome::more : Outcome::idle;
		}
		if (end == End::malformed) {
			ring.fail(RingError::writable_on_transmit);
			return Outcome::stopped;
		}
		if (weight.exceeded())
			return Outcome::more;
	}
}

} // namespace

Outcome transmit(Queue &q)
{
	q.zerocopy.begin(q);
	const Outcome outcome = serve(q);
	if (outcome == Outcome::stopped) {
		q.zerocopy.rest();
		return outcome;
	}
	bool more;
	if (!q.zerocopy.end(q, more) || !q.flush())
		return Outcome::stopped;
	return more ? Outcome::more : outcome;
}

} // namespace vna
