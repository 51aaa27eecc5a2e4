/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VNA_COMPAT_PAGE_FRAG_H
#define VNA_COMPAT_PAGE_FRAG_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#include <linux/page_frag_cache.h>
#endif

/* Lets go of the page that a zeroed, or used, cache holds. */
static inline void vna_compat_page_frag_cache_drain(struct page_frag_cache *cache)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	page_frag_cache_drain(cache);
#else
	if (cache->va)
		__page_frag_cache_drain(virt_to_head_page(cache->va), cache->pagecnt_bias);
	memset(cache, 0, sizeof(*cache));
#endif
}

#endif
