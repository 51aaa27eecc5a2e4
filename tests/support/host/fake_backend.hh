// SPDX-License-Identifier: GPL-2.0-only
// A tap or packet socket by script: frames to receive, results of sending, errors when opened.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "glue/abi.h"
#include "host/user_memory.hh"

namespace vna::host
{

using Bytes = std::vector<std::byte>;

class FakeKernel;

// Slots of frames in flight.  Landing may happen in any thread.
struct Slots {
	Slots(FakeKernel &in, vna_u32 of) : kernel(in), queue(of) {}

	FakeKernel &kernel;
	const vna_u32 queue;
	std::atomic<bool> open{true}; // false: nobody is told any more
	std::atomic<vna_u64> used{0}, landed{0}, copied{0};
};

class FakeBackend
{
public:
	struct Frame {
		Bytes bytes;			  // with the backend's header in front
		std::optional<vna_u32> announced; // the length that consume() tells, if another
		vna_s32 error = 0;		  // what receive() returns instead of the length
	};

	// A file that puts a virtio header of @header bytes before each frame.
	explicit FakeBackend(FakeKernel &kernel, vna_u32 header = 12);
	// The device goes first: it may hold the file open.
	~FakeBackend();
	FakeBackend(const FakeBackend &) = delete;
	FakeBackend &operator=(const FakeBackend &) = delete;

	[[nodiscard]] int fd() const { return fd_; }
	[[nodiscard]] vna_u32 header() const { return header_; }
	void set_header(vna_u32 bytes) { header_ = bytes; }

	unsigned offloads = 0; // that are on, a bit each

	// Opening and attaching.
	int open_error = 0;
	int attach_error = 0;
	unsigned opened = 0;   // handles that are open
	unsigned attached = 0; // of those, polled

	// Receive: a frame arrives, behind a header of @fill.
	void arrive(const Bytes &payload, std::byte fill = std::byte{0});
	void arrive(Frame frame);
	std::deque<Frame> waiting;
	unsigned freed = 0;    // frames freed unseen, by free or detach
	unsigned consumed = 0; // calls that took some

	// Transmit: what was sent, headers and all, in order.
	std::vector<Bytes> sent;
	std::vector<vna_u32> batches;	     // frames offered in each call
	std::optional<unsigned> room;	     // frames until -EAGAIN; none: no limit
	std::map<unsigned, vna_s32> results; // result of the n-th frame offered, from 0
	unsigned offered = 0;		     // frames that were done, whatever the result
	bool room_at_once = false;	     // want_room() finds room already
	unsigned wanted = 0;		     // calls of want_room()
	// Transmit by reference: frames that are in flight, in the order that they were sent.
	struct InFlight {
		std::shared_ptr<Slots> slots;
		vna_u32 slot;
		std::vector<vna_segment> segs;
		unsigned pages;
	};
	bool refers = true;
	bool lands_at_once = false;	    // in the call that sends
	bool copies = false;		    // the pages of a frame that lands at once
	std::optional<int> reference_error; // of each frame
	std::vector<InFlight> in_flight;
	// The @i-th of those lands: its bytes are read now, as a device would, and are sent.
	void land(std::size_t i, bool copied = false);
	void land_all()
	{
		while (!in_flight.empty())
			land(0);
	}

	// There is room for @n more frames: tells whoever wanted to know.
	void make_room(unsigned n);

private:
	friend struct ::vna_backend;

	FakeKernel &kernel_;
	int fd_;
	vna_u32 header_;
	std::vector<::vna_backend *> handles_;
};

} // namespace vna::host

// One opening of a FakeBackend, bound to a queue.
struct vna_backend {
	vna_backend(vna::host::FakeKernel &kernel, vna::host::FakeBackend &file, vna_u32 queue);
	~vna_backend();

	int attach();
	void detach();
	vna_u32 consume(vna_u32 *lens, vna_u32 max);
	[[nodiscard]] bool has_frames() const;
	vna_u32 receive(vna_rx_frame *frames, vna_u32 n);
	vna_s32 receive(const vna_rx_frame &frame);
	void free(vna_u32 n);
	vna_u32 send(vna_tx_frame *frames, vna_u32 n);
	int send_reference(vna_inflight *inflight, vna_u32 slot, const vna_tx_frame &frame);
	int want_room();
	void check_locked(const char *what) const;

	vna::host::FakeKernel &kernel;
	vna::host::FakeBackend &file;
	const vna_u32 queue;
	bool attached = false;
	bool room_wanted = false;
	std::deque<vna::host::FakeBackend::Frame> taken;
};
