// SPDX-License-Identifier: GPL-2.0-only

#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <net/sock.h>

#include "compat/page_frag.h"
#include "compat/tun_msg.h"
#include "glue/tun_batch.h"

/* Headers of tunnels that tun may look for are 24 bytes: what is not ours is 0. */
#define HEADER_ROOM 32

/* No fragment is shorter than what comes behind its frame. */
#define SMALLEST_FRAGMENT SKB_DATA_ALIGN(sizeof(struct skb_shared_info))

bool vna_tun_batch_begin(struct vna_tun_batch *batch, const struct socket *sock)
{
	/* An XDP program on the device may want to put something in front. */
	unsigned int headroom = sock_flag(sock->sk, SOCK_XDP) ? XDP_PACKET_HEADROOM : 0;

	batch->pad = SKB_DATA_ALIGN(NET_SKB_PAD + NET_IP_ALIGN + headroom + HEADER_ROOM);
	/* Frames in a batch are not charged to the socket. */
	return READ_ONCE(sock->sk->sk_sndbuf) == INT_MAX;
}

/* Gives back the references that no fragment took; after others it may be the last. */
static void drop_room(struct vna_tun_batch *batch)
{
	if (!batch->room_refs)
		return;
	page_ref_sub(batch->room_page, batch->room_refs - 1);
	put_page(batch->room_page);
	batch->room_refs = 0;
	batch->room_bytes = 0;
}

/*
 * Fragments have a reference each.  They are cut from pieces as long as any may be, so
 * that the cache is asked, and references are taken, once for several.
 */
bool vna_tun_batch_refill(struct vna_tun_batch *batch)
{
	void *start;

	drop_room(batch);
	start = page_frag_alloc(&batch->cache, PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
	if (!start)
		return false;
	batch->room_page = virt_to_head_page(start);
	batch->room = start;
	batch->room_bytes = PAGE_SIZE;
	batch->room_refs = PAGE_SIZE / SMALLEST_FRAGMENT + 1;
	page_ref_add(batch->room_page, batch->room_refs - 1);
	return true;
}

/*
 * Whether tun is certain to take @header in front of @len bytes.  Where it is
 * not, sendmsg() tells what comes of the frame, and a batch does not.
 */
static bool plain(const struct virtio_net_hdr *header, u32 len)
{
	u32 checked;

	if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE || le16_to_cpu(header->hdr_len) > len)
		return false;
	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	checked = le16_to_cpu(header->csum_start);
	/* What follows it is at least a network header. */
	if (checked < ETH_HLEN + sizeof(struct iphdr))
		return false;
	checked += le16_to_cpu(header->csum_offset) + sizeof(__sum16);
	return checked <= len;
}

/* False: @frame has to go on its own. */
static bool add(struct vna_tun_batch *batch, struct vna_tx_frame *frame)
{
	u32 pad = batch->pad, len = frame->len - frame->header;
	unsigned int size = SKB_DATA_ALIGN(pad + len) +
			    SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	void *start, *header;

	if (size > PAGE_SIZE)
		return false;
	/* Sizes are multiples of a cache line, and so are their places in the page. */
	start = vna_tun_batch_take(batch, size);
	if (!start)
		return false;

	/* One copy: the header comes to lie in front of the frame. */
	header = start + pad - frame->header;
	if (!vna_tun_batch_copy(header, frame, frame->len)) {
		page_frag_free(start);
		frame->result = -EFAULT;
		return true;
	}
	if (frame->header && !plain(header, len)) {
		page_frag_free(start);
		return false;
	}
	batch->fragments[batch->count++] = (struct vna_tun_fragment){start, size, frame};
	return true;
}

u32 vna_tun_batch_add(struct vna_tun_batch *batch, struct vna_tx_frame *frames, u32 n)
{
	u32 i;

	for (i = 0; i < n && batch->count < VNA_MAX_BATCH; i++) {
		if (!add(batch, &frames[i]))
			break;
	}
	return i;
}

/* Says to tun what there is, the header where tun looks for it. */
static void make_message(struct vna_tun_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->count; i++) {
		const struct vna_tun_fragment *fragment = &batch->fragments[i];
		const struct vna_tx_frame *frame = fragment->source;
		struct xdp_buff *xdp = &batch->frames[i];
		void *header = vna_compat_tun_header(fragment->start, fragment->size);

		xdp_init_buff(xdp, fragment->size, NULL);
		xdp_prepare_buff(xdp, fragment->start, batch->pad, frame->len - frame->header,
				 true);
		memset(header, 0, HEADER_ROOM - sizeof(int));
		memcpy(header, xdp->data - frame->header, frame->header);
	}
}

void vna_tun_batch_send(struct vna_tun_batch *batch, struct socket *sock)
{
	struct tun_msg_ctl control = {
		.type = TUN_MSG_PTR,
		.num = batch->count,
		.ptr = batch->frames,
	};
	struct msghdr msg = {
		.msg_control = &control,
		.msg_controllen = sizeof(control),
		.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL,
	};
	unsigned int i;
	int error;

	make_message(batch);
	error = sock->ops->sendmsg(sock, &msg, 0);
	for (i = 0; i < batch->count; i++) {
		const struct vna_tun_fragment *fragment = &batch->fragments[i];

		/* The whole message was refused: the fragments are still ours. */
		if (error < 0)
			page_frag_free(fragment->start);
		fragment->source->result = error < 0 ? error : fragment->source->len;
	}
	batch->count = 0;
}

void vna_tun_batch_release(struct vna_tun_batch *batch)
{
	drop_room(batch);
	vna_compat_page_frag_cache_drain(&batch->cache);
}
