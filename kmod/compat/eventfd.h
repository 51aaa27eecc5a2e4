/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNA_COMPAT_EVENTFD_H
#define VNA_COMPAT_EVENTFD_H

#include <linux/eventfd.h>
#include <linux/version.h>

/* 6.8 dropped the number to add, which had always been 1. */
static inline void vna_compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

#endif
