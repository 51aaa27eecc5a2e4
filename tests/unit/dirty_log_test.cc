// SPDX-License-Identifier: GPL-2.0-only
// The log of written pages, against a record of all writes: every page that was written is in it,
// and no other, whatever the format; it is set before the driver is told.
#include "device_bench.hh"

#include <algorithm>
#include <set>

#include "core/memory/dirty_log.hh"

namespace vna
{
namespace
{

constexpr u64 log_all = feature(VNA_VHOST_F_LOG_ALL);
constexpr u64 event_idx = feature(VNA_VIRTIO_RING_F_EVENT_IDX);
using Pages = std::set<u64>;

// A bitmap in user memory, for as much of the guest as it has bytes.
class Bitmap
{
public:
	explicit Bitmap(host::UserMemory &memory, std::size_t bytes = 8192, std::size_t skew = 0)
	    : memory_(memory), room_(bytes + skew), bytes_(bytes), skew_(skew)
	{
		memory_.allow(address(), bytes);
	}
	~Bitmap() { memory_.forbid(address()); }
	[[nodiscard]] u64 address() const
	{
		return host::UserMemory::address_of(room_.data() + skew_);
	}
	[[nodiscard]] std::size_t size() const { return bytes_; }
	[[nodiscard]] bool has(u64 page) const
	{
		return std::to_integer<int>(room_[skew_ + page / 8]) >> page % 8 & 1;
	}
	// What is in it, and out of it again.
	Pages take()
	{
		Pages pages;
		for (u64 page = 0; page < 8 * bytes_; page++) {
			if (has(page))
				pages.insert(page);
		}
		std::fill(room_.begin(), room_.end(), std::byte{0});
		return pages;
	}

private:
	host::UserMemory &memory_;
	std::vector<std::byte> room_;
	const std::size_t bytes_, skew_;
};

class DirtyLogs : public EachFormat
{
protected:
	// Bits that were set, some of them again and again.
	static u64 marked(const DeviceBench &b)
	{
		return b.count(rx_queue, Count::log_pages) + b.count(tx_queue, Count::log_pages);
	}
	static long set_base(DeviceBench &b, u64 base)
	{
		return b.ioctl(VNA_VHOST_SET_LOG_BASE, base);
	}
	static long set_fd(DeviceBench &b, s32 fd) { return b.ioctl(VNA_VHOST_SET_LOG_FD, fd); }
	static vna_vhost_vring_addr logged(DeviceBench &b, u32 queue)
	{
		auto addr = b.address_of(queue);
		addr.flags = VNA_VHOST_VRING_F_LOG;
		addr.log_guest_addr = b.side(queue).ring.areas().device;
		return addr;
	}
	// As QEMU begins and ends a migration.
	static void begin(DeviceBench &b, u64 base)
	{
		ASSERT_EQ(set_base(b, base), 0);
		ASSERT_EQ(b.set_features(b.options.features | log_all), 0);
		for (const u32 queue : {rx_queue, tx_queue})
			ASSERT_EQ(b.set_addr(queue, logged(b, queue)), 0);
	}
	static void end(DeviceBench &b)
	{
		ASSERT_EQ(b.set_features(b.options.features), 0);
		for (const u32 queue : {rx_queue, tx_queue})
			ASSERT_EQ(b.set_addr(queue), 0);
	}
	// The guest's pages that were written since the record began.
	static Pages written(DeviceBench &b)
	{
		const auto &region = b.guest.regions()[0];
		const u64 user = host::UserMemory::address_of(region.user);
		Pages pages;
		for (const host::Access &access : b.kernel.memory.records()) {
			if (access.kind != host::Access::write || access.at - user >= region.size)
				continue;
			const u64 first = region.base + (access.at - user);
			for (u64 at = first / 4096; at <= (first + access.len - 1) / 4096; at++)
				pages.insert(at);
		}
		return pages;
	}
	// Frames both ways: short, long, over several buffers, in indirect tables.
	static void traffic(DeviceBench &b)
	{
		b.expect_traffic(70);
		for (const u32 len : {100u, 5000u, 60000u}) {
			for (u32 left = len + b.header(); left; left -= std::min(left, 6000u))
				b.post({2000, 4000}, {.indirect = left % 2 == 0});
			b.backend.arrive(payload(len, len));
			b.kernel.work();
			const auto got = b.received();
			ASSERT_EQ(got.size(), 1u) << len;
			EXPECT_EQ(got[0].frame, payload(len, len));
			// What is left of the buffers would be used by what comes next.
			while (b.rx.ring.outstanding()) {
				b.backend.arrive(payload(60));
				b.kernel.work();
				ASSERT_FALSE(b.received().empty());
			}
		}
	}
};

VNA_EACH_FORMAT(DirtyLogs);

TEST_P(DirtyLogs, has_each_page_that_was_written_and_no_other)
{
	for (const u64 more : {u64{0}, event_idx}) {
		DeviceBench b(on(modern | more));
		Bitmap bitmap(b.kernel.memory);
		traffic(b);
		begin(b, bitmap.address());
		b.kernel.work();
		(void)bitmap.take();
		for (int round = 0; round < 3; round++) {
			b.kernel.memory.record(true);
			const u64 before = marked(b);
			traffic(b);
			EXPECT_EQ(bitmap.take(), written(b));
			EXPECT_GE(marked(b) - before, written(b).size());
			EXPECT_GT(written(b).size(), 20u);
		}
		end(b);
		b.kernel.work();
		(void)bitmap.take();
		const u64 before = marked(b);
		traffic(b);
		EXPECT_EQ(bitmap.take(), Pages());
		EXPECT_EQ(marked(b), before);
	}
}

TEST_P(DirtyLogs, has_all_pages_of_a_long_piece_that_were_written)
{
	DeviceBench b(on());
	Bitmap bitmap(b.kernel.memory);
	begin(b, bitmap.address());
	b.post({16000});
	const u64 first = b.rx.offered.rbegin()->second[0].gpa;
	b.kernel.work();
	(void)bitmap.take();
	b.kernel.memory.record(true);
	b.backend.arrive(payload(9000));
	b.kernel.work();
	ASSERT_EQ(b.received().size(), 1u);
	const Pages pages = bitmap.take();
	EXPECT_EQ(pages, written(b));
	const u64 last = first + b.header() + 9000 - 1;
	for (u64 page = first / 4096; page <= last / 4096; page++)
		EXPECT_TRUE(pages.contains(page)) << page - first / 4096;
	EXPECT_FALSE(pages.contains(last / 4096 + 1));
}

// From the moment at which it is switched on: also what a start of the queue writes.
TEST_P(DirtyLogs, has_what_a_start_writes)
{
	DeviceBench b(on(modern | event_idx));
	Bitmap bitmap(b.kernel.memory);
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_backend(queue, -1), 0);
	begin(b, bitmap.address());
	b.kernel.memory.record(true);
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_backend(queue, b.backend.fd()), 0);
	b.kernel.work();
	EXPECT_EQ(bitmap.take(), written(b));
	EXPECT_FALSE(written(b).empty());
}

