/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNA_COMPAT_GENETLINK_H
#define VNA_COMPAT_GENETLINK_H

#include <linux/version.h>
#include <net/genetlink.h>

/* The attributes of a dump's request; an operation without a policy has none. */
static inline struct nlattr **vna_compat_genl_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return genl_dumpit_info(cb)->info.attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif
