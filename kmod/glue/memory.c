// SPDX-License-Identifier: GPL-2.0-only
/* Memory for the core. */

#include <linux/mm.h>
#include <linux/slab.h>

#include "glue/abi.h"

void *vna_env_alloc(unsigned long size)
{
	return kvzalloc(size, GFP_KERNEL_ACCOUNT);
}

void vna_env_free(void *mem)
{
	kvfree(mem);
}
