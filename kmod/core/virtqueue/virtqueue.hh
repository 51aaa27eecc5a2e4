// SPDX-License-Identifier: GPL-2.0-only
// The device's side of a virtqueue, whatever its format.  Net code knows this
// interface only; a format implements the virtual part.
//
// All calls are made with the queue's lock held and in the owner's address
// space.  A call that fails has recorded the error: see error().
#pragma once

#include <array>

#include "core/base/env.hh"
#include "core/memory/dirty_log.hh"
#include "core/memory/translator.hh"
#include "core/virtqueue/buffer.hh"
#include "core/virtqueue/ring_error.hh"

namespace vna {

// Where a ring's three areas are (virtio 1.2 section 2.6): user addresses, or with an
// IOTLB the driver's.
struct RingAddresses {
	u64 desc = 0; // descriptor area
	u64 driver = 0; // driver area: available ring, or driver event suppression
	u64 device = 0; // device area: used ring, or device event suppression
};

// What a format asks of one of them.
struct RingArea {
	u64 bytes;
	u64 align; // bytes
};

// A used buffer that the driver has not been told of yet.
struct UsedBuffer {
	u32 id;
	u32 len; // bytes written
};

class Virtqueue {
public:
	Virtqueue(const Virtqueue &) = delete;
	Virtqueue &operator=(const Virtqueue &) = delete;

	// The most buffers that may be completed and not yet published: those of any
	// one frame, as the driver must not see a part of it.
	static constexpr u32 max_shadow = BufferBatch::capacity;

	// A turn, or whatever else needs the ring: what is translated is used before its
	// end.  False: the ring, or what is told of it, is not there yet; the queue is
	// parked().
	[[nodiscard]] bool begin_turn()
	{
		parked_ = false;
		setup_.translate.begin();
		return ready_ || get_ready();
	}
	void end_turn() { setup_.translate.end(); }
	// Whether the turn ended where an address waits for its translation, which an
	// update of the IOTLB will bring: see miss().
	[[nodiscard]] bool parked() const { return parked_; }
	[[nodiscard]] const Translator::Miss &miss() const { return setup_.translate.miss(); }

	// As start() in a turn; with an IOTLB in the first one in which the ring can be
	// reached.
	[[nodiscard]] bool start_soon();
	// As start() in the next turn, whatever calls this has not the owner's memory.
	void start_later()
	{
		late_start_ = true;
		ready_ = false;
	}

	// Reads what the ring says of the device's own progress and lets the driver
	// notify.  To be called when the queue starts, or starts again after an error:
	// what was completed and could not be published then is kept.  False: the ring
	// is not accessible, and nothing has changed.
	[[nodiscard]] virtual bool start() = 0;

	// Appends up to @max chains to @batch and returns how many: 0 if the driver
	// has made none available.  A chain for which @batch has no room is left, and
	// @batch is out_of_room().  At a malformed chain fetching ends, and it stays
	// where it is: those before it are returned without an error, so that they
	// are served whatever delays them, and the next call, which finds it first,
	// returns 0 with an error() that names the rule.
	[[nodiscard]] virtual u32 fetch(BufferBatch &batch, u32 max) = 0;

	// Takes the last @n fetched and not completed buffers back: they'll be
	// fetched again.  They must be the last of the ones in @batch.
	virtual void discard(BufferBatch &batch, u32 n) = 0;

	// Notes that @buffer was used, @len bytes of it written (2.7.8, 2.8.4), in
	// any order unless VIRTIO_F_IN_ORDER was negotiated.  The driver sees it after
	// publish(); shadowed() must be below max_shadow.
	void complete(const Buffer &buffer, u32 len)
	{
		// By pointer: the bound is the caller's, and this is once a packet.
		const u32 i = shadowed_++;
		shadow_.data()[i] = {buffer.id, len};
		slots_.data()[i] = buffer.descs;
		receives_ |= buffer.writable;
	}
	// How many are completed and not published.
	[[nodiscard]] u32 shadowed() const { return shadowed_; }
	// Drops those: the driver will set the ring up anew.
	void forget() { published(); }

	// Shows the driver all that was completed.
	[[nodiscard]] virtual bool publish() = 0;

	// Whether the driver is to be notified of what was published since the last
	// call (2.7.7); to be called after publish().
	[[nodiscard]] virtual bool should_signal() = 0;

