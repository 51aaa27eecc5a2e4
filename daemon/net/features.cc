// SPDX-License-Identifier: GPL-2.0-only
#include "net/features.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/unique_fd.hh"
#include "net/tun_flags.hh"

namespace vhostd {

namespace {

struct Feature {
	std::string_view name; // netdev_features_strings
	unsigned flag;	       // set_offload() of drivers/net/tun.c
};

constexpr Feature features[] = {
	{"tx-checksum-ip-generic", TUN_F_CSUM},
	{"tx-tcp-segmentation", TUN_F_TSO4},
	{"tx-tcp6-segmentation", TUN_F_TSO6},
	{"tx-tcp-ecn-segmentation", TUN_F_TSO_ECN},
	{"tx-udp-segmentation", TUN_F_USO4 | TUN_F_USO6},
};

// A structure of ethtool's with what follows it.
template <typename T> class Request
{
public:
	Request(std::uint32_t command, std::size_t behind) : bytes_(sizeof(T) + behind)
	{
		get()->cmd = command;
	}
	T *get() { return reinterpret_cast<T *>(bytes_.data()); }
	T *operator->() { return get(); }

	void ask(int sock, const std::string &link)
	{
		ifreq request{};
		std::memcpy(request.ifr_name, link.data(),
			    std::min<std::size_t>(link.size(), IFNAMSIZ - 1));
		request.ifr_data = reinterpret_cast<char *>(bytes_.data());
		if (ioctl(sock, SIOCETHTOOL, &request) < 0)
			throw std::system_error(errno, std::generic_category(),
						link + ": features");
	}

private:
	std::vector<std::uint64_t> bytes_; // more than enough, and aligned
};

} // namespace

TapOffloads tap_offloads(const std::string &tap)
{
	const UniqueFd sock(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	Request<ethtool_sset_info> info(ETHTOOL_GSSET_INFO, sizeof(std::uint32_t));
	info->sset_mask = 1ull << ETH_SS_FEATURES;
	info.ask(sock.get(), tap);
	const std::uint32_t count = info->sset_mask ? info->data[0] : 0;

	Request<ethtool_gstrings> names(ETHTOOL_GSTRINGS, std::size_t(count) * ETH_GSTRING_LEN);
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	names.ask(sock.get(), tap);

	const std::uint32_t blocks = (count + 31) / 32;
	Request<ethtool_gfeatures> states(ETHTOOL_GFEATURES,
					  blocks * sizeof(ethtool_get_features_block));
	states->size = blocks;
	states.ask(sock.get(), tap);

	TapOffloads offloads;
	for (std::uint32_t i = 0; i < count; i++) {
		const char *at = reinterpret_cast<const char *>(names->data) + i * ETH_GSTRING_LEN;
		const std::string_view name(at, strnlen(at, ETH_GSTRING_LEN));
		const ethtool_get_features_block &block = states->features[i / 32];
		for (const Feature &feature : features) {
			if (feature.name != name)
				continue;
			offloads.offered |= block.available & 1u << i % 32 ? feature.flag : 0;
			offloads.on |= block.active & 1u << i % 32 ? feature.flag : 0;
		}
	}
	return offloads;
}

} // namespace vhostd
