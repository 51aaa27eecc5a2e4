// SPDX-License-Identifier: GPL-2.0-only
#include "features.hh"

namespace vhostctl {

namespace {

struct Feature {
	unsigned bit;
	const char *name;
};

// By QEMU's names, where it has them as properties.
constexpr Feature features[] = {
	{0, "csum"},
	{1, "guest_csum"},
	{3, "mtu"},
	{5, "mac"},
	{7, "guest_tso4"},
	{8, "guest_tso6"},
	{9, "guest_ecn"},
	{10, "guest_ufo"},
	{11, "host_tso4"},
	{12, "host_tso6"},
	{13, "host_ecn"},
	{14, "host_ufo"},
	{feature::mrg_rxbuf, "mrg_rxbuf"},
	{16, "status"},
	{17, "ctrl_vq"},
	{22, "mq"},
	{24, "notify_on_empty"},
	{26, "log_all"},
	{27, "virtio_net_hdr"}, // of vhost: virtio's any_layout has no business here
	{feature::indirect_desc, "indirect_desc"},
	{feature::event_idx, "event_idx"},
	{feature::version_1, "version_1"},
	{33, "access_platform"},
	{34, "packed"},
	{35, "in_order"},
	{36, "order_platform"},
	{38, "notification_data"},
	{40, "ring_reset"},
	{54, "guest_uso4"},
	{55, "guest_uso6"},
	{56, "host_uso"},
	{57, "hash"},
	{60, "rss"},
	{65, "guest_udp_tunnel_gso"},
	{66, "guest_udp_tunnel_gso_csum"},
	{67, "host_udp_tunnel_gso"},
	{68, "host_udp_tunnel_gso_csum"},
};

} // namespace

std::string feature_name(unsigned bit)
{
	for (const Feature &feature : features)
		if (feature.bit == bit)
			return feature.name;
	return "bit" + std::to_string(bit);
}

} // namespace vhostctl
