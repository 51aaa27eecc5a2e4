// SPDX-License-Identifier: GPL-2.0-only
/* The owner's memory. */

#include <linux/uaccess.h>

#include "glue/abi.h"

static void __user *user_pointer(vna_u64 addr)
{
	return (void __user *)(unsigned long)addr;
}

int vna_env_user_ok(vna_u64 addr, vna_u64 len)
{
	return access_ok(user_pointer(addr), len);
}

/*
 * Up to here words are cheaper: copy_from_user() and its like look up what lies
 * on the kernel's side first, which costs more than to copy a few descriptors.
 * What is copied so short has a size of its own, not one that a user chose.
 */
#define FEW_BYTES 512

int vna_env_copy_from_user(void *to, vna_u64 from, unsigned long len)
{
	const void __user *at = user_pointer(from);
	unsigned long i = 0;

	if (len > FEW_BYTES)
		return copy_from_user(to, at, len) ? -EFAULT : 0;
	if (!user_read_access_begin(at, len))
		return -EFAULT;
	for (; i + 16 <= len; i += 16) {
		unsafe_get_user(*(u64 *)(to + i), (const u64 __user *)(at + i), fault);
		unsafe_get_user(*(u64 *)(to + i + 8), (const u64 __user *)(at + i + 8), fault);
	}
	for (; i + 2 <= len; i += 2)
		unsafe_get_user(*(u16 *)(to + i), (const u16 __user *)(at + i), fault);
	if (i < len)
		unsafe_get_user(*(u8 *)(to + i), (const u8 __user *)(at + i), fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

int vna_env_copy_to_user(vna_u64 to, const void *from, unsigned long len)
{
	void __user *at = user_pointer(to);

	if (len > FEW_BYTES)
		return copy_to_user(at, from, len) ? -EFAULT : 0;
	if (!user_write_access_begin(at, len))
		return -EFAULT;
	unsafe_copy_to_user(at, from, len, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

int vna_env_get_u16(vna_u16 *to, vna_u64 from)
{
	return get_user(*to, (u16 __user *)user_pointer(from));
}

int vna_env_put_u16(vna_u64 to, vna_u16 value)
{
	return put_user(value, (u16 __user *)user_pointer(to));
}

int vna_env_put_u64(vna_u64 to, vna_u64 value)
{
	return put_user(value, (u64 __user *)user_pointer(to));
}

int vna_env_copy_available(void *to, vna_u64 from, vna_u32 n, vna_u16 mask, vna_u16 want)
{
	const u64 flags_mask = (u64)mask << 48, flags_want = (u64)want << 48;
	const void __user *at = user_pointer(from);
	const unsigned long len = 16ul * n;
	unsigned long i;
	u64 half;

	if (!user_read_access_begin(at, len))
		return -EFAULT;
	for (i = 0; i < len; i += 16) {
		unsafe_get_user(half, (const u64 __user *)(at + i + 8), fault);
		if ((half & flags_mask) != flags_want)
			break;
		*(u64 *)(to + i + 8) = half;
		smp_rmb(); /* the flags, then what they cover */
		unsafe_get_user(*(u64 *)(to + i), (const u64 __user *)(at + i), fault);
	}
	user_read_access_end();
	return i / 16;
fault:
	user_read_access_end();
	return i ? i / 16 : -EFAULT;
}

int vna_env_scatter_u64(vna_u64 to, vna_u64 span, const vna_u32 *at, const vna_u64 *values,
			vna_u32 n)
{
	void __user *base = user_pointer(to);
	vna_u32 i;

	if (!user_write_access_begin(base, span))
		return -EFAULT;
	for (i = 0; i < n; i++)
		unsafe_put_user(values[i], (u64 __user *)(base + at[i]), fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}
