/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames that refer to the owner's pages, from the time that they are sent to the
 * last reference's end: a transmit queue's slots, one a frame.
 */
#ifndef VNA_INFLIGHT_H
#define VNA_INFLIGHT_H

#include <linux/skbuff.h>

#include "glue/abi.h"

/*
 * Makes @slot ready for a frame of @pages pages, with one reference for whoever
 * attaches it to an skb and one for the caller, and charges the owner.  -EDQUOT if
 * he may not lock so many.  The slot is free.
 */
int vna_inflight_begin(struct vna_inflight *inflight, u32 slot, u32 pages, struct ubuf_info **out);
/*
 * Ends the caller's reference to @slot.  @sent: the other one was attached, and the
 * slot is reported when all have ended.  If not, the slot is free again, and
 * nothing is reported.
 */
void vna_inflight_end(struct vna_inflight *inflight, u32 slot, bool sent);

void vna_inflight_exit(void);

/* Frames in flight of @queue, and pages that they pin.  In any context. */
void vna_inflight_show(const struct vna_env *env, u32 queue, u32 *frames, u32 *pages);

#endif
