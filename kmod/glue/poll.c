// SPDX-License-Identifier: GPL-2.0-only
/*
 * One entry in the wait queue of an eventfd, a tap or a socket.  All of these
 * keep their wait queue for as long as the file is held, which is the caller's
 * part: there is no POLLFREE to heed.
 */

#include <linux/container_of.h>
#include <linux/fs.h>

#include "glue/env.h"
#include "glue/poll.h"

/* In any context, with the wait queue's lock held. */
static int poller_wake(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	struct vna_poller *poller = container_of(entry, struct vna_poller, entry);

	/*
	 * Hang-ups and errors are told by whoever is next asked to send or receive.
	 * They are no event by themselves, as nothing would ever take them away.
	 */
	if (!(key_to_poll(key) & poller->mask))
		return 0;
	if (poller->once && !test_and_clear_bit(0, &poller->armed))
		return 0;

	vna_core_event(poller->env->core, poller->queue, poller->event);
	return 0;
}

static void poller_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct vna_poller *poller = container_of(table, struct vna_poller, table);

	/* There is one entry; none of the files polled here has two queues. */
	if (WARN_ON_ONCE(poller->head))
		return;
	poller->head = head;
	add_wait_queue(head, &poller->entry);
}

/*
 * Polls @file, which stays open until vna_poller_stop().  What it is ready for
 * is an event at once.
 */
int vna_poller_start(struct vna_poller *poller, struct file *file)
{
	__poll_t ready;

	poller->head = NULL;
	poller->armed = 1;
	init_waitqueue_func_entry(&poller->entry, poller_wake);
	init_poll_funcptr(&poller->table, poller_queue);
	/* Asks for no more than is waited for: not for busy polling above all. */
	poller->table._key = poller->mask | EPOLLERR;

	ready = vfs_poll(file, &poller->table);
	if (ready & EPOLLERR) {
		vna_poller_stop(poller);
		return -EINVAL;
	}
	if (ready & poller->mask)
		vna_core_event(poller->env->core, poller->queue, poller->event);
	return 0;
}

/* When this returns, no event is under way and none will come. */
void vna_poller_stop(struct vna_poller *poller)
{
	if (!poller->head)
		return;
	/* Takes the lock that poller_wake() is called under. */
	remove_wait_queue(poller->head, &poller->entry);
	poller->head = NULL;
}

/*
 * One event for the next wake-up, in case @file is not ready now: returns what
 * it is ready for.
 *
 * The bit is set before the file's state is read; the file changes its state
 * before it calls poller_wake(), which reads the bit.  One of the two sees it.
 */
__poll_t vna_poller_arm(struct vna_poller *poller, struct file *file)
{
	poll_table table;

	init_poll_funcptr(&table, NULL);
	table._key = poller->mask | EPOLLERR;

	set_bit(0, &poller->armed);
	smp_mb__after_atomic();
	return vfs_poll(file, &table);
}
