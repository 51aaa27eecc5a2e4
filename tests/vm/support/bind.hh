/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls of linux/vhost_net_alt.h; each returns 0 or the errno.
 */
#pragma once

#include "ktap.hh"
#include "vhost_device.hh"

#include <linux/vhost_net_alt.h>

namespace vna::vm
{

inline std::uint32_t id_of(const VhostDevice &device)
{
	std::uint32_t id = 0;
	CHECK_ERRNO(device.request(VHOST_NET_ALT_GET_ID, &id), 0);
	CHECK(id);
	return id;
}

/* Of the device with this id, or with 0 of the one that is asked. */
inline int bind_both(const VhostDevice &asked, int fd, std::uint32_t id = 0,
		     std::uint32_t *returned = nullptr)
{
	vhost_net_alt_bind bind{id, fd, 0, 0};
	const int error = asked.request(VHOST_NET_ALT_BIND, &bind);
	if (returned)
		*returned = bind.returned;
	return error;
}

inline int unbind_both(const VhostDevice &asked, std::uint32_t id = 0)
{
	vhost_net_alt_bind bind{id, -1, 0, 0};
	return asked.request(VHOST_NET_ALT_UNBIND, &bind);
}

} /* namespace vna::vm */
