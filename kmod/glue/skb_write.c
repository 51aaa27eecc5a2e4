// SPDX-License-Identifier: GPL-2.0-only

#include <linux/if_vlan.h>
#include <linux/uio.h>
#include <linux/uaccess.h>
#include <linux/virtio_net.h>

#include "glue/skb_write.h"

/*
 * Bytes up to which words are cheaper than the processor's string instructions.
 */
#define SHORT_FRAME 128

union header {
	struct virtio_net_hdr_mrg_rxbuf mrg;
	u64 words[VNA_NET_HEADER_MAX / sizeof(u64)];
};

static int make_header(union header *header, const struct sk_buff *skb,
		       const struct vna_rx_frame *frame, int vlan_len)
{
	/* Neither hash nor tunnel: only tun writes of those. */
	header->words[1] = 0;
	header->words[2] = 0;
	header->mrg.num_buffers = cpu_to_le16(frame->num_buffers);
	if (frame->blank) {
		memset(&header->mrg.hdr, 0, sizeof(header->mrg.hdr));
		return 0;
	}
	/* Guests are little-endian, legacy ones too: see core/base/types.hh. */
	return virtio_net_hdr_from_skb(skb, &header->mrg.hdr, true, true, vlan_len);
}

/*
 * A frame in one piece to a buffer in one piece: header and a short frame are
 * written in one access.
 */
static s32 write_at_once(const struct sk_buff *skb, const struct vna_rx_frame *frame,
			 const union header *header)
{
	void __user *to = (void __user *)(unsigned long)frame->segs->addr;
	void __user *data = to + frame->header;
	bool short_frame = skb->len <= SHORT_FRAME;

	if (!user_write_access_begin(to, frame->len))
		return -EFAULT;
	unsafe_put_user(header->words[0], (u64 __user *)to, fault);
	if (frame->header == sizeof(header->mrg)) {
		unsafe_put_user((u32)header->words[1], (u32 __user *)(to + 8), fault);
	} else if (frame->header == sizeof(header->mrg.hdr)) {
		unsafe_put_user((u16)header->words[1], (u16 __user *)(to + 8), fault);
	} else {
		unsafe_put_user(header->words[1], (u64 __user *)(to + 8), fault);
		unsafe_put_user(header->words[2], (u64 __user *)(to + 16), fault);
	}
	if (short_frame)
		unsafe_copy_to_user(data, skb->data, skb->len, fault);
	user_write_access_end();
	if (!short_frame && raw_copy_to_user(data, skb->data, skb->len))
		return -EFAULT;
	return frame->len;
fault:
	user_write_access_end();
	return -EFAULT;
}

static s32 write_in_pieces(const struct sk_buff *skb, const struct vna_rx_frame *frame,
			   const union header *header)
{
	struct iov_iter iter;
	int at = 0;

	/* abi_check.c: the layout is struct iovec's. */
	iov_iter_init(&iter, ITER_DEST, (const struct iovec *)frame->segs, frame->nsegs,
		      frame->len);
	if (copy_to_iter(header, frame->header, &iter) != frame->header)
		return -EFAULT;
	if (skb_vlan_tag_present(skb)) {
		const struct {
			__be16 proto;
			__be16 tci;
		} tag = {skb->vlan_proto, htons(skb_vlan_tag_get(skb))};

		at = offsetof(struct vlan_ethhdr, h_vlan_proto);
		if (skb_copy_datagram_iter(skb, 0, &iter, at) ||
		    copy_to_iter(&tag, sizeof(tag), &iter) != sizeof(tag))
			return -EFAULT;
	}
	return skb_copy_datagram_iter(skb, at, &iter, skb->len - at) ? -EFAULT : frame->len;
}

void vna_skb_write(const struct sk_buff *skb, struct vna_rx_frame *frame)
{
	int vlan_len = skb_vlan_tag_present(skb) ? VLAN_HLEN : 0;
	u32 len = frame->header + skb->len + vlan_len;
	union header header;

	if (len != frame->len)
		frame->result = len;
	else if (make_header(&header, skb, frame, vlan_len))
		frame->result = -EINVAL;
	else if (frame->nsegs == 1 && !skb_is_nonlinear(skb) && !vlan_len)
		frame->result = write_at_once(skb, frame, &header);
	else
		frame->result = write_in_pieces(skb, frame, &header);
}
