/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One virtqueue of the device under test: the driver's ring, its three eventfds, and a strict
 * driver's manners. It kicks only when the device asked for it, and looks for used buffers only
 * when it was told to or has not yet asked to be told: a lost wake-up on either side is a stall,
 * and a stall fails the test.
 */
#pragma once

#include "driver/packed_ring.hh"
#include "driver/split_ring.hh"
#include "unique_fd.hh"
#include "vhost_device.hh"

#include <cstdint>
#include <memory>

namespace vna::vm
{

class Queue
{
public:
	/* index is the device's number of the queue. */
	Queue(driver::GuestMemory &memory, unsigned index, const driver::RingConfig &config);

	unsigned index() const { return index_; }
	driver::DriverRing &ring() { return *ring_; }
	/* The bytes of the ring, whose format the test knows. */
	driver::SplitTable &split_table() const;
	driver::PackedTable &packed_table() const;
	vhost_vring_addr addr() const;

	/* NUM, BASE, ADDR, KICK, CALL, ERR, in the order QEMU has them; each must succeed. */
	void configure(const VhostDevice &device) const;

	/* Expose what was added and notify the device where it wants that. */
	void publish();
	/* Notify the device whether it wants it or not. */
	void kick() const;

	/* The next used buffer; fails the test when none is there and none is announced. */
	driver::Used wait_used();

	/* Interrupts since last asked (or seen by wait_used), and faults. Neither waits. */
	std::uint64_t take_calls() const;
	std::uint64_t take_errors() const;
	/* Wait for an interrupt or an error event; false when none comes within patience. */
	bool wait_call() const;
	bool wait_error() const;

	int call_fd() const { return call_.get(); }
	int kick_fd() const { return kick_.get(); }
	int err_fd() const { return err_.get(); }

private:
	const driver::GuestMemory &memory_;
	unsigned index_;
	std::unique_ptr<driver::DriverRing> ring_;
	UniqueFd kick_, call_, err_;
};

} /* namespace vna::vm */