TEST_P(DirtyLogs, buffers_and_rings_are_logged_separately)
{
	DeviceBench b(on());
	Bitmap bitmap(b.kernel.memory);
	ASSERT_EQ(set_base(b, bitmap.address()), 0);
	b.kernel.memory.record(true);
	b.expect_traffic();
	EXPECT_EQ(bitmap.take(), Pages()) << "a base alone logs nothing";
	ASSERT_EQ(b.set_features(b.options.features | log_all), 0);
	b.post({100});
	const u64 page = b.rx.offered.rbegin()->second[0].gpa / 4096;
	b.backend.arrive(payload(60));
	b.kernel.work();
	EXPECT_EQ(bitmap.take(), Pages{page});
	ASSERT_EQ(b.received().size(), 1u);
	ASSERT_EQ(b.set_features(b.options.features), 0);
	ASSERT_EQ(b.set_addr(tx_queue, logged(b, tx_queue)), 0);
	b.kernel.work();
	(void)bitmap.take();
	b.kernel.memory.record(true);
	b.expect_transmit();
	EXPECT_EQ(bitmap.take(), written(b));
}

// A migration that sees the used buffer sees what is in it.
TEST_P(DirtyLogs, a_buffer_is_logged_before_the_driver_is_told)
{
	DeviceBench b(on());
	Bitmap bitmap(b.kernel.memory);
	begin(b, bitmap.address());
	b.kernel.work();
	b.post({100});
	const u64 page = b.rx.offered.rbegin()->second[0].gpa / 4096;
	const auto areas = b.rx.ring.areas();
	const u64 shown = b.is_packed() ? b.user(areas.descriptor) : b.user(areas.device) + 2;
	bool told = false;
	b.kernel.memory.after(host::Access::write, shown, b.is_packed() ? 16 * 256 : 2,
			      [&](const auto &) {
				      told = true;
				      EXPECT_TRUE(bitmap.has(page));
			      });
	b.backend.arrive(payload(60));
	b.kernel.work();
	EXPECT_TRUE(told);
}

TEST_P(DirtyLogs, a_frame_that_is_lost_has_written_too)
{
	DeviceBench b(on());
	Bitmap bitmap(b.kernel.memory);
	begin(b, bitmap.address());
	b.kernel.work();
	(void)bitmap.take();
	b.kernel.memory.record(true);
	b.post({3000, 3000});
	b.backend.arrive({payload(5000), 200, 0}); // not as long as announced
	b.kernel.work();
	const Pages logged = bitmap.take(), pages = written(b);
	EXPECT_TRUE(std::includes(logged.begin(), logged.end(), pages.begin(), pages.end()));
}

