// SPDX-License-Identifier: GPL-2.0-only
// Features beyond the 64 of VHOST_SET_FEATURES: the arrays, and the header that UDP tunnels need.
#include "device_bench.hh"

#include <algorithm>
#include <limits>

namespace vna
{
namespace
{

constexpr u64 guest_tunnel = driver::feature_64_guest_tunnel;
constexpr u64 host_tunnel = driver::feature_64_host_tunnel;
constexpr u64 tunnels = guest_tunnel | host_tunnel;
constexpr u64 endless = std::numeric_limits<u64>::max();

// A count, and as many words as the caller has.
template <std::size_t n> struct Array {
	vna_vhost_features_array head;
	std::array<u64, n> words;
};

struct FeatureArrays : testing::Test {
	template <std::size_t n> long get(Array<n> &arg)
	{
		return b.ioctl(VNA_VHOST_GET_FEATURES_ARRAY, arg);
	}
	// As many words as @count says, of which those behind @words fault.
	long set(std::initializer_list<u64> words, u64 count)
	{
		return with(words, count, VNA_VHOST_SET_FEATURES_ARRAY);
	}
	long with(std::initializer_list<u64> words, u64 count, u32 command)
	{
		std::array<u64, 16> arg{count};
		std::copy(words.begin(), words.end(), arg.begin() + 1);
		const host::Allowed allowed(b.kernel.memory, arg.data(), sizeof arg);
		const std::size_t there = 1 + words.size();
		b.kernel.memory.fault(&arg[there], (arg.size() - there) * sizeof(u64));
		const long result = b.kernel.ioctl(command, host::UserMemory::address_of(&arg));
		b.kernel.memory.heal();
		return result;
	}
	long set(std::initializer_list<u64> words) { return set(words, words.size()); }
	[[nodiscard]] u64 features(u32 word)
	{
		return vna_core_features(b.kernel.core(), word);
	}

