/* SPDX-License-Identifier: GPL-2.0-only */
/* What frames are received from and sent to, whatever its type. */
#ifndef VNA_BACKEND_H
#define VNA_BACKEND_H

#include <linux/net.h>

#include "glue/poll.h"

struct vna_backend_ops;

struct vna_backend {
	const struct vna_backend_ops *ops;
	struct file *file; /* the reference that keeps sock and the rest */
	struct socket *sock;
	struct vna_poller poller;
};

/* As the vna_env_backend_ function of that name, but for what is said. */
struct vna_backend_ops {
	/*
	 * A backend with its sock set for @file, which the caller gets and puts; NULL
	 * if that is of another type; -ENOMEM.  Freed with kfree().
	 */
	struct vna_backend *(*probe)(struct file *file);
	u32 (*consume)(struct vna_backend *backend, u32 *lens, u32 max);
	s32 (*receive)(struct vna_backend *backend, const struct vna_segment *segs, u32 nsegs,
		       u32 len);
	void (*free)(struct vna_backend *backend, u32 n);
	/* Gives back what was taken.  NULL if nothing ever is. */
	void (*untake)(struct vna_backend *backend);
	/* What poll() says when no room will ever come, but an error at once. */
	__poll_t gone;
};

extern const struct vna_backend_ops vna_backend_tun;
extern const struct vna_backend_ops vna_backend_socket;

s32 vna_backend_recvmsg(struct vna_backend *backend, void *control, const struct vna_segment *segs,
			u32 nsegs, u32 len);

#endif
