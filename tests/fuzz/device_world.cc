// SPDX-License-Identifier: GPL-2.0-only
#include "device_world.hh"

#include <algorithm>

#include "core/base/errno.hh"
#include "core/net/weight.hh"

namespace vna::fuzz
{

using host::trap;

namespace
{

constexpr u64 memory_bytes = 64 << 10;
constexpr u64 guest_base = 0x10000; // where the driver knows it
// Of each queue, within it: descriptors, the driver's area, the device's.
constexpr u64 side_bytes = 0x2000, driver_area = 0x1000, device_area = 0x1800;
constexpr u64 args = memory_bytes - 0x1000; // what ioctls are passed
alignas(4096) std::byte memory[memory_bytes];

constexpr u32 commands[] = {
	VNA_VHOST_GET_FEATURES,	       VNA_VHOST_SET_FEATURES,	       VNA_VHOST_SET_OWNER,
	VNA_VHOST_RESET_OWNER,	       VNA_VHOST_SET_MEM_TABLE,	       VNA_VHOST_SET_VRING_NUM,
	VNA_VHOST_SET_VRING_ADDR,      VNA_VHOST_SET_VRING_BASE,       VNA_VHOST_GET_VRING_BASE,
	VNA_VHOST_SET_VRING_KICK,      VNA_VHOST_SET_VRING_CALL,       VNA_VHOST_SET_VRING_ERR,
	VNA_VHOST_SET_BACKEND_FEATURES, VNA_VHOST_GET_BACKEND_FEATURES, VNA_VHOST_NET_SET_BACKEND,
	VNA_VHOST_NEW_WORKER,	       VNA_VHOST_FREE_WORKER,	       VNA_VHOST_ATTACH_VRING_WORKER,
	VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VNA_VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
	VNA_VHOST_GET_VRING_WORKER,    VNA_VHOST_GET_FORK_FROM_OWNER,  VNA_VHOST_SET_FORK_FROM_OWNER,
	VNA_VHOST_SET_LOG_BASE,	       VNA_VHOST_SET_LOG_FD,	       VNA_VHOST_GET_FEATURES_ARRAY,
	VNA_VHOST_SET_FEATURES_ARRAY,
	VNA_IOW(0x13, vna_vhost_vring_state), // VHOST_SET_VRING_ENDIAN, which no kernel of ours has
	VNA_IOW(0x14, vna_vhost_vring_state), // VHOST_GET_VRING_ENDIAN
	VNA_GET_ID, VNA_BIND, VNA_UNBIND,
};

constexpr u64 bit(unsigned n)
{
	return 1ull << n;
}

u64 user(u64 offset)
{
	return host::UserMemory::address_of(memory) + offset;
}

template <class T> T get(u64 offset)
{
	T value;
	std::memcpy(&value, memory + offset, sizeof value);
	return value;
}

template <class T> void put(u64 offset, T value)
{
	if (offset <= memory_bytes - sizeof value)
		std::memcpy(memory + offset, &value, sizeof value);
}

// What the fuzzer's own scripting returns, besides what vhost-net does.
bool known_result(long result)
{
	static constexpr long known[] = {-eperm,  -e2big,  -enomem,	-efault,  -ebusy,
					 -einval, -enotty, -eopnotsupp, -enobufs, -enodev,
					 -EBADF,  -ENOTSOCK};
	return result >= 0 || std::ranges::find(known, result) != std::end(known);
}

// What a turn may cost, in accesses: the net code's limits are in frames and segments.  What
// exceeds them is seen after the fetch, and each frame costs some by itself.
constexpr u64 turn_accesses = 70ull * (Weight::max_segments + 2 * BufferBatch::capacity) +
			      Weight::max_packets * 64ull;

vna_config config(Input &in)
{
	vna_config config = host::default_config();
	config.max_mem_regions = 8;
	config.rx_batch = 1u + in.byte() % VNA_MAX_BATCH;
	config.tx_batch = 1u + in.byte() % VNA_MAX_BATCH;
	const u8 kernel = in.byte(); // what differs from kernel to kernel
	config.busypoll_us = kernel % 4;
	config.can_fork = !(kernel & 0x40);
	config.fork_from_owner = !(kernel & 0x60);
	config.tunnel_gso = kernel & 0x80;
	return config;
}

} // namespace

DeviceWorld::DeviceWorld(Input &in)
    : in_(in), kernel_(config(in)), tap_(kernel_), other_(kernel_, 10),
      sides_{{{0, kernel_.add_eventfd(), kernel_.add_eventfd(), kernel_.add_eventfd()},
	      {1, kernel_.add_eventfd(), kernel_.add_eventfd(), kernel_.add_eventfd()}}}
{
	std::memset(memory, 0, sizeof memory);
	kernel_.memory.allow(memory, sizeof memory);
	// Everything else is not mapped.
	kernel_.memory.fault(host::Address{0}, user(0));
	kernel_.memory.fault(user(memory_bytes), host::UserMemory::end - user(memory_bytes));
	for (const auto kind : {host::Access::read, host::Access::write})
		kernel_.memory.after(kind, 0, host::UserMemory::end,
				     [this](const host::Access &access) { accessed(access); });
}

const Device &DeviceWorld::device()
{
	return kernel_.core()->device;
}

u64 DeviceWorld::ring(const Side &side) const
{
	return side.index * side_bytes;
}

// By an IOTLB where the driver has it, else where the owner has it.
u64 DeviceWorld::ring_address(const Side &side)
{
	return ring(side) + (naive_.on ? guest_base : user(0));
}

void DeviceWorld::accessed(const host::Access &access)
{
	if (race_in_ && !--race_in_)
		put(race_at_, race_value_);
	// By the IOTLB a turn reaches what it was told of, and the log.  The index of the used
	// ring, two bytes, is read where the ring may be written.
	if (!in_turn_ || !naive_.on || logs_)
		return;
	const Access wanted = access.kind == host::Access::write ? access_wo :
			      access.len == sizeof(u16)		 ? access_none :
								   access_ro;
	if (!naive_.grants(access.at, access.len, wanted))
		trap("an access at %#llx, which the IOTLB does not allow",
		     static_cast<unsigned long long>(access.at));
}

void DeviceWorld::run()
{
	while (!in_.empty()) {
		switch (in_.byte() % 26) {
		case 0:
		case 1:
		case 2:
			command();
			break;
		case 3:
			set_up();
			break;
		case 4:
		case 5:
		case 6:
		case 7:
		case 8:
			offer(any_side());
			break;
		case 9:
		case 10:
			kernel_.write_eventfd(any_side().kick_fd);
			break;
		case 11:
		case 12:
			arrive();
			break;
		case 13:
			wish(any_side());
			break;
		case 14:
			poke();
			break;
		case 15:
			race();
			break;
		case 16:
			backend();
			break;
		case 17:
			misfortune();
			break;
		case 18:
			event(in_.chance());
			break;
		case 24:
		case 25:
			message();
			break;
		default:
			work();
			break;
		}
		check();
	}
	kernel_.memory.fail_at(0);
	kernel_.close();
	for (const std::string &leak : kernel_.leaks())
		trap("closed, and there is left: %s", leak.c_str());
}

// What holds between any two steps, whatever they were.
void DeviceWorld::check()
{
	bool has_work = false;
	for (u32 i = 0; i < VNA_MAX_WORKERS; i++)
		has_work = has_work || device().has_work(i);
	for (u32 i = 0; i < Device::queue_count; i++) {
		const Queue &q = device().queue(i);
		const Virtqueue &ring = q.ring();
		const bool on = q.backend;
		if (q.running != on)
			trap("queue %u: running is %d", i, q.running.load());
		if (q.stopped_by != ring.error())
			trap("queue %u was stopped by %s, and has %s", i,
			     vna::describe(q.stopped_by).name, vna::describe(ring.error()).name);
		if (ring.error() != RingError::none && !on)
			trap("queue %u is off with an error", i);
		if (on && !ring.set_up_ok())
			trap("queue %u is on, and not set up", i);
		if (q.batch.size())
			trap("queue %u: %u buffers are left in the batch", i, q.batch.size());
		// A parked one waits for whoever answers the IOTLB's misses.
		const bool waits = ring.error() != RingError::none || ring.parked() || has_work;
		if (ring.shadowed() && (!on || !waits))
			trap("queue %u: %u used buffers are not shown", i, ring.shadowed());
		if (q.next > q.taken || q.taken > q.batch_limit || (!on && q.taken))
			trap("queue %u is at frame %u of %u", i, q.next, q.taken);
		for (u32 c = 0; c < count_names.size(); c++) {
			const u64 now = q.counters.get(static_cast<Count>(c));
			if (now < counted_[i][c])
				trap("queue %u: counter %s goes back", i, count_names[c]);
			counted_[i][c] = now;
		}
	}
	check_iotlb();
	for (u32 i = 0; i < VNA_MAX_WORKERS; i++) {
		if (kernel_.workers() >> i & 1 && device().has_work(i) && !kernel_.woken(i))
			trap("there is work, and worker %u sleeps", i);
	}
	// Kept for tests that read them.
	for (host::FakeBackend *file : {&tap_, &other_}) {
		file->sent.clear();
		file->batches.clear();
	}
	kernel_.log.clear();
}

// The device has what it was told, no more and no less, and asks for nothing that it has.
void DeviceWorld::check_iotlb()
{
	for (u32 i = 0; i < Device::queue_count; i++) {
		const Queue &q = device().queue(i);
		const Iotlb *iotlb = q.ring().setup().translate.iotlb();
		if (naive_.on != (iotlb != nullptr))
			trap("queue %u has an IOTLB, or none, against the features", i);
		if (q.waits && !iotlb)
			trap("queue %u waits for what nobody can tell", i);
		if (!iotlb)
			continue;
		if (iotlb->size() != naive_.entries().size())
			trap("%u entries, not %zu", iotlb->size(), naive_.entries().size());
		for (const auto &e : naive_.entries()) {
			const Iotlb::Entry *found = iotlb->find(e.start);
			if (!found || found->start != e.start || found->last != e.last ||
			    found->user != e.user || found->access != e.access)
				trap("the entry at %#llx is not there, or another", e.start);
		}
	}
	const int has = vna_core_has_message(kernel_.core());
	if (naive_.on ? has < 0 : has >= 0)
		trap("has_message() says %d", has);
}

// What the device asks for, by read(); false: nothing.
bool DeviceWorld::question(vna_vhost_iotlb_msg &asked)
{
	std::array<std::byte, VNA_MESSAGE_BYTES> bytes;
	const bool has = vna_core_has_message(kernel_.core()) > 0;
	const int error = kernel_.read_message(bytes.data());
	if (error != (has ? 0 : naive_.on ? -eagain : -ebadfd))
		trap("read() says %d", error);
	if (!has)
		return false;
	std::memcpy(&asked, bytes.data() + VNA_VHOST_MSG_IOTLB, sizeof asked);
	if (asked.type != VNA_VHOST_IOTLB_MISS || !asked.perm || asked.perm & ~access_rw)
		trap("a question of type %u, for access %u", asked.type, asked.perm);
	const auto *entry = naive_.find(asked.iova);
	if (entry && entry->allows(asked.perm))
		trap("%#llx is asked for, and there", asked.iova);
	return true;
}

// The owner answers, or says anything else.
void DeviceWorld::message()
{
	constexpr u64 page = 4096;
	const u8 how = in_.byte();
	vna_vhost_iotlb_msg msg{guest_base,	   memory_bytes,	  user(0),
				access_rw, VNA_VHOST_IOTLB_UPDATE, {}};
	switch (how % 8) {
	case 0: // all of memory at once
		break;
	case 1:
	case 2:
	case 3: { // the page that is asked for
		vna_vhost_iotlb_msg asked;
		if (!question(asked))
			return;
		msg.iova = asked.iova / page * page;
		msg.size = page;
		msg.uaddr = user((msg.iova - guest_base) % memory_bytes);
		msg.perm = how & 0x80 ? asked.perm : access_rw;
		break;
	}
	case 4: // another page, or at another place
	case 5:
		msg.iova = guest_base + in_.word() / page * page;
		msg.size = page;
		msg.uaddr = user(in_.word() / page * page);
		msg.perm = in_.byte();
		break;
	case 6:
		msg = {guest_base + in_.word(), in_.number(), 0, 0, VNA_VHOST_IOTLB_INVALIDATE, {}};
		break;
	case 7:
		msg = in_.get<vna_vhost_iotlb_msg>();
		break;
	}
	struct {
		u32 kind, asid;
		vna_vhost_iotlb_msg msg;
	} whole{VNA_VHOST_IOTLB_MSG_V2, 0, msg};
	if (how & 0x40)
		whole.kind = VNA_VHOST_IOTLB_MSG;
	static_assert(sizeof whole == VNA_VHOST_MSG_IOTLB + sizeof msg);
	const auto bytes = std::as_bytes(std::span(&whole, 1));
	std::vector<NaiveIotlb::Entry> gone;
	const int expected = naive_.write(bytes, gone);
	const int error = kernel_.write_message(bytes.data(), bytes.size());
	if (error != expected)
		trap("a message gets %d, not %d", error, expected);
}

void DeviceWorld::work()
{
	for (u32 turns = 1 + in_.byte() % 4; turns && kernel_.woken(); turns--) {
		const u64 before = kernel_.memory.accesses();
		u32 worker = 0;
		while (!kernel_.woken(worker))
			worker++;
		in_turn_ = true;
		kernel_.turn(worker);
		in_turn_ = false;
		const u64 took = kernel_.memory.accesses() - before;
		if (took > turn_accesses)
			trap("a turn of %llu accesses", took);
	}
}

// An ioctl: one that fails leaves everything as it was.
long DeviceWorld::ioctl(u32 number, const void *arg, std::size_t bytes)
{
	std::memcpy(memory + args, arg, std::min<std::size_t>(bytes, memory_bytes - args));
	struct State {
		u64 features;
		std::array<u32, 2> bases, sizes;
		std::array<vna_backend *, 2> backends;
		std::array<u64, 2> descs;
		bool operator==(const State &) const = default;
	};
	const auto state = [this] {
		State s{device().features().bits(), {}, {}, {}, {}};
		for (u32 i = 0; i < 2; i++) {
			const Queue &q = device().queue(i);
			s.bases[i] = q.ring().base();
			s.sizes[i] = q.ring().size();
			s.backends[i] = q.backend;
			s.descs[i] = q.ring().addresses().desc;
		}
		return s;
	};
	const State before = state();
	const u8 where = in_.byte();
	const u64 at = where < 0xf8 ? user(args) : where == 0xff ? in_.get<u64>() : 0;
	const long result = kernel_.ioctl(number, at);
	if (!known_result(result))
		trap("ioctl %#x returns %ld", number, result);
	if (result < 0 && !(state() == before))
		trap("ioctl %#x fails with %ld, but changes what is set up", number, result);
	const bool renegotiated = number == VNA_VHOST_SET_FEATURES ||
				  number == VNA_VHOST_SET_FEATURES_ARRAY ||
				  number == VNA_VHOST_RESET_OWNER;
	if (!result && renegotiated) {
		naive_.on = device().features().has(VNA_VIRTIO_F_ACCESS_PLATFORM);
		naive_.clear();
	}
	logs_ = device().queue(0).logs_buffers || device().queue(0).ring().setup().log_ring ||
		device().queue(1).ring().setup().log_ring;
	const bool on = before.backends[0] || before.backends[1];
	if (!result && number == VNA_VHOST_SET_FEATURES && on &&
	    Ring::packed(Features{before.features}) != packed())
		trap("the format of a ring at work was changed");
	if (!result && (number == VNA_VHOST_SET_VRING_NUM || number == VNA_VHOST_SET_VRING_BASE)) {
		for (u32 i = 0; i < 2; i++) {
			if (before.backends[i] && (state().sizes[i] != before.sizes[i] ||
						   state().bases[i] != before.bases[i]))
				trap("ring %u was changed at work", i);
		}
	}
	return result;
}

long DeviceWorld::file(u32 number, u32 index, s32 fd)
{
	return ioctl(number, vna_vhost_vring_file{index, fd});
}

s32 DeviceWorld::any_fd(const Side &side)
{
	switch (in_.byte() % 8) {
	case 0:
		return VNA_VHOST_FILE_UNBIND;
	case 1:
		return side.kick_fd;
	case 2:
		return side.call_fd;
	case 3:
		return side.error_fd;
	case 4:
		return other_.fd();
	case 5:
		return in_.byte();
	default:
		return tap_.fd();
	}
}

u64 DeviceWorld::any_features()
{
	const u16 which = in_.word();
	if (which >= 0xfff0)
		return in_.get<u64>();
	u64 bits = 0;
	static constexpr unsigned known[] = {
		VNA_VIRTIO_NET_F_MRG_RXBUF,	 VNA_VIRTIO_F_NOTIFY_ON_EMPTY,
		VNA_VHOST_NET_F_VIRTIO_NET_HDR,	 VNA_VIRTIO_RING_F_INDIRECT_DESC,
		VNA_VIRTIO_RING_F_EVENT_IDX,	 VNA_VIRTIO_F_RING_PACKED,
		VNA_VIRTIO_F_IN_ORDER,		 VNA_VIRTIO_F_RING_RESET};
	for (u32 i = 0; i < std::size(known); i++)
		bits |= which >> i & 1 ? bit(known[i]) : 0;
	bits |= which & 0x800 ? bit(VNA_VHOST_F_LOG_ALL) : 0;
	bits |= which & 0x1000 ? bit(VNA_VIRTIO_F_ACCESS_PLATFORM) : 0;
	return bits | (which & 0x700 ? bit(VNA_VIRTIO_F_VERSION_1) : 0);
}

void DeviceWorld::set_memory(bool whole)
{
	struct {
		vna_vhost_memory head;
		std::array<vna_vhost_memory_region, 10> regions;
	} table{};
	table.head.nregions = whole ? 1 : in_.byte() % 11;
	if (!whole && in_.byte() >= 0xf0)
		table.head = in_.get<vna_vhost_memory>();
	table.regions[0] = {guest_base, memory_bytes, user(0), 0};
	for (u32 i = whole ? 1 : 0; !whole && i < std::min(table.head.nregions, 10u); i++) {
		auto &r = table.regions[i];
		const u64 at = in_.word();
		const u64 bytes = in_.byte() < 0xf0 ? memory_bytes - at : in_.number();
		r = {guest_base + (in_.byte() < 0xf0 ? at : in_.number()), bytes,
		     in_.byte() < 0xf0 ? user(at) : in_.get<u64>(), 0};
	}
	ioctl(VNA_VHOST_SET_MEM_TABLE, table);
}

// All that a queue needs, as a VMM does it; each step as the input's misfortunes let it.
void DeviceWorld::set_up()
{
	const u8 how = in_.byte();
	const Side &chosen = sides_[how & 1];
	ioctl(VNA_VHOST_SET_OWNER, 0);
	if (how & 2)
		ioctl(VNA_VHOST_SET_FEATURES, any_features());
	set_memory(true);
	for (Side &side : sides_) {
		if (&side != &chosen && how & 4)
			continue;
		const u32 i = side.index;
		const u32 size = packed() ? 1 + in_.byte() : 1u << in_.byte() % 8;
		const u32 base = packed() ? 0x8000 : how & 8 ? in_.word() : 0;
		ioctl(VNA_VHOST_SET_VRING_NUM, vna_vhost_vring_state{i, size});
		if (!ioctl(VNA_VHOST_SET_VRING_BASE, vna_vhost_vring_state{i, base})) {
			put(ring(side) + driver_area + 2, static_cast<u16>(packed() ? 0 : base));
			side.at = 0;
			side.wrap = true;
		}
		const u64 at = ring_address(side);
		ioctl(VNA_VHOST_SET_VRING_ADDR,
		      vna_vhost_vring_addr{i, 0, at, at + device_area, at + driver_area,
					   guest_base + ring(side) + device_area});
		file(VNA_VHOST_SET_VRING_KICK, i, side.kick_fd);
		file(VNA_VHOST_SET_VRING_CALL, i, side.call_fd);
		file(VNA_VHOST_SET_VRING_ERR, i, side.error_fd);
		file(VNA_VHOST_NET_SET_BACKEND, i, tap_.fd());
	}
}

// Any ioctl, its argument more or less what it takes.
void DeviceWorld::command()
{
	const u32 number = commands[in_.byte() % std::size(commands)];
	const u32 index = any_index();
	const Side &side = sides_[index & 1];
	switch (number) {
	case VNA_VHOST_SET_FEATURES:
		ioctl(number, any_features());
		break;
	case VNA_VHOST_SET_MEM_TABLE:
		set_memory(in_.chance());
		break;
	case VNA_VHOST_SET_VRING_NUM:
	case VNA_VHOST_SET_VRING_BASE:
	case VNA_VHOST_GET_VRING_BASE:
	case VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
	case VNA_VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
		ioctl(number, vna_vhost_vring_state{index, static_cast<u32>(in_.number())});
		break;
	case VNA_VHOST_SET_LOG_BASE: {
		// In the last of the buffers, or anywhere.
		const u8 where = in_.byte();
		ioctl(number, where < 0xc0 ? user(args - 16 - where * 8) : in_.number());
		break;
	}
	case VNA_VHOST_SET_LOG_FD:
		ioctl(number, any_fd(side));
		break;
	case VNA_VHOST_GET_FEATURES_ARRAY:
	case VNA_VHOST_SET_FEATURES_ARRAY: {
		struct {
			u64 count;
			std::array<u64, 4> words;
		} array{in_.number(), {any_features(), in_.byte() < 0xc0 ? 0 : in_.number()}};
		array.words[3] = in_.byte() < 0xf0 ? 0 : in_.number();
		ioctl(number, array);
		break;
	}
	case VNA_BIND:
	case VNA_UNBIND: {
		vna_vhost_net_alt_bind bind{0, any_fd(side), 0, 0};
		if (in_.byte() >= 0xe0)
			bind = {in_.byte(), bind.fd, in_.byte(), in_.byte()};
		ioctl(number, bind);
		break;
	}
	case VNA_VHOST_SET_FORK_FROM_OWNER:
		ioctl(number, static_cast<u8>(in_.byte() % 3));
		break;
	case VNA_VHOST_FREE_WORKER:
	case VNA_VHOST_ATTACH_VRING_WORKER: {
		const u8 worker = in_.byte();
		const u32 id = worker < 0xf0 ? worker % 4 : in_.get<u32>();
		if (number == VNA_VHOST_FREE_WORKER)
			ioctl(number, vna_vhost_worker_state{id});
		else
			ioctl(number, vna_vhost_vring_worker{index, id});
		break;
	}
	case VNA_VHOST_SET_VRING_ADDR: {
		vna_vhost_vring_addr addr{index,
					  in_.byte() >= 0xf0,
					  ring_address(side),
					  ring_address(side) + device_area,
					  ring_address(side) + driver_area,
					  guest_base + ring(side) + device_area};
		u64 *const parts[] = {&addr.desc_user_addr, &addr.used_user_addr,
				      &addr.avail_user_addr, &addr.log_guest_addr};
		for (u32 i = 0; i < 4; i++) {
			const u8 how = in_.byte();
			if (how >= 0xf0)
				*parts[i] = in_.number() << (how & 3) * 4;
			else if (how >= 0xc0)
				*parts[i] += in_.byte() - 128;
		}
		ioctl(number, addr);
		break;
	}
	case VNA_VHOST_SET_VRING_KICK:
	case VNA_VHOST_SET_VRING_CALL:
	case VNA_VHOST_SET_VRING_ERR:
	case VNA_VHOST_NET_SET_BACKEND:
		file(number, index, any_fd(side));
		break;
	default: {
		const auto bytes = in_.get<std::array<u8, 16>>();
		ioctl(in_.byte() < 0xf0 ? number : in_.get<u32>(), bytes);
		break;
	}
	}
}

// A chain at the place where the driver's next is; now and then it says that there are more.
void DeviceWorld::offer(Side &side)
{
	const u8 how = in_.byte();
	const Virtqueue &queue = device().queue(side.index).ring();
	const u32 size = std::min(queue.size(), 256u);
	const u64 at = ring(side);
	const u16 direction = side.index == host::rx_queue ? desc_f_write : 0;
	const u16 index = get<u16>(at + driver_area + 2);
	const u16 head = side.next_desc % size;
	if (how >= 0xf0) // where the device is
		side.at = static_cast<u16>(queue.base() & 0x7fff), side.wrap = queue.base() >> 15 & 1;
	for (u32 left = 1 + (how & 3) % size; left; left--) {
		const u8 what = in_.byte();
		u16 flags = left > 1 ? desc_f_next : 0;
		u64 addr = guest_base + in_.word();
		u32 len = what < 0x80 ? 8u * what : in_.word();
		flags |= what % 32 ? direction : in_.byte() & 7;
		if (what % 32 == 1) {
			// A table in the middle of the buffers.
			const u64 table = 0x5000 + 16 * (how & 0xf0);
			for (u32 i = 0; i < 4; i++)
				put(table + 16 * i,
				    SplitDescriptor{addr, len, static_cast<u16>(direction | (i < 3)),
						    static_cast<u16>(i + 1)});
			addr = guest_base + table;
			len = 64;
			flags = desc_f_indirect;
			left = 1;
		}
		if (packed()) {
			flags |= side.wrap ? PackedDescriptor::f_avail : PackedDescriptor::f_used;
			put(at + 16 * side.at, PackedDescriptor{addr, len, head, flags});
			if (++side.at >= size) {
				side.at = 0;
				side.wrap = !side.wrap;
			}
		} else {
			const u16 i = side.next_desc++ % size;
			put(at + 16 * i, SplitDescriptor{addr, len, flags,
							 static_cast<u16>(side.next_desc % size)});
		}
	}
	if (packed()) {
		side.next_desc++;
		return;
	}
	put(at + driver_area + 4 + 2 * (index % size), head);
	put(at + driver_area + 2, static_cast<u16>(index + 1));
}

void DeviceWorld::wish(Side &side)
{
	put(ring(side) + driver_area, in_.word());
	put(ring(side) + driver_area + 2 + (packed() ? 0 : 2 * device().queue(side.index).ring().size()),
	    static_cast<u16>(in_.byte() & 3));
}

void DeviceWorld::poke()
{
	const u64 at = in_.word() % args;
	put(at, in_.number());
}

void DeviceWorld::race()
{
	race_in_ = 1 + in_.byte();
	race_at_ = in_.word() % (in_.chance() ? args : 2 * side_bytes);
	race_value_ = in_.number();
}

void DeviceWorld::arrive()
{
	host::FakeBackend &file = in_.byte() < 0xf0 ? tap_ : other_;
	const u8 how = in_.byte();
	if (file.waiting.size() > 300)
		return;
	host::FakeBackend::Frame frame;
	frame.bytes.resize(file.header() + in_.word() % 20000);
	if (how >= 0xf0)
		frame.announced = in_.word();
	else if (how >= 0xe0)
		frame.error = -static_cast<s32>(in_.byte());
	for (u32 n = how & 0x80 ? 1 : 1 + how % 64; n; n--)
		file.arrive(frame);
}

// An event for nothing, from what the queue has to give events.
void DeviceWorld::event(u32 index)
{
	const Queue &q = device().queue(index);
	const bool kick = in_.chance();
	if (kick ? q.kick.get() != nullptr : q.backend != nullptr)
		kernel_.event(index, kick ? VNA_EVENT_KICK : VNA_EVENT_BACKEND);
}

// What the backends do with frames.
void DeviceWorld::backend()
{
	host::FakeBackend &file = in_.byte() < 0xf0 ? tap_ : other_;
	const u8 how = in_.byte();
	switch (how % 5) {
	case 0:
		file.room = in_.byte() % 64;
		break;
	case 1:
		file.make_room(in_.byte() % 64);
		break;
	case 2:
		file.room_at_once = in_.chance();
		break;
	case 3: {
		static constexpr s32 results[] = {-einval, -enomem, -enobufs, -EIO};
		file.results[file.offered + in_.byte() % 8] = results[how >> 6];
		break;
	}
	case 4:
		file.set_header(how & 0x40 ? 12 : in_.byte() % 24);
		break;
	}
}

// What goes wrong around the device, until it is right again.
void DeviceWorld::misfortune()
{
	const u8 how = in_.byte();
	switch (how % 8) {
	case 0:
		kernel_.fail_alloc_at(in_.byte() % 4);
		break;
	case 1:
		kernel_.memory.fail_at(in_.byte() % 64);
		break;
	case 2:
		kernel_.process = 1 + in_.byte() % 2;
		break;
	case 3:
		kernel_.attach_error = how & 0x80 ? -enomem : 0;
		break;
	case 4:
		kernel_.kick_error = how & 0x80 ? -enomem : 0;
		break;
	case 5:
		tap_.open_error = how & 0x80 ? -enomem : 0;
		break;
	case 6:
		tap_.attach_error = how & 0x80 ? -einval : 0;
		break;
	case 7:
		if (in_.chance()) {
			kernel_.memory.fault(user(in_.word()), 1 + in_.byte());
			break;
		}
		kernel_.memory.heal();
		kernel_.memory.fault(host::Address{0}, user(0));
		kernel_.memory.fault(user(memory_bytes),
				     host::UserMemory::end - user(memory_bytes));
		break;
	}
}

} // namespace vna::fuzz
