// SPDX-License-Identifier: GPL-2.0-only
// The user memory of glue/abi.h where the user is this process: no checks, no
// bookkeeping, what the compiler makes of it.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "shape.h"

namespace
{

template <class T> volatile T *at(vna_u64 addr)
{
	return reinterpret_cast<volatile T *>(addr);
}

} // namespace

void *vna_env_alloc(unsigned long size)
{
	return std::calloc(1, size);
}

void vna_env_free(void *mem)
{
	std::free(mem);
}

int vna_env_user_ok(vna_u64, vna_u64)
{
	return 1;
}

int vna_env_copy_from_user(void *to, vna_u64 from, unsigned long len)
{
	std::memcpy(to, reinterpret_cast<const void *>(from), len);
	return 0;
}

int vna_env_copy_to_user(vna_u64 to, const void *from, unsigned long len)
{
	std::memcpy(reinterpret_cast<void *>(to), from, len);
	return 0;
}

int vna_env_get_u16(vna_u16 *to, vna_u64 from)
{
	*to = *at<vna_u16>(from);
	return 0;
}

int vna_env_put_u16(vna_u64 to, vna_u16 value)
{
	*at<vna_u16>(to) = value;
	return 0;
}

int vna_env_put_u64(vna_u64 to, vna_u64 value)
{
	*at<vna_u64>(to) = value;
	return 0;
}

int vna_env_copy_available(void *to, vna_u64 from, vna_u32 n, vna_u16 mask, vna_u16 want)
{
	auto *copy = static_cast<vna_u64 *>(to);
	for (vna_u32 i = 0; i < n; i++, from += 16) {
		const vna_u64 half = *at<vna_u64>(from + 8);
		if ((half >> 48 & mask) != want)
			return static_cast<int>(i);
		*copy++ = *at<vna_u64>(from);
		*copy++ = half;
	}
	return static_cast<int>(n);
}

int vna_env_scatter_u64(vna_u64 to, vna_u64, const vna_u32 *places, const vna_u64 *values, vna_u32 n)
{
	for (vna_u32 i = 0; i < n; i++)
		*at<vna_u64>(to + places[i]) = values[i];
	return 0;
}

int vna_env_set_bits(vna_u64 base, const vna_u64 *words, const vna_u64 *bits, vna_u32 n)
{
	for (vna_u32 i = 0; i < n; i++)
		*at<vna_u64>(base + 8 * words[i]) = *at<vna_u64>(base + 8 * words[i]) | bits[i];
	return 0;
}

void vna_env_bug(const char *what)
{
	std::fprintf(stderr, "bug in the core: %s\n", what);
	std::abort();
}

void vna_bench_begin() {}

void vna_bench_end() {}
