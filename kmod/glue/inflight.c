// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lifetime.  A frame may outlive the queue that sent it, the descriptor and
 * its owner: a traffic shaper holds it for as long as it likes.  So the slots are
 * an object of their own, with a reference for the queue and one for each frame,
 * and, where some are left when the queue lets go, with one to the module, whose code
 * the last frame calls.
 *
 * Completion runs in an RCU read section: the slots are freed after one, and who
 * closes them waits for those that might still tell the device.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat/ubuf.h"
#include "glue/env.h"
#include "glue/inflight.h"
#include "glue/trace.h"

static_assert(VNA_MAX_IN_FLIGHT == BITS_PER_LONG);

struct slot {
	struct ubuf_info ubuf;
	struct vna_inflight *inflight;
	u32 pages;
};

struct vna_inflight {
	/* One for the queue, and one for each slot that is not free. */
	atomic_t refs;
	/* A bit for each slot: its frame has gone; it was copied before. */
	atomic_long_t done;
	unsigned long copied;
	/* Who is told; NULL once the queue has let go. */
	struct vna_env __rcu *env;
	u32 queue;
	u32 dev; /* its device's id */
	/* Who is charged, and how much he may have; NULL if he may have all. */
	struct user_struct *user;
	unsigned long limit; /* pages */
	atomic_long_t pages; /* pinned */
	wait_queue_head_t wait;
	struct rcu_head rcu;
	struct slot slots[VNA_MAX_IN_FLIGHT];
};

static struct slot *to_slot(struct ubuf_info *ubuf)
{
	return container_of(ubuf, struct slot, ubuf);
}

/* As other users of RLIMIT_MEMLOCK whose pages are not a part of a mapping. */
static bool charge(struct vna_inflight *inflight, unsigned long pages)
{
	atomic_long_t *locked;
	long now;

	if (!inflight->user)
		return true;
	locked = &inflight->user->locked_vm;
	now = atomic_long_read(locked);
	do {
		if (now + pages > inflight->limit)
			return false;
	} while (!atomic_long_try_cmpxchg(locked, &now, now + pages));
	return true;
}

static void uncharge(struct vna_inflight *inflight, unsigned long pages)
{
	atomic_long_sub(pages, &inflight->pages);
	if (inflight->user)
		atomic_long_sub(pages, &inflight->user->locked_vm);
}

/* vna_inflight_exit() waits for this to return. */
static void inflight_free(struct rcu_head *rcu)
{
	struct vna_inflight *inflight = container_of(rcu, struct vna_inflight, rcu);

	if (inflight->user)
		free_uid(inflight->user);
	kvfree(inflight);
	module_put(THIS_MODULE);
}

/* In an RCU read section, or by the queue. */
static void inflight_put(struct vna_inflight *inflight)
{
	int left = atomic_dec_return(&inflight->refs);

	if (left == 1 && waitqueue_active(&inflight->wait))
		wake_up(&inflight->wait);
	else if (!left)
		call_rcu(&inflight->rcu, inflight_free);
}

static void trace_slot(const struct slot *slot, enum vna_trace_zerocopy state)
{
	const struct vna_inflight *inflight = slot->inflight;

	trace_vna_zerocopy(inflight->dev, inflight->queue, slot - inflight->slots, state,
			   slot->pages);
}

/* In any context: the last reference to the frame's pages has ended. */
static void slot_done(struct slot *slot)
{
	struct vna_inflight *inflight = slot->inflight;
	struct vna_env *env;

	trace_slot(slot, test_bit(slot - inflight->slots, &inflight->copied) ? VNA_TRACE_COPIED :
									       VNA_TRACE_LANDED);
	uncharge(inflight, slot->pages);
	rcu_read_lock();
	/* A full barrier on either side: see vna_env_inflight_reap(). */
	atomic_long_or(BIT(slot - inflight->slots), &inflight->done);
	smp_mb__after_atomic();
	env = rcu_dereference(inflight->env);
	if (env)
		vna_core_event(env->core, inflight->queue, VNA_EVENT_COMPLETED);
	inflight_put(inflight);
	rcu_read_unlock();
}

/*
 * Once for each skb whose fragments refer to the pages: a clone has a reference of
 * its own where it is not copied, and only the last one ends the frame.
 */
