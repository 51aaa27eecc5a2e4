/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * vhost-net-alt: what there is beyond linux/vhost.h.
 *
 * The device takes the ioctls of linux/vhost.h.  Its descriptors' fdinfo
 * (/proc/PID/fdinfo/FD) has lines
 *
 *	id:		the device's number, as generic netlink has it
 *	features:	the bits of VHOST_SET_FEATURES, in hexadecimal
 *	features.64:	those from bit 64 on, of VHOST_SET_FEATURES_ARRAY
 *
 * and, for each of the queues "rx" and "tx", lines
 *
 *	QUEUE.state:	off | running | the name of the rule whose breach stopped it
 *	QUEUE.worker_ns:	CPU time of the thread that serves it, in nanoseconds
 *	QUEUE.COUNTER:	a number that never decreases while the descriptor is open
 *
 * and, for "tx",
 *
 *	tx.in_flight:	frames sent by reference that someone still has
 *	tx.pinned_pages:	the guest's pages that these hold
 */
#ifndef _UAPI_LINUX_VHOST_NET_ALT_H
#define _UAPI_LINUX_VHOST_NET_ALT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VHOST_NET_ALT_NAME "vhost-net-alt"
#define VHOST_NET_ALT_PATH "/dev/" VHOST_NET_ALT_NAME

/* ---- Ioctls beyond linux/vhost.h -------------------------------------- */

/* linux/vhost.h's are 0xAF. */
#define VHOST_NET_ALT_IOC 0xBE

/*
 * The descriptor's device as generic netlink names it: never 0.  Anyone who has
 * the descriptor may ask.
 */
#define VHOST_NET_ALT_GET_ID _IOR(VHOST_NET_ALT_IOC, 0x00, __u32)

/* What VHOST_NET_ALT_BIND and VHOST_NET_ALT_UNBIND take. */
struct vhost_net_alt_bind {
	/*
	 * 0: the descriptor's own device, which the caller must own.  Else the device
	 * with this id, on whichever descriptor; the caller needs CAP_NET_ADMIN in the
	 * user namespace of that device's network namespace.
	 */
	__u32 id;
	__s32 fd; /* BIND: a tap, macvtap or packet socket of the caller's; UNBIND: -1 */
	__u32 flags; /* 0 */
	/* Out: frames that had been taken from the old backend and went back to it. */
	__u32 returned;
};

/*
 * Binds @fd to both queues, or to neither.  Where a queue has a backend, that is
 * swapped for the new one: the driver and its ring are not touched, and nothing
 * that the guest has sent is lost.  Frames for the guest that were taken from the
 * old backend, and found no buffer yet, go back to it, in front of those that
 * wait there: whoever has it may read them.
 *
 * That the new backend's frames have the old one's virtio-net header
 * (IFF_VNET_HDR, TUNSETVNETHDRSZ) is the caller's to see to, as it is with
 * VHOST_NET_SET_BACKEND.
 *
 *	ENOTSOCK	@fd is neither tap, macvtap nor packet socket
 *	EPERM		the caller is not the owner, or lacks CAP_NET_ADMIN
 *	ENODEV		there is no device with that id
 *	EFAULT		it has no owner, or rings or memory are not set up
 *	EOPNOTSUPP	offloads are on (TUNSETOFFLOAD) that the old backend has not
 *	EINVAL		a flag, a negative fd, or one to UNBIND; a backend that is dead
 *	EINTR		a signal came while the device was busy; nothing was done
 *
 * Zero-copy transmit is the owner's to begin: with VHOST_NET_SET_BACKEND or BIND.
 */
#define VHOST_NET_ALT_BIND _IOWR(VHOST_NET_ALT_IOC, 0x01, struct vhost_net_alt_bind)
/* Takes the backend from both queues: they are off until one is bound again. */
#define VHOST_NET_ALT_UNBIND _IOWR(VHOST_NET_ALT_IOC, 0x02, struct vhost_net_alt_bind)

/* ---- Generic netlink: vhost_net_alt.yaml is the specification --------- */

#define VHOST_NET_ALT_FAMILY_NAME "vhost-net-alt"
#define VHOST_NET_ALT_FAMILY_VERSION 1

