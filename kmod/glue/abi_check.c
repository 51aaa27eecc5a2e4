// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds what the core has of its own, for want of the kernel's headers, against
 * these headers.  Nothing here ends up in the module.
 */

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/uio.h>
#include <linux/vhost.h>
#include <linux/vhost_net_alt.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "core/control/vhost_abi.h"

#define SAME_VALUE(name) static_assert(VNA_##name == name)
#define SAME_SIZE(name) static_assert(sizeof(struct vna_##name) == sizeof(struct name))
#define SAME_FIELD_AS(ours, our_field, theirs, their_field)                                        \
	static_assert(offsetof(struct ours, our_field) == offsetof(struct theirs, their_field) &&  \
		      sizeof_field(struct ours, our_field) ==                                      \
			      sizeof_field(struct theirs, their_field))
#define SAME_FIELD(name, field) SAME_FIELD_AS(vna_##name, field, name, field)

static_assert(sizeof(struct vna_segment) == sizeof(struct iovec));
static_assert(__alignof__(struct vna_segment) == __alignof__(struct iovec));
SAME_FIELD_AS(vna_segment, addr, iovec, iov_base);
SAME_FIELD_AS(vna_segment, len, iovec, iov_len);
static_assert(VNA_MAX_SEGMENTS == UIO_MAXIOV);

SAME_SIZE(vhost_vring_state);
SAME_FIELD(vhost_vring_state, index);
SAME_FIELD(vhost_vring_state, num);

SAME_SIZE(vhost_vring_file);
SAME_FIELD(vhost_vring_file, index);
SAME_FIELD(vhost_vring_file, fd);
SAME_VALUE(VHOST_FILE_UNBIND);

SAME_SIZE(vhost_vring_addr);
SAME_FIELD(vhost_vring_addr, index);
SAME_FIELD(vhost_vring_addr, flags);
SAME_FIELD(vhost_vring_addr, desc_user_addr);
SAME_FIELD(vhost_vring_addr, used_user_addr);
SAME_FIELD(vhost_vring_addr, avail_user_addr);
SAME_FIELD(vhost_vring_addr, log_guest_addr);
static_assert(VNA_VHOST_VRING_F_LOG == 1u << VHOST_VRING_F_LOG);

SAME_SIZE(vhost_memory_region);
SAME_FIELD(vhost_memory_region, guest_phys_addr);
SAME_FIELD(vhost_memory_region, memory_size);
SAME_FIELD(vhost_memory_region, userspace_addr);
SAME_FIELD(vhost_memory_region, flags_padding);

SAME_SIZE(vhost_memory);
SAME_FIELD(vhost_memory, nregions);
SAME_FIELD(vhost_memory, padding);
static_assert(sizeof(struct vna_vhost_memory) == offsetof(struct vhost_memory, regions));

/* What older headers lack. */
#ifdef VHOST_NEW_WORKER
SAME_SIZE(vhost_worker_state);
SAME_FIELD(vhost_worker_state, worker_id);
SAME_SIZE(vhost_vring_worker);
SAME_FIELD(vhost_vring_worker, index);
SAME_FIELD(vhost_vring_worker, worker_id);
SAME_VALUE(VHOST_NEW_WORKER);
SAME_VALUE(VHOST_FREE_WORKER);
SAME_VALUE(VHOST_ATTACH_VRING_WORKER);
SAME_VALUE(VHOST_GET_VRING_WORKER);
#endif
#ifdef VHOST_SET_FORK_FROM_OWNER
SAME_VALUE(VHOST_SET_FORK_FROM_OWNER);
SAME_VALUE(VHOST_GET_FORK_FROM_OWNER);
static_assert(VHOST_FORK_OWNER_KTHREAD == 0 && VHOST_FORK_OWNER_TASK == 1);
#endif

SAME_SIZE(vhost_iotlb_msg);
SAME_FIELD(vhost_iotlb_msg, iova);
SAME_FIELD(vhost_iotlb_msg, size);
SAME_FIELD(vhost_iotlb_msg, uaddr);
SAME_FIELD(vhost_iotlb_msg, perm);
SAME_FIELD(vhost_iotlb_msg, type);
SAME_VALUE(VHOST_ACCESS_RO);
SAME_VALUE(VHOST_ACCESS_WO);
SAME_VALUE(VHOST_ACCESS_RW);
SAME_VALUE(VHOST_IOTLB_MISS);
SAME_VALUE(VHOST_IOTLB_UPDATE);
SAME_VALUE(VHOST_IOTLB_INVALIDATE);
SAME_VALUE(VHOST_IOTLB_MSG);
SAME_VALUE(VHOST_IOTLB_MSG_V2);
static_assert(VNA_VHOST_MSG_SIZE == sizeof(struct vhost_msg));
static_assert(VNA_VHOST_MSG_SIZE == sizeof(struct vhost_msg_v2));
static_assert(VNA_VHOST_MSG_IOTLB == offsetof(struct vhost_msg, iotlb));
static_assert(VNA_VHOST_MSG_IOTLB == offsetof(struct vhost_msg_v2, iotlb));
SAME_VALUE(VHOST_BACKEND_F_IOTLB_MSG_V2);

