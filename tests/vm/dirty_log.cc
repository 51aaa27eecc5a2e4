/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of written pages, used as a migration uses it: while frames pass, a thread takes bits out
 * of the bitmap and copies the pages that they name. When the device has stopped, the copy is all
 * of the guest's memory but for what the driver wrote, and no other page was ever named.
 */
#include "ktap.hh"
#include "support/counters.hh"
#include "support/live.hh"

#include <atomic>
#include <cstring>
#include <set>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <thread>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

constexpr std::uint64_t page_bytes = 4096;
using Pages = std::set<std::uint64_t>;

struct Format {
	const char *name;
	std::uint64_t bits;
	bool merges = false;
};
constexpr Format formats[] = {
	{"split", 0},
	{"split, mergeable", feature::mrg_rxbuf, true},
	{"split, in order", feature::in_order},
	{"packed", feature::packed},
	{"packed, mergeable", feature::packed | feature::mrg_rxbuf, true},
	{"packed, in order", feature::packed | feature::in_order},
};

Pages pages_of(driver::Gpa gpa, std::uint64_t len)
{
	Pages pages;
	for (auto page = gpa / page_bytes; page <= (gpa + len - 1) / page_bytes; page++)
		pages.insert(page);
	return pages;
}

/* A bitmap for the rig's memory, and what a migration makes of it. */
class Migration
{
public:
	explicit Migration(Rig &rig)
	    : rig_(rig), words_((rig.memory.regions().back().base + rig.memory.regions().back().size) /
					page_bytes / 64 +
				1)
	{
		for (const auto &region : rig.memory.regions())
			copies_.emplace_back(region.user, region.user + region.size);
	}
	std::uint64_t base() { return reinterpret_cast<std::uintptr_t>(words_.data()); }
	/* As QEMU begins it on a device that runs. */
	void begin()
	{
		std::uint64_t at = base();
		CHECK_ERRNO(rig_.device.request(VHOST_SET_LOG_BASE, &at), 0);
		CHECK_ERRNO(rig_.device.set_features(rig_.features() | feature::log_all), 0);
		for (const Queue *queue : {&rig_.rx, &rig_.tx}) {
			auto addr = queue->addr();
			addr.flags = 1 << VHOST_VRING_F_LOG;
			CHECK_ERRNO(rig_.device.set_addr(addr), 0);
		}
	}
	/* Takes all bits out, and copies what they stand for. */
	void sync()
	{
		for (std::size_t i = 0; i < words_.size(); i++) {
			auto bits = std::atomic_ref(words_[i]).exchange(0);
			for (; bits; bits &= bits - 1) {
				const auto page = 64 * i + static_cast<unsigned>(__builtin_ctzll(bits));
				named_.insert(page);
				copy(page);
			}
		}
	}
	const Pages &named() const { return named_; }
	/* Pages in which the copy is not the guest's memory. */
	Pages missed() const
	{
		Pages pages;
		for (std::size_t r = 0; r < copies_.size(); r++) {
			const auto &region = rig_.memory.regions()[r];
			for (std::uint64_t at = 0; at < region.size; at += page_bytes) {
				if (std::memcmp(&copies_[r][at], region.user + at, page_bytes))
					pages.insert((region.base + at) / page_bytes);
			}
		}
		return pages;
	}

private:
	void copy(std::uint64_t page)
	{
		for (std::size_t r = 0; r < copies_.size(); r++) {
			const auto &region = rig_.memory.regions()[r];
			const std::uint64_t at = page * page_bytes - region.base;
			if (at < region.size) {
				std::memcpy(&copies_[r][at], region.user + at, page_bytes);
				return;
			}
		}
		CHECK(false, "page %#llx is none of the guest's",
		      static_cast<unsigned long long>(page));
	}

	Rig &rig_;
	std::vector<std::uint64_t> words_;
	std::vector<std::vector<std::byte>> copies_;
	Pages named_;
};

