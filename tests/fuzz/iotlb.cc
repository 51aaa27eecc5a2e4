// SPDX-License-Identifier: GPL-2.0-only
// fuzz-iotlb: any messages to the device IOTLB, and translations by it.  Messages go the whole way,
// through the device; translators are what its queues have, and are told what has gone.
#include <algorithm>

#include "core/control/core.hh"
#include "host/fake_kernel.hh"
#include "input.hh"
#include "naive_iotlb.hh"

using namespace vna;
using fuzz::Input;
using fuzz::NaiveIotlb;
using host::trap;

namespace
{

constexpr u64 page = 4096;

class IotlbWorld
{
public:
	explicit IotlbWorld(Input &in) : in_(in), allowed_(kernel_.memory, &features_, sizeof features_)
	{
		negotiate(true);
	}

	void run()
	{
		while (!in_.empty()) {
			switch (in_.byte() % 8) {
			case 0:
			case 1:
			case 2:
				message();
				break;
			case 3:
				many();
				break;
			case 4:
				negotiate(in_.byte() >= 0x20);
				break;
			default:
				translate();
				break;
			}
		}
	}

private:
	static constexpr Access accesses[] = {access_ro, access_wo};

	[[nodiscard]] const Iotlb *iotlb()
	{
		const Device &device = kernel_.core()->device;
		return device.queue(0).ring().setup().translate.iotlb();
	}

	// An IOTLB, an empty one each time, or none.
	void negotiate(bool on)
	{
		features_ = 1ull << VNA_VIRTIO_F_VERSION_1 |
			    (on ? 1ull << VNA_VIRTIO_F_ACCESS_PLATFORM : 0);
		if (kernel_.ioctl(VNA_VHOST_SET_FEATURES, host::UserMemory::address_of(&features_)))
			trap("the features are refused");
		naive_.on = on;
		naive_.clear();
		if (on != (iotlb() != nullptr))
			trap("there is an IOTLB, or none, against the features");
		for (std::size_t i = 0; i < std::size(accesses); i++)
			translators_[i].set_iotlb(iotlb(), accesses[i]);
		nothing_to_read();
	}

	// No queue asks: there is nothing to read.
	void nothing_to_read()
	{
		std::array<std::byte, VNA_MESSAGE_BYTES> bytes;
		const int error = kernel_.read_message(bytes.data());
		if (error != (naive_.on ? -eagain : -ebadfd))
			trap("read() says %d", error);
		if (vna_core_has_message(kernel_.core()) != (naive_.on ? 0 : -1))
			trap("poll() sees a message");
	}

	// Near a border of what is there, where the mistakes are, or anywhere.
	u64 address()
	{
		const u8 how = in_.byte();
		const u64 off = static_cast<u64>(in_.byte()) - 128;
		const auto &entries = naive_.entries();
		if (entries.empty() || how >= 0xe0)
			return in_.number() * (how & 1 ? page : 1) + off;
		const auto &e = entries[in_.word() % entries.size()];
		return (how & 0x80 ? e.last + 1 : e.start) + (how & 0x40 ? 0 : off);
	}

	void message()
	{
		std::array<std::byte, VNA_MESSAGE_BYTES> bytes{};
		const u8 how = in_.byte();
		if (how >= 0xf0)
			in_.fill(bytes);
		const u32 kind = how & 1 ? VNA_VHOST_IOTLB_MSG_V2 : VNA_VHOST_IOTLB_MSG;
		vna_vhost_iotlb_msg msg{};
		msg.iova = address();
		msg.size = in_.number() << (how & 2 ? 12 : 0);
		msg.uaddr = in_.number() << (how & 4 ? 12 : 0);
		msg.perm = in_.byte();
		msg.type = how & 8 ? VNA_VHOST_IOTLB_UPDATE : VNA_VHOST_IOTLB_INVALIDATE;
		if (how < 0xf0) {
			std::memcpy(bytes.data(), &kind, sizeof kind);
			std::memcpy(bytes.data() + VNA_VHOST_MSG_IOTLB, &msg, sizeof msg);
		}
		write({bytes.data(), how >= 0xe0 ? in_.byte() % (bytes.size() + 1) : bytes.size()});
	}

