/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames that enter the network stack as a tap's, without tun's help: where
 * glue/netdev knows the device, and all that tun would do is done here.
 *
 * False: nothing has happened, and tun is to have them.
 */
#ifndef VNA_TUN_INJECT_H
#define VNA_TUN_INJECT_H

#include "glue/netdev.h"
#include "glue/tun_batch.h"

/* All of @batch, in order. */
bool vna_tun_inject(struct vna_tun_batch *batch, const struct socket *sock,
		    struct vna_netdev *netdev);
/*
 * @frame, whatever its length and header.  @batch has memory to give, and nothing
 * in it.  May sleep.
 */
bool vna_tun_inject_one(struct vna_tun_batch *batch, struct vna_tx_frame *frame,
			const struct socket *sock, struct vna_netdev *netdev);
/*
 * The same by reference but for its beginning: what is referred to is behind its
 * first @copied bytes.  @ubuf is told of the end of that.
 */
bool vna_tun_inject_reference(struct vna_tun_batch *batch, const struct vna_tx_frame *frame,
			      u32 copied, struct ubuf_info *ubuf, const struct socket *sock,
			      struct vna_netdev *netdev);

#endif
