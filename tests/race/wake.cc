// SPDX-License-Identifier: GPL-2.0-only
#include "wake.hh"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vna::race
{

namespace
{

constexpr auto relaxed = std::memory_order_relaxed;
// Looks before it leaves the processor: a sleeper who is quickly woken meets the other side's
// next step, which is what this test is for.
constexpr unsigned looks = 2000;

long futex(std::atomic<vna_u32> &word, int operation, vna_u32 value)
{
	return syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

} // namespace

void Wake::post()
{
	posts_.fetch_add(1, relaxed);
	if (word_.fetch_add(post_, relaxed) & sleeper)
		futex(word_, FUTEX_WAKE_PRIVATE, 1);
}

void Wake::wait()
{
	waits_.fetch_add(1, relaxed);
	waiting_.store(true, relaxed);
	for (unsigned i = 0; i < looks && !word_.load(relaxed); i++)
		__builtin_ia32_pause();
	vna_u32 none = 0;
	word_.compare_exchange_strong(none, sleeper, relaxed);
	while (word_.load(relaxed) == sleeper)
		futex(word_, FUTEX_WAIT_PRIVATE, sleeper);
	word_.exchange(0, relaxed);
	waiting_.store(false, relaxed);
}

vna_u64 Wake::asleep() const
{
	return waiting_.load(relaxed) && word_.load(relaxed) <= sleeper ? waits_.load(relaxed) : 0;
}

} // namespace vna::race
