/* SPDX-License-Identifier: GPL-2.0-only */
/* What frames are received from and sent to, whatever its type. */
#ifndef VNA_BACKEND_H
#define VNA_BACKEND_H

#include <linux/net.h>
#include <linux/netdev_features.h>

#include "glue/env.h"
#include "glue/poll.h"

struct tun_msg_ctl;
struct ubuf_info;
struct vna_backend_ops;

struct vna_backend {
	const struct vna_backend_ops *ops;
	struct file *file; /* the reference that keeps sock and the rest */
	struct socket *sock;
	struct vna_poller poller;
	bool refers; /* ops->refer() may be called */
	/* What the queue showed before: of the backend that this one may yet fail to replace. */
	struct vna_env_backend before;
};

/* As the vna_env_backend_ function of that name, but for what is said. */
struct vna_backend_ops {
	/*
	 * A backend with its sock set for @file, which the caller gets and puts; NULL
	 * if that is of another type; -ENOMEM.
	 */
	struct vna_backend *(*probe)(struct file *file);
	u32 (*consume)(struct vna_backend *backend, u32 *lens, u32 max);
	bool (*has_frames)(struct vna_backend *backend);
	u32 (*receive)(struct vna_backend *backend, struct vna_rx_frame *frames, u32 n);
	void (*free)(struct vna_backend *backend, u32 n);
	u32 (*send)(struct vna_backend *backend, struct vna_tx_frame *frames, u32 n);
	/*
	 * Sends @frame with @ubuf to be told of its pages' end: bytes, or -errno, and
	 * then @ubuf was not attached or is attached no more.  Pages are charged for
	 * what follows the first @copied bytes, header and all.  NULL: see refers.
	 */
	s32 (*refer)(struct vna_backend *backend, const struct vna_tx_frame *frame, u32 copied,
		     struct ubuf_info *ubuf);
	/* Gives back what was taken.  NULL if nothing ever is. */
	void (*untake)(struct vna_backend *backend);
	/* Frees what probe() made.  NULL: the memory of the structure, no more. */
	void (*release)(struct vna_backend *backend);
	/* enum vhost_net_alt_backend_type */
	u32 (*type)(const struct vna_backend *backend);
	/* The network device whose frames it has, by its index, if that is in @net; or 0. */
	int (*ifindex)(struct vna_backend *backend, const struct net *net);
	/* What it may leave to the driver; false: that is not known, as it has no device. */
	bool (*offloads)(struct vna_backend *backend, netdev_features_t *offloads);
	/* What poll() says when no room will ever come, but an error at once. */
	__poll_t gone;
};

extern const struct vna_backend_ops vna_backend_tun;
extern const struct vna_backend_ops vna_backend_socket;

/*
 * Receives one frame by recvmsg(), of which @control says more; its own header
 * comes first where the backend has one.
 */
void vna_backend_recvmsg(struct vna_backend *backend, void *control, struct vna_rx_frame *frame);
/* Receives a frame to nowhere. */
void vna_backend_recv_none(struct vna_backend *backend);
/* Sends one frame by sendmsg(); @control says more, or is NULL. */
s32 vna_backend_sendmsg(struct vna_backend *backend, struct tun_msg_ctl *control,
			const struct vna_tx_frame *frame);

#endif
