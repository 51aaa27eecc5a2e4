/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What linux/vhost.h says, for the core, which includes no kernel header.
 * glue/abi_check.c holds both against each other; plain C for its sake.
 */
#ifndef VNA_VHOST_ABI_H
#define VNA_VHOST_ABI_H

#include "glue/abi.h"

#define VNA_VHOST_VIRTIO 0xAFu

/* _IO, _IOR and _IOW of asm-generic/ioctl.h. */
#define VNA_IO(nr) ((VNA_VHOST_VIRTIO << 8) | (nr))
#define VNA_IOR(nr, type) ((2u << 30) | ((vna_u32)sizeof(type) << 16) | VNA_IO(nr))
#define VNA_IOW(nr, type) ((1u << 30) | ((vna_u32)sizeof(type) << 16) | VNA_IO(nr))
#define VNA_IOWR(nr, type) ((3u << 30) | ((vna_u32)sizeof(type) << 16) | VNA_IO(nr))

struct vna_vhost_vring_state {
	vna_u32 index;
	vna_u32 num;
};

struct vna_vhost_vring_file {
	vna_u32 index;
	vna_s32 fd; /* VNA_VHOST_FILE_UNBIND: none */
};

#define VNA_VHOST_FILE_UNBIND (-1)

struct vna_vhost_vring_addr {
	vna_u32 index;
	vna_u32 flags; /* VNA_VHOST_VRING_F_LOG */
	vna_u64 desc_user_addr;
	vna_u64 used_user_addr;
	vna_u64 avail_user_addr;
	vna_u64 log_guest_addr;
};

#define VNA_VHOST_VRING_F_LOG (1u << 0)

struct vna_vhost_iotlb_msg {
	vna_u64 iova;
	vna_u64 size;
	vna_u64 uaddr;
	vna_u8 perm; /* VNA_VHOST_ACCESS_* */
	vna_u8 type; /* VNA_VHOST_IOTLB_* */
	vna_u8 padding[6];
};

#define VNA_VHOST_ACCESS_RO 1
#define VNA_VHOST_ACCESS_WO 2
#define VNA_VHOST_ACCESS_RW 3

#define VNA_VHOST_IOTLB_MISS 1
#define VNA_VHOST_IOTLB_UPDATE 2
#define VNA_VHOST_IOTLB_INVALIDATE 3

/* struct vhost_msg and vhost_msg_v2: kinds, and the size of either. */
#define VNA_VHOST_IOTLB_MSG 1
#define VNA_VHOST_IOTLB_MSG_V2 2
#define VNA_VHOST_MSG_SIZE 72
#define VNA_VHOST_MSG_IOTLB 8 /* where struct vhost_iotlb_msg is in both */

struct vna_vhost_memory_region {
	vna_u64 guest_phys_addr;
	vna_u64 memory_size; /* bytes */
	vna_u64 userspace_addr;
	vna_u64 flags_padding;
};

/* Followed by nregions regions. */
struct vna_vhost_memory {
	vna_u32 nregions;
	vna_u32 padding;
};

struct vna_vhost_worker_state {
	vna_u32 worker_id;
};

struct vna_vhost_vring_worker {
	vna_u32 index;
	vna_u32 worker_id;
};

/* Followed by count words of feature bits, the lowest first. */
struct vna_vhost_features_array {
	vna_u64 count;
};

