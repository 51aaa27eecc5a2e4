/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread in the address space of the process that created it, and in its
 * cgroups: one of its own threads where the kernel can make such (vhost_task),
 * else a kernel thread.
 */
#ifndef VNA_COMPAT_THREAD_H
#define VNA_COMPAT_THREAD_H

#include <linux/types.h>

struct vna_thread;

/*
 * Does not run yet.  @step is called over and over, in TASK_INTERRUPTIBLE, and
 * the thread sleeps until woken when it returns false.  @killed is called when
 * the thread is about to exit without vna_thread_stop(): the process died.
 * Returns an ERR_PTR().
 */
struct vna_thread *vna_thread_create(bool (*step)(void *data), void (*killed)(void *data),
				     void *data, const char *name);
void vna_thread_start(struct vna_thread *thread);
/* In any context; not after @killed has returned. */
void vna_thread_wake(struct vna_thread *thread);
/* Once for each thread that was started, killed or not.  May sleep. */
void vna_thread_stop(struct vna_thread *thread);

#endif