SAME_VALUE(VHOST_GET_FEATURES);
SAME_VALUE(VHOST_SET_FEATURES);
SAME_VALUE(VHOST_SET_OWNER);
SAME_VALUE(VHOST_RESET_OWNER);
SAME_VALUE(VHOST_SET_MEM_TABLE);
SAME_VALUE(VHOST_SET_LOG_BASE);
SAME_VALUE(VHOST_SET_LOG_FD);
SAME_VALUE(VHOST_SET_VRING_NUM);
SAME_VALUE(VHOST_SET_VRING_ADDR);
SAME_VALUE(VHOST_SET_VRING_BASE);
SAME_VALUE(VHOST_GET_VRING_BASE);
SAME_VALUE(VHOST_SET_VRING_KICK);
SAME_VALUE(VHOST_SET_VRING_CALL);
SAME_VALUE(VHOST_SET_VRING_ERR);
SAME_VALUE(VHOST_SET_VRING_BUSYLOOP_TIMEOUT);
SAME_VALUE(VHOST_GET_VRING_BUSYLOOP_TIMEOUT);
SAME_VALUE(VHOST_SET_BACKEND_FEATURES);
SAME_VALUE(VHOST_GET_BACKEND_FEATURES);
SAME_VALUE(VHOST_NET_SET_BACKEND);
/* Newer than the oldest of the kernels. */
#ifdef VHOST_GET_FEATURES_ARRAY
SAME_SIZE(vhost_features_array);
SAME_FIELD(vhost_features_array, count);
static_assert(sizeof(struct vna_vhost_features_array) ==
	      offsetof(struct vhost_features_array, features));
SAME_VALUE(VHOST_GET_FEATURES_ARRAY);
SAME_VALUE(VHOST_SET_FEATURES_ARRAY);
#endif

static_assert(VNA_GET_ID == VHOST_NET_ALT_GET_ID);
static_assert(VNA_BIND == VHOST_NET_ALT_BIND);
static_assert(VNA_UNBIND == VHOST_NET_ALT_UNBIND);
SAME_SIZE(vhost_net_alt_bind);
SAME_FIELD(vhost_net_alt_bind, id);
SAME_FIELD(vhost_net_alt_bind, fd);
SAME_FIELD(vhost_net_alt_bind, flags);
SAME_FIELD(vhost_net_alt_bind, returned);

static_assert((int)VNA_POLL_OFF == (int)VHOST_NET_ALT_BUSYPOLL_MODE_OFF);
static_assert((int)VNA_POLL_FIXED == (int)VHOST_NET_ALT_BUSYPOLL_MODE_FIXED);
static_assert((int)VNA_POLL_ADAPTIVE == (int)VHOST_NET_ALT_BUSYPOLL_MODE_ADAPTIVE);

static_assert((int)VNA_DEVICE_OPENED == (int)VHOST_NET_ALT_DEV_STATE_OPENED);
static_assert((int)VNA_DEVICE_OWNED == (int)VHOST_NET_ALT_DEV_STATE_OWNED);
static_assert((int)VNA_DEVICE_RUNNING == (int)VHOST_NET_ALT_DEV_STATE_RUNNING);
static_assert((int)VNA_DEVICE_STOPPED == (int)VHOST_NET_ALT_DEV_STATE_STOPPED);
static_assert((int)VNA_QUEUE_OFF == (int)VHOST_NET_ALT_QUEUE_STATE_OFF);
static_assert((int)VNA_QUEUE_RUNNING == (int)VHOST_NET_ALT_QUEUE_STATE_RUNNING);
static_assert((int)VNA_QUEUE_STOPPED == (int)VHOST_NET_ALT_QUEUE_STATE_STOPPED);

SAME_VALUE(VIRTIO_NET_F_MRG_RXBUF);
SAME_VALUE(VIRTIO_F_NOTIFY_ON_EMPTY);
SAME_VALUE(VIRTIO_F_ANY_LAYOUT);
SAME_VALUE(VHOST_F_LOG_ALL);
SAME_VALUE(VIRTIO_F_ACCESS_PLATFORM);
SAME_VALUE(VHOST_NET_F_VIRTIO_NET_HDR);
SAME_VALUE(VIRTIO_RING_F_INDIRECT_DESC);
SAME_VALUE(VIRTIO_RING_F_EVENT_IDX);
SAME_VALUE(VIRTIO_F_VERSION_1);
SAME_VALUE(VIRTIO_F_RING_PACKED);
SAME_VALUE(VIRTIO_F_IN_ORDER);
SAME_VALUE(VIRTIO_F_RING_RESET);
#ifdef VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO
SAME_VALUE(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO);
SAME_VALUE(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO);
static_assert(sizeof(struct virtio_net_hdr_v1_hash_tunnel) == VNA_NET_HEADER_MAX);
#endif