/* The direction of a queue, as the guest sees it. */
enum vhost_net_alt_queue_type {
	VHOST_NET_ALT_QUEUE_TYPE_RX, /* the guest receives */
	VHOST_NET_ALT_QUEUE_TYPE_TX, /* the guest sends */
};

/* How far a device has come. */
enum vhost_net_alt_dev_state {
	VHOST_NET_ALT_DEV_STATE_OPENED, /* it is open, and has no owner */
	VHOST_NET_ALT_DEV_STATE_OWNED, /* a process owns it, and no queue has a backend */
	VHOST_NET_ALT_DEV_STATE_RUNNING, /* a queue has a backend, and is not stopped */
	VHOST_NET_ALT_DEV_STATE_STOPPED, /* every queue that has a backend broke a rule */
};

/* Whether a queue is served. */
enum vhost_net_alt_queue_state {
	VHOST_NET_ALT_QUEUE_STATE_OFF, /* it has no backend */
	VHOST_NET_ALT_QUEUE_STATE_RUNNING, /* it has a backend */
	VHOST_NET_ALT_QUEUE_STATE_STOPPED, /* its ring broke a rule */
};

/* Virtio 1.2 sections 2.7 and 2.8. */
enum vhost_net_alt_ring_format {
	VHOST_NET_ALT_RING_FORMAT_SPLIT, /* a split virtqueue */
	VHOST_NET_ALT_RING_FORMAT_PACKED, /* a packed virtqueue */
};

/* What a queue's frames come from and go to. */
enum vhost_net_alt_backend_type {
	VHOST_NET_ALT_BACKEND_TYPE_NONE, /* nothing */
	VHOST_NET_ALT_BACKEND_TYPE_TAP, /* a tun or tap device */
	VHOST_NET_ALT_BACKEND_TYPE_MACVTAP, /* a macvtap or ipvtap device */
	VHOST_NET_ALT_BACKEND_TYPE_PACKET, /* a packet socket */
};

/* Whether a worker looks for more when a queue ran dry, before it asks to be told. */
enum vhost_net_alt_busypoll_mode {
	VHOST_NET_ALT_BUSYPOLL_MODE_OFF, /* never */
	VHOST_NET_ALT_BUSYPOLL_MODE_FIXED, /* each time, for busypoll-us */
	VHOST_NET_ALT_BUSYPOLL_MODE_ADAPTIVE, /* while waits are shorter than busypoll-us */
};

/* What each message of a qstats-get dump is about. */
enum vhost_net_alt_qstats_scope {
	VHOST_NET_ALT_QSTATS_SCOPE_QUEUE = 1, /* one queue.  Without this flag, a device */
};

enum {
	VHOST_NET_ALT_A_DEV_ID = 1,
	VHOST_NET_ALT_A_DEV_STATE,
	VHOST_NET_ALT_A_DEV_OWNER_PID,
	VHOST_NET_ALT_A_DEV_FEATURES,
	VHOST_NET_ALT_A_DEV_FEATURES_HIGH,
	VHOST_NET_ALT_A_DEV_MEM_REGIONS,
	VHOST_NET_ALT_A_DEV_QUEUES,
	VHOST_NET_ALT_A_DEV_RX_BATCH,
	VHOST_NET_ALT_A_DEV_TX_BATCH,
	VHOST_NET_ALT_A_DEV_WEIGHT_PACKETS,
	VHOST_NET_ALT_A_DEV_WEIGHT_BYTES,
	VHOST_NET_ALT_A_DEV_ZEROCOPY,
	VHOST_NET_ALT_A_DEV_BUSYPOLL,
	VHOST_NET_ALT_A_DEV_BUSYPOLL_US,
	VHOST_NET_ALT_A_DEV_PAD,

	__VHOST_NET_ALT_A_DEV_MAX,
	VHOST_NET_ALT_A_DEV_MAX = (__VHOST_NET_ALT_A_DEV_MAX - 1)
};

