// SPDX-License-Identifier: GPL-2.0-only
// The device IOTLB: its entries against a naive model, its messages, and queues that wait for what
// it does not know.
#include "device_bench.hh"

#include <bit>
#include <map>
#include <optional>

#include "core/memory/iotlb.hh"

namespace vna
{
namespace
{

constexpr u64 platform = feature(VNA_VIRTIO_F_ACCESS_PLATFORM);
constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
constexpr u64 page_bytes = 4096;

struct Message {
	u32 kind = VNA_VHOST_IOTLB_MSG_V2;
	u32 asid = 0;
	vna_vhost_iotlb_msg iotlb{};
	std::byte rest[VNA_VHOST_MSG_SIZE - 8 - sizeof iotlb]{};
};
static_assert(sizeof(Message) == VNA_VHOST_MSG_SIZE);

// The owner's part: answers what the device asks, by pages.
class Iommu
{
public:
	// The driver's addresses are the guest's.  With @scatter no two pages of the first ones are
	// neighbours in user memory.
	explicit Iommu(DeviceBench &bench, bool scatter = false) : bench_(bench)
	{
		const auto &region = bench.guest.regions()[0];
		for (u64 i = 0; scatter && i < scattered_pages; i++)
			bench.kernel.memory.alias(scattered + 2 * i * page_bytes, page_bytes,
						  region.user + i * page_bytes);
		scatter_ = scatter;
	}

	int write(u8 type, u64 iova, u64 size, u64 user = 0, u8 perm = VNA_VHOST_ACCESS_RW)
	{
		Message m;
		m.iotlb = {iova, size, user, perm, type, {}};
		return bench_.kernel.write_message(&m, sizeof m);
	}
	int update(u64 iova, u64 size, u64 user, u8 perm = VNA_VHOST_ACCESS_RW)
	{
		return write(VNA_VHOST_IOTLB_UPDATE, iova, size, user, perm);
	}
	int invalidate(u64 iova, u64 size)
	{
		return write(VNA_VHOST_IOTLB_INVALIDATE, iova, size);
	}
	std::optional<Message> read()
	{
		std::array<std::byte, sizeof(Message)> bytes;
		bytes.fill(std::byte{0xff});
		if (bench_.kernel.read_message(bytes.data()))
			return {};
		const auto m = std::bit_cast<Message>(bytes);
		EXPECT_EQ(m.iotlb.type, VNA_VHOST_IOTLB_MISS);
		for (const std::byte b : m.rest)
			EXPECT_EQ(b, std::byte{0});
		return m;
	}
	[[nodiscard]] u64 user(u64 iova) const
	{
		const u64 page = (iova - bench_.guest.regions()[0].base) / page_bytes;
		if (scatter_ && page < scattered_pages)
			return scattered + 2 * page * page_bytes;
		return bench_.user(iova / page_bytes * page_bytes);
	}
	void answer(const Message &m)
	{
		const u64 page = m.iotlb.iova / page_bytes * page_bytes;
		EXPECT_EQ(update(page, page_bytes, user(page)), 0);
	}
	// Runs the device and answers until nothing is asked.  How many questions there were.
	unsigned serve()
	{
		unsigned asked = 0;
		bench_.kernel.work();
		while (const auto m = read()) {
			if (++asked > 1000)
				host::trap("the device asks without end: %#llx, %u", m->iotlb.iova,
					   m->iotlb.perm);
			answer(*m);
			bench_.kernel.work();
		}
		return asked;
	}

