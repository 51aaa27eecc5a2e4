// SPDX-License-Identifier: GPL-2.0-only
// What is not on every packet's way: where the ring is, by an IOTLB, and writes to it
// that are logged.
#include "core/virtqueue/virtqueue.hh"

namespace vna {

// Something of what says where the ring is has changed.
void Virtqueue::moved()
{
	at_ = setup_.at;
	scattered_ = false;
	watched_ = setup_.log_ring;
	ready_ = !setup_.translate.iotlb() && !late_start_;
}

bool Virtqueue::start_soon()
{
	if (!setup_.translate.iotlb())
		return start();
	start_later();
	return true;
}

bool Virtqueue::get_ready()
{
	if (setup_.translate.iotlb() && !map()) {
		parked_ = true;
		return false;
	}
	if (late_start_ && !start()) {
		if (error_ == RingError::none)
			error_ = RingError::ring_fault;
		return true; // is there, and is wrong; it starts once it is set up anew
	}
	late_start_ = false;
	ready_ = true;
	return true;
}

// Finds the user addresses of the ring.  All of it is to be there, as vhost has it; what
// asks for a translation is the first piece that is not.
bool Virtqueue::map()
{
	const RingAddresses &at = setup_.at;
	// As it is where the addresses were the owner's, not the driver's: see
	// Device::set_features().
	if (!at.desc && !at.driver && !at.device) {
		setup_.translate.miss(0, access_none);
		return false;
	}
	const bool packed = setup_.features.has(VNA_VIRTIO_F_RING_PACKED);
	RingAddresses user;
	bool linear = true;
	if (!map_area(at.desc, desc_area().bytes, packed ? access_rw : access_ro, user.desc,
		      linear) ||
	    !map_area(at.driver, driver_area().bytes, access_ro, user.driver, linear) ||
	    !map_area(at.device, device_area().bytes, access_wo, user.device, linear))
		return false;
	at_ = linear ? user : at;
	scattered_ = !linear;
	watched_ = setup_.log_ring || scattered_;
	return true;
}

// As many turns as the IOTLB has entries, at most: none is met twice.
bool Virtqueue::map_area(u64 at, u64 bytes, Access access, u64 &user, bool &linear)
{
	for (u64 done = 0, piece; done < bytes;) {
		const u64 n = setup_.translate.run_by_iotlb(at + done, bytes - done, access, piece);
		if (!n) { // also where the access is not allowed: that may change, too
			setup_.translate.miss(at + done, access);
			return false;
		}
		if (!done)
			user = piece;
		linear &= piece == user + done;
		done += n;
	}
	return true;
}

void Virtqueue::forget(const Iotlb::Entry &gone)
{
	const auto touches = [&](u64 at, u64 bytes) {
		return at <= gone.last && gone.start <= at + (bytes - 1);
	};
	setup_.translate.forget(gone);
	if (touches(setup_.at.desc, desc_area().bytes) ||
	    touches(setup_.at.driver, driver_area().bytes) ||
	    touches(setup_.at.device, device_area().bytes))
		ready_ = false;
}

// Notes a write to @len bytes of the ring, at @to of its own addresses and in user memory
// at @user.  By guest address: a split ring's is the owner's word; where the owner does
// not say it of what is written (a packed ring's descriptors), the memory table does.
RingError Virtqueue::note_write(u64 to, u64 user, u64 len)
{
	if (!setup_.log_ring || !setup_.log)
		return RingError::none;
	bool noted = true;
	if (!setup_.translate.iotlb() && !setup_.features.has(VNA_VIRTIO_F_RING_PACKED))
		noted = setup_.log->note(setup_.log_guest + (to - at_.device), len);
	else if (setup_.translate.table())
		noted = setup_.log->note_user(*setup_.translate.table(), user, len);
	return noted ? RingError::none : RingError::log_fault;
}

// Has @write(user address, offset, bytes) write each piece of [@to, @to + @len), then notes it:
// a bit that is set before could be taken away before, too.
template <class Write> bool Virtqueue::put_pieces(u64 to, u64 len, const Write &write)
{
	for (u64 done = 0; done < len;) {
		u64 user = to + done, n = len - done;
		if (scattered_)
			n = setup_.translate.run_by_iotlb(to + done, n, access_wo, user);
		if (!n || write(user, done, n))
			return failed(RingError::ring_fault);
		const RingError error = note_write(to + done, user, n);
		if (error != RingError::none)
			return failed(error);
		done += n;
	}
	return true;
}

// A word is written at once or, where it lies in two pieces, not at all.
bool Virtqueue::put_watched(u64 to, u16 value)
{
	return put_pieces(to, sizeof value, [&](u64 user, u64, u64 n) {
		return n < sizeof value || vna_env_put_u16(user, value);
	});
}

bool Virtqueue::put_watched(u64 to, u64 value)
{
	return put_pieces(to, sizeof value, [&](u64 user, u64, u64 n) {
		return n < sizeof value || vna_env_put_u64(user, value);
	});
}

bool Virtqueue::put_watched(u64 to, std::span<const UsedBuffer> used)
{
	const std::span<const std::byte> bytes = std::as_bytes(used);
	return put_pieces(to, bytes.size(), [&](u64 user, u64 done, u64 n) {
		return vna_env_copy_to_user(user, bytes.data() + done, n);
	});
}

bool Virtqueue::put_watched(u64 to, std::span<const u32> places, std::span<const u64> words)
{
	for (std::size_t i = 0; i < words.size(); i++) {
		if (!put_watched(to + places[i], words[i]))
			return false;
	}
	return true;
}

int Virtqueue::get_scattered(u16 *to, u64 from)
{
	u64 user;
	if (setup_.translate.run_by_iotlb(from, sizeof *to, access_none, user) < sizeof *to)
		return -efault;
	return vna_env_get_u16(to, user);
}

int Virtqueue::copy_scattered(void *to, u64 from, u64 len)
{
	for (u64 done = 0, user; done < len;) {
		const u64 n = setup_.translate.run_by_iotlb(from + done, len - done, access_ro, user);
		if (!n || vna_env_copy_from_user(static_cast<std::byte *>(to) + done, user, n))
			return -efault;
		done += n;
	}
	return 0;
}

int Virtqueue::copy_available_scattered(void *to, u64 from, u32 n, u16 mask, u16 want)
{
	constexpr u64 each = 16; // a descriptor's bytes
	for (u32 done = 0; done < n;) {
		u64 user;
		const u64 run = setup_.translate.run_by_iotlb(from + each * done, each * (n - done),
							      access_ro, user);
		const u32 here = static_cast<u32>(run / each);
		const int found = here ? vna_env_copy_available(
						 static_cast<std::byte *>(to) + each * done, user,
						 here, mask, want) :
					 -efault;
		if (found < 0)
			return done ? static_cast<int>(done) : -efault;
		done += static_cast<u32>(found);
		if (static_cast<u32>(found) < here)
			return static_cast<int>(done);
	}
	return static_cast<int>(n);
}

} // namespace vna