	void write(std::span<const std::byte> bytes)
	{
		std::vector<NaiveIotlb::Entry> gone;
		const int expected = naive_.write(bytes, gone);
		const int error = kernel_.write_message(bytes.data(), bytes.size());
		if (error != expected)
			trap("a message gets %d, not %d", error, expected);
		for (Translator &t : translators_) {
			for (const auto &e : gone)
				t.forget(e);
		}
		compare();
	}

	static std::array<std::byte, VNA_MESSAGE_BYTES> update(const NaiveIotlb::Entry &e)
	{
		std::array<std::byte, VNA_MESSAGE_BYTES> bytes{};
		const u32 kind = VNA_VHOST_IOTLB_MSG_V2;
		vna_vhost_iotlb_msg msg{};
		msg.iova = e.start;
		msg.size = e.last - e.start + 1;
		msg.uaddr = e.user;
		msg.perm = e.access;
		msg.type = VNA_VHOST_IOTLB_UPDATE;
		std::memcpy(bytes.data(), &kind, sizeof kind);
		std::memcpy(bytes.data() + VNA_VHOST_MSG_IOTLB, &msg, sizeof msg);
		return bytes;
	}

	// One page after the other, or every other page; now and then all that there is room for.
	void many()
	{
		const u8 count = in_.byte();
		const u64 step = in_.chance() ? page : 2 * page;
		NaiveIotlb::Entry e{address(), 0, (1 + in_.below(1 << 20)) * page, access_rw};
		if (count == 0xff)
			return fill(e.user, step);
		for (u32 n = count % 32; n; n--, e.start += step, e.user += page) {
			e.last = e.start + (page - 1);
			if (e.last > e.start)
				write(update(e));
		}
	}

	// Of an empty one it is known what it has then: the naive one would take its time.
	void fill(u64 user, u64 step)
	{
		if (!naive_.on)
			return;
		negotiate(true);
		std::vector<NaiveIotlb::Entry> all;
		for (u64 i = 0; i < Iotlb::capacity; i++) {
			all.push_back({i * step, i * step + (page - 1), user + i * page, access_rw});
			const auto bytes = update(all.back());
			if (kernel_.write_message(bytes.data(), bytes.size()))
				trap("one of many updates is refused");
		}
		naive_.set(std::move(all));
		compare();
	}

	// All of a few entries, some of many.
	void compare()
	{
		if (!naive_.on)
			return;
		const auto &entries = naive_.entries();
		if (iotlb()->size() != entries.size())
			trap("%u entries, not %zu", iotlb()->size(), entries.size());
		for (std::size_t i = 0; i < entries.size(); i += 1 + entries.size() / 64) {
			const auto &e = entries[i];
			const Iotlb::Entry *found = iotlb()->find(e.start);
			if (!found || found != iotlb()->find(e.last) || found->start != e.start ||
			    found->last != e.last || found->user != e.user || found->access != e.access)
				trap("the entry at %#llx is not there, or another", e.start);
		}
	}

	void translate()
	{
		if (!naive_.on)
			return;
		const u8 how = in_.byte();
		Translator &translator = translators_[how & 1];
		const Access access = how & 2 ? access_ro : accesses[how & 1];
		const u64 at = address();
		u64 len = in_.number();
		len = len ? len : 1;
		if (len - 1 > ~at) // none of them wraps
			len = ~at + 1;

		u64 user = 0;
		const u64 run = how & 2 ? translator.run_to_read(at, len, user) :
					  translator.run(at, len, user);
		const auto *e = naive_.find(at);
		if (!e || !e->allows(access)) {
			if (run)
				trap("%#llx is in nothing that allows it", at);
			const auto why = e ? Translator::Failure::denied : Translator::Failure::missing;
			if (translator.why() != why)
				trap("%#llx: the reason is %d", at, static_cast<int>(translator.why()));
			if (!e && (translator.miss().at != at || translator.miss().access != access))
				trap("%#llx is missing, not %#llx", at, translator.miss().at);
			return;
		}
		if (run != std::min(len, e->last - at + 1) || user != e->user + (at - e->start))
			trap("%#llx: a run of %#llx bytes at %#llx", at, run, user);
	}

	Input &in_;
	host::FakeKernel kernel_;
	u64 features_ = 0;
	host::Allowed allowed_;
	NaiveIotlb naive_;
	std::array<Translator, std::size(accesses)> translators_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	Input in(data, size);
	IotlbWorld(in).run();
	return 0;
}
