/* SPDX-License-Identifier: GPL-2.0-only */
/* A device's threads, which call vna_core_work(). */
#ifndef VNA_WORKER_H
#define VNA_WORKER_H

#include <linux/compiler_types.h>
#include <linux/types.h>

struct pid;
struct vna_env;
struct vna_thread;

struct vna_worker {
	struct vna_env *env;
	u32 number;
	/* Until it is stopped, whether or not the thread still runs. */
	struct vna_thread *thread;
	/* The same while it can be woken: NULL once it is dying. */
	struct vna_thread __rcu *wakeable;
	/* For netlink, by the thread itself: who it is (netlink has a lock for it), and its CPU time. */
	struct pid *shown;
	u64 ns;
};

#endif
