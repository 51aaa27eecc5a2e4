// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device's side of a ring costs in the kernel: a line in its log for
 * each kind of ring, then the load fails with ECANCELED, so that nothing stays.
 * The rings lie in the memory of the process that loads the module.
 *
 * Counted are clock ticks.  Under -icount shift=0 one is an instruction; the
 * first line says how many ticks a known number of instructions takes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/timex.h>
#include <linux/uaccess.h>

#include "shape.h"

#define RING_SIZE 256
#define CALIBRATION 100000

/* Batches: an even number of laps of the ring, but for chains at 1. */
static unsigned int batches = 1536;
module_param(batches, uint, 0);
MODULE_PARM_DESC(batches, "how many batches are served in each measurement");

static unsigned long irq_flags;

void vna_bench_begin(void)
{
	pagefault_disable();
	local_irq_save(irq_flags);
}

void vna_bench_end(void)
{
	local_irq_restore(irq_flags);
	pagefault_enable();
}

static void calibrate(void)
{
	unsigned long n = CALIBRATION;
	cycles_t start, ticks;

	vna_bench_begin();
	start = get_cycles();
	asm volatile("1: dec %0\n\tjnz 1b" : "+r"(n) : : "cc");
	ticks = get_cycles() - start;
	vna_bench_end();
	pr_info("calibration ticks=%llu instructions=%u\n", (u64)ticks, 2 * CALIBRATION);
}

/* What the seam's own user accesses cost, without a ring around them. */
static int measure_hooks(u8 *mem, unsigned long user)
{
	static const u32 sizes[] = { 8, 16, 48, 64, 128, 512, 1024 };
	cycles_t start, ticks, reading;
	u16 *fields = (u16 *)mem;
	int error = 0;
	u32 i, again;

#define MEASURE(hook, n)                                                                           \
	do {                                                                                       \
		/* The second time counts. */                                                      \
		for (again = 0; again < 2; again++) {                                              \
			vna_bench_begin();                                                         \
			start = get_cycles();                                                      \
			reading = get_cycles() - start;                                            \
			start = get_cycles();                                                      \
			error |= (hook);                                                           \
			ticks = get_cycles() - start;                                              \
			vna_bench_end();                                                           \
		}                                                                                  \
		pr_info("hook %s n=%u ticks=%llu\n", #hook, n, (u64)(ticks - reading));            \
	} while (0)

	if (clear_user((void __user *)user, 1024))
		return -EFAULT;
	MEASURE(vna_env_get_u16(fields, user), 1);
	MEASURE(vna_env_put_u16(user, 0), 1);
	MEASURE(vna_env_put_u64(user, 0), 1);
	MEASURE(vna_env_copy_available(mem, user, 1, 0, 0) - 1, 1);
	MEASURE(vna_env_copy_available(mem, user, 64, 0, 0) - 64, 64);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		MEASURE(vna_env_copy_from_user(mem, user, sizes[i]), sizes[i]);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		MEASURE(vna_env_copy_to_user(user, mem, sizes[i]), sizes[i]);
#undef MEASURE
	return error;
}

static int measure(void *mem, unsigned long user, const struct vna_bench_shape *shape,
		   const char *format, const char *packet)
{
	struct vna_bench_cost cost;
	struct vna_bench *bench;
	int error;

	memset(mem, 0, vna_bench_size());
	bench = vna_bench_create(mem, shape, user);
	if (!bench)
		return -EFAULT;
	/* The first lap meets memory that is not there yet, and caches. */
	error = vna_bench_serve(bench, 2 * shape->size, &cost);
	if (!error)
		error = vna_bench_serve(bench, batches, &cost);
	vna_bench_destroy(bench);
	if (error) {
		pr_err("%s %s batch=%u: error %d\n", format, packet, shape->batch, error);
		return error;
	}
	pr_info("%s %s batch=%u packets=%llu batches=%llu fetch=%llu complete=%llu reading=%llu\n",
		format, packet, shape->batch, cost.packets, cost.batches, cost.fetch,
		cost.complete, cost.reading);
	return 0;
}

static int measure_all(void *mem, unsigned long user)
{
	static const char *const formats[] = { "split", "packed", "split-in-order",
					       "packed-in-order" };
	static const struct {
		const char *name;
		enum vna_bench_packet packet;
		u32 writable;
	} packets[] = {
		{ "direct", VNA_BENCH_DIRECT, 0 },
		{ "receive", VNA_BENCH_DIRECT, 1 },
		{ "chain3", VNA_BENCH_CHAIN, 0 },
		{ "indirect3", VNA_BENCH_INDIRECT, 0 },
	};
	static const u32 sizes[] = { 1, 32, 64 };
	unsigned int p, f, s;

	for (p = 0; p < ARRAY_SIZE(packets); p++) {
		for (f = 0; f < ARRAY_SIZE(formats); f++) {
			for (s = 0; s < ARRAY_SIZE(sizes); s++) {
				struct vna_bench_shape shape = {
					.packed = f & 1,
					.in_order = f >> 1,
					.writable = packets[p].writable,
					.packet = packets[p].packet,
					.size = RING_SIZE,
					.batch = sizes[s],
				};
				int error = measure(mem, user, &shape, formats[f], packets[p].name);

				if (error)
					return error;
			}
		}
	}
	return 0;
}

static int __init ring_bench_init(void)
{
	unsigned long user;
	int error;
	void *mem;

	user = vm_mmap(NULL, 0, VNA_BENCH_USER_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(user))
		return (int)user;
	error = -ENOMEM;
	/* Where the device's own is: it matters to the checks of user copies. */
	mem = vna_env_alloc(vna_bench_size());
	if (mem) {
		calibrate();
		error = measure_hooks(mem, user);
		if (!error)
			error = measure_all(mem, user);
		vna_env_free(mem);
	}
	vm_munmap(user, VNA_BENCH_USER_BYTES);
	return error ? error : -ECANCELED;
}
module_init(ring_bench_init);

MODULE_DESCRIPTION("Costs of the rings of vhost_net_alt");
MODULE_LICENSE("GPL");
