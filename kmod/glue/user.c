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

int vna_env_copy_from_user(void *to, vna_u64 from, unsigned long len)
{
	return copy_from_user(to, user_pointer(from), len) ? -EFAULT : 0;
}

int vna_env_copy_to_user(vna_u64 to, const void *from, unsigned long len)
{
	return copy_to_user(user_pointer(to), from, len) ? -EFAULT : 0;
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

int vna_env_gather_u16(vna_u16 *to, vna_u64 from, vna_u32 stride, vna_u32 n)
{
	const void __user *at = user_pointer(from);
	vna_u32 i;

	if (!n)
		return 0;
	if (!user_read_access_begin(at, (n - 1) * (size_t)stride + sizeof(u16)))
		return -EFAULT;
	for (i = 0; i < n; i++)
		unsafe_get_user(to[i], (const u16 __user *)(at + i * (size_t)stride), fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}
