// SPDX-License-Identifier: GPL-2.0-only

#include <linux/gfp.h>
#include <linux/mm.h>

#include "glue/pieces.h"
#include "glue/user_copy.h"

void vna_pieces_drop(struct vna_pieces *pieces)
{
	while (pieces->count)
		put_page(pieces->each[--pieces->count].page);
}

void vna_pieces_attach(const struct vna_pieces *pieces, struct sk_buff *skb)
{
	u32 i;

	for (i = 0; i < pieces->count; i++)
		skb_fill_page_desc_noacc(skb, i, pieces->each[i].page, pieces->each[i].offset,
					 pieces->each[i].len);
	skb->data_len = pieces->len;
	skb->len += pieces->len;
	skb->truesize += pieces->pages * PAGE_SIZE;
}

/* There is room for one more. */
static void add(struct vna_pieces *pieces, struct page *page, u32 offset, u32 len)
{
	typeof(pieces->each[0]) *piece = &pieces->each[pieces->count++];

	piece->page = page;
	piece->offset = offset;
	piece->len = len;
	pieces->len += len;
}

/* @page, with a reference: one piece with the last where it goes on from that. */
static void add_pinned(struct vna_pieces *pieces, struct page *page, u32 offset, u32 len)
{
	struct page *head = compound_head(page);
	typeof(pieces->each[0]) *last =
		pieces->count ? &pieces->each[pieces->count - 1] : NULL;

	offset += (page - head) << PAGE_SHIFT;
	if (!last || last->page != head || last->offset + last->len != offset) {
		add(pieces, head, offset, len);
		return;
	}
	last->len += len;
	pieces->len += len;
	page_ref_dec(head); /* not the last reference: the piece has one */
}

static bool pin_range(struct vna_pieces *pieces, unsigned long addr, unsigned long len)
{
	struct page *pages[MAX_SKB_FRAGS];
	unsigned long n = DIV_ROUND_UP(offset_in_page(addr) + len, PAGE_SIZE);
	int got, i;

	if (n > MAX_SKB_FRAGS - pieces->pages)
		return false;
	got = get_user_pages_fast(addr, n, 0, pages);
	for (i = 0; i < got; i++) {
		u32 offset = offset_in_page(addr), part = min(len, PAGE_SIZE - offset);

		add_pinned(pieces, pages[i], offset, part);
		pieces->pages++;
		addr += part;
		len -= part;
	}
	return got == n;
}

bool vna_pieces_pin(struct vna_pieces *pieces, const struct vna_tx_frame *frame, u32 skip)
{
	u32 i;

	for (i = 0; i < frame->nsegs; i++) {
		vna_u64 addr = frame->segs[i].addr, len = frame->segs[i].len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		if (!pin_range(pieces, addr + skip, len - skip))
			return false;
		skip = 0;
	}
	return true;
}

/* For @left bytes or some of them, in large pages as long as there are. */
static struct page *get_room(u32 left, unsigned int *order)
{
	struct page *page;

	for (*order = min(get_order(left), PAGE_ALLOC_COSTLY_ORDER); *order; --*order) {
		page = alloc_pages((GFP_KERNEL & ~__GFP_DIRECT_RECLAIM) | __GFP_COMP |
					   __GFP_NOWARN | __GFP_NORETRY,
				   *order);
		if (page)
			return page;
	}
	return alloc_page(GFP_KERNEL | __GFP_NOWARN);
}

bool vna_pieces_copy(struct vna_pieces *pieces, const struct vna_tx_frame *frame, u32 skip)
{
	const struct vna_segment *seg = frame->segs;
	vna_u64 done = skip; /* of @seg */
	u32 left = frame->len - skip, room = 0;
	void *to = NULL;

	while (left) {
		u32 part;

		if (done >= seg->len) {
			done -= seg++->len;
			continue;
		}
		if (!room) {
			unsigned int order;
			struct page *page;

			if (pieces->count == MAX_SKB_FRAGS)
				return false;
			page = get_room(left, &order);
			if (!page)
				return false;
			room = min_t(u32, left, PAGE_SIZE << order);
			to = page_address(page);
			pieces->pages += 1u << order;
			add(pieces, page, 0, room);
		}
		part = min_t(vna_u64, seg->len - done, room);
		if (!vna_user_read(to, seg->addr + done, part))
			return false;
		to += part;
		done += part;
		room -= part;
		left -= part;
	}
	return true;
}
