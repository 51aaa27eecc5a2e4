/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device IOTLB, with a client that answers the device page by page: rings and buffers are at
 * addresses of the driver's, which mean nothing without the client; here they are the guest's.
 */
#include "ktap.hh"
#include "support/counters.hh"
#include "support/live.hh"

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <poll.h>
#include <thread>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

constexpr std::uint64_t platform = 1ULL << 33; /* VIRTIO_F_ACCESS_PLATFORM */
constexpr std::uint64_t messages_v2 = 1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2;
constexpr std::uint64_t page_bytes = 4096;

struct Format {
	const char *name;
	std::uint64_t bits;
};
constexpr Format formats[] = {
	{"split", feature::event_idx},
	{"split, in order", feature::in_order},
	{"packed", feature::packed | feature::event_idx},
	{"packed, in order", feature::packed | feature::in_order},
};

/* One message, whichever of the two forms. */
struct Message {
	std::uint32_t type = VHOST_IOTLB_MSG_V2;
	std::uint32_t asid = 0;
	vhost_iotlb_msg iotlb{};
	std::byte padding[32]{};
};
static_assert(sizeof(Message) == sizeof(vhost_msg_v2) && sizeof(Message) == sizeof(vhost_msg));

/* The errno of a write of so many bytes of it. */
int write_message(const VhostDevice &device, const Message &m, std::size_t len = sizeof(Message))
{
	return write(device.fd(), &m, len) < 0 ? errno : 0;
}

int tell(const VhostDevice &device, std::uint8_t type, std::uint64_t iova, std::uint64_t size,
	 std::uint64_t user = 0, std::uint8_t perm = VHOST_ACCESS_RW,
	 std::uint32_t kind = VHOST_IOTLB_MSG_V2)
{
	Message m;
	m.type = kind;
	m.iotlb.iova = iova;
	m.iotlb.size = size;
	m.iotlb.uaddr = user;
	m.iotlb.perm = perm;
	m.iotlb.type = type;
	return write_message(device, m);
}

/* A thread that answers misses by pages, where the driver's addresses are the guest's. */
class Client
{
public:
	Client(Rig &rig, std::uint32_t kind) : rig_(rig), kind_(kind), thread_([this] { run(); }) {}
	~Client()
	{
		stop_ = true;
		thread_.join();
	}
	/* The page's user address, or 0. */
	static std::uint64_t user(const Rig &rig, std::uint64_t iova)
	{
		return reinterpret_cast<std::uintptr_t>(
			rig.memory.at(iova / page_bytes * page_bytes, page_bytes));
	}
	void answer(std::uint64_t iova)
	{
		const auto at = user(rig_, iova);
		if (at)
			failed_ = failed_ || tell(rig_.device, VHOST_IOTLB_UPDATE,
						  iova / page_bytes * page_bytes, page_bytes, at,
						  VHOST_ACCESS_RW, kind_);
	}
	unsigned asked() const { return asked_; }
	bool failed() const { return failed_; }

private:
	void run()
	{
		while (!stop_) {
			pollfd ready{rig_.device.fd(), POLLIN, 0};
			if (poll(&ready, 1, 20) <= 0)
				continue;
			Message m;
			const auto n = read(rig_.device.fd(), &m, sizeof(m));
			if (n != sizeof(m) || m.type != kind_ ||
			    m.iotlb.type != VHOST_IOTLB_MISS) {
				failed_ = true;
				continue;
			}
			++asked_;
			answer(m.iotlb.iova);
		}
	}

	Rig &rig_;
	const std::uint32_t kind_;
	std::atomic<unsigned> asked_ = 0;
	std::atomic<bool> stop_ = false, failed_ = false;
	std::thread thread_;
};

vhost_vring_addr driver_addr(Queue &queue)
{
	const auto areas = queue.ring().areas();
	vhost_vring_addr addr{};
	addr.index = queue.index();
	addr.desc_user_addr = areas.descriptor;
	addr.avail_user_addr = areas.driver;
	addr.used_user_addr = areas.device;
	return addr;
}

/* A device on a tap, behind an IOMMU. */
struct Guarded {
	Guarded(const Format &format, bool v2)
	    : rig(device_path, {.features = feature::version_1 | format.bits | platform}),
	      client(begin(v2), v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG), receiver(rig, {})
	{
		for (Queue *queue : {&rig.rx, &rig.tx}) {
			CHECK_ERRNO(rig.device.set_addr(driver_addr(*queue)), 0);
			/* QEMU tells of the used ring before, as vhost-net wants it. */
			client.answer(queue->ring().areas().device);
		}
		rig.attach(wire.tap.fd());
	}
	Rig &begin(bool v2)
	{
		CHECK_ERRNO(rig.device.set_backend_features(v2 ? messages_v2 : 0), 0);
		return rig;
	}
	void pass(unsigned count)
	{
		Traffic traffic;
		traffic.count = count;
		transmit(rig, wire.far, traffic);
		receiver.run(wire.far);
		CHECK(!client.failed(), "a message was not right");
	}

	Wire wire;
	Rig rig;
	Client client;
	Receiver receiver;
};