	static constexpr u64 scattered = 0x600000000000, scattered_pages = 512;

private:
	DeviceBench &bench_;
	bool scatter_;
};

class DeviceIotlb : public EachFormat
{
protected:
	static vna_vhost_vring_addr driver_addr(DeviceBench &b, u32 queue)
	{
		const auto areas = b.side(queue).ring.areas();
		return {queue, 0, areas.descriptor, areas.device, areas.driver, 0};
	}
	// A device that knows no translation yet.
	static DeviceOptions off(u64 more = modern)
	{
		auto options = on(more | platform);
		options.start = false;
		return options;
	}
	static void start(DeviceBench &b)
	{
		ASSERT_EQ(b.set_owner(), 0);
		u64 v2 = feature(VNA_VHOST_BACKEND_F_IOTLB_MSG_V2);
		ASSERT_EQ(b.ioctl(VNA_VHOST_SET_BACKEND_FEATURES, v2), 0);
		ASSERT_EQ(b.set_features(b.options.features), 0);
		ASSERT_EQ(b.set_memory(), 0);
		for (const u32 queue : {rx_queue, tx_queue}) {
			b.set_up(queue);
			ASSERT_EQ(b.set_addr(queue, driver_addr(b, queue)), 0);
			ASSERT_EQ(b.set_backend(queue, b.backend.fd()), 0);
		}
	}
	static void traffic(DeviceBench &b, Iommu &iommu)
	{
		for (unsigned i = 0; i < 20; i++) {
			const Bytes frame = payload(60 + 300 * i, i);
			b.send(frame, {30, 40}, {.indirect = i % 2 == 0});
			b.backend.sent.clear();
			iommu.serve();
			ASSERT_EQ(b.backend.sent.size(), 1u) << i;
			EXPECT_EQ(Bytes(b.backend.sent[0].begin() + b.backend.header(),
					b.backend.sent[0].end()),
				  frame);
			EXPECT_EQ(b.collect(b.tx), 1u);
			b.post({3000, 4000}, {.indirect = i % 2 == 0});
			b.backend.arrive(frame);
			iommu.serve();
			const auto got = b.received();
			ASSERT_EQ(got.size(), 1u) << i;
			EXPECT_EQ(got[0].frame, frame);
		}
	}
};

VNA_EACH_FORMAT(DeviceIotlb);

TEST_P(DeviceIotlb, queues_ask_for_what_they_need_and_go_on)
{
	for (const u64 more : {u64{0}, event_idx}) {
		for (const bool scatter : {false, true}) {
			DeviceBench b(off(modern | more));
			Iommu iommu(b, scatter);
			start(b);
			EXPECT_GT(iommu.serve(), 3u) << "rings";
			traffic(b, iommu);
			EXPECT_EQ(iommu.serve(), 0u);
			// All is forgotten at any time.
			EXPECT_EQ(iommu.invalidate(0, 0), 0);
			traffic(b, iommu);
			EXPECT_EQ(b.kernel.state(rx_queue), "running");
			EXPECT_EQ(b.kernel.state(tx_queue), "running");
			EXPECT_EQ(b.kernel.log.size(), 0u);
		}
	}
}

TEST_P(DeviceIotlb, a_question_is_asked_once)
{
	DeviceBench b(off());
	Iommu iommu(b);
	start(b);
	iommu.serve();
	b.send(payload(60));
	const unsigned wakes = b.kernel.message_wakes;
	const u64 misses = b.count(tx_queue, Count::iotlb_misses);
	for (int i = 0; i < 10; i++) {
		b.kernel.write_eventfd(b.tx.kick_fd);
		b.kernel.work();
	}
	EXPECT_EQ(b.kernel.message_wakes, wakes + 1);
	EXPECT_EQ(b.count(tx_queue, Count::iotlb_misses), misses + 1);
	const auto m = iommu.read();
	ASSERT_TRUE(m);
	EXPECT_FALSE(iommu.read());
	EXPECT_EQ(m->kind, u32{VNA_VHOST_IOTLB_MSG_V2});
	EXPECT_EQ(m->iotlb.perm, VNA_VHOST_ACCESS_RO);
	EXPECT_EQ(m->iotlb.iova, b.tx.offered.rbegin()->second[0].gpa);
	// What was read and not answered may be asked again by who looks again.
	b.kernel.write_eventfd(b.tx.kick_fd);
	b.kernel.work();
	EXPECT_TRUE(iommu.read());
	EXPECT_EQ(b.count(tx_queue, Count::iotlb_misses), misses + 2);
	EXPECT_EQ(iommu.update(1ull << 50, 4096, b.user(0x100000)), 0);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 0u) << "an update of something else";
	iommu.answer(*m);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 1u);
}

