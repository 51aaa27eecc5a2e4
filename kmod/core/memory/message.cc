// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/message.hh"

#include <bit>

#include "core/base/errno.hh"

namespace vna {

namespace {

// Both forms begin with their kind, and have the message at the same place: the
// first has a hole there, the second an address space, which vhost-net ignores.
constexpr std::size_t kind_at = 0, message_at = VNA_VHOST_MSG_IOTLB;

template <class T> void get(std::span<const std::byte> from, std::size_t at, T &out)
{
	__builtin_memcpy(&out, from.data() + at, sizeof out);
}

} // namespace

int parse_message(std::span<const std::byte> bytes, vna_vhost_iotlb_msg &out)
{
	u32 kind;
	if (bytes.size() < message_at + sizeof out)
		return -einval;
	get(bytes, kind_at, kind);
	if (kind != VNA_VHOST_IOTLB_MSG && kind != VNA_VHOST_IOTLB_MSG_V2)
		return -einval;
	get(bytes, message_at, out);
	return out.type == VNA_VHOST_IOTLB_UPDATE && !out.size ? -einval : 0;
}

void make_message(const vna_vhost_iotlb_msg &msg, bool v2, MessageBytes &out)
{
	const u32 kind = v2 ? VNA_VHOST_IOTLB_MSG_V2 : VNA_VHOST_IOTLB_MSG;
	out.fill(std::byte{0}); // padding too
	__builtin_memcpy(out.data() + kind_at, &kind, sizeof kind);
	__builtin_memcpy(out.data() + message_at, &msg, sizeof msg);
}

} // namespace vna
