// SPDX-License-Identifier: GPL-2.0-only
#include "core/net/receive.hh"

#include "core/base/algorithm.hh"

namespace vna {

namespace {

enum class Gathered : u8 { enough, too_few, never, malformed };

// Finds the buffers for @need bytes: @n from the batch's @front on, fetching what
// is missing.  @never: this frame does not fit into what the driver offers.
Gathered gather(Queue &q, u32 &front, u32 need, u32 &n, Weight &weight)
{
	u64 bytes = 0;
	for (n = 0; bytes < need;) {
		if (n && !q.framing.mergeable)
			return Gathered::never;
		if (front + n == q.batch.size()) {
			// As many as there are frames waiting, or as this frame lacks.
			const u64 each = n ? bytes / n : need;
			const u64 lacking = (need - bytes + each - 1) / each;
			const u64 want = lacking + (q.taken - q.next - 1);
			if (!q.fetch(static_cast<u32>(min<u64>(want, q.batch_limit)),
				     weight)) {
				if (q.ring().error() != RingError::none)
					return Gathered::malformed;
				if (!q.batch.out_of_room())
					return Gathered::too_few;
				if (!front)
					return Gathered::never; // too many pieces for a frame
				q.batch.drop_front(front);
				front = 0;
				continue;
			}
		}
		const Buffer &buffer = q.batch[front + n];
		if (buffer.readable) {
			q.ring().fail(RingError::readable_on_receive);
			return Gathered::malformed;
		}
		bytes += buffer.writable_len;
		n++;
	}
	return Gathered::enough;
}

// Writes @len bytes at @offset of the memory that @segs describe.
bool write_at(std::span<const Segment> segs, u64 offset, const void *from, u32 len)
{
	const auto *bytes = static_cast<const u8 *>(from);
	for (const Segment &s : segs) {
		if (offset >= s.len) {
			offset -= s.len;
			continue;
		}
		const u32 n = static_cast<u32>(min<u64>(len, s.len - offset));
		if (vna_env_copy_to_user(s.addr + offset, bytes, n))
			return false;
		bytes += n;
		len -= n;
		offset = 0;
		if (!len)
			return true;
	}
	return false;
}

// Receives the next frame into @n buffers from @front on.  False: it is lost.
bool deliver(Queue &q, u32 front, u32 n, u32 need)
{
	auto segs = q.batch.segments(front, n);
	const u16 num_buffers = static_cast<u16>(n);
	bool written = true;
	u32 len = need;
	if (q.framing.own) {
		static constexpr std::array<u8, net_header_mrg_bytes> none{}; // no offload
		written = write_at(segs, 0, none.data(), q.framing.header);
		len -= q.framing.header;
	}
	// Before the frame, as its skipping of our header changes the segments.
	const bool ours_first = q.framing.own && q.framing.num_buffers;
	if (ours_first)
		written = written && write_at(segs, net_header_num_buffers, &num_buffers,
					      sizeof num_buffers);
	const auto data = q.framing.own ? skip(segs, q.framing.header) : segs;
	const s32 got = vna_env_backend_receive(q.backend, data.data(),
						static_cast<u32>(data.size()), len);
	if (q.framing.num_buffers && !ours_first) // over what the backend wrote there
		written = written && write_at(segs, net_header_num_buffers, &num_buffers,
					      sizeof num_buffers);
	// Someone else may read the backend too, or its header may have another size
	// than the driver's: what is not the frame that was announced is lost.
	return written && got >= 0 && static_cast<u32>(got) == len;
}

// Ends a run: what was not used goes back to the ring, what was is shown.
Outcome end(Queue &q, u32 front, Outcome outcome)
{
	q.discard(front);
	return q.flush() ? outcome : Outcome::stopped;
}

// Frames are news from here on.
void feed(Queue &q)
{
	q.starved.store(false, std::memory_order_relaxed);
	// They are looked for after that: pairs with the fence in Device::event().
	std::atomic_thread_fence(std::memory_order_seq_cst);
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
	Weight weight;
	u32 front = 0; // buffers of the batch that are completed

	feed(q);
	ring.disable_notify();
	for (;;) {
		if (weight.exceeded())
			return end(q, front, Outcome::more);
		if (q.next == q.taken) {
			// A socket gives its frames one by one: not an interrupt for each.
			if (ring.shadowed() >= q.batch_limit && !q.flush())
				return end(q, front, Outcome::stopped);
			q.next = 0;
			q.taken = vna_env_backend_consume(q.backend, q.lens.data(), q.batch_limit);
			if (!q.taken)
				return end(q, front, Outcome::idle);
		}
		const u32 frame = q.lens[q.next];
		const u32 need = frame + q.framing.header;
		u32 n;
		switch (gather(q, front, need, n, weight)) {
		case Gathered::enough:
			break;
		case Gathered::malformed:
			(void)end(q, front, Outcome::stopped);
			return Outcome::stopped;
		case Gathered::never:
			q.next++;
			weight.add(need);
			drop(q, Count::drop_buffer);
			continue;
		case Gathered::too_few:
			q.discard(front);
			front = 0;
			if (!q.flush())
				return Outcome::stopped;
			q.starved.store(true, std::memory_order_relaxed);
			if (!ring.enable_notify()) {
				q.counters.add(Count::no_buffers);
				return ring.error() == RingError::none ? Outcome::idle :
									 Outcome::stopped;
			}
			feed(q);
			ring.disable_notify();
			weight.add(0); // an index that goes to and fro must not hold us here
			continue;
		}

		q.next++;
		weight.add(need);
		if (!deliver(q, front, n, need)) {
			q.counters.add(Count::drop_backend);
			q.discard(front); // whose segments may have been cut
			front = 0;
			continue;
		}
		// The driver sees all of a frame or nothing of it.
		if (ring.shadowed() + n > ring.max_shadow && !q.flush())
			return end(q, front, Outcome::stopped);
		u32 left = need;
		for (u32 i = 0; i < n; i++) {
			const u32 len = min(left, q.batch[front + i].writable_len);
			left -= len;
			q.complete(q.batch[front + i], len);
		}
		front += n;
		q.counters.add(Count::packets);
		q.counters.add(Count::bytes, frame);
	}
}

} // namespace vna
