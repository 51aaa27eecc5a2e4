// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's log. */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>

#include "glue/env.h"

void vna_env_log(struct vna_env *env, const char *fmt, ...)
{
	struct va_format line;
	va_list args;

	/* To one who is being killed, all user memory faults: that is no news. */
	if (in_task() && fatal_signal_pending(current))
		return;
	if (!__ratelimit(&env->log_limit))
		return;

	va_start(args, fmt);
	line.fmt = fmt;
	line.va = &args;
	pr_err("vhost-%d: %pV\n", env->owner_pid, &line);
	va_end(args);
}

void vna_env_bug(const char *what)
{
	pr_emerg("%s\n", what);
	BUG();
}