static void slot_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
	struct slot *slot = to_slot(ubuf);

	if (!success)
		set_bit(slot - slot->inflight->slots, &slot->inflight->copied);
	if (refcount_dec_and_test(&ubuf->refcnt))
		slot_done(slot);
}

static const struct vna_compat_ubuf_ops slot_ops = {
	.complete = slot_complete,
};

int vna_inflight_begin(struct vna_inflight *inflight, u32 n, u32 pages, struct ubuf_info **out)
{
	struct slot *slot = &inflight->slots[n];

	if (!charge(inflight, pages))
		return -EDQUOT;
	slot->pages = pages;
	atomic_long_add(pages, &inflight->pages);
	clear_bit(n, &inflight->copied);
	vna_compat_ubuf_init(&slot->ubuf, &slot_ops);
	refcount_inc(&slot->ubuf.refcnt);
	atomic_inc(&inflight->refs);
	*out = &slot->ubuf;
	return 0;
}

void vna_inflight_end(struct vna_inflight *inflight, u32 n, bool sent)
{
	struct slot *slot = &inflight->slots[n];

	trace_slot(slot, sent ? VNA_TRACE_SENT : VNA_TRACE_REFUSED);
	if (sent) {
		if (refcount_dec_and_test(&slot->ubuf.refcnt))
			slot_done(slot);
		return;
	}
	uncharge(inflight, slot->pages);
	/* Not the last: the queue has its own, and no one waits meanwhile. */
	atomic_dec(&inflight->refs);
}

int vna_env_inflight_open(struct vna_env *env, vna_u32 queue, struct vna_inflight **out)
{
	struct vna_inflight *inflight;
	unsigned int i;

	inflight = kvzalloc(sizeof(*inflight), GFP_KERNEL_ACCOUNT);
	if (!inflight)
		return -ENOMEM;
	atomic_set(&inflight->refs, 1);
	RCU_INIT_POINTER(inflight->env, env);
	inflight->queue = queue;
	inflight->dev = env->id;
	if (!capable(CAP_IPC_LOCK)) {
		inflight->user = get_uid(current_user());
		inflight->limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	}
	init_waitqueue_head(&inflight->wait);
	for (i = 0; i < VNA_MAX_IN_FLIGHT; i++)
		inflight->slots[i].inflight = inflight;
	rcu_assign_pointer(env->queues[queue].inflight, inflight);
	*out = inflight;
	return 0;
}

void vna_inflight_show(const struct vna_env *env, u32 queue, u32 *frames, u32 *pages)
{
	struct vna_inflight *inflight;

	*frames = *pages = 0;
	rcu_read_lock();
	inflight = rcu_dereference(env->queues[queue].inflight);
	if (inflight) {
		/* Without the queue's own reference. */
		*frames = max(atomic_read(&inflight->refs), 1) - 1;
		*pages = atomic_long_read(&inflight->pages);
	}
	rcu_read_unlock();
}

int vna_env_inflight_wait(struct vna_inflight *inflight, vna_u32 ms)
{
	return wait_event_killable_timeout(inflight->wait, atomic_read(&inflight->refs) == 1,
					   msecs_to_jiffies(ms)) > 0;
}

vna_u64 vna_env_inflight_reap(struct vna_inflight *inflight, vna_u64 *copied)
{
	unsigned long done = atomic_long_xchg(&inflight->done, 0);

	*copied = READ_ONCE(inflight->copied) & done;
	return done;
}

void vna_env_inflight_close(struct vna_inflight *inflight)
{
	struct vna_env *env = rcu_dereference_protected(inflight->env, true);

	RCU_INIT_POINTER(env->queues[inflight->queue].inflight, NULL);
	RCU_INIT_POINTER(inflight->env, NULL);
	/* With no frame left, none is about to tell the device; one may still look here. */
	if (atomic_read_acquire(&inflight->refs) == 1) {
		if (inflight->user)
			free_uid(inflight->user);
		kvfree_rcu(inflight, rcu);
		return;
	}
	/* The descriptor has one of its own so far: for frames that outlive it. */
	__module_get(THIS_MODULE);
	synchronize_rcu();
	inflight_put(inflight);
}

void vna_inflight_exit(void)
{
	/* inflight_free() lets go of the module, and has yet to return. */
	rcu_barrier();
}