TEST_P(DirtyLogs, all_names_of_a_page_are_logged)
{
	DeviceBench b(on());
	Bitmap bitmap(b.kernel.memory, 16384);
	auto regions = b.regions();
	const auto &region = b.guest.regions()[0];
	const u64 twin = region.base + region.size;
	regions.push_back({twin, 1 << 20, host::UserMemory::address_of(region.user), 0});
	ASSERT_EQ(b.set_memory(regions), 0);
	begin(b, bitmap.address());
	b.kernel.work();
	(void)bitmap.take();
	b.post({100});
	const u64 gpa = b.rx.offered.rbegin()->second[0].gpa;
	ASSERT_LT(gpa - region.base, 1u << 20);
	b.backend.arrive(payload(60));
	b.kernel.work();
	const Pages pages = bitmap.take();
	EXPECT_TRUE(pages.contains(gpa / 4096));
	EXPECT_TRUE(pages.contains((gpa + region.size) / 4096));
}

TEST_P(DirtyLogs, a_bitmap_may_lie_anywhere)
{
	for (std::size_t skew = 1; skew < 8; skew++) {
		DeviceBench b(on());
		Bitmap bitmap(b.kernel.memory, 8192, skew);
		begin(b, bitmap.address());
		b.kernel.work();
		(void)bitmap.take();
		b.kernel.memory.record(true);
		b.expect_traffic(3);
		EXPECT_EQ(bitmap.take(), written(b));
	}
}

TEST_P(DirtyLogs, the_old_bitmap_is_left_alone_when_it_has_been_replaced)
{
	DeviceBench b(on());
	Bitmap first(b.kernel.memory), second(b.kernel.memory);
	begin(b, first.address());
	b.expect_traffic();
	ASSERT_EQ(set_base(b, second.address()), 0);
	EXPECT_NE(first.take(), Pages());
	b.expect_traffic();
	EXPECT_EQ(first.take(), Pages());
	EXPECT_NE(second.take(), Pages());
}

// Rather than to lose what a migration needs: the queue stops, and says why.
TEST_P(DirtyLogs, a_bitmap_that_faults_stops_the_queue)
{
	DeviceBench b(on());
	Bitmap bitmap(b.kernel.memory);
	begin(b, bitmap.address());
	b.kernel.work();
	b.kernel.memory.fault(bitmap.address(), bitmap.size());
	b.post({100});
	b.backend.arrive(payload(60));
	b.kernel.work();
	EXPECT_EQ(b.kernel.state(rx_queue), "log_fault");
	EXPECT_EQ(b.errors(b.rx), 1u);
	EXPECT_EQ(b.collect(b.rx), 0u) << "the driver was told of what is not in the log";
	ASSERT_EQ(b.kernel.log.size(), 1u);
	b.kernel.memory.heal();
	ASSERT_EQ(b.set_addr(rx_queue, logged(b, rx_queue)), 0);
	b.kernel.work();
	EXPECT_EQ(b.received().size(), 1u);
	EXPECT_EQ(b.kernel.state(rx_queue), "running");
}

TEST_P(DirtyLogs, without_a_bitmap_nothing_is_written)
{
	DeviceBench b(on());
	ASSERT_EQ(b.set_features(b.options.features | log_all), 0);
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_addr(queue, logged(b, queue)), 0);
	b.expect_traffic();
	Bitmap bitmap(b.kernel.memory);
	ASSERT_EQ(set_base(b, bitmap.address()), 0);
	ASSERT_EQ(set_base(b, 0), 0);
	b.expect_traffic();
	EXPECT_EQ(bitmap.take(), Pages());
}

TEST_P(DirtyLogs, the_eventfd_tells_of_bits)
{
	DeviceBench b(on());
	Bitmap bitmap(b.kernel.memory);
	const int fd = b.kernel.add_eventfd();
	ASSERT_EQ(set_fd(b, fd), 0);
	b.expect_traffic();
	EXPECT_EQ(b.kernel.eventfd_count(fd), 0u);
	begin(b, bitmap.address());
	b.expect_traffic();
	const unsigned before = b.kernel.eventfd_count(fd);
	EXPECT_GT(before, 0u);
	ASSERT_EQ(set_fd(b, -1), 0);
	b.expect_traffic();
	EXPECT_EQ(b.kernel.eventfd_count(fd), before);
	EXPECT_EQ(set_fd(b, host::FakeKernel::closed_fd), -EBADF);
	EXPECT_EQ(set_fd(b, b.kernel.add_plain_file()), -EINVAL);
}

