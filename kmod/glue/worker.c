// SPDX-License-Identifier: GPL-2.0-only
/* The owner, and the worker that runs in its address space. */

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "compat/thread.h"
#include "glue/env.h"

/*
 * Called over and over, in TASK_INTERRUPTIBLE: false lets the thread sleep.
 *
 * No wake-up is lost: the thread's state is set, with a full barrier, before
 * has_work() looks; vna_core_event() makes work visible before it wakes, and
 * the wake-up has a full barrier before it reads the state.
 */
static bool worker_step(void *data)
{
	struct vna_core *core = ((struct vna_env *)data)->core;

	if (!vna_core_has_work(core))
		return false;

	__set_current_state(TASK_RUNNING);
	vna_core_work(core);
	cond_resched();
	return true;
}

/*
 * The worker shares its owner's fate where it is a thread of the owner's, but
 * the descriptor may outlive both: inherited, or passed on.  From here on a
 * wake-up is nothing; detach still has to wait for the thread.
 */
static void worker_killed(void *data)
{
	struct vna_env *env = data;

	RCU_INIT_POINTER(env->worker.wakeable, NULL);
	/* Who is about to wake it has done so before its task goes. */
	synchronize_rcu();
}

int vna_env_owner_attach(struct vna_env *env)
{
	struct vna_thread *thread;
	char name[TASK_COMM_LEN];

	if (!current->mm)
		return -EINVAL;

	snprintf(name, sizeof(name), "vhost-%d", current->tgid);
	thread = vna_thread_create(worker_step, worker_killed, env, name);
	if (IS_ERR(thread))
		return PTR_ERR(thread);

	/*
	 * The structure only, so that its address is no other's.  Holding the memory
	 * is the thread's business: it goes with the owner where the thread does,
	 * whoever has the descriptor; a kernel thread keeps it (compat/thread.c).
	 */
	mmgrab(current->mm);
	env->owner = current->mm;
	env->owner_pid = current->tgid;

	/* Before it runs, and so before it can be killed. */
	env->worker.thread = thread;
	rcu_assign_pointer(env->worker.wakeable, thread);
	vna_thread_start(thread);
	return 0;
}

/*
 * Waits for the vna_core_work() under way, so no queue is locked here.  There
 * are no wake-ups either: pollers are gone, and ioctls hold the device lock.
 */
void vna_env_owner_detach(struct vna_env *env)
{
	if (!env->owner)
		return;

	RCU_INIT_POINTER(env->worker.wakeable, NULL);
	vna_thread_stop(env->worker.thread);
	env->worker.thread = NULL;

	mmdrop(env->owner);
	env->owner = NULL;
	env->owner_pid = 0;
}

int vna_env_owner_is_current(struct vna_env *env)
{
	return env->owner && env->owner == current->mm;
}

void vna_env_worker_wake(struct vna_env *env)
{
	struct vna_thread *thread;

	rcu_read_lock();
	thread = rcu_dereference(env->worker.wakeable);
	if (thread)
		vna_thread_wake(thread);
	rcu_read_unlock();
}
