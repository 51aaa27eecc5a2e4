/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread in the address space of the process that created it, in its cgroups
 * and on its CPUs.
 */
#ifndef VNA_COMPAT_THREAD_H
#define VNA_COMPAT_THREAD_H

#include <linux/types.h>

struct vna_thread;

enum vna_thread_kind {
	/* One of the caller's own threads, which counts against its limits. */
	VNA_THREAD_OF_CALLER,
	/* A kernel thread: it keeps the memory until it is stopped. */
	VNA_THREAD_OF_KERNEL,
};

/* Whether there is VNA_THREAD_OF_CALLER. */
bool vna_thread_can_fork(void);

/*
 * Does not run yet.  @step is called over and over, in TASK_INTERRUPTIBLE, and
 * the thread sleeps until woken when it returns false.  @killed is called when
 * the thread is about to exit without vna_thread_stop(): the process died.
 * An ERR_PTR(): -ENOMEM, or that a signal is to be handled first.
 */
struct vna_thread *vna_thread_create(enum vna_thread_kind kind, bool (*step)(void *data),
				     void (*killed)(void *data), void *data, const char *name);
void vna_thread_start(struct vna_thread *thread);
/* In any context; not after @killed has returned. */
void vna_thread_wake(struct vna_thread *thread);
/* Once for each thread that was started, killed or not.  May sleep. */
void vna_thread_stop(struct vna_thread *thread);

#endif
