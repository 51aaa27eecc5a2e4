/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * vhost-net-alt: what there is beyond linux/vhost.h.
 *
 * The device takes the ioctls of linux/vhost.h.  Its descriptors' fdinfo
 * (/proc/PID/fdinfo/FD) has lines
 *
 *	features:	the bits of VHOST_SET_FEATURES, in hexadecimal
 *	features.64:	those from bit 64 on, of VHOST_SET_FEATURES_ARRAY
 *
 * and, for each of the queues "rx" and "tx", lines
 *
 *	QUEUE.state:	off | running | the name of the rule whose breach stopped it
 *	QUEUE.COUNTER:	a number that never decreases while the descriptor is open
 */
#ifndef _UAPI_LINUX_VHOST_NET_ALT_H
#define _UAPI_LINUX_VHOST_NET_ALT_H

#define VHOST_NET_ALT_NAME "vhost-net-alt"
#define VHOST_NET_ALT_PATH "/dev/" VHOST_NET_ALT_NAME

#endif
