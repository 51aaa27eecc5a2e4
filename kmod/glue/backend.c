// SPDX-License-Identifier: GPL-2.0-only
/* What backends of all types have in common. */

#include <linux/err.h>
#include <linux/file.h>
#include <linux/if_tun.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>
#include <linux/vhost.h>
#include <linux/vhost_net_alt.h>

#include "core/control/vhost_abi.h"
#include "glue/backend.h"
#include "glue/env.h"

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

int vna_env_backend_suits(struct vna_backend *a, struct vna_backend *b)
{
	netdev_features_t of_a, of_b;

	if (!a->ops->offloads(a, &of_a) || !b->ops->offloads(b, &of_b))
		return 0;
	return of_b & ~of_a ? -EOPNOTSUPP : 0;
}

int vna_env_backend_same(const struct vna_backend *a, const struct vna_backend *b)
{
	return a->file == b->file;
}

static struct vna_env_backend *shown(const struct vna_backend *backend)
{
	return &backend->poller.env->queues[backend->poller.queue].backend;
}

static void show_as(struct vna_env_backend *show, const struct vna_env_backend *as)
{
	show->of = as->of;
	WRITE_ONCE(show->type, as->type);
	WRITE_ONCE(show->ifindex, as->ifindex);
}

int vna_env_backend_attach(struct vna_backend *backend)
{
	struct vna_env_backend *show = shown(backend);
	struct vna_env_backend as = {.of = backend};
	int error = vna_poller_start(&backend->poller, backend->file);

	if (error)
		return error;
	as.type = backend->ops->type(backend);
	as.ifindex = backend->ops->ifindex(backend, backend->poller.env->net);
	backend->before = *show;
	show_as(show, &as);
	return 0;
}

void vna_env_backend_detach(struct vna_backend *backend)
{
	static const struct vna_env_backend none = {.type = VHOST_NET_ALT_BACKEND_TYPE_NONE};
	struct vna_env_backend *show = shown(backend);

	/* A new one may be attached already, and stay; or it goes, and the old one stays. */
	if (show->of == backend)
		show_as(show, &backend->before);
	else if (show->of && show->of->before.of == backend)
		show->of->before = none;
	vna_poller_stop(&backend->poller);
	if (backend->ops->untake)
		backend->ops->untake(backend);
}

void vna_env_backend_close(struct vna_backend *backend)
{
	vna_env_backend_detach(backend);
	fput(backend->file);
	if (backend->ops->release)
		backend->ops->release(backend);
	else
		kfree(backend);
}

vna_u32 vna_env_backend_consume(struct vna_backend *backend, vna_u32 *lens, vna_u32 max)
{
	return backend->ops->consume(backend, lens, max);
}

int vna_env_backend_has_frames(struct vna_backend *backend)
{
	return backend->ops->has_frames(backend);
}

vna_u32 vna_env_backend_receive(struct vna_backend *backend, struct vna_rx_frame *frames, vna_u32 n)
{
	return backend->ops->receive(backend, frames, n);
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
static s32 backend_recvmsg(struct socket *sock, struct msghdr *msg, u32 len)
{
	return sock->ops->recvmsg(sock, msg, len, MSG_DONTWAIT | MSG_TRUNC);
}

void vna_backend_recvmsg(struct vna_backend *backend, void *control, struct vna_rx_frame *frame)
{
	static const u8 blank[VNA_NET_HEADER_MAX];
	__le16 num_buffers = cpu_to_le16(frame->num_buffers);
	struct msghdr msg = {.msg_control = control};
	struct iov_iter header;
	bool fault = false;
	u32 ahead = 0;

	iter_init(&msg.msg_iter, ITER_DEST, frame->segs, frame->nsegs, frame->len);
	header = msg.msg_iter;
	if (frame->blank) {
		ahead = frame->header;
		fault = copy_to_iter(blank, ahead, &msg.msg_iter) != ahead;
	}
	frame->result = backend_recvmsg(backend->sock, &msg, frame->len - ahead);
	if (frame->result < 0)
		return;
	/* In any case after that, which is done with the frame. */
	frame->result = fault ? -EFAULT : frame->result + ahead;
	/* Over what the backend wrote there. */
	if (frame->num_buffers) {
		iov_iter_advance(&header, offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers));
		if (copy_to_iter(&num_buffers, sizeof(num_buffers), &header) != sizeof(num_buffers))
			frame->result = -EFAULT;
	}
}

void vna_backend_recv_none(struct vna_backend *backend)
{
	struct msghdr msg = {};

	iter_init(&msg.msg_iter, ITER_DEST, NULL, 0, 0);
	backend_recvmsg(backend->sock, &msg, 0);
}

s32 vna_backend_sendmsg(struct vna_backend *backend, struct tun_msg_ctl *control,
			const struct vna_tx_frame *frame)
{
	struct socket *sock = backend->sock;
	struct msghdr msg = {
		.msg_control = control,
		.msg_controllen = control ? sizeof(*control) : 0,
		.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL,
	};

	iter_init(&msg.msg_iter, ITER_SOURCE, frame->segs, frame->nsegs, frame->len);
	return sock->ops->sendmsg(sock, &msg, frame->len);
}

vna_u32 vna_env_backend_send(struct vna_backend *backend, struct vna_tx_frame *frames, vna_u32 n)
{
	return backend->ops->send(backend, frames, n);
}

int vna_env_backend_want_room(struct vna_backend *backend)
{
	__poll_t ready = vna_poller_arm(&backend->poller, backend->file);

	return !!(ready & (EPOLLOUT | backend->ops->gone));
}
