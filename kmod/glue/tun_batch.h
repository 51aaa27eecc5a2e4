/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames on their way to tun or tap, each copied into a fragment of its own:
 *
 *	start [ room | virtio-net header | frame | room for skb_shared_info ] size
 *	      |<------------ pad ------->|
 */
#ifndef VNA_TUN_BATCH_H
#define VNA_TUN_BATCH_H

#include <linux/mm_types.h>
#include <linux/net.h>
#include <net/xdp.h>

#include "glue/abi.h"
#include "glue/user_copy.h"

struct vna_tun_fragment {
	void *start;
	u32 size; /* bytes */
	struct vna_tx_frame *source; /* what was copied there */
};

struct vna_tun_batch {
	struct page_frag_cache cache;
	/* What is left of the last piece of it, and references to its page. */
	struct page *room_page;
	void *room;
	u32 room_bytes;
	u32 room_refs;

	u32 pad; /* bytes in front of each frame */
	unsigned int count;
	struct vna_tun_fragment fragments[VNA_MAX_BATCH];
	struct xdp_buff frames[VNA_MAX_BATCH]; /* the same as tun wants it said */
};

/*
 * Before the first frame.  Whether @sock takes frames without an account of what
 * is in flight: no other may go to a batch.
 */
bool vna_tun_batch_begin(struct vna_tun_batch *batch, const struct socket *sock);
/*
 * Copies @frames[0 .. @n) to the end of the batch: how many.  The next one found it
 * full, or has to go on its own, after the batch; the result of one that is lost
 * says so.
 */
u32 vna_tun_batch_add(struct vna_tun_batch *batch, struct vna_tx_frame *frames, u32 n);
/* Sends what there is, at least one, as one message (TUN_MSG_PTR). */
void vna_tun_batch_send(struct vna_tun_batch *batch, struct socket *sock);
/* Makes room for a page.  False: no memory. */
bool vna_tun_batch_refill(struct vna_tun_batch *batch);
/*
 * A piece of @size bytes, at most a page, a multiple of a cache line, for an skb to
 * be built on (napi_build_skb()).  NULL: no memory.  May sleep.
 */
static inline void *vna_tun_batch_take(struct vna_tun_batch *batch, u32 size)
{
	void *start;

	if (unlikely(size > batch->room_bytes) && !vna_tun_batch_refill(batch))
		return NULL;
	start = batch->room;
	/* One reference stays, for the page to be there. */
	batch->room += size;
	batch->room_bytes -= size;
	batch->room_refs--;
	return start;
}
/* Copies the first @bytes, at most all, of @frame with its header.  False: a fault. */
static inline bool vna_tun_batch_copy(void *to, const struct vna_tx_frame *frame, u32 bytes)
{
	const struct vna_segment *seg = frame->segs;

	for (;;) {
		u32 part = min_t(vna_u64, seg->len, bytes);

		if (!vna_user_read(to, seg->addr, part))
			return false;
		bytes -= part;
		if (!bytes)
			return true;
		to += part;
		seg++;
	}
}
void vna_tun_batch_release(struct vna_tun_batch *batch);

#endif
