// SPDX-License-Identifier: GPL-2.0-only
/* Kick eventfds: polled, never read. */

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/slab.h>

#include "glue/poll.h"

struct vna_kick {
	struct file *file;
	struct vna_poller poller;
};

int vna_env_kick_open(struct vna_env *env, vna_u32 queue, vna_s32 fd, struct vna_kick **out)
{
	struct vna_kick *kick;
	int ret;

	kick = kzalloc(sizeof(*kick), GFP_KERNEL_ACCOUNT);
	if (!kick)
		return -ENOMEM;

	/* Nothing but an eventfd, so poll() behaves as poll.c counts on. */
	kick->file = eventfd_fget(fd);
	if (IS_ERR(kick->file)) {
		ret = PTR_ERR(kick->file);
		goto err_free;
	}

	kick->poller.env = env;
	kick->poller.queue = queue;
	kick->poller.event = VNA_EVENT_KICK;
	kick->poller.mask = EPOLLIN;
	ret = vna_poller_start(&kick->poller, kick->file);
	if (ret)
		goto err_put;

	*out = kick;
	return 0;

err_put:
	fput(kick->file);
err_free:
	kfree(kick);
	return ret;
}

void vna_env_kick_close(struct vna_kick *kick)
{
	vna_poller_stop(&kick->poller);
	fput(kick->file);
	kfree(kick);
}