void misses_are_answered(const Format &format, bool v2)
{
	need_features(device_path, format.bits | platform);
	Guarded guarded(format, v2);
	guarded.pass(20);
	CHECK(guarded.client.asked() > 2);
	/* All that was known is forgotten, rings included. */
	CHECK_ERRNO(tell(guarded.rig.device, VHOST_IOTLB_INVALIDATE, 0, ~std::uint64_t{0}), 0);
	guarded.pass(20);
	/* One that an update has answered before it was read is not read. */
	const unsigned asked = guarded.client.asked();
	const Counters counters(guarded.rig.device.fd());
	if (!counters.empty())
		CHECK(counters.at("rx.iotlb_misses") + counters.at("tx.iotlb_misses") >= asked);
}

void invalidations_under_traffic(const Format &format)
{
	need_features(device_path, format.bits | platform);
	Guarded guarded(format, true);
	std::atomic<bool> stop = false, failed = false;
	std::thread invalidates([&] {
		const auto &region = guarded.rig.memory.regions()[0];
		for (std::uint64_t i = 0; !stop; i++) {
			failed = failed || tell(guarded.rig.device, VHOST_IOTLB_INVALIDATE,
						region.base + i % 64 * page_bytes, page_bytes);
			std::this_thread::sleep_for(std::chrono::microseconds(500));
		}
	});
	try {
		for (int i = 0; i < 5; i++)
			guarded.pass(20);
	} catch (...) {
		stop = true;
		invalidates.join();
		throw;
	}
	stop = true;
	invalidates.join();
	CHECK(!failed);
}

void more_entries_than_there_is_room_for()
{
	need_features(device_path, platform);
	Guarded guarded(formats[0], true);
	const auto user = Client::user(guarded.rig, Rig::first_gpa);
	for (std::uint64_t i = 0; i < 5000; i++)
		CHECK_ERRNO(tell(guarded.rig.device, VHOST_IOTLB_UPDATE, (1ULL << 40) + 2 * i * page_bytes,
				 page_bytes, user),
			    0);
	guarded.pass(20);
}

void messages_are_refused()
{
	VhostDevice device(device_path);
	CHECK_ERRNO(device.set_owner(), 0);
	need_features(device, device_path, platform);
	const auto user = reinterpret_cast<std::uintptr_t>(&device) / page_bytes * page_bytes;
	CHECK_ERRNO(tell(device, VHOST_IOTLB_UPDATE, 0, page_bytes, user), EFAULT);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_INVALIDATE, 0, page_bytes), EFAULT);
	CHECK_ERRNO(device.set_features(feature::version_1 | platform), 0);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_UPDATE, 0, page_bytes, user), 0);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_UPDATE, 0, page_bytes, user, VHOST_ACCESS_RO,
			 VHOST_IOTLB_MSG),
		    0);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_UPDATE, 0, 0, user), EINVAL);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_UPDATE, ~std::uint64_t{0}, 2, user), EFAULT);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_UPDATE, 0, 2, ~std::uint64_t{0}), EFAULT);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_UPDATE, 0, page_bytes, 1ULL << 63), EFAULT);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_INVALIDATE, 0, page_bytes), 0);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_MISS, 0, page_bytes), EFAULT);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_ACCESS_FAIL, 0, page_bytes), EFAULT);
	CHECK_ERRNO(tell(device, 77, 0, page_bytes), EFAULT);
	CHECK_ERRNO(tell(device, VHOST_IOTLB_UPDATE, 0, page_bytes, user, VHOST_ACCESS_RW, 3), EINVAL);
	Message m;
	m.iotlb.type = VHOST_IOTLB_INVALIDATE;
	CHECK_ERRNO(write_message(device, m, 40), 0);
	CHECK_ERRNO(write_message(device, m, 39), EINVAL);
	CHECK_ERRNO(write_message(device, m, 3), EINVAL);
	CHECK_ERRNO(device.set_backend_features(1ULL << VHOST_BACKEND_F_IOTLB_ASID), EOPNOTSUPP);
	CHECK_ERRNO(device.set_backend_features(messages_v2), 0);
}

void reads_without_a_message()
{
	VhostDevice device(device_path);
	CHECK_ERRNO(device.set_owner(), 0);
	Message m;
	CHECK(read(device.fd(), &m, sizeof(m) - 1) == 0);
	CHECK(read(device.fd(), &m, sizeof(m)) < 0);
	CHECK_EQUAL(errno, EBADFD);
	CHECK(fcntl(device.fd(), F_SETFL, O_NONBLOCK) == 0);
	CHECK(read(device.fd(), &m, sizeof(m)) < 0);
	CHECK_EQUAL(errno, EAGAIN);
	pollfd ready{device.fd(), POLLIN, 0};
	CHECK(poll(&ready, 1, 0) == 0);
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	for (const Format &format : formats) {
		const std::string name = format.name;
		suite.add(name + ": misses are answered, messages of the first form",
			  [&] { misses_are_answered(format, false); });
		suite.add(name + ": misses are answered, messages of the second form",
			  [&] { misses_are_answered(format, true); });
		suite.add(name + ": entries go and come back under traffic",
			  [&] { invalidations_under_traffic(format); });
	}
	suite.add("more entries than there is room for", more_entries_than_there_is_room_for);
	suite.add("messages that make no sense are refused", messages_are_refused);
	suite.add("reads where there is no message", reads_without_a_message);
	return suite.run();
}