	// Asks for notifications and looks at the ring once more (2.7.10).  True if
	// the driver has made buffers available since fetch() last looked: it may not
	// notify of those.  On an error false, as no wait is worth while.
	[[nodiscard]] virtual bool enable_notify() = 0;
	// Whether that is so, with nothing asked for: true also where the ring cannot be
	// read, as fetch() will tell.
	[[nodiscard]] virtual bool has_news() = 0;
	// Says that notifications are not needed.
	virtual void disable_notify() = 0;

	// VHOST_GET/SET_VRING_BASE's number, and whether it has a form that the format
	// knows.
	[[nodiscard]] virtual u32 base() const = 0;
	virtual void set_base(u32 base) = 0;
	[[nodiscard]] virtual bool base_ok(u32 base) const = 0;

	// What the format asks of a ring's number of entries, and of its areas.
	[[nodiscard]] virtual bool size_ok(u32 size) const = 0;
	[[nodiscard]] virtual RingArea desc_area() const = 0;
	[[nodiscard]] virtual RingArea driver_area() const = 0;
	[[nodiscard]] virtual RingArea device_area() const = 0;
	// Whether size, base and addresses are right for the format, whichever of them
	// was set first.
	[[nodiscard]] virtual bool set_up_ok() const = 0;
	[[nodiscard]] bool aligned(const RingAddresses &at) const
	{
		return !(at.desc % desc_area().align) && !(at.driver % driver_area().align) &&
		       !(at.device % device_area().align);
	}

	[[nodiscard]] RingError error() const { return error_; }
	void fail(RingError error) { error_ = error; }
	void clear_error() { error_ = RingError::none; }

	// Set-up, while the queue is stopped or under its lock.
	void set_size(u32 size)
	{
		setup_.size = size;
		moved();
	}
	[[nodiscard]] u32 size() const { return setup_.size; }
	void set_addresses(const RingAddresses &at)
	{
		setup_.at = at;
		moved();
	}
	[[nodiscard]] const RingAddresses &addresses() const { return setup_.at; }
	// Whether the device only reads what buffers hold.
	void set_transmits(bool transmits) { setup_.transmits = transmits; }
	void set_memory(const RegionTable *table) { setup_.translate = Translator(table); }
	void set_memory(Memory::Reader *reader) { setup_.translate = Translator(reader); }
	// All addresses are the driver's from now on, and in @iotlb; null: no more.
	void set_iotlb(const Iotlb *iotlb)
	{
		setup_.translate.set_iotlb(iotlb, setup_.transmits ? access_ro : access_wo);
		moved();
	}
	// An entry of the IOTLB has gone.
	void forget(const Iotlb::Entry &gone);
	// Where to note what is written to guest memory.
	void set_log(DirtyLog *log) { setup_.log = log; }
	[[nodiscard]] DirtyLog *log() const { return setup_.log; }
	// Whether writes to the ring are noted.  @guest is the guest address of the used
	// ring; those to a packed ring, and by an IOTLB, find their own.
	void set_ring_log(bool on, u64 guest)
	{
		setup_.log_ring = on;
		setup_.log_guest = guest;
		moved();
	}
	void set_features(Features features)
	{
		setup_.features = features;
		event_idx_ = features.has(VNA_VIRTIO_RING_F_EVENT_IDX);
		indirect_ok_ = features.has(VNA_VIRTIO_RING_F_INDIRECT_DESC);
		in_order_ = features.has(VNA_VIRTIO_F_IN_ORDER);
		moved();
	}

	// Whether buffers are to be given back in the order of the ring (2.7.9, 2.8.8).
	[[nodiscard]] bool in_order() const { return in_order_; }

	// All that is set from outside, but the base: it outlives a change of format.
	struct Setup {
		RingAddresses at;
		u32 size = 1; // as vhost_vq_reset() has it
		bool transmits = false;
		Features features;
		Translator translate;
		DirtyLog *log = nullptr;
		bool log_ring = false;
		u64 log_guest = 0;
	};
	[[nodiscard]] const Setup &setup() const { return setup_; }
	void set_up(const Setup &setup)
	{
		setup_ = setup;
		set_features(setup.features);
	}

protected:
	Virtqueue() = default;
	~Virtqueue() = default;

	bool failed(RingError error)
	{
		error_ = error;
		return false;
	}

