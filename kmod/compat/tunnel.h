/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNA_COMPAT_TUNNEL_H
#define VNA_COMPAT_TUNNEL_H

#include <linux/version.h>

/*
 * Whether tun knows the virtio-net header of 24 bytes, for segments of UDP tunnels:
 * since 6.17.
 */
#define VNA_COMPAT_TUNNEL_GSO (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0))

#endif