enum {
	VHOST_NET_ALT_A_QUEUE_DEV_ID = 1,
	VHOST_NET_ALT_A_QUEUE_ID,
	VHOST_NET_ALT_A_QUEUE_TYPE,
	VHOST_NET_ALT_A_QUEUE_STATE,
	VHOST_NET_ALT_A_QUEUE_RULE,
	VHOST_NET_ALT_A_QUEUE_RULE_TEXT,
	VHOST_NET_ALT_A_QUEUE_RING_FORMAT,
	VHOST_NET_ALT_A_QUEUE_RING_SIZE,
	VHOST_NET_ALT_A_QUEUE_IN_ORDER,
	VHOST_NET_ALT_A_QUEUE_BASE,
	VHOST_NET_ALT_A_QUEUE_WORKER_PID,
	VHOST_NET_ALT_A_QUEUE_WORKER_NS,
	VHOST_NET_ALT_A_QUEUE_BACKEND,
	VHOST_NET_ALT_A_QUEUE_IFINDEX,
	VHOST_NET_ALT_A_QUEUE_IFNAME,
	VHOST_NET_ALT_A_QUEUE_IN_FLIGHT,
	VHOST_NET_ALT_A_QUEUE_PINNED_PAGES,
	VHOST_NET_ALT_A_QUEUE_PAD,

	__VHOST_NET_ALT_A_QUEUE_MAX,
	VHOST_NET_ALT_A_QUEUE_MAX = (__VHOST_NET_ALT_A_QUEUE_MAX - 1)
};

enum {
	VHOST_NET_ALT_A_QSTATS_DEV_ID = 1,
	VHOST_NET_ALT_A_QSTATS_QUEUE_ID,
	VHOST_NET_ALT_A_QSTATS_QUEUE_TYPE,
	VHOST_NET_ALT_A_QSTATS_SCOPE,
	VHOST_NET_ALT_A_QSTATS_RX,
	VHOST_NET_ALT_A_QSTATS_TX,

	__VHOST_NET_ALT_A_QSTATS_MAX,
	VHOST_NET_ALT_A_QSTATS_MAX = (__VHOST_NET_ALT_A_QSTATS_MAX - 1)
};

enum {
	VHOST_NET_ALT_A_COUNTERS_PAD = 1,
	VHOST_NET_ALT_A_COUNTERS_PACKETS,
	VHOST_NET_ALT_A_COUNTERS_BYTES,
	VHOST_NET_ALT_A_COUNTERS_BUFFERS,
	VHOST_NET_ALT_A_COUNTERS_DESCRIPTORS,
	VHOST_NET_ALT_A_COUNTERS_BATCHES,
	VHOST_NET_ALT_A_COUNTERS_BATCH_1,
	VHOST_NET_ALT_A_COUNTERS_BATCH_2,
	VHOST_NET_ALT_A_COUNTERS_BATCH_4,
	VHOST_NET_ALT_A_COUNTERS_BATCH_8,
	VHOST_NET_ALT_A_COUNTERS_BATCH_16,
	VHOST_NET_ALT_A_COUNTERS_BATCH_32,
	VHOST_NET_ALT_A_COUNTERS_BATCH_64,
	VHOST_NET_ALT_A_COUNTERS_KICKS,
	VHOST_NET_ALT_A_COUNTERS_KICKS_SUPPRESSED,
	VHOST_NET_ALT_A_COUNTERS_CALLS,
	VHOST_NET_ALT_A_COUNTERS_CALLS_SUPPRESSED,
	VHOST_NET_ALT_A_COUNTERS_REQUEUES,
	VHOST_NET_ALT_A_COUNTERS_NO_BUFFERS,
	VHOST_NET_ALT_A_COUNTERS_NO_ROOM,
	VHOST_NET_ALT_A_COUNTERS_DROP_SHORT,
	VHOST_NET_ALT_A_COUNTERS_DROP_LONG,
	VHOST_NET_ALT_A_COUNTERS_DROP_HEADER,
	VHOST_NET_ALT_A_COUNTERS_DROP_NOMEM,
	VHOST_NET_ALT_A_COUNTERS_DROP_BACKEND,
	VHOST_NET_ALT_A_COUNTERS_DROP_BUFFER,
	VHOST_NET_ALT_A_COUNTERS_ZEROCOPY,
	VHOST_NET_ALT_A_COUNTERS_ZEROCOPY_COPIED,
	VHOST_NET_ALT_A_COUNTERS_ZEROCOPY_ORPHANED,
	VHOST_NET_ALT_A_COUNTERS_COPIED_SHORT,
	VHOST_NET_ALT_A_COUNTERS_COPIED_BACKOFF,
	VHOST_NET_ALT_A_COUNTERS_COPIED_SLOTS,
	VHOST_NET_ALT_A_COUNTERS_COPIED_PAGES,
	VHOST_NET_ALT_A_COUNTERS_COPIED_LIMIT,
	VHOST_NET_ALT_A_COUNTERS_COPIED_FAULT,
	VHOST_NET_ALT_A_COUNTERS_POLLS,
	VHOST_NET_ALT_A_COUNTERS_POLL_HITS,
	VHOST_NET_ALT_A_COUNTERS_POLL_NS,
	VHOST_NET_ALT_A_COUNTERS_IOTLB_MISSES,
	VHOST_NET_ALT_A_COUNTERS_LOG_PAGES,
	VHOST_NET_ALT_A_COUNTERS_RING_ERRORS,
	VHOST_NET_ALT_A_COUNTERS_RING_ERRORS_BY_RULE,

