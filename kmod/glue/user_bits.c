// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bits in the owner's memory, of words that the owner changes meanwhile: there is no
 * access to user memory that does that, so the page is held for as long as it takes.
 */

#include <linux/atomic.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "glue/abi.h"

int vna_env_set_bits(vna_u64 base, const vna_u64 *words, const vna_u64 *bits, vna_u32 n)
{
	struct page *page = NULL;
	unsigned long held = 0;
	int ret = 0;
	vna_u32 i;

	/* What the bits stand for was written before: with kmap, a processor's store each. */
	smp_wmb();
	for (i = 0; i < n; i++) {
		const unsigned long at = base + sizeof(u64) * words[i];
		void *map;

		if (at < base || !access_ok((void __user *)at, sizeof(u64))) {
			ret = -EFAULT;
			break;
		}
		if (!page || (at & PAGE_MASK) != held) {
			if (page)
				unpin_user_pages_dirty_lock(&page, 1, true);
			page = NULL;
			if (pin_user_pages_fast(at & PAGE_MASK, 1, FOLL_WRITE, &page) != 1) {
				page = NULL;
				ret = -EFAULT;
				break;
			}
			held = at & PAGE_MASK;
		}
		map = kmap_local_page(page);
		atomic64_or(bits[i], (atomic64_t *)(map + offset_in_page(at)));
		kunmap_local(map);
	}
	if (page)
		unpin_user_pages_dirty_lock(&page, 1, true);
	return ret;
}
