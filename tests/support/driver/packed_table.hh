/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bytes of a packed ring (virtio 1.2 §2.8.13, §2.8.14), every field readable and writable
 * with no check at all: what PackedRing is built on, and what tests write malformed rings with.
 */
#pragma once

#include "driver_ring.hh"
#include "uapi.hh"

#include <cstdint>

namespace vna::driver
{

/* A slot of the ring and the wrap counter with which it is, or is to be, used (§2.8.1). */
struct PackedPosition {
	std::uint16_t index = 0;
	bool wrap = true;

	bool operator==(const PackedPosition &) const = default;

	/* As the ABI and the event suppression structures have it: the wrap counter in bit 15. */
	std::uint16_t encoded() const
	{
		return static_cast<std::uint16_t>(index | unsigned{wrap} << 15);
	}
	/* n slots further in a ring of size, n at most the size. */
	PackedPosition after(unsigned n, unsigned size) const;
};

/* Flags of a descriptor besides NEXT, WRITE and INDIRECT (§2.8.1). */
inline constexpr std::uint16_t packed_f_avail = 1 << VRING_PACKED_DESC_F_AVAIL;
inline constexpr std::uint16_t packed_f_used = 1 << VRING_PACKED_DESC_F_USED;

/* Of both, those which say that a descriptor is available, or used, in a lap with that wrap. */
constexpr std::uint16_t packed_available(bool wrap)
{
	return wrap ? packed_f_avail : packed_f_used;
}
constexpr std::uint16_t packed_used(bool wrap)
{
	return wrap ? packed_f_avail | packed_f_used : 0;
}
constexpr bool is_packed_available(std::uint16_t flags, bool wrap)
{
	return (flags & (packed_f_avail | packed_f_used)) == packed_available(wrap);
}
constexpr bool is_packed_used(std::uint16_t flags, bool wrap)
{
	return (flags & (packed_f_avail | packed_f_used)) == packed_used(wrap);
}

/* What the device writes into a descriptor that it uses. */
struct PackedUsed {
	std::uint32_t len;
	std::uint16_t id;
	std::uint16_t flags;
};

class PackedTable
{
public:
	/* Allocate and zero a ring of size entries, 1 to 32768, in region. */
	PackedTable(GuestMemory &memory, unsigned size, std::size_t region = 0);

	unsigned size() const { return size_; }
	RingAreas areas() const { return areas_; }

	/* Zero the descriptors and both event suppression structures. */
	void clear();

	/* A descriptor as it lies there, and its parts; nothing checks the index. */
	vring_packed_desc &desc(unsigned index) { return desc_[index]; }
	void set_desc(unsigned index, Gpa addr, std::uint32_t len, std::uint16_t id);
	std::uint16_t flags(unsigned index) const;	     /* acquire: before the rest of it */
	void set_flags(unsigned index, std::uint16_t flags); /* release: after the rest of it */

	/* The device's part of one, in one store and in one load behind an acquire of the flags. */
	PackedUsed used(unsigned index) const;
	void set_used(unsigned index, const PackedUsed &used);

	/* Driver event suppression: what the device reads. */
	std::uint16_t driver_off_wrap() const;
	std::uint16_t driver_flags() const;
	void set_driver_off_wrap(std::uint16_t off_wrap);
	void set_driver_flags(std::uint16_t flags); /* release: after the position */

	/* Device event suppression: the device's to write, except when a test plays it. */
	std::uint16_t device_off_wrap() const;
	std::uint16_t device_flags() const; /* acquire: before the position */
	void set_device_off_wrap(std::uint16_t off_wrap);
	void set_device_flags(std::uint16_t flags);

private:
	unsigned size_;
	RingAreas areas_;
	vring_packed_desc *desc_;
	vring_packed_desc_event *driver_;
	vring_packed_desc_event *device_;
};

} /* namespace vna::driver */
