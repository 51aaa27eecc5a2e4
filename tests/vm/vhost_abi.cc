/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every ioctl that QEMU and DPDK's virtio-user issue: the return codes of good and bad arguments,
 * and that a refused request changes nothing. vhost-net on 6.1 is the oracle for the codes.
 */
#include "ktap.hh"
#include "support/child.hh"
#include "support/live.hh"

#include <climits>
#include <cstdint>
#include <fcntl.h>
#include <fstream>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

using namespace vna;
using namespace vna::vm;

namespace
{

std::string device_path;

/* An address that no process can have mapped: the first page. */
const void *const bad_pointer = reinterpret_cast<const void *>(8);

constexpr int closed_fd = 900;

struct Owned : VhostDevice {
	Owned() : VhostDevice(device_path) { CHECK_ERRNO(set_owner(), 0); }
};

int new_eventfd()
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

struct Request {
	const char *name;
	unsigned long number;
};

/* Those that take a struct vhost_vring_state, _addr or _file, all with the index first. */
constexpr Request queue_requests[] = {
	{"SET_VRING_NUM", VHOST_SET_VRING_NUM},	  {"SET_VRING_BASE", VHOST_SET_VRING_BASE},
	{"GET_VRING_BASE", VHOST_GET_VRING_BASE}, {"SET_VRING_ADDR", VHOST_SET_VRING_ADDR},
	{"SET_VRING_KICK", VHOST_SET_VRING_KICK}, {"SET_VRING_CALL", VHOST_SET_VRING_CALL},
	{"SET_VRING_ERR", VHOST_SET_VRING_ERR},	  {"NET_SET_BACKEND", VHOST_NET_SET_BACKEND},
};

constexpr Request other_requests[] = {
	{"SET_MEM_TABLE", VHOST_SET_MEM_TABLE},
};

/* An argument that every queue request would take for queue 0 of a device not yet set up. */
struct AnyQueueArgument {
	std::uint32_t index = 0;
	std::uint32_t value = 0;
	std::uint64_t rest[8] = {};
};

unsigned base_of(const VhostDevice &device, unsigned queue)
{
	unsigned base = 0;
	CHECK_ERRNO(device.get_base(queue, base), 0);
	return base;
}

/* --- features --- */

void features_hold_all_that_the_driver_needs()
{
	const VhostDevice device(device_path);
	std::uint64_t features = 0;
	CHECK_ERRNO(device.get_features(features), 0);
	constexpr std::uint64_t needed = feature::mrg_rxbuf | feature::notify_on_empty |
					 feature::device_header | feature::indirect |
					 feature::event_idx | feature::version_1;
	CHECK((features & needed) == needed, "offered %#llx",
	      static_cast<unsigned long long>(features));
}

void features_hold_ring_reset()
{
	const VhostDevice device(device_path);
	std::uint64_t features = 0;
	CHECK_ERRNO(device.get_features(features), 0);
	CHECK(features & 1ULL << 40);
	CHECK_ERRNO(device.set_features(feature::version_1 | 1ULL << 40), 0);
}

void features_need_no_owner()
{
	const VhostDevice device(device_path);
	CHECK_ERRNO(device.set_features(feature::version_1), 0);
	CHECK_ERRNO(device.set_features(0), 0);
	std::uint64_t backend_features = 0;
	CHECK_ERRNO(device.get_backend_features(backend_features), 0);
	CHECK_ERRNO(device.set_backend_features(backend_features), 0);
}

void every_offered_feature_is_taken()
{
	const VhostDevice device(device_path);
	std::uint64_t features = 0;
	CHECK_ERRNO(device.get_features(features), 0);
	for (unsigned bit = 0; bit < 64; ++bit) {
		const std::uint64_t mask = 1ULL << bit;
		/* LOG_ALL needs a log, ACCESS_PLATFORM an IOTLB: not alone, not here. */
		if (mask == feature::log_all || bit == 33)
			continue;
		/* Newer than VERSION_1, and not without it. */
		const bool modern = mask == feature::packed || mask == feature::in_order;
		const int expected = features & mask ? 0 : EOPNOTSUPP;
		CHECK(device.set_features(mask | (modern ? feature::version_1 : 0)) == expected,
		      "bit %u", bit);
	}
}

void unknown_feature_is_refused_and_changes_nothing()
{
	Live live(device_path, {.features = feature::version_1 | feature::mrg_rxbuf});
	CHECK_ERRNO(live.rig.device.set_features(1ULL << 63), EOPNOTSUPP);
	CHECK_ERRNO(live.rig.device.set_features(feature::version_1 | 1ULL << 5), EOPNOTSUPP);
	live.pass();
}

void feature_words_at_bad_pointers_fault()
{
	const VhostDevice device(device_path);
	CHECK_ERRNO(device.request(VHOST_GET_FEATURES, bad_pointer), EFAULT);
	CHECK_ERRNO(device.request(VHOST_SET_FEATURES, bad_pointer), EFAULT);
	CHECK_ERRNO(device.request(VHOST_GET_BACKEND_FEATURES, bad_pointer), EFAULT);
	CHECK_ERRNO(device.request(VHOST_SET_BACKEND_FEATURES, bad_pointer), EFAULT);
}

void unknown_backend_feature_is_refused()
{
	const Owned device;
	std::uint64_t features = 0;
	CHECK_ERRNO(device.get_backend_features(features), 0);
	CHECK_ERRNO(device.set_backend_features(1ULL << 63), EOPNOTSUPP);
	CHECK_ERRNO(device.set_backend_features(features), 0);
}

void features_hold_packed_rings_and_in_order()
{
	const VhostDevice device(device_path);
	std::uint64_t features = 0;
	CHECK_ERRNO(device.get_features(features), 0);
	CHECK(features & feature::packed);
	CHECK(features & feature::in_order);
}

void packed_and_in_order_need_version_1()
{
	Live live(device_path);
	for (const std::uint64_t bits :
	     {feature::packed, feature::in_order, feature::packed | feature::in_order,
	      feature::packed | feature::event_idx}) {
		CHECK(live.rig.device.set_features(bits) == EOPNOTSUPP, "features %#llx",
		      static_cast<unsigned long long>(bits));
	}
	live.pass();
}

void a_running_rings_format_cannot_be_changed()
{
	constexpr std::uint64_t split = feature::version_1;
	constexpr std::uint64_t packed = feature::version_1 | feature::packed;
	for (const std::uint64_t features : {split, packed}) {
		const std::uint64_t other = features == split ? packed : split;
		Live live(device_path, {.features = features});
		const VhostDevice &device = live.rig.device;
		CHECK_ERRNO(device.set_features(other), EBUSY);
		/* One queue is enough, whichever it is. */
		for (const unsigned queue : {rx_queue, tx_queue}) {
			CHECK_ERRNO(device.set_backend(queue, -1), 0);
			CHECK_ERRNO(device.set_features(other), EBUSY);
			CHECK_ERRNO(device.set_backend(queue, live.wire.tap.fd()), 0);
		}
		CHECK_ERRNO(device.set_features(features | feature::indirect), 0);
		CHECK_ERRNO(device.set_features(features), 0);
		live.pass();
		live.rig.detach();
		CHECK_ERRNO(device.set_features(other), 0);
	}
}

/* --- arrays of features --- */

/* 6.1 and 6.12 have none of their own. */
void need_arrays(const VhostDevice &device)
{
	std::uint64_t none = 0;
	if (ktap::is_oracle(device_path) &&
	    device.get_features_array(std::span(&none, 1)) == ENOTTY)
		ktap::skip("oracle: knows no array of features");
}

/* Without an owner, on purpose: ENOTTY of an unknown request comes after that. */
struct Arrays : Owned {
	Arrays() { need_arrays(*this); }
};

void feature_arrays_tell_what_get_features_tells()
{
	const Arrays device;
	std::uint64_t features = 0;
	CHECK_ERRNO(device.get_features(features), 0);
	std::uint64_t array[8];
	std::uint64_t *const words = array + 1;
	for (const std::size_t count : {0, 1, 2, 3, 6}) {
		std::fill(std::begin(array), std::end(array), ~0ULL);
		array[0] = count;
		CHECK_ERRNO(device.request(VHOST_GET_FEATURES_ARRAY, array), 0);
		CHECK(array[0] == count);
		CHECK(!count || words[0] == features);
		for (std::size_t i = 2; i < count; ++i)
			CHECK(words[i] == 0, "word %zu of %zu", i, count);
		CHECK(words[count] == ~0ULL, "wrote beyond %zu words", count);
	}
}

void feature_arrays_need_no_owner()
{
	need_arrays(Owned());
	const VhostDevice device(device_path);
	std::uint64_t words[2];
	CHECK_ERRNO(device.get_features_array(words), 0);
	CHECK_ERRNO(device.set_features_array(words), 0);
	CHECK_ERRNO(device.set_features_array({}), 0);
}

void every_offered_bit_of_an_array_is_taken()
{
	const Arrays device;
	std::uint64_t offered[2];
	CHECK_ERRNO(device.get_features_array(offered), 0);
	for (unsigned bit = 64; bit < 192; ++bit) {
		std::uint64_t words[3] = {feature::version_1};
		words[bit / 64] |= 1ULL << bit % 64;
		const bool is_offered = bit < 128 && offered[1] >> bit % 64 & 1;
		CHECK(device.set_features_array(words) == (is_offered ? 0 : EOPNOTSUPP), "bit %u",
		      bit);
	}
	const std::uint64_t low[1] = {feature::version_1 | 1ULL << 5};
	CHECK_ERRNO(device.set_features_array(low), EOPNOTSUPP);
	const std::uint64_t zeros[20] = {feature::version_1};
	CHECK_ERRNO(device.set_features_array(zeros), 0);
}

void feature_arrays_at_bad_pointers_fault()
{
	Live live(device_path);
	const VhostDevice &device = live.rig.device;
	need_arrays(device);
	CHECK_ERRNO(device.request(VHOST_GET_FEATURES_ARRAY, bad_pointer), EFAULT);
	CHECK_ERRNO(device.request(VHOST_SET_FEATURES_ARRAY, bad_pointer), EFAULT);

	/* The count is readable, and some words, but not all. */
	const std::size_t page = driver::GuestMemory::page_size();
	driver::GuestMemory memory;
	memory.add_region(0, page);
	std::byte *const end = memory.at(0, page) + page;
	for (const std::size_t words : {0, 1, 2, 3}) {
		std::byte *const at = end - sizeof(std::uint64_t) * (1 + words);
		for (const std::uint64_t count :
		     {std::uint64_t{words + 1}, std::uint64_t{1} << 61, ~std::uint64_t{0} / 8,
		      ~std::uint64_t{0}}) {
			std::memset(at, 0, sizeof(std::uint64_t) * (1 + words));
			std::memcpy(at, &count, sizeof(count));
			CHECK(device.request(VHOST_SET_FEATURES_ARRAY, at) == EFAULT,
			      "set %zu words of %#llx", words,
			      static_cast<unsigned long long>(count));
			CHECK(device.request(VHOST_GET_FEATURES_ARRAY, at) == EFAULT,
			      "get %zu words of %#llx", words,
			      static_cast<unsigned long long>(count));
		}
	}
	/* A word that is refused is refused before the next is missed. */
	std::byte *const at = end - sizeof(std::uint64_t) * 4;
	const std::uint64_t array[] = {9, feature::version_1, 0, 1};
	std::memcpy(at, array, sizeof(array));
	CHECK_ERRNO(device.request(VHOST_SET_FEATURES_ARRAY, at), EOPNOTSUPP);
	live.pass();
}

void feature_arrays_beyond_4096_bits_are_refused()
{
	const Owned device;
	std::vector<std::uint64_t> words(65, ~0ULL);
	CHECK_ERRNO(device.get_features_array(words), E2BIG);
	CHECK(words[0] == ~0ULL);
	std::fill(words.begin(), words.end(), 0);
	CHECK_ERRNO(device.set_features_array(words), E2BIG);
	words.pop_back();
	CHECK_ERRNO(device.set_features_array(words), 0);
	CHECK_ERRNO(device.get_features_array(words), 0);
}

void feature_arrays_change_a_device_that_runs()
{
	Live live(device_path, {.features = feature::version_1 | feature::mrg_rxbuf});
	need_arrays(live.rig.device);
	const std::uint64_t words[2] = {feature::version_1 | feature::mrg_rxbuf, 0};
	CHECK_ERRNO(live.rig.device.set_features_array(words), 0);
	live.pass();
}

/* --- 32-bit processes --- */

/* An ioctl as a 32-bit process issues it: its numbers, its pointers. 0 or the errno. */
int request_32(int fd, unsigned long number, const void *argument)
{
	const auto pointer = reinterpret_cast<std::uintptr_t>(argument);
	CHECK(pointer < 1ULL << 32, "%p does not fit 32 bits", argument);
	long result = 54; /* ioctl(2) there */
	asm volatile("int $0x80"
		     : "+a"(result)
		     : "b"(static_cast<long>(fd)), "c"(static_cast<long>(number)),
		       "d"(static_cast<long>(pointer))
		     : "memory", "r8", "r9", "r10", "r11");
	return static_cast<int>(result) < 0 ? -static_cast<int>(result) : 0;
}

/* A page below 4 GiB for arguments. */
class LowPage
{
public:
	LowPage()
	    : page_(mmap(nullptr, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0))
	{
		CHECK(page_ != MAP_FAILED, "%s", std::strerror(errno));
	}
	~LowPage() { munmap(page_, size); }
	LowPage(const LowPage &) = delete;
	LowPage &operator=(const LowPage &) = delete;

	template <class T> int request(const VhostDevice &device, unsigned long number, T &value)
	{
		std::memcpy(page_, &value, sizeof(value));
		const int error = request_32(device.fd(), number, page_);
		std::memcpy(&value, page_, sizeof(value));
		return error;
	}

private:
	static constexpr std::size_t size = 4096;

	void *page_;
};

void a_32_bit_process_sets_the_device_up()
{
	const Wire wire;
	const std::vector<std::byte> header(12);
	driver::GuestMemory memory;
	memory.add_region(0, 16 << 20);
	memory.add_region(1ULL << 32, 1 << 20);
	const VhostDevice device(device_path);
	LowPage low;
	CHECK_ERRNO(request_32(device.fd(), VHOST_SET_OWNER, nullptr), 0);
	std::uint64_t offered = 0, features = 0;
	CHECK_ERRNO(low.request(device, VHOST_GET_FEATURES, features), 0);
	CHECK_ERRNO(device.get_features(offered), 0);
	CHECK(features == offered);
	features = feature::version_1;
	CHECK_ERRNO(low.request(device, VHOST_SET_FEATURES, features), 0);
	struct {
		std::uint32_t nregions = 2, padding = 0;
		vhost_memory_region regions[2];
	} table;
	const auto regions = mem_table(memory);
	std::copy(regions.begin(), regions.end(), table.regions);
	CHECK_ERRNO(low.request(device, VHOST_SET_MEM_TABLE, table), 0);
	Queue rx(memory, rx_queue, {}), tx(memory, tx_queue, {});
	for (Queue *queue : {&rx, &tx}) {
		const unsigned index = queue->index();
		vhost_vring_state state{index, 256};
		CHECK_ERRNO(low.request(device, VHOST_SET_VRING_NUM, state), 0);
		state.num = queue->ring().base();
		CHECK_ERRNO(low.request(device, VHOST_SET_VRING_BASE, state), 0);
		vhost_vring_addr addr = queue->addr();
		CHECK_ERRNO(low.request(device, VHOST_SET_VRING_ADDR, addr), 0);
		vhost_vring_file file{index, queue->kick_fd()};
		CHECK_ERRNO(low.request(device, VHOST_SET_VRING_KICK, file), 0);
		file.fd = queue->call_fd();
		CHECK_ERRNO(low.request(device, VHOST_SET_VRING_CALL, file), 0);
		file.fd = queue->err_fd();
		CHECK_ERRNO(low.request(device, VHOST_SET_VRING_ERR, file), 0);
		file.fd = wire.tap.fd();
		CHECK_ERRNO(low.request(device, VHOST_NET_SET_BACKEND, file), 0);
	}
	for (std::uint64_t i = 0; i < 5; ++i) {
		offer_frame(memory, tx, header, make_frame(200, i));
		tx.publish();
		check_frame(wire.far.receive(), 200, i);
		tx.wait_used();
	}
	vhost_vring_file none{tx_queue, -1};
	CHECK_ERRNO(low.request(device, VHOST_NET_SET_BACKEND, none), 0);
	vhost_vring_state base{tx_queue, 0};
	CHECK_ERRNO(low.request(device, VHOST_GET_VRING_BASE, base), 0);
	CHECK_EQUAL(base.num, 5);
	CHECK_ERRNO(request_32(device.fd(), VHOST_RESET_OWNER, nullptr), 0);
}

void a_32_bit_process_gets_the_same_errors()
{
	const Owned device;
	LowPage low;
	vhost_vring_state state{2, 256};
	CHECK_ERRNO(low.request(device, VHOST_SET_VRING_NUM, state), ENOBUFS);
	state = {0, 255};
	CHECK_ERRNO(low.request(device, VHOST_SET_VRING_NUM, state), EINVAL);
	CHECK_ERRNO(low.request(device, _IO(VHOST_VIRTIO, 0xff), state), ENOTTY);
	CHECK_ERRNO(request_32(device.fd(), VHOST_SET_VRING_NUM, bad_pointer), EFAULT);
	CHECK_ERRNO(request_32(device.fd(), VHOST_SET_OWNER, nullptr), EBUSY);
}

/* --- owner --- */

void owner_is_set_once()
{
	const Owned device;
	CHECK_ERRNO(device.set_owner(), EBUSY);
}

void nothing_goes_before_the_owner()
{
	const VhostDevice device(device_path);
	const AnyQueueArgument argument;
	for (const Request &request : queue_requests)
		CHECK(device.request(request.number, &argument) == EPERM, "%s", request.name);
	for (const Request &request : other_requests)
		CHECK(device.request(request.number, &argument) == EPERM, "%s", request.name);
	CHECK_ERRNO(device.reset_owner(), EPERM);
	CHECK_ERRNO(device.set_owner(), 0);
}

void another_process_is_refused_and_changes_nothing()
{
	Live live(device_path);
	const AnyQueueArgument argument;
	for (const Request &request : queue_requests)
		CHECK(in_child([&] {
			      return live.rig.device.request(request.number, &argument);
		      }) == EPERM,
		      "%s", request.name);
	for (const Request &request : other_requests)
		CHECK(in_child([&] {
			      return live.rig.device.request(request.number, &argument);
		      }) == EPERM,
		      "%s", request.name);
	CHECK_EQUAL(in_child([&] { return live.rig.device.reset_owner(); }), EPERM);
	CHECK_EQUAL(in_child([&] { return live.rig.device.set_owner(); }), EBUSY);
	live.pass();
}

void reset_owner_frees_the_device_for_a_new_set_up()
{
	Live live(device_path);
	live.pass();
	CHECK_ERRNO(live.rig.device.reset_owner(), 0);
	CHECK_ERRNO(live.rig.device.reset_owner(), EPERM);
	CHECK_ERRNO(live.rig.device.set_num(rx_queue, 256), EPERM);
	CHECK_ERRNO(live.rig.device.set_owner(), 0);
	CHECK_EQUAL(base_of(live.rig.device, tx_queue), 0);

	/* From the start, with memory and rings of its own. */
	Rig &rig = live.rig;
	rig.rx.ring().reset();
	rig.tx.ring().reset();
	CHECK_ERRNO(rig.device.set_features(rig.features()), 0);
	CHECK_ERRNO(rig.device.set_mem_table(mem_table(rig.memory)), 0);
	rig.rx.configure(rig.device);
	rig.tx.configure(rig.device);
	rig.attach(live.wire.tap.fd());
	transmit(rig, live.wire.far, {.count = 3});
	Receiver(rig, {.count = 3}).run(live.wire.far);
}

void reset_owner_stops_the_queues()
{
	Live live(device_path);
	live.pass();
	CHECK_ERRNO(live.rig.device.reset_owner(), 0);
	/* Guest memory is no longer the device's: nothing offered now may be used. */
	offer_frame(live.rig, make_frame(60, 1));
	live.rig.tx.ring().publish();
	live.rig.tx.kick();
	CHECK_ERRNO(live.wire.far.send(make_frame(60, 2, guest_mac, far_mac)), 0);
	CHECK_ERRNO(live.rig.device.set_owner(), 0);
	CHECK(!live.rig.tx.ring().has_used());
	CHECK(!live.rig.rx.ring().has_used());
}

/* --- arguments of queue requests --- */

void queue_beyond_the_last_is_refused()
{
	const Owned device;
	for (const std::uint32_t index : {2u, 3u, 0x7fffffffu, 0xffffffffu}) {
		AnyQueueArgument argument;
		argument.index = index;
		for (const Request &request : queue_requests)
			CHECK(device.request(request.number, &argument) == ENOBUFS,
			      "%s of queue %#x", request.name, index);
	}
}

void queue_requests_at_bad_pointers_fault_and_change_nothing()
{
	Live live(device_path);
	for (const Request &request : queue_requests)
		CHECK(live.rig.device.request(request.number, bad_pointer) == EFAULT, "%s",
		      request.name);
	live.pass();
}

void queue_requests_that_cross_into_nothing_fault()
{
	/* The index is readable, what follows is not. */
	const std::size_t page = driver::GuestMemory::page_size();
	driver::GuestMemory memory;
	memory.add_region(0, page);
	std::byte *const edge = memory.at(0, page) + page - sizeof(std::uint32_t);
	const Owned device;
	for (const std::uint32_t index : {rx_queue, tx_queue}) {
		std::memcpy(edge, &index, sizeof(index));
		for (const Request &request : queue_requests)
			CHECK(device.request(request.number, edge) == EFAULT, "%s", request.name);
	}
	CHECK_EQUAL(base_of(device, tx_queue), 0);
}

void ring_sizes_are_powers_of_two()
{
	const Owned device;
	for (const unsigned num : {0u, 3u, 100u, 257u, 65535u, 65536u, 0x80000000u, 0xffffffffu})
		CHECK(device.set_num(tx_queue, num) == EINVAL, "size %u", num);
	for (unsigned num = 1; num <= 32768; num *= 2)
		CHECK(device.set_num(tx_queue, num) == 0, "size %u", num);
}

/* Owned, and its rings are to be packed. */
struct PackedOwned : Owned {
	PackedOwned() { CHECK_ERRNO(set_features(feature::version_1 | feature::packed), 0); }
};

void packed_ring_sizes_are_any_up_to_32768()
{
	const PackedOwned device;
	for (const unsigned num : {0u, 32769u, 65535u, 65536u, 0x80000000u, 0xffffffffu})
		CHECK(device.set_num(tx_queue, num) == EINVAL, "size %u", num);
	for (const unsigned num : {1u, 2u, 3u, 100u, 257u, 32767u, 32768u})
		CHECK(device.set_num(tx_queue, num) == 0, "size %u", num);
}

void size_and_base_are_fixed_while_the_queue_runs()
{
	Live live(device_path);
	for (const unsigned queue : {rx_queue, tx_queue}) {
		CHECK_ERRNO(live.rig.device.set_num(queue, 512), EBUSY);
		CHECK_ERRNO(live.rig.device.set_num(queue, 3), EBUSY);
		CHECK_ERRNO(live.rig.device.set_base(queue, 7), EBUSY);
	}
	live.pass();
}

void base_is_a_16_bit_index_that_reads_back()
{
	const Owned device;
	for (const unsigned base : {0u, 1u, 255u, 256u, 32768u, 65535u}) {
		CHECK_ERRNO(device.set_base(tx_queue, base), 0);
		CHECK_EQUAL(base_of(device, tx_queue), base);
	}
	CHECK_ERRNO(device.set_base(tx_queue, 65536), EINVAL);
	CHECK_ERRNO(device.set_base(tx_queue, 0xffffffff), EINVAL);
	CHECK_EQUAL(base_of(device, tx_queue), 65535);
	CHECK_EQUAL(base_of(device, rx_queue), 0);
}

void base_tells_how_far_the_device_came()
{
	Live live(device_path, {.first_index = 65534});
	live.pass(5);
	live.rig.detach();
	CHECK_EQUAL(base_of(live.rig.device, tx_queue), (65534 + 5) & 0xffff);
	/* What waits in the receive ring has not been taken. */
	CHECK_EQUAL(base_of(live.rig.device, rx_queue), live.rig.rx.ring().base());
}

void packed_base_is_two_positions_that_read_back()
{
	const PackedOwned device;
	/* The next to be fetched in the lower half, the next to be used in the upper one. */
	for (const unsigned base : {0x80008000u, 0x80028005u, 0x7fff8000u, 0xffff7fffu, 0x8005u}) {
		CHECK_ERRNO(device.set_base(tx_queue, base), 0);
		CHECK_EQUAL(base_of(device, tx_queue), base);
	}
	/* The start with one half only, as DPDK's virtio-user has it. */
	CHECK_ERRNO(device.set_base(tx_queue, 0x8000), 0);
	CHECK_EQUAL(base_of(device, tx_queue), 0x80008000u);
}

void packed_base_tells_how_far_the_device_came()
{
	for (const bool wrap : {true, false}) {
		Live live(device_path, {.features = feature::version_1 | feature::packed,
					.size = 100,
					.first_index = 98,
					.first_wrap = wrap});
		live.pass(5);
		live.rig.detach();
		const unsigned position = 3 | (wrap ? 0u : 0x8000u);
		CHECK_EQUAL(base_of(live.rig.device, tx_queue), position | position << 16);
		/* What waits in the receive ring has not been taken. */
		CHECK_EQUAL(base_of(live.rig.device, rx_queue), live.rig.rx.ring().base());
		live.rig.attach(live.wire.tap.fd());
		live.pass(120);
	}
}

/* What was set before the features chose a format may not suit it. */
void set_ups_that_do_not_suit_the_format_cannot_start()
{
	constexpr std::uint64_t split = feature::version_1;
	constexpr std::uint64_t packed = feature::version_1 | feature::packed;
	Live live(device_path, {.features = packed});
	const VhostDevice &device = live.rig.device;
	const Queue &tx = live.rig.tx;
	const auto start = [&] { return device.set_backend(tx_queue, live.wire.tap.fd()); };
	live.pass();
	live.rig.detach();

	CHECK_ERRNO(device.set_base(tx_queue, 256 | 0x8000), 0);
	CHECK_ERRNO(start(), EINVAL);
	CHECK_ERRNO(device.set_base(tx_queue, 0x80008000 | 256 << 16), 0);
	CHECK_ERRNO(start(), EINVAL);

	CHECK_ERRNO(device.set_num(tx_queue, 100), 0);
	CHECK_ERRNO(device.set_features(split), 0);
	CHECK_ERRNO(start(), EINVAL);
	CHECK_ERRNO(device.set_num(tx_queue, 256), 0);
	/* A split ring's descriptors may lie anywhere, and its available ring at any even place. */
	vhost_vring_addr addr = tx.addr();
	addr.avail_user_addr += 2;
	CHECK_ERRNO(device.set_addr(addr), 0);
	CHECK_ERRNO(device.set_features(packed), 0);
	CHECK_ERRNO(start(), EINVAL);

	/* With the format the positions in both rings went. */
	live.rig.rx.configure(device);
	tx.configure(device);
	live.rig.attach(live.wire.tap.fd());
	live.pass();
}

/* --- addresses --- */

void addresses_with_unknown_flags_are_refused()
{
	Live live(device_path);
	for (const unsigned flags : {2u, 4u, 0x80000000u, 3u}) {
		vhost_vring_addr addr = live.rig.tx.addr();
		addr.flags = flags;
		CHECK(live.rig.device.set_addr(addr) == EOPNOTSUPP, "flags %#x", flags);
	}
	live.pass();
}

void misaligned_addresses_are_refused()
{
	Live live(device_path);
	const vhost_vring_addr good = live.rig.tx.addr();
	vhost_vring_addr addr = good;
	addr.avail_user_addr += 1;
	CHECK_ERRNO(live.rig.device.set_addr(addr), EINVAL);
	for (const unsigned off : {1u, 2u, 3u}) {
		addr = good;
		addr.used_user_addr += off;
		CHECK(live.rig.device.set_addr(addr) == EINVAL, "used ring off by %u", off);
		addr = good;
		addr.log_guest_addr += off;
		CHECK(live.rig.device.set_addr(addr) == EINVAL, "log off by %u", off);
	}
	live.pass();
}

void misaligned_packed_addresses_are_refused()
{
	Live live(device_path, {.features = feature::version_1 | feature::packed});
	const auto offset = [&](auto field, unsigned off) {
		vhost_vring_addr addr = live.rig.tx.addr();
		addr.*field += off;
		return live.rig.device.set_addr(addr);
	};
	for (unsigned off = 1; off < 16; ++off)
		CHECK(offset(&vhost_vring_addr::desc_user_addr, off) == EINVAL,
		      "descriptors off by %u", off);
	for (const unsigned off : {1u, 2u, 3u}) {
		CHECK(offset(&vhost_vring_addr::avail_user_addr, off) == EINVAL,
		      "driver's events off by %u", off);
		CHECK(offset(&vhost_vring_addr::used_user_addr, off) == EINVAL,
		      "device's events off by %u", off);
	}
	live.pass();
}

void addresses_outside_user_space_are_refused_on_a_running_queue()
{
	Live live(device_path);
	const vhost_vring_addr good = live.rig.tx.addr();
	constexpr std::uint64_t kernel_side = 0xffff800000000000;
	for (auto field : {&vhost_vring_addr::desc_user_addr, &vhost_vring_addr::avail_user_addr,
			   &vhost_vring_addr::used_user_addr}) {
		vhost_vring_addr addr = good;
		addr.*field = kernel_side;
		CHECK_ERRNO(live.rig.device.set_addr(addr), EINVAL);
		/* The part would end beyond the last address there is. */
		addr.*field = -16ULL;
		CHECK_ERRNO(live.rig.device.set_addr(addr), EINVAL);
	}
	live.pass();
}

void the_same_addresses_are_taken_on_a_running_queue()
{
	Live live(device_path);
	for (unsigned i = 0; i < 3; ++i) {
		CHECK_ERRNO(live.rig.device.set_addr(live.rig.tx.addr()), 0);
		CHECK_ERRNO(live.rig.device.set_addr(live.rig.rx.addr()), 0);
		live.pass();
	}
}

void a_ring_moved_while_it_runs_is_read_at_its_new_place()
{
	Live live(device_path);
	live.pass();
	/* Copy the three parts elsewhere, poison the old ones. */
	Queue &tx = live.rig.tx;
	const vhost_vring_addr old = tx.addr();
	driver::SplitConfig config;
	driver::SplitRing moved(live.rig.memory, config);
	const driver::RingAreas to = moved.areas();
	const auto copy = [&](driver::Gpa gpa, std::uint64_t from, std::size_t len) {
		std::memcpy(live.rig.memory.at(gpa, len), reinterpret_cast<void *>(from), len);
	};
	copy(to.descriptor, old.desc_user_addr, 16 * config.size);
	copy(to.driver, old.avail_user_addr, 6 + 2 * config.size);
	copy(to.device, old.used_user_addr, 6 + 8 * config.size);
	vhost_vring_addr addr = old;
	const auto user = [&](driver::Gpa gpa) {
		return reinterpret_cast<std::uintptr_t>(live.rig.memory.at(gpa));
	};
	addr.desc_user_addr = user(to.descriptor);
	addr.avail_user_addr = user(to.driver);
	addr.used_user_addr = user(to.device);
	CHECK_ERRNO(live.rig.device.set_addr(addr), 0);

	/* One frame by hand through the ring at its new place. */
	const auto frame = make_frame(100, 77);
	std::vector<std::byte> bytes(live.rig.header_size());
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	const driver::Chain chain = make_chain(live.rig.memory, Shape::one, live.rig.header_size(),
					       frame.size(), false, 0);
	chain_write(live.rig.memory, chain, bytes);
	driver::SplitTable &table = moved.table();
	const std::uint16_t at = table.avail_idx();
	table.set_desc(0, chain[0].gpa, chain[0].len, 0, 0);
	table.set_avail_entry(at, 0);
	table.set_avail_idx(static_cast<std::uint16_t>(at + 1));
	tx.kick();
	check_frame(live.wire.far.receive(), 100, 77);
	CHECK_EQUAL(tx.split_table().used_idx(), at);
}

/* --- eventfds --- */

using SetFile = int (VhostDevice::*)(unsigned, int) const;

void bad_event_descriptors_are_refused(SetFile set)
{
	Live live(device_path);
	for (const unsigned queue : {rx_queue, tx_queue}) {
		CHECK_ERRNO((live.rig.device.*set)(queue, closed_fd), EBADF);
		CHECK_ERRNO((live.rig.device.*set)(queue, -2), EBADF);
		const UniqueFd file(open("/dev/null", O_RDWR));
		CHECK_ERRNO((live.rig.device.*set)(queue, file.get()), EINVAL);
		CHECK_ERRNO((live.rig.device.*set)(queue, live.rig.device.fd()), EINVAL);
	}
	live.pass();
}

void event_descriptors_may_be_taken_away()
{
	const Owned device;
	for (const unsigned queue : {rx_queue, tx_queue}) {
		CHECK_ERRNO(device.set_kick(queue, -1), 0);
		CHECK_ERRNO(device.set_call(queue, -1), 0);
		CHECK_ERRNO(device.set_err(queue, -1), 0);
		const UniqueFd event(new_eventfd());
		for (unsigned i = 0; i < 2; ++i) {
			CHECK_ERRNO(device.set_kick(queue, event.get()), 0);
			CHECK_ERRNO(device.set_call(queue, event.get()), 0);
			CHECK_ERRNO(device.set_err(queue, event.get()), 0);
		}
		CHECK_ERRNO(device.set_kick(queue, -1), 0);
		CHECK_ERRNO(device.set_call(queue, -1), 0);
		CHECK_ERRNO(device.set_err(queue, -1), 0);
	}
}

/* One frame of 60 bytes offered on the transmit queue, made visible; no kick, no wait. */
void offer_unkicked(Rig &rig, std::uint64_t seed)
{
	offer_frame(rig, make_frame(60, seed));
	rig.tx.ring().publish();
}

void a_new_call_descriptor_gets_the_interrupts()
{
	Live live(device_path);
	live.pass();
	live.rig.tx.take_calls();
	const UniqueFd other(new_eventfd());
	CHECK_ERRNO(live.rig.device.set_call(tx_queue, other.get()), 0);
	CHECK(live.rig.tx.ring().enable_notifications());
	offer_unkicked(live.rig, 5);
	live.rig.tx.kick();
	check_frame(live.wire.far.receive(), 60, 5);
	/* The frame is out; detaching waits for the worker, so the interrupt is too. */
	live.rig.detach();
	std::uint64_t count = 0;
	CHECK(read(other.get(), &count, sizeof(count)) == sizeof(count), "no interrupt");
	CHECK_EQUAL(live.rig.tx.take_calls(), 0);
}

void without_a_call_descriptor_packets_still_pass()
{
	Live live(device_path);
	CHECK_ERRNO(live.rig.device.set_call(tx_queue, -1), 0);
	offer_unkicked(live.rig, 5);
	live.rig.tx.kick();
	check_frame(live.wire.far.receive(), 60, 5);
	live.rig.detach();
	CHECK(live.rig.tx.ring().collect());
	CHECK_EQUAL(live.rig.tx.take_calls(), 0);
}

void a_new_kick_descriptor_is_heard()
{
	Live live(device_path);
	const UniqueFd other(new_eventfd());
	CHECK_ERRNO(live.rig.device.set_kick(tx_queue, other.get()), 0);
	offer_unkicked(live.rig, 5);
	const std::uint64_t one = 1;
	CHECK(write(other.get(), &one, sizeof(one)) == sizeof(one));
	check_frame(live.wire.far.receive(), 60, 5);
}

void what_was_offered_before_the_kick_descriptor_is_sent()
{
	/* QEMU may set the descriptor when kicks are already in it, or lost before it. */
	Live live(device_path);
	const UniqueFd other(new_eventfd());
	const std::uint64_t one = 1;
	CHECK(write(other.get(), &one, sizeof(one)) == sizeof(one));
	offer_unkicked(live.rig, 6);
	CHECK_ERRNO(live.rig.device.set_kick(tx_queue, other.get()), 0);
	check_frame(live.wire.far.receive(), 60, 6);
}

/* --- memory table --- */

vhost_memory_region region(std::uint64_t gpa, std::uint64_t size, std::uint64_t user)
{
	return {gpa, size, user, 0};
}

unsigned most_regions()
{
	const char *const path = device_path == "/dev/vhost-net"
					 ? "/sys/module/vhost/parameters/max_mem_regions"
					 : "/sys/module/vhost_net_alt/parameters/max_mem_regions";
	unsigned most = 0;
	std::ifstream(path) >> most;
	CHECK(most, "%s does not say", path);
	return most;
}

void memory_tables_of_64_regions_are_taken()
{
	CHECK(most_regions() >= 64);
	/* The real memory is two regions; the others lie beyond it. */
	Live live(device_path);
	auto table = mem_table(live.rig.memory);
	const std::uint64_t user = table[0].userspace_addr;
	for (unsigned i = 0; table.size() < 64; ++i)
		table.push_back(region((1ULL << 40) + i * 0x2000ULL, 0x1000, user));
	CHECK_ERRNO(live.rig.device.set_mem_table(table), 0);
	live.pass();
	/* In any order. */
	std::swap(table.front(), table.back());
	CHECK_ERRNO(live.rig.device.set_mem_table(table), 0);
	live.pass();
}

void memory_tables_beyond_the_limit_are_refused()
{
	Live live(device_path);
	auto table = mem_table(live.rig.memory);
	const std::uint64_t user = table[0].userspace_addr;
	for (unsigned i = 0; table.size() <= most_regions(); ++i)
		table.push_back(region((1ULL << 40) + i * 0x2000ULL, 0x1000, user));
	CHECK_ERRNO(live.rig.device.set_mem_table(table), E2BIG);
	vhost_memory header{};
	header.nregions = 0xffffffff;
	CHECK_ERRNO(live.rig.device.request(VHOST_SET_MEM_TABLE, &header), E2BIG);
	live.pass();
}

void memory_tables_with_padding_are_refused()
{
	Live live(device_path);
	CHECK_ERRNO(live.rig.device.set_mem_table(mem_table(live.rig.memory), 1), EOPNOTSUPP);
	live.pass();
}

void memory_tables_at_bad_pointers_fault()
{
	Live live(device_path);
	CHECK_ERRNO(live.rig.device.request(VHOST_SET_MEM_TABLE, bad_pointer), EFAULT);
	/* The header is readable, the regions are not. */
	const std::size_t page = driver::GuestMemory::page_size();
	driver::GuestMemory memory;
	memory.add_region(0, page);
	vhost_memory header{};
	header.nregions = 2;
	std::byte *const edge = memory.at(0, page) + page - sizeof(header);
	std::memcpy(edge, &header, sizeof(header));
	CHECK_ERRNO(live.rig.device.request(VHOST_SET_MEM_TABLE, edge), EFAULT);
	live.pass();
}

void regions_of_no_size_or_that_wrap_are_refused()
{
	Live live(device_path);
	auto table = mem_table(live.rig.memory);
	const std::uint64_t user = table[0].userspace_addr;
	for (const vhost_memory_region bad : {
		     region(1ULL << 40, 0, user),
		     region(-0x1000ULL, 0x2000, user),
		     region(0x1000, -0x800ULL, user),
	     }) {
		auto with_bad = table;
		with_bad.push_back(bad);
		CHECK(live.rig.device.set_mem_table(with_bad) == EFAULT, "%#llx+%#llx",
		      static_cast<unsigned long long>(bad.guest_phys_addr),
		      static_cast<unsigned long long>(bad.memory_size));
	}
	live.pass();
}

void regions_outside_user_space_are_refused_while_a_queue_runs()
{
	Live live(device_path);
	for (const std::uint64_t user : {0xffff800000000000ULL, -0x1000ULL}) {
		auto table = mem_table(live.rig.memory);
		table.push_back(region(1ULL << 40, 0x1000, user));
		CHECK(live.rig.device.set_mem_table(table) == EFAULT, "%#llx",
		      static_cast<unsigned long long>(user));
	}
	live.pass();
}

void the_memory_table_is_replaced_while_queues_run()
{
	Live live(device_path);
	auto table = mem_table(live.rig.memory);
	for (unsigned i = 0; i < 4; ++i) {
		/* A region more, as memory hotplug makes; then one fewer. */
		table.push_back(
			region((1ULL << 40) + i * 0x10000ULL, 0x1000, table[0].userspace_addr));
		CHECK_ERRNO(live.rig.device.set_mem_table(table), 0);
		live.pass();
	}
	CHECK_ERRNO(live.rig.device.set_mem_table(mem_table(live.rig.memory)), 0);
	live.pass();
}

void overlapping_regions_are_taken()
{
	Live live(device_path);
	auto table = mem_table(live.rig.memory);
	/* The same memory twice, one a part of the other: any of them translates alike. */
	auto part = table[0];
	part.memory_size /= 2;
	table.push_back(part);
	CHECK_ERRNO(live.rig.device.set_mem_table(table), 0);
	live.pass();
}

void a_memory_table_of_nothing_is_taken_before_the_start()
{
	const Owned device;
	CHECK_ERRNO(device.set_mem_table({}), 0);
}

/* --- backend --- */

void bad_backend_is_refused(const UniqueFd &fd, int error = ENOTSOCK)
{
	CHECK(fd.get() >= 0);
	/* On a device ready to start, and on one that runs: it goes on. */
	Rig rig(device_path, {});
	CHECK_ERRNO(rig.device.set_backend(tx_queue, fd.get()), error);
	CHECK_ERRNO(rig.device.set_backend(rx_queue, fd.get()), error);
	Live live(device_path);
	CHECK_ERRNO(live.rig.device.set_backend(tx_queue, fd.get()), error);
	CHECK_ERRNO(live.rig.device.set_backend(rx_queue, fd.get()), error);
	live.pass();
}

UniqueFd new_socket(int family, int type)
{
	UniqueFd fd(socket(family, type | SOCK_CLOEXEC, 0));
	CHECK(fd.get() >= 0, "%s", std::strerror(errno));
	return fd;
}

void closed_descriptors_are_no_backends()
{
	Live live(device_path);
	for (const int fd : {closed_fd, -2, INT_MIN, INT_MAX})
		CHECK(live.rig.device.set_backend(tx_queue, fd) == ENOTSOCK, "%d", fd);
	live.pass();
}

void a_queue_not_set_up_cannot_start()
{
	const Wire wire;
	const Owned device;
	CHECK_ERRNO(device.set_backend(tx_queue, wire.tap.fd()), EFAULT);
	CHECK_ERRNO(device.set_backend(rx_queue, wire.tap.fd()), EFAULT);
	/* And is not half started: its size may still be set. */
	CHECK_ERRNO(device.set_num(tx_queue, 256), 0);
	CHECK_ERRNO(device.set_base(tx_queue, 3), 0);
	CHECK_EQUAL(base_of(device, tx_queue), 3);
}

void a_ring_in_unmapped_memory_cannot_start()
{
	const Wire wire;
	Rig rig(device_path, {});
	vhost_vring_addr addr = rig.tx.addr();
	/* Accepted, as the queue does not run; the guard page behind the region is never mapped. */
	addr.used_user_addr = reinterpret_cast<std::uintptr_t>(rig.memory.regions()[0].user) -
			      driver::GuestMemory::page_size();
	CHECK_ERRNO(rig.device.set_addr(addr), 0);
	CHECK_ERRNO(rig.device.set_backend(tx_queue, wire.tap.fd()), EFAULT);
	CHECK_ERRNO(rig.device.set_addr(rig.tx.addr()), 0);
	rig.attach(wire.tap.fd());
	transmit(rig, wire.far, {.count = 3});
}

void a_backend_may_be_taken_away_from_a_queue_without()
{
	Rig rig(device_path, {});
	rig.detach();
	rig.detach();
	/* But the queue must be set up, even for that: no memory table, no rings. */
	const Owned device;
	CHECK_ERRNO(device.set_backend(tx_queue, -1), EFAULT);
	CHECK_ERRNO(device.set_backend(rx_queue, -1), EFAULT);
}

void the_same_backend_may_be_set_again()
{
	Live live(device_path);
	live.rig.attach(live.wire.tap.fd());
	live.pass();
}

void a_stopped_queue_starts_where_it_stopped()
{
	Live live(device_path);
	for (unsigned i = 0; i < 3; ++i) {
		live.pass();
		live.rig.detach();
		/* What comes while it is stopped is waiting when it starts. */
		offer_unkicked(live.rig, 500 + i);
		live.rig.tx.kick();
		CHECK(!live.rig.tx.ring().has_used());
		live.rig.attach(live.wire.tap.fd());
		check_frame(live.wire.far.receive(), 60, 500 + i);
		live.rig.tx.wait_used();
	}
	live.pass();
}

void both_queues_may_have_different_taps()
{
	const Wire one("vna0"), other("vna1");
	Rig rig(device_path, {});
	CHECK_ERRNO(rig.device.set_backend(tx_queue, one.tap.fd()), 0);
	CHECK_ERRNO(rig.device.set_backend(rx_queue, other.tap.fd()), 0);
	transmit(rig, one.far, {.count = 3});
	Receiver(rig, {.count = 3}).run(other.far);
}

/* --- unknown requests --- */

void unknown_requests_are_refused()
{
	Live live(device_path);
	AnyQueueArgument argument;
	constexpr unsigned long unknown[] = {
		_IO(VHOST_VIRTIO, 0xff), _IOW(VHOST_VIRTIO, 0x6f, std::uint64_t), _IO('T', 1),
		_IOR(VHOST_VIRTIO, 0x10, std::uint64_t), /* SET_VRING_NUM's with another size */
	};
	for (const unsigned long number : unknown)
		CHECK(live.rig.device.request(number, &argument) == ENOTTY, "%#lx", number);
	/* The vring requests' order of checks: pointer, queue, number. */
	CHECK_ERRNO(live.rig.device.request(_IO(VHOST_VIRTIO, 0xff), bad_pointer), EFAULT);
	argument.index = 2;
	CHECK_ERRNO(live.rig.device.request(_IO(VHOST_VIRTIO, 0xff), &argument), ENOBUFS);
	live.pass();
}

void byte_orders_are_refused_as_on_x86()
{
	const Owned device;
	const vhost_vring_state state{tx_queue, VHOST_VRING_LITTLE_ENDIAN};
	CHECK_ERRNO(device.request(VHOST_SET_VRING_ENDIAN, &state), ENOTTY);
	CHECK_ERRNO(device.request(VHOST_GET_VRING_ENDIAN, &state), ENOTTY);
}

void bytes_cannot_be_written()
{
	const Owned device;
	char byte = 0;
	/* It is the IOTLB's, which needs ACCESS_PLATFORM. */
	CHECK(write(device.fd(), &byte, 1) == -1 && errno == EINVAL, "%s", ktap::errno_name(errno));
}

/* --- the orders of real clients --- */

void qemus_order_starts_runs_stops_and_starts(std::uint64_t format)
{
	const Wire wire;
	const std::vector<std::byte> header(12);
	driver::GuestMemory memory;
	memory.add_region(0, 16 << 20);
	memory.add_region(16 << 20, 1 << 20);
	const VhostDevice device(device_path);
	const driver::RingConfig config{.packed = (format & feature::packed) != 0};
	Queue queues[] = {Queue(memory, 0, config), Queue(memory, 1, config)};
	std::uint64_t features = 0, backend_features = 0;

	/* Init: call and error descriptors before any feature. */
	CHECK_ERRNO(device.set_owner(), 0);
	CHECK_ERRNO(device.get_features(features), 0);
	for (const Queue &queue : queues) {
		CHECK_ERRNO(device.set_call(queue.index(), queue.call_fd()), 0);
		CHECK_ERRNO(device.set_err(queue.index(), queue.err_fd()), 0);
	}
	std::uint64_t seed = 1;
	for (unsigned round = 0; round < 3; ++round) {
		/* Start. */
		for (const Queue &queue : queues)
			CHECK_ERRNO(device.set_call(queue.index(), queue.call_fd()), 0);
		CHECK_ERRNO(device.set_features(feature::version_1 | format), 0);
		CHECK_ERRNO(device.get_backend_features(backend_features), 0);
		CHECK_ERRNO(device.set_backend_features(backend_features), 0);
		CHECK_ERRNO(device.set_mem_table(mem_table(memory)), 0);
		for (const Queue &queue : queues) {
			CHECK_ERRNO(device.set_num(queue.index(), 256), 0);
			CHECK_ERRNO(device.set_base(queue.index(),
						    const_cast<Queue &>(queue).ring().base()),
				    0);
			CHECK_ERRNO(device.set_addr(queue.addr()), 0);
			CHECK_ERRNO(device.set_kick(queue.index(), queue.kick_fd()), 0);
		}
		for (const Queue &queue : queues)
			CHECK_ERRNO(device.set_backend(queue.index(), wire.tap.fd()), 0);

		/* Running: interrupts masked to nowhere and unmasked again. */
		Queue &tx = queues[1];
		for (unsigned i = 0; i < 4; ++i, ++seed) {
			const UniqueFd masked(new_eventfd());
			CHECK_ERRNO(device.set_call(1, masked.get()), 0);
			CHECK_ERRNO(device.set_call(1, tx.call_fd()), 0);
			offer_frame(memory, tx, header, make_frame(200, seed), Shape::three);
			tx.publish();
			check_frame(wire.far.receive(), 200, seed);
			tx.wait_used();
		}

		/* Stop: the index it reached is what the next start begins with. */
		for (Queue &queue : queues) {
			CHECK_ERRNO(device.set_backend(queue.index(), -1), 0);
			CHECK_EQUAL(base_of(device, queue.index()), queue.ring().base());
			CHECK_ERRNO(device.set_call(queue.index(), -1), 0);
		}
	}
}

void dpdks_order_restarts_on_one_descriptor(std::uint64_t format)
{
	const Wire wire;
	const std::vector<std::byte> header(12);
	driver::GuestMemory memory;
	memory.add_region(0x7f0000000000, 16 << 20);
	memory.add_region(0x7f0010000000, 1 << 20);
	const VhostDevice device(device_path);
	const bool packed = format & feature::packed;
	Queue rx(memory, 0, {.packed = packed}), tx(memory, 1, {.packed = packed});
	std::uint64_t features = 0;
	CHECK_ERRNO(device.set_owner(), 0);
	CHECK_ERRNO(device.get_features(features), 0);
	CHECK_ERRNO(device.set_call(0, rx.call_fd()), 0);
	CHECK_ERRNO(device.set_call(1, tx.call_fd()), 0);
	CHECK_ERRNO(device.set_features(feature::version_1 | feature::mrg_rxbuf | format), 0);
	for (unsigned round = 0; round < 3; ++round) {
		CHECK_ERRNO(device.set_mem_table(mem_table(memory)), 0);
		/*
		 * A restarted port has rings that start at 0 again; of a packed one it tells the
		 * place to fetch from only.
		 */
		for (Queue *queue : {&rx, &tx}) {
			queue->ring().reset();
			CHECK_ERRNO(device.set_num(queue->index(), 256), 0);
			CHECK_ERRNO(device.set_base(queue->index(), packed ? 0x8000 : 0), 0);
			CHECK_ERRNO(device.set_addr(queue->addr()), 0);
			CHECK_ERRNO(device.set_kick(queue->index(), queue->kick_fd()), 0);
		}
		CHECK_ERRNO(device.set_backend(0, wire.tap.fd()), 0);
		CHECK_ERRNO(device.set_backend(1, wire.tap.fd()), 0);
		for (std::uint64_t i = 0; i < 4; ++i) {
			offer_frame(memory, tx, header, make_frame(64, round * 100 + i));
			tx.publish();
			check_frame(wire.far.receive(), 64, round * 100 + i);
			tx.wait_used();
		}
		CHECK_ERRNO(device.set_backend(0, -1), 0);
		CHECK_ERRNO(device.set_backend(1, -1), 0);
		CHECK_EQUAL(base_of(device, 0), packed ? 0x80008000 : 0);
		CHECK_EQUAL(base_of(device, 1), packed ? 0x80048004 : 4);
	}
}

void vhost_net_tests_order_has_one_queue_live_before_the_other_exists()
{
	const Wire wire;
	const std::vector<std::byte> header(12);
	driver::GuestMemory memory;
	memory.add_region(0, 16 << 20);
	memory.add_region(1ULL << 32, 1 << 20);
	const VhostDevice device(device_path);
	CHECK_ERRNO(device.set_owner(), 0);
	CHECK_ERRNO(device.set_mem_table(mem_table(memory)), 0);
	CHECK_ERRNO(device.set_features(feature::version_1), 0);
	Queue rx(memory, 0, {}), tx(memory, 1, {});
	for (Queue *queue : {&rx, &tx}) {
		CHECK_ERRNO(device.set_num(queue->index(), 256), 0);
		CHECK_ERRNO(device.set_base(queue->index(), 0), 0);
		CHECK_ERRNO(device.set_addr(queue->addr()), 0);
		CHECK_ERRNO(device.set_kick(queue->index(), queue->kick_fd()), 0);
		CHECK_ERRNO(device.set_backend(queue->index(), wire.tap.fd()), 0);
	}
	/* Never a call descriptor: the driver polls. */
	offer_frame(memory, tx, header, make_frame(100, 9));
	tx.publish();
	check_frame(wire.far.receive(), 100, 9);
	CHECK_ERRNO(device.set_backend(1, -1), 0);
	CHECK(tx.ring().collect());
}

} /* namespace */

