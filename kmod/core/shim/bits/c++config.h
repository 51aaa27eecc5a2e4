// SPDX-License-Identifier: GPL-2.0-only
// libstdc++ 12 takes no notice of -ffreestanding (13 and later do): <atomic>
// would want <pthread.h> for waiting.  Here are neither threads nor futexes.
#pragma once
#pragma GCC system_header
#include_next <bits/c++config.h>
#undef _GLIBCXX_HAS_GTHREADS
#undef _GLIBCXX_HAVE_LINUX_FUTEX
#undef _GLIBCXX_VERBOSE_ASSERT
