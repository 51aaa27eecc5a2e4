// SPDX-License-Identifier: GPL-2.0-only
/* What backends of all types have in common. */

#include <linux/err.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>
#include <linux/vhost.h>

#include "core/control/vhost_abi.h"
#include "glue/backend.h"

static const struct vna_backend_ops *const types[] = {
	&vna_backend_tun,
	&vna_backend_socket,
};

static struct vna_backend *backend_probe(struct file *file)
{
	struct vna_backend *backend;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		backend = types[i]->probe(file);
		if (IS_ERR(backend))
			return backend;
		if (backend) {
			backend->ops = types[i];
			return backend;
		}
	}
	return ERR_PTR(-ENOTSOCK);
}

int vna_env_backend_open(struct vna_env *env, vna_u32 queue, vna_s32 fd, struct vna_backend **out)
{
	struct vna_backend *backend;
	/* The only look-up: @fd may mean something else a moment later. */
	struct file *file = fget(fd);

	if (!file)
		return -ENOTSOCK;
	backend = backend_probe(file);
	if (IS_ERR(backend)) {
		fput(file);
		return PTR_ERR(backend);
	}

	backend->file = file;
	backend->poller.env = env;
	backend->poller.queue = queue;
	backend->poller.event = VNA_EVENT_BACKEND;
	if (queue == VNA_VHOST_NET_VQ_RX) {
		backend->poller.mask = EPOLLIN;
	} else {
		/* A socket tells of room after each frame it has sent. */
		backend->poller.mask = EPOLLOUT;
		backend->poller.once = true;
	}
	*out = backend;
	return 0;
}

int vna_env_backend_same(const struct vna_backend *a, const struct vna_backend *b)
{
	return a->file == b->file;
}

int vna_env_backend_attach(struct vna_backend *backend)
{
	return vna_poller_start(&backend->poller, backend->file);
}

void vna_env_backend_detach(struct vna_backend *backend)
{
	vna_poller_stop(&backend->poller);
	if (backend->ops->untake)
		backend->ops->untake(backend);
}

void vna_env_backend_close(struct vna_backend *backend)
{
	vna_env_backend_detach(backend);
	fput(backend->file);
	kfree(backend);
}

vna_u32 vna_env_backend_consume(struct vna_backend *backend, vna_u32 *lens, vna_u32 max)
{
	return backend->ops->consume(backend, lens, max);
}

vna_s32 vna_env_backend_receive(struct vna_backend *backend, const struct vna_segment *segs,
				vna_u32 nsegs, vna_u32 len)
{
	return backend->ops->receive(backend, segs, nsegs, len);
}

void vna_env_backend_free(struct vna_backend *backend, vna_u32 n)
{
	backend->ops->free(backend, n);
}

/* abi_check.c: the layout is struct iovec's. */
static void iter_init(struct iov_iter *iter, unsigned int direction, const struct vna_segment *segs,
		      u32 nsegs, u32 len)
{
	iov_iter_init(iter, direction, (const struct iovec *)segs, nsegs, len);
}

/*
 * Calls past the security hooks of sendmsg() and recvmsg(): whoever handed the
 * descriptor over may use it, and the worker is somebody else.
 */
s32 vna_backend_recvmsg(struct vna_backend *backend, void *control, const struct vna_segment *segs,
			u32 nsegs, u32 len)
{
	struct socket *sock = backend->sock;
	struct msghdr msg = {.msg_control = control};

	iter_init(&msg.msg_iter, ITER_DEST, segs, nsegs, len);
	return sock->ops->recvmsg(sock, &msg, len, MSG_DONTWAIT | MSG_TRUNC);
}

static s32 backend_sendmsg(struct socket *sock, const struct vna_tx_frame *frame)
{
	struct msghdr msg = {.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL};

	iter_init(&msg.msg_iter, ITER_SOURCE, frame->segs, frame->nsegs, frame->len);
	return sock->ops->sendmsg(sock, &msg, frame->len);
}

vna_u32 vna_env_backend_send(struct vna_backend *backend, struct vna_tx_frame *frames, vna_u32 n)
{
	vna_u32 i;

	for (i = 0; i < n; i++) {
		frames[i].result = backend_sendmsg(backend->sock, &frames[i]);
		if (frames[i].result == -EAGAIN)
			break;
	}
	return i;
}

int vna_env_backend_want_room(struct vna_backend *backend)
{
	__poll_t ready = vna_poller_arm(&backend->poller, backend->file);

	return !!(ready & (EPOLLOUT | backend->ops->gone));
}