	// Every write to the ring passes one of these.  watched_ are those that are
	// logged, or that reach a ring in several pieces.
	[[nodiscard]] bool put(u64 to, u16 value)
	{
		if (watched_) [[unlikely]]
			return put_watched(to, value);
		return !vna_env_put_u16(to, value) || failed(RingError::ring_fault);
	}
	[[nodiscard]] bool put(u64 to, u64 value)
	{
		if (watched_) [[unlikely]]
			return put_watched(to, value);
		return !vna_env_put_u64(to, value) || failed(RingError::ring_fault);
	}
	[[nodiscard]] bool put(u64 to, std::span<const UsedBuffer> used)
	{
		if (watched_) [[unlikely]]
			return put_watched(to, used);
		return !vna_env_copy_to_user(to, used.data(), used.size_bytes()) ||
		       failed(RingError::ring_fault);
	}

	// @words to @places, in bytes behind @to, all within @span bytes.
	[[nodiscard]] bool put(u64 to, u64 span, std::span<const u32> places,
			       std::span<const u64> words)
	{
		if (watched_) [[unlikely]]
			return put_watched(to, places, words);
		return !vna_env_scatter_u64(to, span, places.data(), words.data(),
					    static_cast<u32>(words.size())) ||
		       failed(RingError::ring_fault);
	}

	// And every read of the ring one of these: 0 or -EFAULT, or a count, as the hooks
	// of the same names.
	[[nodiscard]] int get_u16(u16 *to, u64 from)
	{
		return scattered_ ? get_scattered(to, from) : vna_env_get_u16(to, from);
	}
	[[nodiscard]] int copy_ring(void *to, u64 from, u64 len)
	{
		return scattered_ ? copy_scattered(to, from, len) :
				    vna_env_copy_from_user(to, from, len);
	}
	[[nodiscard]] int copy_available(void *to, u64 from, u32 n, u16 mask, u16 want)
	{
		return scattered_ ? copy_available_scattered(to, from, n, mask, want) :
				    vna_env_copy_available(to, from, n, mask, want);
	}

	// What a fetch that found nothing ended with.
	void ended(RingError error)
	{
		if (error == RingError::untranslated)
			parked_ = true;
		else if (error != RingError::none)
			error_ = error;
	}

	// Whether one entry may stand for all that is shadowed (2.7.9, 2.8.8).  Not
	// where buffers were written to: their lengths differ, and drivers such as
	// DPDK's read an entry for each.
	[[nodiscard]] bool one_for_all() const { return in_order_ && !receives_; }
	void published()
	{
		shadowed_ = 0;
		receives_ = 0;
	}

	Setup setup_;
	RingAddresses at_; // what setup_.at comes to: user addresses, unless scattered_
	bool ready_ = true; // at_ is right, and the ring was started
	bool scattered_ = false; // at_ is as setup_.at: each access is translated
	bool watched_ = false;
	bool parked_ = false;
	bool late_start_ = false;
	bool event_idx_ = false;
	bool indirect_ok_ = false;
	bool in_order_ = false;
	u16 receives_ = 0; // nonzero if a shadowed buffer has a writable part
	RingError error_ = RingError::none;
	u32 shadowed_ = 0;
	std::array<UsedBuffer, max_shadow> shadow_;
	std::array<u16, max_shadow> slots_; // descriptors of each in the ring itself

private:
	void moved();
	[[nodiscard]] bool get_ready();
	[[nodiscard]] bool map();
	[[nodiscard]] bool map_area(u64 at, u64 bytes, Access access, u64 &user, bool &linear);

	[[nodiscard]] RingError note_write(u64 to, u64 user, u64 len);
	template <class Write> bool put_pieces(u64 to, u64 len, const Write &write);
	[[nodiscard]] bool put_watched(u64 to, u16 value);
	[[nodiscard]] bool put_watched(u64 to, u64 value);
	[[nodiscard]] bool put_watched(u64 to, std::span<const UsedBuffer> used);
	[[nodiscard]] bool put_watched(u64 to, std::span<const u32> places,
				       std::span<const u64> words);
	[[nodiscard]] int get_scattered(u16 *to, u64 from);
	[[nodiscard]] int copy_scattered(void *to, u64 from, u64 len);
	[[nodiscard]] int copy_available_scattered(void *to, u64 from, u32 n, u16 mask, u16 want);
};

} // namespace vna
