// SPDX-License-Identifier: GPL-2.0-only
/* The owner, and the workers that run in its address space. */

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/pid.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/stat.h>
#include <linux/sched/mm.h>

#include "compat/thread.h"
#include "glue/env.h"
#include "glue/netlink.h"

/*
 * Called over and over, in TASK_INTERRUPTIBLE: false lets the thread sleep.
 *
 * No wake-up is lost: the thread's state is set, with a full barrier, before
 * has_work() looks; vna_core_event() makes work visible before it wakes, and
 * the wake-up has a full barrier before it reads the state.
 */
static bool worker_step(void *data)
{
	struct vna_worker *worker = data;
	struct vna_core *core = worker->env->core;

	if (!vna_core_has_work(core, worker->number))
		return false;

	__set_current_state(TASK_RUNNING);
	/* Before the first frame: whoever sees that one was served can see by whom. */
	if (!worker->shown)
		vna_netlink_show_process(&worker->shown, get_task_pid(current, PIDTYPE_PID));
	vna_core_work(core, worker->number);
	WRITE_ONCE(worker->ns, current->se.sum_exec_runtime);
	cond_resched();
	return true;
}

/*
 * The worker shares its owner's fate where it is a thread of the owner's, but
 * the descriptor may outlive both: inherited, or passed on.  From here on a
 * wake-up is nothing; whoever stops the worker still has to wait for the thread.
 */
static void worker_killed(void *data)
{
	struct vna_worker *worker = data;

	vna_core_worker_killed(worker->env->core, worker->number);
	RCU_INIT_POINTER(worker->wakeable, NULL);
	/* Who is about to wake it has done so before its task goes. */
	synchronize_rcu();
}

int vna_env_owner_attach(struct vna_env *env)
{
	if (!current->mm)
		return -EINVAL;

	/*
	 * The structure only, so that its address is no other's.  Holding the memory
	 * is the threads' business: it goes with the owner where they do, whoever has
	 * the descriptor; a kernel thread keeps it (compat/thread.c).
	 */
	mmgrab(current->mm);
	env->owner = current->mm;
	WRITE_ONCE(env->owner_pid, current->tgid);
	vna_netlink_show_process(&env->owner_process, get_task_pid(current, PIDTYPE_TGID));
	return 0;
}

/* For whoever stops the worker when nobody can wake it. */
static void worker_end(struct vna_worker *worker)
{
	vna_thread_stop(worker->thread);
	worker->thread = NULL;
	vna_netlink_show_process(&worker->shown, NULL);
}

/*
 * Waits for each vna_core_work() under way, so no queue is locked here.  There
 * are no wake-ups either: pollers are gone, and ioctls hold the device lock.
 */
void vna_env_owner_detach(struct vna_env *env)
{
	unsigned int i;

	if (!env->owner)
		return;

	for (i = 0; i < ARRAY_SIZE(env->workers); i++) {
		if (!env->workers[i].thread)
			continue;
		RCU_INIT_POINTER(env->workers[i].wakeable, NULL);
		worker_end(&env->workers[i]);
	}

	mmdrop(env->owner);
	env->owner = NULL;
	WRITE_ONCE(env->owner_pid, 0);
	vna_netlink_show_process(&env->owner_process, NULL);
}

int vna_env_owner_is_current(struct vna_env *env)
{
	return env->owner && env->owner == current->mm;
}

int vna_env_worker_start(struct vna_env *env, vna_u32 number, int fork)
{
	struct vna_worker *worker = &env->workers[number];
	struct vna_thread *thread;
	char name[TASK_COMM_LEN];

	worker->env = env;
	worker->number = number;
	snprintf(name, sizeof(name), "vhost-%d", current->tgid);
	thread = vna_thread_create(fork ? VNA_THREAD_OF_CALLER : VNA_THREAD_OF_KERNEL, worker_step,
				   worker_killed, worker, name);
	if (IS_ERR(thread))
		return PTR_ERR(thread);

	/* Before it runs, and so before it can be killed. */
	worker->thread = thread;
	rcu_assign_pointer(worker->wakeable, thread);
	vna_thread_start(thread);
	return 0;
}

void vna_env_worker_stop(struct vna_env *env, vna_u32 number)
{
	struct vna_worker *worker = &env->workers[number];

	RCU_INIT_POINTER(worker->wakeable, NULL);
	/* An event may have found it when it still served that queue. */
	synchronize_rcu();
	worker_end(worker);
}

void vna_env_worker_wake(struct vna_env *env, vna_u32 number)
{
	struct vna_thread *thread;

	rcu_read_lock();
	thread = rcu_dereference(env->workers[number].wakeable);
	if (thread)
		vna_thread_wake(thread);
	rcu_read_unlock();
}

int vna_env_can_poll(void)
{
	return num_online_cpus() > 1;
}

vna_u64 vna_env_now(void)
{
	return local_clock() | 1;
}

/*
 * Who waits for this CPU need not wait for a tick to say so.  Signals are the
 * thread's business, between two turns.
 */
int vna_env_relax(void)
{
	cpu_relax();
	return need_resched() || !single_task_running();
}
