/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a measurement is of, and what it found: shared by the core's side, which
 * is C++, and the kernel's, which is C.
 */
#ifndef VNA_BENCH_SHAPE_H
#define VNA_BENCH_SHAPE_H

#include "glue/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a packet lies in the ring. */
enum vna_bench_packet {
	VNA_BENCH_DIRECT, /* one descriptor */
	VNA_BENCH_CHAIN, /* three descriptors in the ring */
	VNA_BENCH_INDIRECT, /* a table of three */
};

struct vna_bench_shape {
	vna_u32 packed; /* booleans */
	vna_u32 in_order;
	vna_u32 writable; /* as on a receive queue */
	enum vna_bench_packet packet;
	vna_u32 size; /* of the ring; a power of two, at most 1024 */
	vna_u32 batch; /* packets served at a time, at most VNA_MAX_BATCH */
};

/* Clock ticks for all packets, those of the measuring itself included. */
struct vna_bench_cost {
	vna_u64 packets;
	vna_u64 batches;
	vna_u64 fetch; /* fetch, which translates */
	vna_u64 complete; /* complete, publish, should_signal */
	vna_u64 reading; /* of one reading of the clock, each batch has two */
};

/* User memory that a ring with all it points to needs, in bytes. */
#define VNA_BENCH_USER_BYTES (16ul << 20)

/* Bytes that vna_bench_create() needs, as vna_env_alloc() gives them. */
unsigned long vna_bench_size(void);
/* A ring of @shape at @user, and the device's side of it; NULL if @user faults. */
struct vna_bench *vna_bench_create(void *mem, const struct vna_bench_shape *shape, vna_u64 user);
void vna_bench_destroy(struct vna_bench *bench);
/*
 * Serves @batches of a ring in which the driver offers a batch at a time.
 * Nonzero: the device did not do what the driver expects.
 */
int vna_bench_serve(struct vna_bench *bench, vna_u32 batches, struct vna_bench_cost *cost);
/*
 * Clock ticks, in *@ticks, in which the device serves a ring that the driver has
 * filled with *@packets, and *@descs descriptors.  Returns as above.
 */
int vna_bench_drain(struct vna_bench *bench, vna_u32 *packets, vna_u32 *descs, vna_u64 *ticks);

/* What surrounds a measurement: nothing may interrupt it. */
void vna_bench_begin(void);
void vna_bench_end(void);

#ifdef __cplusplus
}
#endif
#endif
