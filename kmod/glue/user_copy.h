/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies of the owner's memory into a frame's buffer.  copy_from_user() looks up what lies on the kernel's side first, to catch lengths that are out of
 * hand; that costs more than a short frame's copy, and here the length was
 * checked against the buffer, which is the frame's own.
 */
#ifndef VNA_USER_COPY_H
#define VNA_USER_COPY_H

#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "glue/abi.h"

static inline bool vna_user_read(void *to, vna_u64 from, unsigned long len)
{
	const void __user *at = (const void __user *)(unsigned long)from;

	if (!access_ok(at, len))
		return false;
	barrier_nospec(); /* as copy_from_user() has it */
	return !raw_copy_from_user(to, at, len);
}

#endif
