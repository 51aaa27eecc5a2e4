// SPDX-License-Identifier: GPL-2.0-only
// The device's side of a ring, timed: what a worker does for a packet but for
// the packet itself.
#include <new>

#include "core/virtqueue/ring.hh"
#include "packet_ring.hh"
#include "shape.h"

namespace vna::bench {

namespace {

constexpr Features features(const vna_bench_shape &shape)
{
	u64 bits = 1ull << VNA_VIRTIO_F_VERSION_1 | 1ull << VNA_VIRTIO_RING_F_INDIRECT_DESC |
		   1ull << VNA_VIRTIO_RING_F_EVENT_IDX;
	if (shape.packed)
		bits |= 1ull << VNA_VIRTIO_F_RING_PACKED;
	if (shape.in_order)
		bits |= 1ull << VNA_VIRTIO_F_IN_ORDER;
	return Features(bits);
}

u64 clock()
{
	return __builtin_ia32_rdtsc();
}

} // namespace

} // namespace vna::bench

using namespace vna;
using namespace vna::bench;

struct vna_bench {
	vna_bench(const vna_bench_shape &s, vna_u64 user) : shape(s), driver(s, user) {}

	// As many regions as QEMU makes for a guest of more than 3 GB, the ring in
	// the one that most of its memory is.
	[[nodiscard]] bool set_up(vna_u64 user)
	{
		const vna_vhost_memory_region given[] = {
			{0, 0xa0000, user, 0},
			{0xc0000, 0xbff40000, user, 0},
			{0xfffc0000, 0x40000, user, 0},
			{PacketRing::guest_base, VNA_BENCH_USER_BYTES, user, 0},
		};
		if (RegionTable::make(given, table))
			return false;
		ring.set_features(features(shape));
		Virtqueue &queue = ring.get();
		queue.set_transmits(!shape.writable);
		queue.set_size(shape.size);
		queue.set_addresses(driver.addresses());
		queue.set_memory(table);
		return driver.prepare() && queue.start();
	}
	// One batch: what Queue and net code do but for the frames.
	[[nodiscard]] u32 fetch(u32 max)
	{
		batch.clear();
		return ring.get().fetch(batch, max);
	}
	[[nodiscard]] bool complete()
	{
		Virtqueue &queue = ring.get();
		for (u32 i = 0; i < batch.size(); i++)
			queue.complete(batch[i], batch[i].writable_len);
		return queue.publish() && queue.should_signal();
	}

	const vna_bench_shape shape;
	PacketRing driver;
	RegionTable *table = nullptr;
	Ring ring;
	BufferBatch batch;
};

unsigned long vna_bench_size()
{
	return sizeof(vna_bench);
}

vna_bench *vna_bench_create(void *mem, const vna_bench_shape *shape, vna_u64 user)
{
	auto *bench = new (mem) vna_bench(*shape, user);
	if (bench->set_up(user))
		return bench;
	vna_bench_destroy(bench);
	return nullptr;
}

void vna_bench_destroy(vna_bench *bench)
{
	if (bench->table)
		RegionTable::destroy(bench->table);
}

int vna_bench_serve(vna_bench *bench, vna_u32 batches, vna_bench_cost *cost)
{
	const u32 batch = bench->shape.batch;
	*cost = {};
	for (u32 i = 0; i < batches; i++) {
		if (!bench->driver.offer(batch))
			return -efault;
		vna_bench_begin();
		const u64 start = clock();
		// Net code does not know how many there are.
		const u32 n = bench->fetch(VNA_MAX_BATCH);
		const u64 fetched = clock();
		const bool told = bench->complete();
		const u64 done = clock();
		const u64 again = clock();
		vna_bench_end();
		if (n != batch || !told || !bench->driver.fetched(bench->batch) ||
		    !bench->driver.used(batch))
			return -einval;
		cost->packets += n;
		cost->batches++;
		cost->fetch += fetched - start;
		cost->complete += done - fetched;
		cost->reading += again - done;
	}
	// Of all but one: the batches' own are alike.
	cost->reading /= batches;
	return 0;
}

int vna_bench_drain(vna_bench *bench, vna_u32 *packets, vna_u32 *descs, vna_u64 *ticks)
{
	const u32 n = bench->driver.capacity();
	*packets = n;
	*descs = n * (bench->shape.packet == VNA_BENCH_DIRECT ? 1 : 3);
	if (!bench->driver.offer(n))
		return -efault;
	u32 done = 0;
	bool told = true;
	vna_bench_begin();
	const u64 start = clock();
	while (done < n) {
		const u32 fetched = bench->fetch(bench->shape.batch);
		if (!fetched)
			break;
		done += fetched;
		told &= bench->complete() || done != fetched;
	}
	*ticks = clock() - start;
	vna_bench_end();
	return done == n && told && bench->driver.used(n) ? 0 : -einval;
}
