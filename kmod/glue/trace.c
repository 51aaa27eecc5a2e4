// SPDX-License-Identifier: GPL-2.0-only
/* Trace events, and what the core has to tell for them. */

#include <linux/string.h>

#include "glue/env.h"

#define CREATE_TRACE_POINTS
#include "glue/trace.h"

/* How many of the core's events someone listens to; under the lock of all tracepoints. */
vna_u32 vna_env_traced;

int vna_trace_begin(void)
{
	WRITE_ONCE(vna_env_traced, vna_env_traced + 1);
	return 0;
}

void vna_trace_end(void)
{
	WRITE_ONCE(vna_env_traced, vna_env_traced - 1);
}

void vna_env_trace_fetch(struct vna_env *env, vna_u32 queue, vna_u32 buffers)
{
	trace_vna_fetch(env->id, queue, buffers);
}

void vna_env_trace_complete(struct vna_env *env, vna_u32 queue, vna_u32 buffers,
			    vna_u32 descriptors)
{
	trace_vna_complete(env->id, queue, buffers, descriptors);
}

void vna_env_trace_signal(struct vna_env *env, vna_u32 queue, int sent)
{
	trace_vna_signal(env->id, queue, sent);
}
