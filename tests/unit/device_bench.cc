// SPDX-License-Identifier: GPL-2.0-only
#include "device_bench.hh"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace vna
{

namespace
{

constexpr u64 guest_base = 0x100000;

driver::GuestMemory &with_region(driver::GuestMemory &guest)
{
	if (guest.regions().empty())
		guest.add_region(guest_base, 64 << 20);
	return guest;
}

driver::RingConfig config(const DeviceOptions &options)
{
	const Features features{options.features};
	return {.size = options.size,
		.event_idx = features.has(VNA_VIRTIO_RING_F_EVENT_IDX),
		.packed = features.has(VNA_VIRTIO_F_RING_PACKED),
		.in_order = features.has(VNA_VIRTIO_F_IN_ORDER),
		.indirect_entries = options.size > 4096 ? 0u : 64u};
}

} // namespace

DeviceBench::Side::Side(DeviceBench &bench, u32 i, const DeviceOptions &options)
    : index(i), made(driver::make_ring(with_region(bench.guest), config(options))), ring(*made),
      kick_fd(bench.kernel.add_eventfd()), call_fd(bench.kernel.add_eventfd()),
      error_fd(bench.kernel.add_eventfd())
{
}

DeviceBench::DeviceBench(const DeviceOptions &given)
    : options(given), kernel(given.config()),
      backend(kernel, given.features & own_header ? 0 : header()),
      rx(*this, rx_queue, given), tx(*this, tx_queue, given)
{
	kernel.memory.allow(guest.regions()[0].user, guest.regions()[0].size);
	if (options.start)
		start();
}

vna_vhost_vring_addr DeviceBench::address_of(u32 index)
{
	const auto areas = side(index).ring.areas();
	return {index, 0, user(areas.descriptor), user(areas.device), user(areas.driver), 0};
}

std::vector<vna_vhost_memory_region> DeviceBench::regions() const
{
	std::vector<vna_vhost_memory_region> all{phantom};
	for (const auto &r : guest.regions())
		all.push_back({r.base, r.size, host::UserMemory::address_of(r.user), 0});
	return all;
}

long DeviceBench::set_memory(const std::vector<vna_vhost_memory_region> &regions, u32 padding)
{
	const vna_vhost_memory head{static_cast<u32>(regions.size()), padding};
	const std::size_t bytes = regions.size() * sizeof regions[0];
	Bytes arg(sizeof head + bytes);
	std::memcpy(arg.data(), &head, sizeof head);
	if (bytes)
		std::memcpy(arg.data() + sizeof head, regions.data(), bytes);
	const host::Allowed allowed(kernel.memory, arg.data(), arg.size());
	return kernel.ioctl(VNA_VHOST_SET_MEM_TABLE, host::UserMemory::address_of(arg.data()));
}

long DeviceBench::set_features(u64 bits, u64 more)
{
	struct {
		vna_vhost_features_array head{2};
		u64 words[2];
	} arg{.words = {bits, more}};
	return more ? ioctl(VNA_VHOST_SET_FEATURES_ARRAY, arg) : ioctl(VNA_VHOST_SET_FEATURES, bits);
}

u32 DeviceBench::base(u32 index)
{
	vna_vhost_vring_state arg{index, 0xdeadbeef};
	EXPECT_EQ(ioctl(VNA_VHOST_GET_VRING_BASE, arg), 0);
	EXPECT_EQ(arg.index, index);
	return arg.num;
}

void DeviceBench::set_up(u32 index)
{
	const Side &s = side(index);
	ASSERT_EQ(state(VNA_VHOST_SET_VRING_NUM, index, s.ring.size()), 0);
	ASSERT_EQ(state(VNA_VHOST_SET_VRING_BASE, index, s.ring.base()), 0);
	ASSERT_EQ(set_addr(index), 0);
	ASSERT_EQ(file(VNA_VHOST_SET_VRING_KICK, index, s.kick_fd), 0);
	ASSERT_EQ(file(VNA_VHOST_SET_VRING_CALL, index, s.call_fd), 0);
	ASSERT_EQ(file(VNA_VHOST_SET_VRING_ERR, index, s.error_fd), 0);
}

void DeviceBench::start(u32 index)
{
	set_up(index);
	ASSERT_EQ(set_backend(index, backend.fd()), 0);
}

void DeviceBench::start()
{
	ASSERT_EQ(set_owner(), 0);
	ASSERT_EQ(set_features(options.features, options.features_64), 0);
	ASSERT_EQ(set_memory(), 0);
	start(rx_queue);
	start(tx_queue);
	kernel.work();
}

void DeviceBench::kick(Side &side)
{
	side.ring.publish();
	if (side.ring.needs_kick())
		kernel.write_eventfd(side.kick_fd);
}

driver::Token DeviceBench::offer(Side &side, const driver::Chain &chain,
				 const driver::AddOptions &how)
{
	const auto token = side.ring.add(chain, how);
	EXPECT_TRUE(token.has_value()) << "the ring is full";
	if (!token)
		return driver::no_token;
	side.offered[*token] = chain;
	kick(side);
	return *token;
}

driver::Token DeviceBench::send(const Bytes &frame, std::vector<u32> cuts,
				const driver::AddOptions &how, std::byte fill)
{
	Bytes bytes(header(), fill);
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	const u64 cut = std::accumulate(cuts.begin(), cuts.end(), u64{0});
	EXPECT_LE(cut, bytes.size());
	if (cut < bytes.size())
		cuts.push_back(static_cast<u32>(bytes.size() - cut));
	const auto chain = driver::allocate_chain(guest, cuts, false);
	driver::chain_write(guest, chain, bytes);
	return offer(tx, chain, how);
}

driver::Token DeviceBench::post(std::initializer_list<u32> lens, const driver::AddOptions &how)
{
	const auto chain = driver::allocate_chain(guest, std::vector<u32>(lens), true);
	Bytes dirt(driver::chain_length(chain), std::byte{0xaa});
	driver::chain_write(guest, chain, dirt);
	return offer(rx, chain, how);
}

std::vector<DeviceBench::Received> DeviceBench::received()
{
	std::vector<Received> all;
	const bool counted = Framing(Features{options.features}).num_buffers;
	while (auto used = rx.ring.collect()) {
		Received r;
		Bytes bytes;
		unsigned left = 1;
		for (r.buffers = 0; left; left--) {
			if (r.buffers)
				used = rx.ring.collect();
			EXPECT_TRUE(used) << "fewer buffers used than num_buffers says";
			if (!used)
				return all;
			EXPECT_NE(used->token, driver::no_token);
			const auto &chain = rx.offered.at(used->token);
			Bytes part(used->len);
			EXPECT_EQ(driver::chain_read(guest, chain, part), part.size());
			bytes.insert(bytes.end(), part.begin(), part.end());
			if (!r.buffers && counted && bytes.size() >= header()) {
				u16 n;
				std::memcpy(&n, &bytes[net_header_num_buffers], sizeof n);
				EXPECT_GE(n, 1u);
				left = n;
			}
			r.buffers++;
		}
		EXPECT_GE(bytes.size(), header());
		if (bytes.size() < header())
			return all;
		r.header.assign(bytes.begin(), bytes.begin() + header());
		r.frame.assign(bytes.begin() + header(), bytes.end());
		all.push_back(std::move(r));
	}
	return all;
}

unsigned DeviceBench::collect(Side &side)
{
	unsigned n = 0;
	while (const auto used = side.ring.collect()) {
		EXPECT_NE(used->token, driver::no_token);
		n++;
	}
	return n;
}

unsigned DeviceBench::shown(const Side &side) const
{
	if (!is_packed())
		return static_cast<u16>(side.split().table().used_idx() - side.ring.base());
	const auto &ring = side.packed();
	unsigned n = 0;
	for (auto at = ring.next_used();
	     n < ring.size() && driver::is_packed_used(ring.table().flags(at.index), at.wrap); n++)
		at = at.after(1, ring.size());
	return n;
}

void DeviceBench::when_it_asks(Side &side, std::function<void()> hook)
{
	const bool event_idx = Features{options.features}.has(VNA_VIRTIO_RING_F_EVENT_IDX);
	const u64 at = is_packed() || !event_idx ?
			       wish_address(side) :
			       user(side.ring.areas().device) + 4 + 8ull * side.ring.size();
	kernel.memory.after(host::Access::write, at, 2, [&, hook, done = false](const auto &) mutable {
		// The wish, not the flag that says no.
		if (wish(side) != 1 && !std::exchange(done, true))
			hook();
	});
}

void DeviceBench::offer_to_and_fro(Side &side)
{
	if (is_packed()) {
		auto &ring = side.packed();
		const auto at = ring.next_available();
		const u64 data = guest.allocate(64);
		ring.table().set_desc(at.index, data, 64, 0);
		const u64 flags = user(ring.areas().descriptor) + 16ull * at.index + 14;
		kernel.memory.after(host::Access::read, flags, 2, [&ring, at](const auto &access) {
			if (access.len != 2)
				return;
			const u16 flags = ring.table().flags(at.index);
			ring.table().set_flags(at.index,
					       driver::is_packed_available(flags, at.wrap) ?
						       driver::packed_used(!at.wrap) :
						       driver::packed_available(at.wrap));
		});
		return;
	}
	auto &table = side.split().table();
	kernel.memory.after(host::Access::read, user(side.ring.areas().driver) + 2, 2,
			    [&](const auto &) {
				    table.set_avail_idx(table.avail_idx() ^ 1);
			    });
}

void DeviceBench::end_to_and_fro(Side &side)
{
	kernel.memory.drop_hooks();
	if (is_packed()) {
		const auto at = side.packed().next_available();
		side.packed().table().set_flags(at.index, driver::packed_used(!at.wrap));
	} else {
		side.split().table().set_avail_idx(0);
	}
}

void DeviceBench::expect_transmit(unsigned frames)
{
	collect(tx);
	backend.sent.clear();
	for (unsigned i = 0; i < frames; i++)
		send(payload(60 + i, i));
	kernel.work();
	ASSERT_EQ(backend.sent.size(), frames);
	for (unsigned i = 0; i < frames; i++) {
		const Bytes &sent = backend.sent[i];
		EXPECT_EQ(Bytes(sent.begin() + backend.header(), sent.end()), payload(60 + i, i));
	}
	EXPECT_EQ(collect(tx), frames);
	EXPECT_EQ(tx.ring.outstanding(), 0u);
}

void DeviceBench::expect_receive(unsigned frames)
{
	for (unsigned i = 0; i < frames; i++)
		post({2048});
	for (unsigned i = 0; i < frames; i++)
		backend.arrive(payload(60 + i, i));
	kernel.work();
	const auto got = received();
	ASSERT_EQ(got.size(), frames);
	for (unsigned i = 0; i < frames; i++)
		EXPECT_EQ(got[i].frame, payload(60 + i, i));
}

void DeviceBench::expect_traffic(unsigned frames)
{
	expect_transmit(frames);
	expect_receive(frames);
}

} // namespace vna
