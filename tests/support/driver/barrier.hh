/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses to memory that the device reads or writes at the same time. Guests are little-endian
 * here, as the machines the module supports are.
 */
#pragma once

#include <atomic>
#include <bit>

namespace vna::driver
{

static_assert(std::endian::native == std::endian::little);

/* A load after which the loads and stores that follow may rely on what it says. */
template <typename T> T load_acquire(const T &field)
{
	return std::atomic_ref(const_cast<T &>(field)).load(std::memory_order_acquire);
}

/* A store before which everything stored earlier is visible. */
template <typename T> void store_release(T &field, T value)
{
	std::atomic_ref(field).store(value, std::memory_order_release);
}

template <typename T> T load_relaxed(const T &field)
{
	return std::atomic_ref(const_cast<T &>(field)).load(std::memory_order_relaxed);
}

template <typename T> void store_relaxed(T &field, T value)
{
	std::atomic_ref(field).store(value, std::memory_order_relaxed);
}

/*
 * Orders an earlier store before a later load. ThreadSanitizer does not model fences and g++
 * warns of that; no happens-before edge here relies on one, only the order of the two accesses.
 */
inline void full_barrier()
{
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif
	std::atomic_thread_fence(std::memory_order_seq_cst);
#pragma GCC diagnostic pop
}

} /* namespace vna::driver */
