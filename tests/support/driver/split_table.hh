/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bytes of a split ring (virtio 1.2 §2.7.5 to §2.7.8), every field readable and writable
 * with no check at all: what SplitRing is built on, and what tests write malformed rings with.
 */
#pragma once

#include "driver_ring.hh"
#include "uapi.hh"

#include <cstdint>

namespace vna::driver
{

class SplitTable
{
public:
	/* Allocate and zero a ring of size entries (a power of two, at most 32768) in region. */
	SplitTable(GuestMemory &memory, unsigned size, std::size_t region = 0);

	unsigned size() const { return size_; }
	RingAreas areas() const { return areas_; }

	/* Zero the descriptors and both rings. */
	void clear();

	/* Descriptor table entry, index not checked against a chain's validity. */
	vring_desc &desc(unsigned index) { return desc_[index]; }
	void set_desc(unsigned index, Gpa addr, std::uint32_t len, std::uint16_t flags,
		      std::uint16_t next);

	/* Available ring. Entry positions are taken modulo the size. */
	std::uint16_t avail_flags() const;
	std::uint16_t avail_idx() const;
	std::uint16_t avail_entry(std::uint16_t position) const;
	std::uint16_t used_event() const;
	void set_avail_flags(std::uint16_t flags);
	void set_avail_idx(std::uint16_t idx); /* release: after descriptors and entries */
	void set_avail_entry(std::uint16_t position, std::uint16_t head);
	void set_used_event(std::uint16_t event);

	/* Used ring: the device's to write, except when a test plays the device. */
	std::uint16_t used_flags() const;
	std::uint16_t used_idx() const; /* acquire: before entries and buffers */
	vring_used_elem used_entry(std::uint16_t position) const;
	std::uint16_t avail_event() const;
	void set_used_flags(std::uint16_t flags);
	void set_used_idx(std::uint16_t idx);
	void set_used_entry(std::uint16_t position, vring_used_elem element);
	void set_avail_event(std::uint16_t event);

private:
	unsigned slot(std::uint16_t position) const { return position & (size_ - 1); }

	unsigned size_;
	RingAreas areas_;
	vring_desc *desc_;
	vring_avail *avail_;
	vring_used *used_;
	/* Each side's event word lies behind the other side's last entry (§2.7.6, §2.7.8). */
	std::uint16_t *used_event_;
	std::uint16_t *avail_event_;
};

} /* namespace vna::driver */
