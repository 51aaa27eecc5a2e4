// SPDX-License-Identifier: GPL-2.0-only
// The errno values that the core returns: those of asm-generic/errno.h, which
// the core may not include.
#pragma once

namespace vna {

inline constexpr int eperm = 1;
inline constexpr int e2big = 7;
inline constexpr int eagain = 11;
inline constexpr int enomem = 12;
inline constexpr int efault = 14;
inline constexpr int ebusy = 16;
inline constexpr int enodev = 19;
inline constexpr int einval = 22;
inline constexpr int enotty = 25;
inline constexpr int enospc = 28;
inline constexpr int ebadfd = 77;
inline constexpr int emsgsize = 90;
inline constexpr int eopnotsupp = 95;
inline constexpr int enobufs = 105;
inline constexpr int edquot = 122;

} // namespace vna
