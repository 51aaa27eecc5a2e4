/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's virtio headers, which are C and not quite C++: include this, not them.
 */
#pragma once

/* vring_init() converts from void *. */
#ifndef VIRTIO_RING_NO_LEGACY
#define VIRTIO_RING_NO_LEGACY
#endif
#include <linux/virtio_ring.h>

/* struct virtio_net_ctrl_hdr has a field named class. */
#define class class_
#include <linux/virtio_net.h>
#undef class