TEST_P(DeviceIotlb, invalidation_takes_effect_at_once)
{
	DeviceBench b(off());
	Iommu iommu(b);
	start(b);
	traffic(b, iommu);
	b.send(payload(60, 7));
	iommu.serve();
	const u64 page = b.tx.offered.rbegin()->second[0].gpa / page_bytes * page_bytes;
	EXPECT_EQ(iommu.invalidate(page + 17, 1), 0) << "a part is enough";
	const std::size_t sent = b.backend.sent.size();
	b.send(payload(60, 8));
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), sent);
	ASSERT_TRUE(iommu.read());
	// The ring itself.
	EXPECT_EQ(iommu.update(page, page_bytes, iommu.user(page)), 0);
	EXPECT_EQ(iommu.invalidate(b.tx.ring.areas().device, 1), 0);
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), sent);
	const auto m = iommu.read();
	ASSERT_TRUE(m);
	EXPECT_EQ(m->iotlb.iova / page_bytes, b.tx.ring.areas().device / page_bytes);
	iommu.answer(*m);
	iommu.serve();
	EXPECT_EQ(b.backend.sent.size(), sent + 1);
}

TEST_P(DeviceIotlb, what_is_not_allowed_is_not_done)
{
	DeviceBench b(off());
	Iommu iommu(b);
	start(b);
	iommu.serve();
	b.post({100});
	const u64 page = b.rx.offered.rbegin()->second[0].gpa / page_bytes * page_bytes;
	EXPECT_EQ(iommu.update(page, page_bytes, iommu.user(page), VNA_VHOST_ACCESS_RO), 0);
	b.backend.arrive(payload(60));
	b.kernel.memory.record(true);
	b.kernel.work();
	EXPECT_EQ(b.kernel.memory.count(host::Access::write, iommu.user(page), page_bytes), 0u);
	EXPECT_EQ(b.kernel.state(rx_queue), "access_denied");
	EXPECT_EQ(b.errors(b.rx), 1u);
	EXPECT_EQ(b.kernel.state(tx_queue), "running");
	EXPECT_EQ(iommu.update(page, page_bytes, iommu.user(page)), 0);
	ASSERT_EQ(b.set_addr(rx_queue, driver_addr(b, rx_queue)), 0);
	iommu.serve();
	EXPECT_EQ(b.received().size(), 1u);
}

TEST_P(DeviceIotlb, writes_are_logged_by_guest_address)
{
	for (const bool scatter : {false, true}) {
		DeviceBench b(off());
		Iommu iommu(b, scatter);
		std::vector<std::byte> bitmap(8192);
		b.kernel.memory.allow(bitmap.data(), bitmap.size());
		start(b);
		b.post({100});
		const u64 gpa = b.rx.offered.rbegin()->second[0].gpa;
		if (scatter) { // the guest's memory is where the IOMMU says
			std::vector<vna_vhost_memory_region> all;
			const auto areas = b.rx.ring.areas();
			for (const u64 at : std::array<u64, 3>{gpa, areas.descriptor, areas.device})
				all.push_back({at / page_bytes * page_bytes, page_bytes,
					       iommu.user(at), 0});
			ASSERT_EQ(b.set_memory(all), 0);
		}
		u64 base = host::UserMemory::address_of(bitmap.data());
		ASSERT_EQ(b.ioctl(VNA_VHOST_SET_LOG_BASE, base), 0);
		ASSERT_EQ(b.set_features(b.options.features | feature(VNA_VHOST_F_LOG_ALL)), 0);
		for (const u32 queue : {rx_queue, tx_queue}) {
			auto addr = driver_addr(b, queue);
			addr.flags = VNA_VHOST_VRING_F_LOG;
			ASSERT_EQ(b.set_addr(queue, addr), 0);
		}
		iommu.serve();
		const auto has = [&](u64 gpa) {
			return std::to_integer<int>(bitmap[gpa / page_bytes / 8]) >>
				       gpa / page_bytes % 8 & 1;
		};
		b.backend.arrive(payload(60));
		iommu.serve();
		EXPECT_EQ(b.received().size(), 1u);
		EXPECT_TRUE(has(gpa));
		EXPECT_TRUE(has(b.is_packed() ? b.rx.ring.areas().descriptor :
						b.rx.ring.areas().device));
		EXPECT_FALSE(has(0x400000 + 0x100000));
	}
}

