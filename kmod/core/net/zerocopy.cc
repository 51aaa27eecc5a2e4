// SPDX-License-Identifier: GPL-2.0-only
#include "core/net/zerocopy.hh"

#include <bit>

#include "core/base/algorithm.hh"
#include "core/net/queue.hh"

namespace vna {

void ZeroCopy::open(vna_env *env, u32 queue, u32 size)
{
	if (slots_)
		return;
	// A driver cannot have more buffers in use than the ring has entries; one that
	// says so waits.
	const u32 capacity = std::bit_ceil(size);
	auto *line = static_cast<Waiting *>(vna_env_alloc(capacity * sizeof(Waiting)));
	if (!line)
		return;
	if (vna_env_inflight_open(env, queue, &slots_)) {
		vna_env_free(line);
		return;
	}
	line_ = line;
	capacity_ = capacity;
	first_ = 0;
	// Some of the ring goes round whatever is held up elsewhere.
	limit_ = size < 2 ? 1 : min(size / 2, u32{VNA_MAX_IN_FLIGHT});
	backoff_ = skip_ = 0;
}

void ZeroCopy::use(const vna_backend *backend)
{
	refers_ = slots_ && backend && vna_env_backend_refers(backend);
	min_ = refers_ ? wanted_min_ : never;
}

void ZeroCopy::close(Queue &q, bool complete)
{
	use(nullptr);
	if (!slots_)
		return;
	if (in_flight_)
		(void)vna_env_inflight_wait(slots_, close_ms);
	if (complete && reap(q)) {
		// The pages of those that are left stay pinned and charged until they land;
		// what the driver does to them from now on may still be sent.
		q.counters.add(Count::zerocopy_orphaned, count_bits(in_flight_));
		if (take_back(q, in_flight_))
			(void)q.flush();
	}
	vna_env_inflight_close(slots_);
	slots_ = nullptr;
	vna_env_free(line_);
	line_ = nullptr;
	capacity_ = no_bound;
	waiting_ = 0;
	in_flight_ = lined_up_ = landed_ = 0;
}

bool ZeroCopy::choose(Queue &q)
{
	if (count_bits(in_flight_ | landed_) >= limit_) {
		q.counters.add(Count::copied_slots);
		return false;
	}
	if (backoff_) {
		if (skip_) {
			skip_--;
			q.counters.add(Count::copied_backoff);
			return false;
		}
		skip_ = backoff_; // until it is known what came of this one
	}
	return true;
}

int ZeroCopy::send(Queue &q, const Buffer &buffer, const vna_tx_frame &frame)
{
	const u32 slot = std::countr_zero(free_slots());
	const int error = vna_env_backend_send_reference(q.backend, slots_, slot, &frame);
	switch (error) {
	case -emsgsize:
		q.counters.add(Count::copied_pages);
		break;
	case -edquot:
		q.counters.add(Count::copied_limit);
		break;
	case -efault:
		q.counters.add(Count::copied_fault);
		break;
	}
	if (error)
		return error;
	q.counters.add(Count::zerocopy);
	in_flight_ |= 1ull << slot;
	held_[slot] = {buffer.id, buffer.descs, static_cast<u8>(slot)};
	if (q.ring().in_order())
		line_up(slot);
	return 0;
}

void ZeroCopy::line_up(u32 slot)
{
	lined_up_ |= 1ull << slot;
	enqueue(held_[slot]);
}

void ZeroCopy::give_back(Queue &q, const Waiting &w)
{
	q.complete({.id = w.id,
		    .first = 0,
		    .descs = w.descs,
		    .readable = 0,
		    .writable = 0,
		    .readable_len = 0,
		    .writable_len = 0},
		   0);
}

// Gives back those at the front of the line whose frames are done with.
bool ZeroCopy::release(Queue &q)
{
	for (; waiting_; waiting_--) {
		const Waiting &next = line_[first_];
		if (next.slot != no_slot) {
			const u64 bit = 1ull << next.slot;
			if (!(landed_ & bit))
				break;
			landed_ &= ~bit;
			lined_up_ &= ~bit;
		}
		if (q.ring().shadowed() >= q.ring().max_shadow && !q.flush())
			return false;
		give_back(q, next);
		first_ = (first_ + 1) & (capacity_ - 1);
	}
	return true;
}

// @slots are in flight no more.
bool ZeroCopy::take_back(Queue &q, u64 slots)
{
	in_flight_ &= ~slots;
	landed_ |= slots & lined_up_;
	for (u64 left = slots & ~lined_up_; left; left &= left - 1)
		give_back(q, held_[std::countr_zero(left)]);
	return release(q);
}

bool ZeroCopy::reap(Queue &q)
{
	u64 copied;
	const u64 landed = vna_env_inflight_reap(slots_, &copied);
	if (landed)
		learn(q, landed, copied);
	return take_back(q, landed);
}

// A frame whose pages are copied after all costs more than one that is copied at
// once: tries less and less often while that goes on.
void ZeroCopy::learn(Queue &q, u64 landed, u64 copied)
{
	if (copied) {
		q.counters.add(Count::zerocopy_copied, count_bits(copied));
		backoff_ = backoff_ ? min(2 * backoff_, last_backoff) : first_backoff;
		skip_ = backoff_;
	} else if (landed) {
		backoff_ = skip_ = 0;
	}
}

void ZeroCopy::begin(Queue &q)
{
	if (!slots_)
		return;
	// The feature may have come with frames in flight, whose order does not matter.
	if (q.ring().in_order()) {
		for (u64 left = in_flight_ & ~lined_up_; left; left &= left - 1)
			line_up(std::countr_zero(left));
	}
	looking_.store(true, std::memory_order_relaxed);
}

bool ZeroCopy::end(Queue &q, bool &more)
{
	more = false;
	if (!slots_)
		return true;
	looking_.store(false, std::memory_order_relaxed);
	if (!any())
		return true;
	// Frames are looked for after that: pairs with is_news().
	std::atomic_thread_fence(std::memory_order_seq_cst);
	const u64 before = in_flight_;
	const u32 waited = waiting_;
	if (!reap(q))
		return false;
	more = in_flight_ != before || waiting_ != waited;
	return true;
}

} // namespace vna
