/* SPDX-License-Identifier: GPL-2.0-only */
/* Something of a file's that is waited for on a queue's behalf. */
#ifndef VNA_POLL_H
#define VNA_POLL_H

#include <linux/poll.h>
#include <linux/wait.h>

#include "glue/abi.h"

struct vna_poller {
	/* What to tell whom. */
	struct vna_env *env;
	u32 queue;
	enum vna_event event;
	__poll_t mask;
	/* Tells only once for each vna_poller_arm(). */
	bool once;
	unsigned long armed;

	wait_queue_head_t *head; /* while polling */
	wait_queue_entry_t entry;
	poll_table table;
};

int vna_poller_start(struct vna_poller *poller, struct file *file);
void vna_poller_stop(struct vna_poller *poller);
__poll_t vna_poller_arm(struct vna_poller *poller, struct file *file);

#endif
