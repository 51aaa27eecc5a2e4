// SPDX-License-Identifier: GPL-2.0-only
#include "env.hh"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "fence.hh"
#include "glue/abi.h"

#undef atomic_thread_fence // fence.hh's: the model itself is here

namespace vna::race
{

namespace
{

template <class T> T *user(vna_u64 at)
{
	return reinterpret_cast<T *>(at);
}

template <class T> std::atomic_ref<T> field(vna_u64 at)
{
	return std::atomic_ref(*user<T>(at));
}

struct {
	std::uint64_t at = 0, len = 0;
	[[nodiscard]] bool holds(vna_u64 a) const { return a - at < len; }
} ahead;

#ifdef VNA_RACE_TSAN

// What one thread's fences are about.
thread_local struct {
	bool released = false; // and nothing but fields was written since
	std::array<vna_u64, 128> read;
	unsigned reads = 0; // since the last acquire
} since;

void note_read(vna_u64 at)
{
	since.read[since.reads++ % since.read.size()] = at;
}

void note_copy_out()
{
	since.released = false;
}

std::memory_order store_order()
{
	return since.released ? std::memory_order_release : std::memory_order_relaxed;
}

#else

void note_read(vna_u64)
{
}

void note_copy_out()
{
}

std::memory_order store_order()
{
	return std::memory_order_relaxed;
}

#endif

} // namespace

#ifdef VNA_RACE_TSAN
void fence(std::memory_order order)
{
	std::atomic_thread_fence(order); // the processor's part
	if (order != std::memory_order_release) {
		const auto n = std::min<std::size_t>(since.reads, since.read.size());
		for (std::size_t i = 0; i < n; i++)
			(void)field<vna_u16>(since.read[i]).load(std::memory_order_acquire);
		since.reads = 0;
	}
	if (order != std::memory_order_acquire)
		since.released = true;
}
#endif

void copied_ahead(std::uint64_t at, std::uint64_t len)
{
	ahead = {at, len};
}

} // namespace vna::race

using namespace vna::race;

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
	if (!ahead.holds(from)) {
		std::memcpy(to, user<void>(from), len);
		return 0;
	}
	auto *word = static_cast<char *>(to);
	for (; len; len -= 2, from += 2, word += 2) {
		const vna_u16 value = field<vna_u16>(from).load(std::memory_order_relaxed);
		std::memcpy(word, &value, sizeof value);
	}
	return 0;
}

int vna_env_copy_to_user(vna_u64 to, const void *from, unsigned long len)
{
	note_copy_out();
	std::memcpy(user<void>(to), from, len);
	return 0;
}

int vna_env_get_u16(vna_u16 *to, vna_u64 from)
{
	note_read(from);
	*to = field<vna_u16>(from).load(std::memory_order_relaxed);
	return 0;
}

int vna_env_copy_available(void *to, vna_u64 from, vna_u32 n, vna_u16 mask, vna_u16 want)
{
	auto *copy = static_cast<char *>(to);
	for (vna_u32 i = 0; i < n; i++, from += 16, copy += 16) {
		const vna_u16 flags = field<vna_u16>(from + 14).load(std::memory_order_acquire);
		if ((flags & mask) != want)
			return static_cast<int>(i);
		std::memcpy(copy, user<void>(from), 14);
		std::memcpy(copy + 14, &flags, sizeof flags);
	}
	return static_cast<int>(n);
}

int vna_env_put_u16(vna_u64 to, vna_u16 value)
{
	field<vna_u16>(to).store(value, store_order());
	return 0;
}

int vna_env_put_u64(vna_u64 to, vna_u64 value)
{
	field<vna_u64>(to).store(value, store_order());
	return 0;
}

int vna_env_scatter_u64(vna_u64 to, vna_u64, const vna_u32 *at, const vna_u64 *values, vna_u32 n)
{
	for (vna_u32 i = 0; i < n; i++)
		(void)vna_env_put_u64(to + at[i], values[i]);
	return 0;
}

int vna_env_set_bits(vna_u64 base, const vna_u64 *words, const vna_u64 *bits, vna_u32 n)
{
	for (vna_u32 i = 0; i < n; i++)
		field<vna_u64>(base + 8 * words[i]).fetch_or(bits[i], std::memory_order_relaxed);
	return 0;
}
