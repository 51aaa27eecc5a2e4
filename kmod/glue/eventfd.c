// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds that are signalled, for calls and errors: struct vna_eventfd is the
 * kernel's eventfd_ctx under a name that the core may know.
 */

#include <linux/err.h>

#include "compat/eventfd.h"
#include "glue/abi.h"

static struct eventfd_ctx *to_ctx(struct vna_eventfd *event)
{
	return (struct eventfd_ctx *)event;
}

int vna_env_eventfd_open(vna_s32 fd, struct vna_eventfd **out)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(fd);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	*out = (struct vna_eventfd *)ctx;
	return 0;
}

void vna_env_eventfd_close(struct vna_eventfd *event)
{
	eventfd_ctx_put(to_ctx(event));
}

void vna_env_eventfd_signal(struct vna_eventfd *event)
{
	vna_compat_eventfd_signal(to_ctx(event));
}
