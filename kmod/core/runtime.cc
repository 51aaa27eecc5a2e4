// SPDX-License-Identifier: GPL-2.0-only
//
// What the compiler and libstdc++ expect of a C++ runtime.  Each is the end of
// something that cannot happen; nothing here allocates.

#include <new>

#include "glue/abi.h"

namespace {

// vna_env_bug() does not return, but must not be declared so: objtool of 6.1
// knows no functions of this module that do not.
[[noreturn, gnu::cold]] void die(const char *what)
{
	vna_env_bug(what);
	__builtin_trap();
}

} // namespace

extern "C" void __cxa_pure_virtual();
extern "C" void __cxa_pure_virtual()
{
	die("pure virtual function called");
}

namespace std {

[[noreturn]] void terminate() noexcept;
[[noreturn]] void terminate() noexcept
{
	die("std::terminate");
}

[[noreturn]] void __glibcxx_assert_fail(const char *file, int line, const char *function,
					const char *condition) noexcept;
[[noreturn]] void __glibcxx_assert_fail(const char *, int, const char *,
					const char *condition) noexcept
{
	die(condition);
}

} // namespace std

// A virtual destructor brings a deleting one, which refers to this.
void operator delete(void *) noexcept
{
	die("operator delete called");
}