TEST_P(DirtyLogs, a_log_that_cannot_be_is_refused)
{
	constexpr u64 top = host::UserMemory::end;
	DeviceBench b(on());
	Bitmap bitmap(b.kernel.memory);
	begin(b, bitmap.address());
	for (const u64 base : {top, top - 8, ~u64{0}, ~u64{0} - 4096}) {
		EXPECT_EQ(set_base(b, base), -EFAULT);
		(void)bitmap.take();
		b.expect_traffic();
		EXPECT_NE(bitmap.take(), Pages()) << "it is where it was";
	}
	auto addr = logged(b, tx_queue);
	addr.log_guest_addr = ~u64{0} - 4095;
	EXPECT_EQ(b.set_addr(tx_queue, addr), -EINVAL);
	auto regions = b.regions();
	regions.push_back({1ull << 63, 4096, 0x10000, 0});
	EXPECT_EQ(b.set_memory(regions), -EFAULT) << "what does not fit into the log";
	end(b);
	// What is not live is checked when it is bound.
	ASSERT_EQ(b.set_memory(regions), 0);
	EXPECT_EQ(b.set_features(b.options.features | log_all), -EFAULT);
	for (const u32 queue : {rx_queue, tx_queue})
		ASSERT_EQ(b.set_backend(queue, -1), 0);
	EXPECT_EQ(b.set_features(b.options.features | log_all), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EFAULT);
	EXPECT_EQ(set_base(b, top), 0);
	ASSERT_EQ(b.set_memory(), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), -EFAULT);
	EXPECT_EQ(set_base(b, bitmap.address()), 0);
	EXPECT_EQ(b.set_backend(tx_queue, b.backend.fd()), 0);
	b.expect_transmit();
}

TEST(DirtyLog, bits_are_gathered)
{
	host::FakeKernel kernel{};
	Bitmap bitmap(kernel.memory, 1 << 16);
	DirtyLog log;
	log.set_base(bitmap.address());
	kernel.memory.record(true);
	Pages expected;
	for (u64 i = 0; i < 64; i++) {
		ASSERT_TRUE(log.note(i * 4096 + 17, 8));
		expected.insert(i);
	}
	ASSERT_TRUE(log.note(64 * 4096 - 1, 2 + 130 * 4096)); // over words and pages
	for (u64 i = 64; i < 195; i++)
		expected.insert(i);
	EXPECT_EQ(kernel.memory.records().size(), 0u);
	EXPECT_FALSE(log.take_written());
	ASSERT_TRUE(log.flush());
	EXPECT_EQ(log.take_written(), 195u);
	EXPECT_EQ(log.take_written(), 0u);
	EXPECT_EQ(bitmap.take(), expected);
	// More words than are gathered.
	expected.clear();
	for (u64 i = 0; i < 1000; i++) {
		ASSERT_TRUE(log.note(i * 67 * 4096, 1));
		expected.insert(i * 67);
	}
	ASSERT_TRUE(log.flush());
	EXPECT_EQ(bitmap.take(), expected);
	EXPECT_EQ(log.take_written(), 1000u) << "those that made room too";
	ASSERT_TRUE(log.note(0, 0));
	ASSERT_TRUE(log.flush());
	EXPECT_EQ(bitmap.take(), Pages());
}

// The tree of user addresses against a scan: regions that overlap there in any way.
TEST(DirtyLog, all_guest_addresses_of_a_user_address_are_found)
{
	host::FakeKernel kernel{};
	for (u64 seed = 1; seed < 300; seed++) {
		u64 x = seed * 0x9e3779b97f4a7c15;
		const auto next = [&](u64 below) {
			x = x * 6364136223846793005 + 1442695040888963407;
			return (x >> 33) % below;
		};
		std::vector<vna_vhost_memory_region> given(next(40));
		for (u64 i = 0; auto &g : given)
			g = {++i << 32, 1 + next(next(2) ? 20 : 300), 1000 + next(300), 0};
		RegionTable *table = nullptr;
		ASSERT_EQ(RegionTable::make(given, table), 0);
		for (int i = 0; i < 50; i++) {
			const u64 user = 900 + next(500), len = 1 + next(50);
			std::set<std::pair<u64, u64>> found, expected;
			EXPECT_TRUE(table->for_user(user, len, [&](u64 guest, u64 n) {
				EXPECT_TRUE(found.emplace(guest, n).second);
				return true;
			}));
			for (const auto &g : given) {
				const u64 from = std::max<u64>(user, g.userspace_addr);
				const u64 to = std::min(user + len, g.userspace_addr + g.memory_size);
				if (from < to)
					expected.emplace(g.guest_phys_addr + from - g.userspace_addr,
							 to - from);
			}
			EXPECT_EQ(found, expected);
		}
		RegionTable::destroy(table);
	}
}

} // namespace
} // namespace vna