TEST_P(DeviceIotlb, is_there_with_the_feature_only)
{
	DeviceBench b(on());
	Iommu iommu(b);
	Message m;
	EXPECT_EQ(b.kernel.read_message(&m), -EBADFD);
	EXPECT_EQ(iommu.update(0, 1, 0x10000), -EFAULT);
	EXPECT_EQ(iommu.invalidate(0, 1), -EFAULT);
	// On rings that run: their addresses are the owner's.
	ASSERT_EQ(b.set_features(b.options.features | platform), 0);
	EXPECT_EQ(b.kernel.read_message(&m), -EAGAIN);
	b.send(payload(60));
	EXPECT_EQ(iommu.serve(), 0u);
	EXPECT_EQ(b.backend.sent.size(), 0u);
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_addr(queue, driver_addr(b, queue)), 0);
	EXPECT_GT(iommu.serve(), 3u);
	EXPECT_EQ(b.backend.sent.size(), 1u);
	// Set again it is empty.
	ASSERT_EQ(b.set_features(b.options.features | platform), 0);
	b.send(payload(60));
	EXPECT_GT(iommu.serve(), 1u);
	EXPECT_EQ(b.backend.sent.size(), 2u);
	EXPECT_EQ(b.collect(b.tx), 2u);
	// And off.
	ASSERT_EQ(b.set_features(b.options.features), 0);
	EXPECT_EQ(b.kernel.read_message(&m), -EBADFD);
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_addr(queue), 0);
	b.kernel.work();
	b.expect_traffic();
}

TEST_P(DeviceIotlb, a_start_that_was_put_off_is_not_forgotten)
{
	// The IOTLB goes before a queue could start by it, and its ring is nowhere.
	DeviceBench b(off());
	start(b);
	b.kernel.work();
	host::FakeBackend other(b.kernel);
	ASSERT_EQ(b.set_features(b.options.features & ~platform), 0);
	EXPECT_EQ(b.set_backend(tx_queue, other.fd()), -EFAULT);
	b.kernel.work();
	for (const u32 queue : {rx_queue, tx_queue}) {
		EXPECT_EQ(b.kernel.state(queue), "ring_fault") << "said, not kept";
		EXPECT_EQ(b.errors(b.side(queue)), 1u);
		ASSERT_EQ(b.set_addr(queue), 0);
	}
	b.kernel.work();
	b.expect_traffic();
}

TEST_P(DeviceIotlb, ends_with_its_owner)
{
	DeviceBench b(off());
	Iommu iommu(b);
	start(b);
	b.kernel.work();
	EXPECT_TRUE(iommu.read());
	const unsigned wakes = b.kernel.message_wakes;
	ASSERT_EQ(b.ioctl(VNA_VHOST_RESET_OWNER), 0);
	Message m;
	EXPECT_EQ(b.kernel.read_message(&m), -EBADFD);
	EXPECT_GT(b.kernel.message_wakes, wakes) << "who waits is told";
}

