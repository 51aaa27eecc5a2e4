// SPDX-License-Identifier: GPL-2.0-only
/* Frames that are sent by reference. */

#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/uaccess.h>
#include <linux/virtio_net.h>

#include "compat/ubuf.h"
#include "glue/backend.h"
#include "glue/inflight.h"

/* What backends copy of a frame whose header does not say how much to. */
#define COPIED_ANYWAY 256

/*
 * How much of @frame is certain to be copied into the skb.  The driver may change
 * its header before the backend reads it: of a long frame too little is referred to
 * then, or all is copied.  A short one that has too many pages the backend may lose
 * without a word, so its pages are all counted.
 */
static u32 copied_ahead(const struct vna_tx_frame *frame)
{
	const struct virtio_net_hdr __user *header;
	__virtio16 hdr_len;

	if (frame->len <= 2 * PAGE_SIZE || frame->segs[0].len < sizeof(*header))
		return frame->header;
	if (!frame->header)
		return COPIED_ANYWAY;
	header = (const void __user *)(unsigned long)frame->segs[0].addr;
	if (get_user(hdr_len, &header->hdr_len))
		return frame->header;
	return frame->header + (le16_to_cpu((__force __le16)hdr_len) ?: COPIED_ANYWAY);
}

/* Pages that @frame has behind its first @skip bytes; more than UINT_MAX it has not. */
static u32 count_pages(const struct vna_tx_frame *frame, u32 skip)
{
	u32 pages = 0, i;

	for (i = 0; i < frame->nsegs; i++) {
		vna_u64 addr = frame->segs[i].addr, len = frame->segs[i].len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		pages += DIV_ROUND_UP(offset_in_page(addr + skip) + len - skip, PAGE_SIZE);
		skip = 0;
	}
	return pages;
}

int vna_env_backend_refers(const struct vna_backend *backend)
{
	return backend->refers;
}

int vna_env_backend_send_reference(struct vna_backend *backend, struct vna_inflight *inflight,
				   vna_u32 slot, const struct vna_tx_frame *frame)
{
	u32 copied = copied_ahead(frame), pages = count_pages(frame, copied);
	struct ubuf_info *ubuf;
	s32 result;
	int error;

	if (pages > MAX_SKB_FRAGS)
		return -EMSGSIZE;
	error = vna_inflight_begin(inflight, slot, pages, &ubuf);
	if (error)
		return error;
	result = backend->ops->refer(backend, frame, copied, ubuf);
	vna_inflight_end(inflight, slot, result >= 0);
	return result < 0 ? result : 0;
}
