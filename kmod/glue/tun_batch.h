/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames on their way to tun or tap as one message (TUN_MSG_PTR), each copied
 * into a fragment of its own.
 */
#ifndef VNA_TUN_BATCH_H
#define VNA_TUN_BATCH_H

#include <linux/net.h>
#include <linux/mm_types.h>
#include <net/xdp.h>

#include "glue/abi.h"

struct vna_tun_batch {
	struct page_frag_cache cache;
	unsigned int count;
	struct xdp_buff frames[VNA_MAX_BATCH];
	struct vna_tx_frame *sources[VNA_MAX_BATCH];
};

/* Whether @sock takes such messages without an account of what is in flight. */
bool vna_tun_batch_possible(const struct socket *sock);
/*
 * Copies @frame to the end of the batch, which is not full.  False: it has to
 * go by sendmsg(), after the batch; its result says otherwise where it is lost.
 */
bool vna_tun_batch_add(struct vna_tun_batch *batch, const struct socket *sock,
		       struct vna_tx_frame *frame);
/* Sends what there is, and writes the results. */
void vna_tun_batch_flush(struct vna_tun_batch *batch, struct socket *sock);
void vna_tun_batch_release(struct vna_tun_batch *batch);

#endif