	__VHOST_NET_ALT_A_COUNTERS_MAX,
	VHOST_NET_ALT_A_COUNTERS_MAX = (__VHOST_NET_ALT_A_COUNTERS_MAX - 1)
};

enum {
	VHOST_NET_ALT_A_RULES_PAD = 1,
	VHOST_NET_ALT_A_RULES_RING_FAULT,
	VHOST_NET_ALT_A_RULES_AVAIL_INDEX_JUMP,
	VHOST_NET_ALT_A_RULES_HEAD_OUT_OF_RING,
	VHOST_NET_ALT_A_RULES_NEXT_OUT_OF_TABLE,
	VHOST_NET_ALT_A_RULES_ID_OUT_OF_RING,
	VHOST_NET_ALT_A_RULES_CHAIN_VANISHED,
	VHOST_NET_ALT_A_RULES_CHAIN_TOO_LONG,
	VHOST_NET_ALT_A_RULES_CHAIN_TOO_BIG,
	VHOST_NET_ALT_A_RULES_TOO_MANY_SEGMENTS,
	VHOST_NET_ALT_A_RULES_ZERO_LENGTH,
	VHOST_NET_ALT_A_RULES_ADDRESS_WRAP,
	VHOST_NET_ALT_A_RULES_ADDRESS_UNMAPPED,
	VHOST_NET_ALT_A_RULES_ACCESS_DENIED,
	VHOST_NET_ALT_A_RULES_LOG_FAULT,
	VHOST_NET_ALT_A_RULES_READABLE_AFTER_WRITABLE,
	VHOST_NET_ALT_A_RULES_INDIRECT_NOT_NEGOTIATED,
	VHOST_NET_ALT_A_RULES_INDIRECT_WITH_NEXT,
	VHOST_NET_ALT_A_RULES_INDIRECT_NESTED,
	VHOST_NET_ALT_A_RULES_INDIRECT_SIZE,
	VHOST_NET_ALT_A_RULES_EVENT_FLAGS,
	VHOST_NET_ALT_A_RULES_EVENT_OUT_OF_RING,
	VHOST_NET_ALT_A_RULES_WRITABLE_ON_TRANSMIT,
	VHOST_NET_ALT_A_RULES_READABLE_ON_RECEIVE,

	__VHOST_NET_ALT_A_RULES_MAX,
	VHOST_NET_ALT_A_RULES_MAX = (__VHOST_NET_ALT_A_RULES_MAX - 1)
};

enum {
	VHOST_NET_ALT_CMD_DEV_GET = 1,
	VHOST_NET_ALT_CMD_DEV_SET,
	VHOST_NET_ALT_CMD_DEV_ADD_NTF,
	VHOST_NET_ALT_CMD_DEV_DEL_NTF,
	VHOST_NET_ALT_CMD_DEV_CHANGE_NTF,
	VHOST_NET_ALT_CMD_QUEUE_GET,
	VHOST_NET_ALT_CMD_QUEUE_ERROR_NTF,
	VHOST_NET_ALT_CMD_QSTATS_GET,

	__VHOST_NET_ALT_CMD_MAX,
	VHOST_NET_ALT_CMD_MAX = (__VHOST_NET_ALT_CMD_MAX - 1)
};

#define VHOST_NET_ALT_MCGRP_MGMT "mgmt"

#endif