int main(int argc, char **argv)
{
	ktap::Suite suite(argc, argv);
	device_path = suite.device();

	suite.add("GET_FEATURES: what the drivers need is offered",
		  features_hold_all_that_the_driver_needs);
	suite.add_stricter("GET_FEATURES: RING_RESET is offered and taken",
			   "6.1 does not know RING_RESET", features_hold_ring_reset);
	constexpr const char *no_packed = "knows no packed rings";
	suite.add_stricter("GET_FEATURES: RING_PACKED and IN_ORDER are offered", no_packed,
			   features_hold_packed_rings_and_in_order);
	suite.add_stricter("SET_FEATURES: EOPNOTSUPP for RING_PACKED or IN_ORDER without VERSION_1",
			   no_packed, packed_and_in_order_need_version_1);
	suite.add_stricter("SET_FEATURES: EBUSY for another format while a queue runs", no_packed,
			   a_running_rings_format_cannot_be_changed);
	suite.add("features: neither word needs an owner", features_need_no_owner);
	suite.add("SET_FEATURES: takes what is offered, EOPNOTSUPP for every other bit",
		  every_offered_feature_is_taken);
	suite.add("SET_FEATURES: an unknown bit changes nothing",
		  unknown_feature_is_refused_and_changes_nothing);
	suite.add("features: EFAULT at bad pointers", feature_words_at_bad_pointers_fault);
	suite.add("SET_BACKEND_FEATURES: EOPNOTSUPP for an unknown bit",
		  unknown_backend_feature_is_refused);

	suite.add("FEATURES_ARRAY: tells what GET_FEATURES tells, as many words as asked for",
		  feature_arrays_tell_what_get_features_tells);
	suite.add("FEATURES_ARRAY: needs no owner", feature_arrays_need_no_owner);
	suite.add("FEATURES_ARRAY: takes what is offered, EOPNOTSUPP for every other bit",
		  every_offered_bit_of_an_array_is_taken);
	suite.add("FEATURES_ARRAY: EFAULT at bad pointers, and where words are missing",
		  feature_arrays_at_bad_pointers_fault);
	suite.add_stricter("FEATURES_ARRAY: E2BIG beyond 4096 bits", "has no bound",
			   feature_arrays_beyond_4096_bits_are_refused);
	suite.add("FEATURES_ARRAY: set while queues run", feature_arrays_change_a_device_that_runs);

	suite.add("32-bit process: sets the device up and sends", a_32_bit_process_sets_the_device_up);
	suite.add("32-bit process: the same errors", a_32_bit_process_gets_the_same_errors);

	suite.add("SET_OWNER: twice is EBUSY", owner_is_set_once);
	suite.add("owner: every other request before it is EPERM", nothing_goes_before_the_owner);
	suite.add("owner: another process gets EPERM and changes nothing",
		  another_process_is_refused_and_changes_nothing);
	suite.add("RESET_OWNER: the device can be set up anew",
		  reset_owner_frees_the_device_for_a_new_set_up);
	suite.add("RESET_OWNER: queues stop", reset_owner_stops_the_queues);

	suite.add("queues: an index out of range is ENOBUFS", queue_beyond_the_last_is_refused);
	suite.add("queues: EFAULT at bad pointers, nothing changes",
		  queue_requests_at_bad_pointers_fault_and_change_nothing);
	suite.add("queues: EFAULT when only the index is readable",
		  queue_requests_that_cross_into_nothing_fault);
	suite.add("SET_VRING_NUM: EINVAL but for powers of two to 32768",
		  ring_sizes_are_powers_of_two);
	suite.add_stricter("SET_VRING_NUM: packed rings have any size to 32768", no_packed,
			   packed_ring_sizes_are_any_up_to_32768);
	suite.add("SET_VRING_NUM, BASE: EBUSY while the queue runs",
		  size_and_base_are_fixed_while_the_queue_runs);
	suite.add("SET_VRING_BASE: 16 bits, read back by GET_VRING_BASE",
		  base_is_a_16_bit_index_that_reads_back);
	suite.add("GET_VRING_BASE: tells how far the device came",
		  base_tells_how_far_the_device_came);

	suite.add_stricter("SET_VRING_BASE: packed rings have two positions", no_packed,
			   packed_base_is_two_positions_that_read_back);
	suite.add_stricter("GET_VRING_BASE: tells how far the device came in packed rings",
			   no_packed, packed_base_tells_how_far_the_device_came);

	suite.add("SET_VRING_ADDR: EOPNOTSUPP for unknown flags",
		  addresses_with_unknown_flags_are_refused);
	suite.add("SET_VRING_ADDR: EINVAL for misaligned rings", misaligned_addresses_are_refused);
	suite.add_stricter("SET_VRING_ADDR: EINVAL for misaligned packed rings", no_packed,
			   misaligned_packed_addresses_are_refused);
	suite.add("SET_VRING_ADDR: EINVAL for addresses no process has, on a running queue",
		  addresses_outside_user_space_are_refused_on_a_running_queue);
	suite.add("SET_VRING_ADDR: the same addresses again on a running queue",
		  the_same_addresses_are_taken_on_a_running_queue);
	suite.add("SET_VRING_ADDR: a running ring is read at its new place",
		  a_ring_moved_while_it_runs_is_read_at_its_new_place);

	suite.add("SET_VRING_KICK: EBADF, EINVAL for what is no eventfd",
		  [] { bad_event_descriptors_are_refused(&VhostDevice::set_kick); });
	suite.add("SET_VRING_CALL: EBADF, EINVAL for what is no eventfd",
		  [] { bad_event_descriptors_are_refused(&VhostDevice::set_call); });
	suite.add("SET_VRING_ERR: EBADF, EINVAL for what is no eventfd",
		  [] { bad_event_descriptors_are_refused(&VhostDevice::set_err); });
	suite.add("SET_VRING_KICK, CALL, ERR: -1 takes the descriptor away",
		  event_descriptors_may_be_taken_away);
	suite.add("SET_VRING_CALL: a new descriptor gets the interrupts",
		  a_new_call_descriptor_gets_the_interrupts);
	suite.add("SET_VRING_CALL: -1, and frames still pass",
		  without_a_call_descriptor_packets_still_pass);
	suite.add("SET_VRING_KICK: a new descriptor is heard", a_new_kick_descriptor_is_heard);
	suite.add("SET_VRING_KICK: a kick from before is heard",
		  what_was_offered_before_the_kick_descriptor_is_sent);

	suite.add("SET_MEM_TABLE: 64 regions in any order", memory_tables_of_64_regions_are_taken);
	suite.add("SET_MEM_TABLE: E2BIG beyond max_mem_regions",
		  memory_tables_beyond_the_limit_are_refused);
	suite.add("SET_MEM_TABLE: EOPNOTSUPP for padding", memory_tables_with_padding_are_refused);
	suite.add("SET_MEM_TABLE: EFAULT at bad pointers", memory_tables_at_bad_pointers_fault);
	suite.add("SET_MEM_TABLE: EFAULT for regions that are empty or wrap",
		  regions_of_no_size_or_that_wrap_are_refused);
	suite.add("SET_MEM_TABLE: EFAULT for addresses no process has, while a queue runs",
		  regions_outside_user_space_are_refused_while_a_queue_runs);
	suite.add("SET_MEM_TABLE: replaced while queues run",
		  the_memory_table_is_replaced_while_queues_run);
	suite.add("SET_MEM_TABLE: overlapping regions", overlapping_regions_are_taken);
	suite.add("SET_MEM_TABLE: no region at all",
		  a_memory_table_of_nothing_is_taken_before_the_start);

	suite.add("NET_SET_BACKEND: ENOTSOCK for a file",
		  [] { bad_backend_is_refused(UniqueFd(open("/dev/null", O_RDWR))); });
	suite.add("NET_SET_BACKEND: ENOTSOCK for an eventfd",
		  [] { bad_backend_is_refused(UniqueFd(new_eventfd())); });
	suite.add("NET_SET_BACKEND: ENOTSOCK for a vhost device",
		  [] { bad_backend_is_refused(UniqueFd(open(device_path.c_str(), O_RDWR))); });
	suite.add("NET_SET_BACKEND: EINVAL for a tun that has no interface yet",
		  [] { bad_backend_is_refused(UniqueFd(open("/dev/net/tun", O_RDWR)), EINVAL); });
	suite.add("NET_SET_BACKEND: ENOTSOCK for a TCP socket",
		  [] { bad_backend_is_refused(new_socket(AF_INET, SOCK_STREAM)); });
	suite.add("NET_SET_BACKEND: ENOTSOCK for a UDP socket",
		  [] { bad_backend_is_refused(new_socket(AF_INET, SOCK_DGRAM)); });
	suite.add("NET_SET_BACKEND: ENOTSOCK for a UNIX socket",
		  [] { bad_backend_is_refused(new_socket(AF_UNIX, SOCK_DGRAM)); });
	suite.add("NET_SET_BACKEND: ENOTSOCK for a packet socket without Ethernet headers",
		  [] { bad_backend_is_refused(new_socket(AF_PACKET, SOCK_DGRAM)); });
	suite.add("NET_SET_BACKEND: ENOTSOCK for closed descriptors",
		  closed_descriptors_are_no_backends);
	suite.add("NET_SET_BACKEND: EFAULT for a queue that is not set up",
		  a_queue_not_set_up_cannot_start);
	suite.add_stricter("NET_SET_BACKEND: EINVAL for a set-up that is not the format's",
			   no_packed, set_ups_that_do_not_suit_the_format_cannot_start);
	suite.add("NET_SET_BACKEND: EFAULT for a ring in unmapped memory, which can be mended",
		  a_ring_in_unmapped_memory_cannot_start);
	suite.add("NET_SET_BACKEND: -1 without a backend, EFAULT without memory",
		  a_backend_may_be_taken_away_from_a_queue_without);
	suite.add("NET_SET_BACKEND: the same again", the_same_backend_may_be_set_again);
	suite.add("NET_SET_BACKEND: a stopped queue starts where it stopped",
		  a_stopped_queue_starts_where_it_stopped);
	suite.add("NET_SET_BACKEND: a tap for each queue", both_queues_may_have_different_taps);

	suite.add("unknown requests: ENOTTY, after pointer and queue are checked",
		  unknown_requests_are_refused);
	suite.add("SET_VRING_ENDIAN: ENOTTY", byte_orders_are_refused_as_on_x86);
	suite.add("write: EINVAL without an IOTLB", bytes_cannot_be_written);

	suite.add("QEMU's order: start, run, stop, start again",
		  [] { qemus_order_starts_runs_stops_and_starts(0); });
	suite.add("DPDK's order: restart on one descriptor with no reset",
		  [] { dpdks_order_restarts_on_one_descriptor(0); });
	suite.add_stricter("QEMU's order, packed", no_packed,
			   [] { qemus_order_starts_runs_stops_and_starts(feature::packed); });
	suite.add_stricter("DPDK's order, packed", no_packed,
			   [] { dpdks_order_restarts_on_one_descriptor(feature::packed); });
	suite.add("vhost_net_test's order: memory before features, one queue live before the other",
		  vhost_net_tests_order_has_one_queue_live_before_the_other_exists);
	return suite.run();
}
