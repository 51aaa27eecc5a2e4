/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNA_COMPAT_TUN_MSG_H
#define VNA_COMPAT_TUN_MSG_H

#include <linux/if_tun.h>
#include <linux/version.h>

/*
 * Where tun and tap look for the virtio-net header of a frame in a message of
 * type TUN_MSG_PTR whose buffer begins at @start and has @size bytes.  6.17
 * dropped the length in front of it and takes that of the xdp_buff.
 */
static inline void *vna_compat_tun_header(void *start, unsigned int size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	return start;
#else
	struct tun_xdp_hdr *header = start;

	header->buflen = size;
	/* More than a struct virtio_net_hdr may lie there. */
	return start + offsetof(struct tun_xdp_hdr, gso);
#endif
}

#endif