void copies_are_whole(const Format &format)
{
	need_features(device_path, format.bits);
	const Wire wire;
	Rig rig(device_path, {.features = feature::version_1 | feature::event_idx | format.bits});
	rig.attach(wire.tap.fd());

	constexpr unsigned buffers = 200;
	const std::uint32_t bytes = format.merges ? 700 : 2048;
	Pages may, driver;
	std::vector<driver::Segment> in;
	for (unsigned i = 0; i < buffers; i++) {
		in.push_back({rig.memory.allocate(bytes, 16, i % 2), bytes, true});
		may.merge(pages_of(in.back().gpa, bytes));
	}
	const auto len = static_cast<std::uint32_t>(rig.header_size() + 100);
	const driver::Segment out{rig.memory.allocate(len), len, false};
	const auto frame = make_frame(1000, 1);
	std::memcpy(rig.memory.at(out.gpa, len) + rig.header_size(), frame.data(), 100);
	for (Queue *queue : {&rig.rx, &rig.tx}) {
		const auto areas = queue->ring().areas();
		const bool packed = format.bits & feature::packed;
		const unsigned size = queue->ring().size();
		driver.merge(pages_of(areas.descriptor, 16 * size));
		driver.merge(pages_of(areas.driver, packed ? 4 : 6 + 2 * size));
		if (packed)
			may.merge(pages_of(areas.descriptor, 16 * size));
		may.merge(pages_of(areas.device, packed ? 4 : 6 + 8 * size));
	}

	Migration migration(rig);
	migration.begin();
	std::atomic<bool> stop = false;
	std::thread syncs([&] {
		while (!stop) {
			migration.sync();
			std::this_thread::yield();
		}
	});
	try {
		for (unsigned i = 0; i < buffers; i += 10) {
			for (unsigned k = i; k < i + 10; k++)
				CHECK(rig.rx.ring().add({&in[k], 1}));
			rig.rx.publish();
			for (unsigned k = 0; k < (format.merges ? 5 : 10); k++) {
				CHECK(rig.tx.ring().add({&out, 1}));
				CHECK_ERRNO(wire.far.send(frame), 0);
			}
			rig.tx.publish();
			poll_used(rig.tx, format.merges ? 5 : 10);
			for (unsigned k = 0; k < 10; k++)
				rig.rx.wait_used();
		}
		rig.detach();
	} catch (...) {
		stop = true;
		syncs.join();
		throw;
	}
	stop = true;
	syncs.join();
	migration.sync();
	for (const auto page : migration.missed())
		CHECK(driver.contains(page), "page %#llx was written and not logged",
		      static_cast<unsigned long long>(page));
	for (const auto page : migration.named())
		CHECK(may.contains(page), "page %#llx was logged and not written",
		      static_cast<unsigned long long>(page));
	const Counters counters(rig.device.fd());
	if (!counters.empty())
		CHECK(counters.at("rx.log_pages") + counters.at("tx.log_pages") >=
		      migration.named().size());
	for (const Queue *queue : {&rig.rx, &rig.tx}) {
		const auto areas = const_cast<Queue *>(queue)->ring().areas();
		const auto gpa = format.bits & feature::packed ? areas.descriptor : areas.device;
		CHECK(migration.named().contains(gpa / page_bytes), "queue %u: the ring is not in",
		      queue->index());
	}
}

/* On and off while it runs: off, nothing is written to the bitmap. */
void switched_while_live(const Format &format)
{
	need_features(device_path, format.bits);
	Live live(device_path, {.features = feature::version_1 | format.bits});
	Migration migration(live.rig);
	for (int i = 0; i < 3; i++) {
		migration.begin();
		live.pass();
		migration.sync();
		CHECK(!migration.named().empty());
		CHECK_ERRNO(live.rig.device.set_features(live.rig.features()), 0);
		CHECK_ERRNO(live.rig.device.set_addr(live.rig.rx.addr()), 0);
		CHECK_ERRNO(live.rig.device.set_addr(live.rig.tx.addr()), 0);
		migration.sync();
		const std::size_t before = migration.named().size();
		live.pass();
		migration.sync();
		CHECK_EQUAL(migration.named().size(), before);
	}
}

void bases_out_of_bounds_are_refused()
{
	Live live(device_path);
	Migration migration(live.rig);
	migration.begin();
	for (std::uint64_t at : {std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
		CHECK_ERRNO(live.rig.device.request(VHOST_SET_LOG_BASE, &at), EFAULT);
		live.pass();
	}
	CHECK_ERRNO(live.rig.device.request(VHOST_SET_LOG_BASE, nullptr), EFAULT);
	migration.sync();
	CHECK(!migration.named().empty());
}

void the_eventfd_is_signalled()
{
	Live live(device_path);
	Migration migration(live.rig);
	int bad = -2;
	CHECK_ERRNO(live.rig.device.request(VHOST_SET_LOG_FD, &bad), EBADF);
	const UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	int fd = event.get();
	CHECK_ERRNO(live.rig.device.request(VHOST_SET_LOG_FD, &fd), 0);
	live.pass();
	std::uint64_t count = 0;
	CHECK(read(fd, &count, sizeof(count)) < 0, "nothing is logged");
	migration.begin();
	live.pass();
	CHECK(read(fd, &count, sizeof(count)) == sizeof(count));
	int none = -1;
	CHECK_ERRNO(live.rig.device.request(VHOST_SET_LOG_FD, &none), 0);
	live.pass();
	CHECK(read(fd, &count, sizeof(count)) < 0, "it was taken back");
}

void an_unwritable_bitmap_stops_the_queue()
{
	Live live(device_path);
	void *map = mmap(nullptr, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED);
	auto at = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(map));
	CHECK_ERRNO(live.rig.device.request(VHOST_SET_LOG_BASE, &at), 0);
	CHECK_ERRNO(live.rig.device.set_features(live.rig.features() | feature::log_all), 0);
	const driver::Segment in{live.rig.memory.allocate(2048), 2048, true};
	CHECK(live.rig.rx.ring().add({&in, 1}));
	live.rig.rx.publish();
	CHECK_ERRNO(live.wire.far.send(make_frame(100, 1)), 0);
	CHECK(live.rig.rx.wait_error());
	CHECK(!live.rig.rx.ring().has_used());
	munmap(map, 1 << 20);
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();
	for (const Format &format : formats) {
		const std::string name = format.name;
		suite.add(name + ": a copy made by the log is whole, and no more",
			  [&] { copies_are_whole(format); });
		suite.add(name + ": the log is switched on and off while frames pass",
			  [&] { switched_while_live(format); });
	}
	suite.add("a bitmap out of bounds is refused", bases_out_of_bounds_are_refused);
	suite.add("the log's eventfd is signalled", the_eventfd_is_signalled);
	suite.add_stricter("a bitmap that is not writable stops the queue",
			   "what was written is lost silently",
			   an_unwritable_bitmap_stops_the_queue);
	return suite.run();
}
