/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What follows the beginning of a long frame: pieces of pages, the owner's own or
 * copies of them, on their way to being an skb's fragments.
 */
#ifndef VNA_PIECES_H
#define VNA_PIECES_H

#include <linux/skbuff.h>

#include "glue/abi.h"

struct vna_pieces {
	u32 count;
	u32 pages; /* that they take up */
	u32 len; /* bytes, of all */
	struct {
		struct page *page; /* the first of a compound page; with a reference */
		u32 offset; /* from its beginning */
		u32 len;
	} each[MAX_SKB_FRAGS];
};

/*
 * What there is of @frame behind its first @skip bytes, pinned or copied to @pieces,
 * which are empty.  False: a fault, too many pages, no memory; @pieces are to be
 * dropped all the same.  May sleep.
 */
bool vna_pieces_pin(struct vna_pieces *pieces, const struct vna_tx_frame *frame, u32 skip);
bool vna_pieces_copy(struct vna_pieces *pieces, const struct vna_tx_frame *frame, u32 skip);
/* Gives their references to @skb, which has none yet. */
void vna_pieces_attach(const struct vna_pieces *pieces, struct sk_buff *skb);
void vna_pieces_drop(struct vna_pieces *pieces);

#endif
