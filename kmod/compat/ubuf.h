/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNA_COMPAT_UBUF_H
#define VNA_COMPAT_UBUF_H

#include <linux/skbuff.h>
#include <linux/version.h>

/* 6.10 put the function into a structure of operations, a constant one. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define vna_compat_ubuf_ops ubuf_info_ops
#else
struct vna_compat_ubuf_ops {
	void (*complete)(struct sk_buff *skb, struct ubuf_info *ubuf, bool success);
};
#endif

/* With one reference, the caller's. */
static inline void vna_compat_ubuf_init(struct ubuf_info *ubuf,
					const struct vna_compat_ubuf_ops *ops)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	ubuf->ops = ops;
#else
	ubuf->callback = ops->complete;
#endif
	refcount_set(&ubuf->refcnt, 1);
	/* To be copied where a frame is cloned or received by the host itself. */
	ubuf->flags = SKBFL_ZEROCOPY_FRAG;
}

#endif