#define VNA_VHOST_GET_FEATURES VNA_IOR(0x00, vna_u64)
#define VNA_VHOST_SET_FEATURES VNA_IOW(0x00, vna_u64)
#define VNA_VHOST_SET_OWNER VNA_IO(0x01)
#define VNA_VHOST_RESET_OWNER VNA_IO(0x02)
#define VNA_VHOST_SET_MEM_TABLE VNA_IOW(0x03, struct vna_vhost_memory)
#define VNA_VHOST_SET_LOG_BASE VNA_IOW(0x04, vna_u64)
#define VNA_VHOST_SET_LOG_FD VNA_IOW(0x07, vna_s32)
#define VNA_VHOST_NEW_WORKER VNA_IOR(0x08, struct vna_vhost_worker_state)
#define VNA_VHOST_FREE_WORKER VNA_IOW(0x09, struct vna_vhost_worker_state)
#define VNA_VHOST_SET_VRING_NUM VNA_IOW(0x10, struct vna_vhost_vring_state)
#define VNA_VHOST_SET_VRING_ADDR VNA_IOW(0x11, struct vna_vhost_vring_addr)
#define VNA_VHOST_SET_VRING_BASE VNA_IOW(0x12, struct vna_vhost_vring_state)
#define VNA_VHOST_GET_VRING_BASE VNA_IOWR(0x12, struct vna_vhost_vring_state)
#define VNA_VHOST_ATTACH_VRING_WORKER VNA_IOW(0x15, struct vna_vhost_vring_worker)
#define VNA_VHOST_GET_VRING_WORKER VNA_IOWR(0x16, struct vna_vhost_vring_worker)
#define VNA_VHOST_SET_VRING_KICK VNA_IOW(0x20, struct vna_vhost_vring_file)
#define VNA_VHOST_SET_VRING_CALL VNA_IOW(0x21, struct vna_vhost_vring_file)
#define VNA_VHOST_SET_VRING_ERR VNA_IOW(0x22, struct vna_vhost_vring_file)
#define VNA_VHOST_SET_VRING_BUSYLOOP_TIMEOUT VNA_IOW(0x23, struct vna_vhost_vring_state)
#define VNA_VHOST_GET_VRING_BUSYLOOP_TIMEOUT VNA_IOW(0x24, struct vna_vhost_vring_state)
#define VNA_VHOST_SET_BACKEND_FEATURES VNA_IOW(0x25, vna_u64)
#define VNA_VHOST_GET_BACKEND_FEATURES VNA_IOR(0x26, vna_u64)
#define VNA_VHOST_NET_SET_BACKEND VNA_IOW(0x30, struct vna_vhost_vring_file)
#define VNA_VHOST_GET_FEATURES_ARRAY VNA_IOR(0x83, struct vna_vhost_features_array)
#define VNA_VHOST_SET_FEATURES_ARRAY VNA_IOW(0x83, struct vna_vhost_features_array)
#define VNA_VHOST_SET_FORK_FROM_OWNER VNA_IOW(0x84, vna_u8)
#define VNA_VHOST_GET_FORK_FROM_OWNER VNA_IOR(0x85, vna_u8)

/* linux/vhost_net_alt.h */
#define VNA_IOC 0xBEu
#define VNA_GET_ID ((2u << 30) | ((vna_u32)sizeof(vna_u32) << 16) | (VNA_IOC << 8))

struct vna_vhost_net_alt_bind {
	vna_u32 id; /* 0: the descriptor's own */
	vna_s32 fd;
	vna_u32 flags;
	vna_u32 returned; /* out */
};

#define VNA_BIND                                                                                   \
	((3u << 30) | ((vna_u32)sizeof(struct vna_vhost_net_alt_bind) << 16) | (VNA_IOC << 8) | 1)
#define VNA_UNBIND                                                                                 \
	((3u << 30) | ((vna_u32)sizeof(struct vna_vhost_net_alt_bind) << 16) | (VNA_IOC << 8) | 2)

/* Feature bits, by number. */
#define VNA_VIRTIO_NET_F_MRG_RXBUF 15
#define VNA_VIRTIO_F_NOTIFY_ON_EMPTY 24
#define VNA_VHOST_F_LOG_ALL 26
#define VNA_VIRTIO_F_ANY_LAYOUT 27
#define VNA_VHOST_NET_F_VIRTIO_NET_HDR 27 /* the same bit: see linux/vhost.h */
#define VNA_VIRTIO_RING_F_INDIRECT_DESC 28
#define VNA_VIRTIO_RING_F_EVENT_IDX 29
#define VNA_VIRTIO_F_VERSION_1 32
#define VNA_VIRTIO_F_ACCESS_PLATFORM 33
#define VNA_VIRTIO_F_RING_PACKED 34
#define VNA_VIRTIO_F_IN_ORDER 35
#define VNA_VIRTIO_F_RING_RESET 40
#define VNA_VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO 65
#define VNA_VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO 67

/* Backend feature bits, by number. */
#define VNA_VHOST_BACKEND_F_IOTLB_MSG_V2 1

/* The virtio-net queues' indices. */
#define VNA_VHOST_NET_VQ_RX 0
#define VNA_VHOST_NET_VQ_TX 1
#define VNA_VHOST_NET_VQ_MAX 2

/* The most segments that one frame may have: UIO_MAXIOV. */
#define VNA_MAX_SEGMENTS 1024

#endif
