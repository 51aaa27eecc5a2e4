// SPDX-License-Identifier: GPL-2.0-only
/* Messages of the device IOTLB, through the descriptor. */

#include <linux/fs.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "glue/env.h"
#include "glue/message.h"

/* As vhost-net has it: nothing is read into what is too short for a message. */
ssize_t vna_message_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct vna_env *env = iocb->ki_filp->private_data;
	const bool noblock = iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	u8 message[VNA_MESSAGE_BYTES];
	int ret;

	if (iov_iter_count(to) < sizeof(message))
		return 0;
	while ((ret = vna_core_read_message(env->core, message))) {
		if (noblock)
			return -EAGAIN;
		if (ret != -EAGAIN)
			return ret;
		if (wait_event_interruptible(env->messages, vna_core_has_message(env->core)))
			return -ERESTARTSYS;
	}
	return copy_to_iter(message, sizeof(message), to);
}

/* Also as vhost-net has it: what is behind the message need not be there. */
ssize_t vna_message_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct vna_env *env = iocb->ki_filp->private_data;
	u8 message[VNA_MESSAGE_BYTES];
	size_t len = min(iov_iter_count(from), sizeof(message));
	int ret;

	ret = vna_core_write_message(env->core, message, copy_from_iter(message, len, from));
	return ret ? ret : sizeof(message);
}

__poll_t vna_message_poll(struct file *file, poll_table *wait)
{
	struct vna_env *env = file->private_data;

	poll_wait(file, &env->messages, wait);
	return vna_core_has_message(env->core) > 0 ? EPOLLIN | EPOLLRDNORM : 0;
}

void vna_env_message_wake(struct vna_env *env)
{
	wake_up_interruptible_poll(&env->messages, EPOLLIN | EPOLLRDNORM);
}
