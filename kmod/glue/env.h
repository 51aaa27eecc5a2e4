/* SPDX-License-Identifier: GPL-2.0-only */
/* What surrounds one device: the C side of an open descriptor. */
#ifndef VNA_ENV_H
#define VNA_ENV_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/ratelimit_types.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "core/control/vhost_abi.h"
#include "glue/abi.h"
#include "glue/worker.h"

struct mm_struct;
struct net;
struct pid;

struct vna_env {
	struct vna_core *core;
	struct net *net; /* its opener's */
	u32 id; /* while it can be found */
	refcount_t users; /* of the descriptor and of those who found it */
	struct completion unused;
	struct mutex lock;

	/* The owner, or NULL: for comparison only, its memory may be gone. */
	struct mm_struct *owner;
	pid_t owner_pid; /* for the log */
	struct pid *owner_process; /* for netlink, which has a lock for it */
	struct vna_worker workers[VNA_MAX_WORKERS];

	/* Those who wait for a message: glue/message.c. */
	wait_queue_head_t messages;

	/* One a device, so that no guest can silence another's lines. */
	struct ratelimit_state log_limit;

	/* Of each queue, for netlink: who binds backends and stops queues writes. */
	struct {
		struct vna_env_backend {
			struct vna_backend *of; /* attached, or NULL */
			u32 type;
			int ifindex; /* 0: none in the device's namespace */
		} backend;
		struct vna_queue_stopped {
			const char *rule;
			const char *text;
		} stopped;
		struct vna_inflight __rcu *inflight; /* while it is open */
	} queues[VNA_VHOST_NET_VQ_MAX];

	struct mutex queue_locks[]; /* vna_core_queues() */
};

struct vna_env *vna_env_create(const struct vna_config *config);
void vna_env_destroy(struct vna_env *env);

#endif
