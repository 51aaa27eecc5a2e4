// SPDX-License-Identifier: GPL-2.0-only
#include "host/fake_backend.hh"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "host/fake_kernel.hh"
#include "host/handles.hh"

namespace vna::host
{

FakeBackend::FakeBackend(FakeKernel &kernel, vna_u32 header)
    : kernel_(kernel), fd_(kernel.add_backend(*this)), header_(header)
{
}

FakeBackend::~FakeBackend()
{
	kernel_.close();
	for (const InFlight &frame : in_flight)
		kernel_.locked -= frame.pages;
}

void FakeBackend::land(std::size_t i, bool copied)
{
	const InFlight frame = std::move(in_flight.at(i));
	in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(i));
	// Pinned: whether the device is there or not, and who waits for what.
	Bytes bytes;
	for (const vna_segment &seg : frame.segs) {
		const std::size_t at = bytes.size();
		bytes.resize(at + seg.len);
		if (kernel_.memory.copy_in(bytes.data() + at, seg.addr, seg.len))
			trap("memory of a frame in flight has gone");
	}
	sent.push_back(std::move(bytes));
	kernel_.locked -= frame.pages;
	const vna_u64 bit = 1ull << frame.slot;
	if (!(frame.slots->used.fetch_and(~bit) & bit))
		trap("slot %u landed twice", frame.slot);
	if (copied)
		frame.slots->copied |= bit;
	frame.slots->landed |= bit;
	if (frame.slots->open)
		kernel_.event(frame.slots->queue, VNA_EVENT_COMPLETED);
}

void FakeBackend::arrive(const Bytes &payload, std::byte fill)
{
	Frame frame;
	frame.bytes.assign(header_, fill);
	frame.bytes.insert(frame.bytes.end(), payload.begin(), payload.end());
	arrive(std::move(frame));
}

void FakeBackend::arrive(Frame frame)
{
	waiting.push_back(std::move(frame));
	for (const vna_backend *handle : handles_) {
		if (handle->attached && handle->queue == rx_queue)
			kernel_.event(handle->queue, VNA_EVENT_BACKEND);
	}
}

void FakeBackend::make_room(unsigned n)
{
	if (room)
		*room += n;
	for (vna_backend *handle : handles_) {
		if (std::exchange(handle->room_wanted, false))
			kernel_.event(handle->queue, VNA_EVENT_BACKEND);
	}
}

} // namespace vna::host

using vna::host::Bytes;
using vna::host::FakeBackend;
using vna::host::trap;

vna_backend::vna_backend(vna::host::FakeKernel &in, FakeBackend &of, vna_u32 to)
    : kernel(in), file(of), queue(to)
{
	file.opened++;
	file.handles_.push_back(this);
}

vna_backend::~vna_backend()
{
	if (attached)
		trap("a backend was closed while attached");
	file.opened--;
	std::erase(file.handles_, this);
}

void vna_backend::check_locked(const char *what) const
{
	if (!kernel.queue_locked(queue))
		trap("backend %s without the lock of queue %u", what, queue);
}

int vna_backend::attach()
{
	check_locked("attach");
	if (attached)
		trap("a backend was attached twice");
	if (file.attach_error)
		return file.attach_error;
	attached = true;
	file.attached++;
	if (queue == vna::host::rx_queue && !file.waiting.empty())
		kernel.event(queue, VNA_EVENT_BACKEND);
	return 0;
}

void vna_backend::detach()
{
	check_locked("detach");
	if (!attached)
		trap("a backend was detached that is not attached");
	attached = room_wanted = false;
	file.attached--;
	while (!taken.empty()) { // back to where they came from
		file.waiting.push_front(std::move(taken.back()));
		taken.pop_back();
	}
}

bool vna_backend::has_frames() const
{
	check_locked("has_frames");
	return !file.waiting.empty();
}

vna_u32 vna_backend::consume(vna_u32 *lens, vna_u32 max)
{
	check_locked("consume");
	if (!taken.empty())
		trap("consume with frames still taken");
	if (!max)
		trap("consume of no frames");
	while (taken.size() < max && !file.waiting.empty()) {
		const auto &frame = file.waiting.front();
		*lens++ = frame.announced.value_or(static_cast<vna_u32>(frame.bytes.size()) -
						   file.header_);
		taken.push_back(frame);
		file.waiting.pop_front();
	}
	file.consumed += !taken.empty();
	return static_cast<vna_u32>(taken.size());
}

vna_u32 vna_backend::receive(vna_rx_frame *frames, vna_u32 n)
{
	check_locked("receive");
	if (!n)
		trap("receive of no frames");
	for (vna_u32 i = 0; i < n; i++) {
		frames[i].result = receive(frames[i]);
		if (frames[i].result < 0 ||
		    static_cast<vna_u32>(frames[i].result) != frames[i].len)
			return i + 1;
	}
	return n;
}

