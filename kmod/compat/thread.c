// SPDX-License-Identifier: GPL-2.0-only

#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/version.h>

#include "compat/thread.h"

/* 6.4 has vhost_task, but one that can't be killed until 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)

#include <linux/sched/vhost_task.h>

static struct vhost_task *to_task(struct vna_thread *thread)
{
	return (struct vhost_task *)thread;
}

struct vna_thread *vna_thread_create(bool (*step)(void *data), void (*killed)(void *data),
				     void *data, const char *name)
{
	struct vhost_task *task = vhost_task_create(step, killed, data, name);

	/* Until 6.14 NULL stands for any error, a signal to be handled first too. */
	if (!task)
		task = ERR_PTR(signal_pending(current) ? -ERESTARTNOINTR : -ENOMEM);
	return (struct vna_thread *)task;
}

void vna_thread_start(struct vna_thread *thread)
{
	vhost_task_start(to_task(thread));
}

void vna_thread_wake(struct vna_thread *thread)
{
	vhost_task_wake(to_task(thread));
}

void vna_thread_stop(struct vna_thread *thread)
{
	/* Only waits, if the thread was killed. */
	vhost_task_stop(to_task(thread));
}

#else

#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

struct vna_thread {
	bool (*step)(void *data);
	void *data;
	struct mm_struct *mm;
	struct task_struct *task;

	/* While it is being created: whose cgroups, and what came of that. */
	struct task_struct *creator;
	struct completion joined;
	int error;
};

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

struct vna_thread *vna_thread_create(bool (*step)(void *data), void (*killed)(void *data),
				     void *data, const char *name)
{
	struct vna_thread *thread;
	int ret;

	thread = kzalloc(sizeof(*thread), GFP_KERNEL_ACCOUNT);
	if (!thread)
		return ERR_PTR(-ENOMEM);
	thread->step = step;
	thread->data = data;
	thread->creator = current;
	init_completion(&thread->joined);
	/* Users, not only the structure: nothing kills the thread with its process. */
	mmget(current->mm);
	thread->mm = current->mm;

	thread->task = kthread_create(thread_main, thread, "%s", name);
	if (IS_ERR(thread->task)) {
		ret = PTR_ERR(thread->task);
		goto err_put;
	}

	/* It can join the cgroups only by itself, and steps without work until then. */
	wake_up_process(thread->task);
	wait_for_completion(&thread->joined);
	if (thread->error) {
		ret = thread->error;
		goto err_stop;
	}
	return thread;

err_stop:
	kthread_stop(thread->task);
err_put:
	mmput(thread->mm);
	kfree(thread);
	return ERR_PTR(ret);
}

void vna_thread_start(struct vna_thread *thread)
{
	wake_up_process(thread->task);
}

void vna_thread_wake(struct vna_thread *thread)
{
	wake_up_process(thread->task);
}

void vna_thread_stop(struct vna_thread *thread)
{
	kthread_stop(thread->task);
	mmput(thread->mm);
	kfree(thread);
}

#endif
