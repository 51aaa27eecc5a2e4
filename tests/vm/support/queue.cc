/* SPDX-License-Identifier: GPL-2.0-only */
#include "queue.hh"

#include "ktap.hh"
#include "packet_socket.hh"

#include <poll.h>
#include <sys/eventfd.h>

namespace vna::vm
{

namespace
{

int new_eventfd()
{
	const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK(fd >= 0);
	return fd;
}

std::uint64_t take(int fd)
{
	std::uint64_t count = 0;
	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

bool wait_for(int fd)
{
	pollfd ready{fd, POLLIN, 0};
	return poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) > 0;
}

} /* namespace */

Queue::Queue(driver::GuestMemory &memory, unsigned index, const driver::RingConfig &config)
    : memory_(memory), index_(index), ring_(driver::make_ring(memory, config)),
      kick_(new_eventfd()), call_(new_eventfd()), err_(new_eventfd())
{
}

driver::SplitTable &Queue::split_table() const
{
	auto *split = dynamic_cast<driver::SplitRing *>(ring_.get());
	CHECK(split);
	return split->table();
}

driver::PackedTable &Queue::packed_table() const
{
	auto *packed = dynamic_cast<driver::PackedRing *>(ring_.get());
	CHECK(packed);
	return packed->table();
}

vhost_vring_addr Queue::addr() const
{
	const driver::RingAreas areas = ring_->areas();
	const auto user = [&](driver::Gpa gpa) {
		return reinterpret_cast<std::uintptr_t>(memory_.at(gpa));
	};
	vhost_vring_addr addr{};
	addr.index = index_;
	addr.desc_user_addr = user(areas.descriptor);
	addr.avail_user_addr = user(areas.driver);
	addr.used_user_addr = user(areas.device);
	addr.log_guest_addr = areas.device;
	return addr;
}

void Queue::configure(const VhostDevice &device) const
{
	CHECK_ERRNO(device.set_num(index_, ring_->size()), 0);
	CHECK_ERRNO(device.set_base(index_, ring_->base()), 0);
	CHECK_ERRNO(device.set_addr(addr()), 0);
	CHECK_ERRNO(device.set_kick(index_, kick_.get()), 0);
	CHECK_ERRNO(device.set_call(index_, call_.get()), 0);
	CHECK_ERRNO(device.set_err(index_, err_.get()), 0);
}

void Queue::kick() const
{
	const std::uint64_t one = 1;
	CHECK(write(kick_.get(), &one, sizeof(one)) == sizeof(one));
}

void Queue::publish()
{
	ring_->publish();
	if (ring_->needs_kick())
		kick();
}

driver::Used Queue::wait_used()
{
	for (;;) {
		if (const auto used = ring_->collect()) {
			CHECK(used->token != driver::no_token,
			      "queue %u: the device used buffer %u, which it does not hold", index_,
			      used->id);
			return *used;
		}
		if (!ring_->enable_notifications())
			continue;
		pollfd ready[] = {{call_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}};
		const auto wait = std::chrono::milliseconds(patience).count();
		const int count = poll(ready, 2, static_cast<int>(wait));
		CHECK(!ready[1].revents, "queue %u: the device reports an error", index_);
		CHECK(count > 0, "queue %u stalls: %u buffers outstanding, %s", index_,
		      ring_->outstanding(),
		      ring_->has_used() ? "used ones without an interrupt" : "none used");
		take(call_.get());
	}
}

std::uint64_t Queue::take_calls() const
{
	return take(call_.get());
}

std::uint64_t Queue::take_errors() const
{
	return take(err_.get());
}

bool Queue::wait_call() const
{
	return wait_for(call_.get());
}

bool Queue::wait_error() const
{
	return wait_for(err_.get());
}

} /* namespace vna::vm */
