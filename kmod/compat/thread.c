// SPDX-License-Identifier: GPL-2.0-only

#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "compat/thread.h"

/* 6.4 has vhost_task, but one that can't be killed until 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#include <linux/sched/vhost_task.h>
#else
/* Never made: see vna_thread_can_fork(). */
struct vhost_task;

static struct vhost_task *vhost_task_create(bool (*step)(void *data), void (*killed)(void *data),
					    void *data, const char *name)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void vhost_task_start(struct vhost_task *task)
{
}

static void vhost_task_wake(struct vhost_task *task)
{
}

static void vhost_task_stop(struct vhost_task *task)
{
}
#endif

struct vna_thread {
	/* One of the two. */
	struct vhost_task *of_caller;
	struct task_struct *of_kernel;

	/* The kernel thread's. */
	bool (*step)(void *data);
	void *data;
	struct mm_struct *mm;

	/* While it is being created: whose cgroups, and what came of that. */
	struct task_struct *creator;
	struct completion joined;
	int error;
};

bool vna_thread_can_fork(void)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0);
}

static int create_of_caller(struct vna_thread *thread, bool (*step)(void *data),
			    void (*killed)(void *data), void *data, const char *name)
{
	struct vhost_task *task = vhost_task_create(step, killed, data, name);

	/* Until 6.14 NULL stands for any error, a signal to be handled first too. */
	if (!task)
		return signal_pending(current) ? -ERESTARTNOINTR : -ENOMEM;
	/* From then on it is told apart from others: a limit that is reached, say. */
	if (IS_ERR(task))
		return PTR_ERR(task) == -ERESTARTNOINTR ? -ERESTARTNOINTR : -ENOMEM;
	thread->of_caller = task;
	return 0;
}

static int thread_main(void *data)
{
	struct vna_thread *thread = data;

	thread->error = cgroup_attach_task_all(thread->creator, current);
	complete(&thread->joined);

	kthread_use_mm(thread->mm);
	for (;;) {
		/* A full barrier between this and what is looked at: see kthread_stop(). */
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!thread->step(thread->data))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(thread->mm);
	return 0;
}

static int create_of_kernel(struct vna_thread *thread, bool (*step)(void *data), void *data,
			    const char *name)
{
	struct task_struct *task;
	int ret;

	thread->step = step;
	thread->data = data;
	thread->creator = current;
	init_completion(&thread->joined);
	/* Users, not only the structure: nothing kills the thread with its process. */
	mmget(current->mm);
	thread->mm = current->mm;

	task = kthread_create(thread_main, thread, "%s", name);
	if (IS_ERR(task)) {
		ret = PTR_ERR(task);
		goto err_put;
	}

	/* It can join the cgroups only by itself, and steps without work until then. */
	wake_up_process(task);
	wait_for_completion(&thread->joined);
	ret = thread->error;
	if (ret)
		goto err_stop;
	/* Only then, as they come with CPUs of their own.  None is left: any will do. */
	set_cpus_allowed_ptr(task, &current->cpus_mask);
	thread->of_kernel = task;
	return 0;

err_stop:
	kthread_stop(task);
err_put:
	mmput(thread->mm);
	return ret;
}

struct vna_thread *vna_thread_create(enum vna_thread_kind kind, bool (*step)(void *data),
				     void (*killed)(void *data), void *data, const char *name)
{
	struct vna_thread *thread;
	int ret;

	thread = kzalloc(sizeof(*thread), GFP_KERNEL_ACCOUNT);
	if (!thread)
		return ERR_PTR(-ENOMEM);

	if (kind == VNA_THREAD_OF_CALLER)
		ret = create_of_caller(thread, step, killed, data, name);
	else
		ret = create_of_kernel(thread, step, data, name);
	if (ret) {
		kfree(thread);
		return ERR_PTR(ret);
	}
	return thread;
}

void vna_thread_start(struct vna_thread *thread)
{
	if (thread->of_caller)
		vhost_task_start(thread->of_caller);
	else
		wake_up_process(thread->of_kernel);
}

void vna_thread_wake(struct vna_thread *thread)
{
	if (thread->of_caller)
		vhost_task_wake(thread->of_caller);
	else
		wake_up_process(thread->of_kernel);
}

void vna_thread_stop(struct vna_thread *thread)
{
	if (thread->of_caller) {
		/* Only waits, if the thread was killed. */
		vhost_task_stop(thread->of_caller);
	} else {
		kthread_stop(thread->of_kernel);
		mmput(thread->mm);
	}
	kfree(thread);
}
