/* SPDX-License-Identifier: GPL-2.0-only */
/* What tun's read would write of a frame, straight into the driver's buffers. */
#ifndef VNA_SKB_WRITE_H
#define VNA_SKB_WRITE_H

#include <linux/skbuff.h>

#include "glue/abi.h"

/* Writes header and frame and sets the result; @skb stays the caller's. */
void vna_skb_write(const struct sk_buff *skb, struct vna_rx_frame *frame);

#endif
