// SPDX-License-Identifier: GPL-2.0-only
/* The device's surroundings: their making and end, and the locks. */

#include <linux/overflow.h>
#include <linux/nsproxy.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "glue/env.h"

#define LOG_INTERVAL (5 * HZ)
#define LOG_BURST 10

struct vna_env *vna_env_create(const struct vna_config *config)
{
	u32 queues = vna_core_queues();
	struct vna_env *env;
	void *mem;
	u32 i;

	env = kzalloc(struct_size(env, queue_locks, queues), GFP_KERNEL_ACCOUNT);
	if (!env)
		return NULL;
	mem = vna_env_alloc(vna_core_size());
	if (!mem)
		goto err_free_env;

	mutex_init(&env->lock);
	init_waitqueue_head(&env->messages);
	for (i = 0; i < queues; i++)
		mutex_init(&env->queue_locks[i]);
	ratelimit_state_init(&env->log_limit, LOG_INTERVAL, LOG_BURST);
	ratelimit_set_flags(&env->log_limit, RATELIMIT_MSG_ON_RELEASE);

	env->net = get_net(current->nsproxy->net_ns);
	env->core = vna_core_create(mem, env, config);
	return env;

err_free_env:
	kfree(env);
	return NULL;
}

void vna_env_destroy(struct vna_env *env)
{
	u32 i;

	/* After this there are neither pollers nor workers: nobody looks at env. */
	vna_core_destroy(env->core);
	vna_env_free(env->core);

	for (i = 0; i < vna_core_queues(); i++)
		mutex_destroy(&env->queue_locks[i]);
	mutex_destroy(&env->lock);
	/* Says how many lines there would have been. */
	ratelimit_state_exit(&env->log_limit);
	put_net(env->net);
	kfree(env);
}

void vna_env_lock_device(struct vna_env *env)
{
	mutex_lock(&env->lock);
}

void vna_env_unlock_device(struct vna_env *env)
{
	mutex_unlock(&env->lock);
}

void vna_env_lock_queue(struct vna_env *env, vna_u32 queue)
{
	/* The index tells lockdep of the order, which is ascending. */
	mutex_lock_nested(&env->queue_locks[queue], queue);
}

int vna_env_lock_device_unless_signal(struct vna_env *env)
{
	return mutex_lock_interruptible(&env->lock) ? -ERESTARTSYS : 0;
}

int vna_env_lock_queue_unless_signal(struct vna_env *env, vna_u32 queue)
{
	return mutex_lock_interruptible_nested(&env->queue_locks[queue], queue) ? -ERESTARTSYS : 0;
}

void vna_env_unlock_queue(struct vna_env *env, vna_u32 queue)
{
	mutex_unlock(&env->queue_locks[queue]);
}
