// SPDX-License-Identifier: GPL-2.0-only
/*
 * tun, tap, macvtap and ipvtap.  Only this file knows of the ring that their
 * frames wait in, and of what its entries are.
 */

#include <linux/err.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/ptr_ring.h>
#include <linux/skb_array.h>
#include <linux/slab.h>
#include <net/xdp.h>

#include "glue/backend.h"

#define TAKEN_MAX 64

struct tun_backend {
	struct vna_backend base;
	struct ptr_ring *ring;
	/* Taken off the ring: taken[first .. end) */
	u32 first;
	u32 end;
	void *taken[TAKEN_MAX];
};

static struct tun_backend *to_tun(struct vna_backend *backend)
{
	return container_of(backend, struct tun_backend, base);
}

static struct vna_backend *tun_probe(struct file *file)
{
	struct ptr_ring *ring;
	struct socket *sock;
	struct tun_backend *tun;

	sock = tun_get_socket(file);
	ring = tun_get_tx_ring(file);
	if (IS_ERR(sock)) {
		sock = tap_get_socket(file);
		ring = tap_get_ptr_ring(file);
	}
	if (IS_ERR(sock) || IS_ERR(ring))
		return NULL;

	tun = kzalloc(sizeof(*tun), GFP_KERNEL_ACCOUNT);
	if (!tun)
		return ERR_PTR(-ENOMEM);
	tun->base.sock = sock;
	tun->ring = ring;
	return &tun->base;
}

/* Without the device's header, but with the VLAN tag that goes back inline. */
static u32 entry_len(void *entry)
{
	if (tun_is_xdp_frame(entry))
		return tun_ptr_to_xdp(entry)->len;
	return __skb_array_len_with_tag(entry);
}

static u32 tun_consume(struct vna_backend *backend, u32 *lens, u32 max)
{
	struct tun_backend *tun = to_tun(backend);
	u32 i;

	tun->first = 0;
	tun->end = ptr_ring_consume_batched(tun->ring, tun->taken, min_t(u32, max, TAKEN_MAX));
	for (i = 0; i < tun->end; i++)
		lens[i] = entry_len(tun->taken[i]);
	return tun->end;
}

static s32 tun_receive(struct vna_backend *backend, const struct vna_segment *segs, u32 nsegs,
		       u32 len)
{
	struct tun_backend *tun = to_tun(backend);

	/* Handed an entry, recvmsg() frees it whatever comes of it. */
	return vna_backend_recvmsg(backend, tun->taken[tun->first++], segs, nsegs, len);
}

static void tun_free(struct vna_backend *backend, u32 n)
{
	struct tun_backend *tun = to_tun(backend);

	while (n--)
		tun_ptr_free(tun->taken[tun->first++]);
}

static void tun_untake(struct vna_backend *backend)
{
	struct tun_backend *tun = to_tun(backend);

	if (tun->first == tun->end)
		return;
	ptr_ring_unconsume(tun->ring, tun->taken + tun->first, tun->end - tun->first, tun_ptr_free);
	tun->first = 0;
	tun->end = 0;
}

const struct vna_backend_ops vna_backend_tun = {
	.probe = tun_probe,
	.consume = tun_consume,
	.receive = tun_receive,
	.free = tun_free,
	.untake = tun_untake,
	/* A tap whose device went away refuses each frame with -EBADFD. */
	.gone = EPOLLERR,
};