vna_s32 vna_backend::receive(const vna_rx_frame &into)
{
	if (taken.empty())
		trap("receive of a frame that was not taken");
	const FakeBackend::Frame frame = std::move(taken.front());
	taken.pop_front();
	vna_u64 room = 0;
	for (vna_u32 i = 0; i < into.nsegs; i++)
		room += into.segs[i].len;
	if (room < into.len)
		trap("receive of %u bytes into segments of %llu", into.len, room);
	if (into.nsegs > 1024)
		trap("receive into %u segments", into.nsegs);
	if (frame.error)
		return frame.error;

	Bytes bytes = frame.bytes;
	if (into.blank)
		bytes.insert(bytes.begin(), into.header, std::byte{0});
	if (into.num_buffers) {
		if (into.header < 12)
			trap("num_buffers in a header of %u bytes", into.header);
		if (bytes.size() >= 12) { // a frame that is not what was announced may be shorter
			bytes[10] = static_cast<std::byte>(into.num_buffers & 0xff);
			bytes[11] = static_cast<std::byte>(into.num_buffers >> 8);
		}
	}
	const std::byte *from = bytes.data();
	auto left = std::min<vna_u64>(into.len, bytes.size());
	for (const vna_segment *s = into.segs; left; s++) {
		const auto n = std::min(left, s->len);
		if (kernel.memory.copy_out(s->addr, from, n))
			return -EFAULT;
		from += n;
		left -= n;
	}
	return static_cast<vna_s32>(bytes.size());
}

void vna_backend::free(vna_u32 n)
{
	check_locked("free");
	if (n > taken.size())
		trap("free of frames that were not taken");
	file.freed += n;
	taken.erase(taken.begin(), taken.begin() + n);
}

vna_u32 vna_backend::send(vna_tx_frame *frames, vna_u32 n)
{
	check_locked("send");
	if (!n)
		trap("send of no frames");
	file.batches.push_back(n);
	for (vna_u32 i = 0; i < n; i++) {
		vna_tx_frame &frame = frames[i];
		vna_u64 len = 0;
		for (vna_u32 s = 0; s < frame.nsegs; s++) {
			len += frame.segs[s].len;
			if (!frame.segs[s].len)
				trap("an empty segment was sent");
		}
		if (len != frame.len || !len || frame.nsegs > 1024)
			trap("sent %u bytes in %u segments of %llu", frame.len, frame.nsegs, len);
		if (file.room && !(*file.room)) {
			frame.result = -EAGAIN;
			return i;
		}
		if (file.room)
			--*file.room;
		Bytes bytes(frame.len);
		std::byte *to = bytes.data();
		frame.result = static_cast<vna_s32>(frame.len);
		for (vna_u32 s = 0; s < frame.nsegs; s++) {
			if (kernel.memory.copy_in(to, frame.segs[s].addr, frame.segs[s].len))
				frame.result = -EFAULT;
			to += frame.segs[s].len;
		}
		const auto scripted = file.results.find(file.offered++);
		if (scripted != file.results.end())
			frame.result = scripted->second;
		if (frame.result >= 0)
			file.sent.push_back(std::move(bytes));
	}
	return n;
}

int vna_backend::send_reference(vna_inflight *inflight, vna_u32 slot, const vna_tx_frame &frame)
{
	check_locked("send_reference");
	vna::host::Slots &slots = *inflight->slots;
	const vna_u64 bit = 1ull << slot;
	if (slot >= VNA_MAX_IN_FLIGHT)
		trap("slot %u", slot);
	if ((slots.used | slots.landed) & bit)
		trap("slot %u is not free", slot);
	if (frame.len < 512)
		trap("a frame of %u bytes by reference", frame.len);
	unsigned pages = 0;
	for (vna_u32 i = 0; i < frame.nsegs; i++) {
		const vna_segment &s = frame.segs[i];
		pages += static_cast<unsigned>((s.addr + s.len + 4095) / 4096 - s.addr / 4096);
	}
	if (pages > 18)
		return -EMSGSIZE;
	if (kernel.lock_limit && kernel.locked + pages > *kernel.lock_limit)
		return -EDQUOT;
	if (file.reference_error)
		return *file.reference_error;
	if (file.room && !*file.room)
		return -EAGAIN;
	if (file.room)
		--*file.room;
	slots.used |= bit;
	kernel.locked += pages;
	file.in_flight.push_back(
		{inflight->slots, slot, {frame.segs, frame.segs + frame.nsegs}, pages});
	if (file.lands_at_once)
		file.land(file.in_flight.size() - 1, file.copies);
	return 0;
}

int vna_backend::want_room()
{
	check_locked("want_room");
	file.wanted++;
	if (file.room_at_once)
		return 1;
	room_wanted = true;
	return 0;
}