	DeviceBench b{{.start = false}};
};

TEST_F(FeatureArrays, tell_what_get_features_tells_and_the_tunnels)
{
	u64 bits = 0;
	ASSERT_EQ(b.ioctl(VNA_VHOST_GET_FEATURES, bits), 0);
	Array<2> got{{2}, {~0ull, ~0ull}};
	ASSERT_EQ(get(got), 0);
	EXPECT_EQ(got.words, (std::array<u64, 2>{bits, tunnels}));
	EXPECT_EQ(got.head.count, 2u);
}

TEST_F(FeatureArrays, write_as_many_words_as_there_is_room_for)
{
	Array<1> one{{1}, {~0ull}};
	EXPECT_EQ(get(one), 0);
	EXPECT_NE(one.words[0], ~0ull);
	vna_vhost_features_array none{0};
	EXPECT_EQ(b.ioctl(VNA_VHOST_GET_FEATURES_ARRAY, none), 0);
	Array<64> more{{64}, {}};
	more.words.fill(~0ull);
	EXPECT_EQ(get(more), 0);
	EXPECT_EQ(more.words[1], tunnels);
	for (unsigned i = 2; i < more.words.size(); i++)
		EXPECT_EQ(more.words[i], 0u) << i;
}

TEST_F(FeatureArrays, that_lie_where_no_memory_is_fault)
{
	EXPECT_EQ(b.kernel.ioctl(VNA_VHOST_GET_FEATURES_ARRAY, 0x10), -EFAULT);
	EXPECT_EQ(b.kernel.ioctl(VNA_VHOST_SET_FEATURES_ARRAY, 0x10), -EFAULT);
	for (const u64 count : {u64{2}, u64{3}, endless, endless / 8, endless / 8 - 1,
				u64{1} << 61, u64{1} << 60}) {
		EXPECT_EQ(with({~0ull}, count, VNA_VHOST_GET_FEATURES_ARRAY), -EFAULT) << count;
		EXPECT_EQ(set({0}, count), -EFAULT) << count;
	}
}

TEST_F(FeatureArrays, of_more_than_4096_bits_are_refused)
{
	Array<65> arg{{65}, {}};
	arg.words.fill(~0ull);
	EXPECT_EQ(get(arg), -E2BIG);
	EXPECT_EQ(arg.words[0], ~0ull);
	arg.words.fill(0);
	EXPECT_EQ(b.ioctl(VNA_VHOST_SET_FEATURES_ARRAY, arg), -E2BIG);
	arg.head.count = 64;
	EXPECT_EQ(b.ioctl(VNA_VHOST_SET_FEATURES_ARRAY, arg), 0);
}

TEST_F(FeatureArrays, set_both_words)
{
	EXPECT_EQ(set({modern, tunnels}), 0);
	EXPECT_EQ(features(0), modern);
	EXPECT_EQ(features(1), tunnels);
	EXPECT_EQ(set({modern, host_tunnel, 0, 0}), 0);
	EXPECT_EQ(features(1), host_tunnel);
	EXPECT_EQ(set({modern}), 0);
	EXPECT_EQ(features(1), 0u);
	EXPECT_EQ(set({modern, tunnels}), 0);
	// Which knows 64 bits only, and so takes the others away.
	EXPECT_EQ(b.set_features(modern), 0);
	EXPECT_EQ(features(1), 0u);
	EXPECT_EQ(set({}), 0);
	EXPECT_EQ(features(0), 0u);
}

TEST_F(FeatureArrays, with_a_bit_that_is_not_offered_are_refused_and_change_nothing)
{
	ASSERT_EQ(set({modern, tunnels}), 0);
	EXPECT_EQ(set({1, 0}), -EOPNOTSUPP);
	for (unsigned i = 64; i < 128; i++) {
		const u64 word = u64{1} << (i - 64);
		EXPECT_EQ(set({modern, word}), word & tunnels ? 0 : -EOPNOTSUPP) << i;
	}
	ASSERT_EQ(set({modern, tunnels}), 0);
	EXPECT_EQ(set({modern, 0, 1}), -EOPNOTSUPP);
	// Where nothing is behind the word that is wrong, nothing is missed.
	EXPECT_EQ(set({modern, 0, 1}, 5), -EOPNOTSUPP);
	EXPECT_EQ(set({modern, 0, 0}, 4), -EFAULT);
	EXPECT_EQ(set({packed_ring, 0}), -EOPNOTSUPP) << "VERSION_1 is missing";
	EXPECT_EQ(features(0), modern);
	EXPECT_EQ(features(1), tunnels);
}

TEST(Features, tunnels_are_not_offered_where_taps_do_not_know_them)
{
	DeviceBench b({.start = false, .taps_know_tunnels = false});
	Array<2> arg{{2}, {}};
	ASSERT_EQ(b.ioctl(VNA_VHOST_GET_FEATURES_ARRAY, arg), 0);
	EXPECT_EQ(arg.words[1], 0u);
	arg.words = {modern, guest_tunnel};
	EXPECT_EQ(b.ioctl(VNA_VHOST_SET_FEATURES_ARRAY, arg), -EOPNOTSUPP);
}

TEST(Features, arrays_keep_the_format_of_a_ring_at_work)
{
	DeviceBench b;
	Array<2> arg{{2}, {modern | packed_ring, 0}};
	EXPECT_EQ(b.ioctl(VNA_VHOST_SET_FEATURES_ARRAY, arg), -EBUSY);
	b.expect_traffic();
}

// The header has 24 bytes with either of the tunnels' features, whatever else there is.
class TunnelHeader : public testing::TestWithParam<RingFormat>
{
protected:
	[[nodiscard]] static DeviceOptions on(u64 more, u64 features_64)
	{
		DeviceOptions options = GetParam().options(more);
		options.features_64 = features_64;
		return options;
	}
};

TEST_P(TunnelHeader, is_in_front_of_frames_both_ways)
{
	for (const u64 which : {guest_tunnel, host_tunnel, tunnels}) {
		for (const u64 mergeable : {u64{0}, feature(VNA_VIRTIO_NET_F_MRG_RXBUF)}) {
			DeviceBench b(on(mergeable, which));
			ASSERT_EQ(b.header(), 24u);
			b.send(payload(100), {}, {}, std::byte{0x5a});
			b.post({2048});
			b.backend.arrive(payload(200), std::byte{0xa5});
			b.kernel.work();
			ASSERT_EQ(b.backend.sent.size(), 1u);
			EXPECT_EQ(b.backend.sent[0].size(), 124u);
			EXPECT_EQ(b.backend.sent[0][23], std::byte{0x5a});
			EXPECT_EQ(b.count(tx_queue, Count::bytes), 100u);
			const auto got = b.received();
			ASSERT_EQ(got.size(), 1u);
			EXPECT_EQ(got[0].frame, payload(200));
			EXPECT_EQ(got[0].header[23], std::byte{0xa5});
			EXPECT_EQ(b.count(rx_queue, Count::bytes), 200u);
			b.expect_traffic();
		}
	}
}

TEST_P(TunnelHeader, of_the_device_s_own_is_blank_but_for_num_buffers)
{
	DeviceBench b(on(own_header | feature(VNA_VIRTIO_NET_F_MRG_RXBUF), tunnels));
	b.send(payload(100), {}, {}, std::byte{0x5a});
	b.post({150});
	b.post({150});
	b.backend.arrive(payload(200));
	b.kernel.work();
	ASSERT_EQ(b.backend.sent.size(), 1u);
	EXPECT_EQ(b.backend.sent[0], payload(100));
	const auto got = b.received();
	ASSERT_EQ(got.size(), 1u);
	Bytes header(24);
	header[net_header_num_buffers] = std::byte{2};
	EXPECT_EQ(got[0].header, header);
	EXPECT_EQ(got[0].frame, payload(200));
}

TEST_P(TunnelHeader, must_be_whole_in_front_of_14_bytes)
{
	DeviceBench b(on(0, tunnels));
	b.send(payload(13));
	b.send(payload(14));
	b.kernel.work();
	EXPECT_EQ(b.backend.sent.size(), 1u);
	EXPECT_EQ(b.count(tx_queue, Count::drop_short), 1u);
}

VNA_EACH_FORMAT(TunnelHeader);

} // namespace
} // namespace vna