TEST_P(DeviceIotlb, messages_that_make_no_sense_are_refused)
{
	DeviceBench b(off());
	Iommu iommu(b);
	start(b);
	constexpr u64 top = host::UserMemory::end;
	EXPECT_EQ(iommu.update(0, 0, 0x10000), -EINVAL);
	EXPECT_EQ(iommu.update(~u64{0}, 2, 0x10000), -EFAULT) << "wraps";
	EXPECT_EQ(iommu.update(0, 4096, ~u64{0}), -EFAULT);
	EXPECT_EQ(iommu.update(0, 4096, top - 4095), -EFAULT);
	EXPECT_EQ(iommu.update(0, top + 1, 0), -EFAULT);
	EXPECT_EQ(iommu.update(0, 4096, top, 0), 0) << "for no access";
	EXPECT_EQ(iommu.write(VNA_VHOST_IOTLB_MISS, 0, 4096), -EFAULT);
	EXPECT_EQ(iommu.write(0, 0, 4096), -EFAULT);
	EXPECT_EQ(iommu.write(6, 0, 4096), -EFAULT);
	EXPECT_EQ(iommu.invalidate(~u64{0}, 2), 0);
	Message m;
	m.iotlb = {0, 4096, 0x10000, VNA_VHOST_ACCESS_RW, VNA_VHOST_IOTLB_UPDATE, {}};
	EXPECT_EQ(b.kernel.write_message(&m, 40), 0) << "the rest is padding";
	EXPECT_EQ(b.kernel.write_message(&m, 39), -EINVAL);
	EXPECT_EQ(b.kernel.write_message(&m, 0), -EINVAL);
	m.kind = VNA_VHOST_IOTLB_MSG;
	EXPECT_EQ(b.kernel.write_message(&m, sizeof m), 0);
	m.kind = 3;
	EXPECT_EQ(b.kernel.write_message(&m, sizeof m), -EINVAL);
	u64 bits = feature(3); // VHOST_BACKEND_F_IOTLB_ASID
	EXPECT_EQ(b.ioctl(VNA_VHOST_SET_BACKEND_FEATURES, bits), -EOPNOTSUPP);
	// The first form of messages.
	bits = 0;
	ASSERT_EQ(b.ioctl(VNA_VHOST_SET_BACKEND_FEATURES, bits), 0);
	b.kernel.work();
	const auto asked = iommu.read();
	ASSERT_TRUE(asked);
	EXPECT_EQ(asked->kind, u32{VNA_VHOST_IOTLB_MSG});
	EXPECT_EQ(asked->asid, 0u);
}

TEST(Iotlb, is_as_a_naive_one_within_its_bound)
{
	host::FakeKernel kernel{};
	for (u64 seed = 1; seed < 4; seed++) {
		Iotlb *iotlb = nullptr;
		ASSERT_EQ(Iotlb::make(iotlb), 0);
		std::map<u64, Iotlb::Entry> naive; // by start
		std::vector<u64> ages; // starts, the oldest first
		u64 x = seed;
		const auto next = [&](u64 below) {
			x = x * 6364136223846793005 + 1442695040888963407;
			return (x >> 33) % below;
		};
		const auto drop = [&](u64 first, u64 last) {
			auto it = naive.upper_bound(first);
			if (it != naive.begin() && std::prev(it)->second.last >= first)
				--it;
			while (it != naive.end() && it->first <= last) {
				std::erase(ages, it->first);
				it = naive.erase(it);
			}
		};
		const u64 space = seed % 3 ? 1 << 14 : 1 << 20;
		std::size_t gone = 0, before = 0, added = 0;
		const auto count = [&](const Iotlb::Entry &) { gone++; };
		for (int i = 0; i < 4000; i++) {
			const u64 first = next(space), last = first + next(next(4) ? 4 : 64);
			before = naive.size();
			gone = added = 0;
			if (next(10)) {
				const Iotlb::Entry e{first, last, next(1 << 30) << 12, 3};
				drop(first, last);
				if (naive.size() == Iotlb::capacity) {
					naive.erase(ages[0]);
					ages.erase(ages.begin());
				}
				naive[first] = e;
				ages.push_back(first);
				added = 1;
				iotlb->add(e, count);
			} else {
				drop(first, last);
				iotlb->remove(first, last, count);
			}
			ASSERT_EQ(iotlb->size(), naive.size());
			ASSERT_EQ(gone, before + added - naive.size());
			const u64 at = next(space);
			auto it = naive.upper_bound(at);
			const Iotlb::Entry *hit = iotlb->find(at);
			if (it != naive.begin() && (--it)->second.last >= at) {
				ASSERT_TRUE(hit);
				EXPECT_EQ(hit->start, it->second.start);
				EXPECT_EQ(hit->user, it->second.user);
			} else {
				ASSERT_FALSE(hit);
			}
		}
		iotlb->remove(0, ~u64{0}, count);
		EXPECT_EQ(iotlb->size(), 0u);
		Iotlb::destroy(iotlb);
	}
}

} // namespace
} // namespace vna
