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
#include <linux/vhost_net_alt.h>
#include <net/sock.h>
#include <net/xdp.h>

#include "glue/backend.h"
#include "glue/netdev.h"
#include "glue/skb_write.h"
#include "glue/tun_batch.h"
#include "glue/tun_inject.h"

#define TUNNEL_GSO (SKB_GSO_UDP_TUNNEL | SKB_GSO_UDP_TUNNEL_CSUM)

struct tun_backend {
	struct vna_backend base;
	struct ptr_ring *ring;
	/* What counts the frames that are read: tun does, macvtap does not. */
	bool counts;
	struct vna_netdev netdev;
	/* Taken off the ring: taken[first .. end) */
	u32 first;
	u32 end;
	void *taken[VNA_MAX_BATCH];
	struct vna_tun_batch batch;
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
	bool counts;

	sock = tun_get_socket(file);
	ring = tun_get_tx_ring(file);
	counts = !IS_ERR(sock);
	if (!counts) {
		sock = tap_get_socket(file);
		ring = tap_get_ptr_ring(file);
	}
	if (IS_ERR(sock) || IS_ERR(ring))
		return NULL;

	tun = kvzalloc(sizeof(*tun), GFP_KERNEL_ACCOUNT);
	if (!tun)
		return ERR_PTR(-ENOMEM);
	tun->base.sock = sock;
	tun->ring = ring;
	tun->counts = counts;
	tun->base.refers = counts && sock_flag(sock->sk, SOCK_ZEROCOPY);
	if (counts)
		vna_netdev_find(&tun->netdev, sock);
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

	rcu_read_lock();
	tun->first = 0;
	tun->end = ptr_ring_consume_batched(tun->ring, tun->taken, min_t(u32, max, VNA_MAX_BATCH));
	if (tun->counts && tun->end && !tun_is_xdp_frame(tun->taken[0]))
		vna_netdev_take(&tun->netdev, sock_net(backend->sock->sk),
				((struct sk_buff *)tun->taken[0])->dev);
	rcu_read_unlock();

	for (i = 0; i < tun->end; i++)
		lens[i] = entry_len(tun->taken[i]);
	return tun->end;
}

static bool tun_has_frames(struct vna_backend *backend)
{
	return !ptr_ring_empty(to_tun(backend)->ring);
}

/*
 * Whether @entry may be written without tun's help: an skb that came through the
 * device whose counters are at hand.  What a tunnel's segments are called in the
 * header, where at all, tun knows.
 */
static bool is_simple(struct tun_backend *tun, void *entry)
{
	const struct sk_buff *skb = entry;

	if (tun_is_xdp_frame(entry) || skb_shinfo(skb)->gso_type & TUNNEL_GSO)
		return false;
	return !tun->counts || (skb->dev && skb->dev == rcu_access_pointer(tun->netdev.dev));
}

static u32 tun_receive(struct vna_backend *backend, struct vna_rx_frame *frames, u32 n)
{
	struct tun_backend *tun = to_tun(backend);
	struct sk_buff *written[VNA_MAX_BATCH];
	unsigned int count = 0, bytes = 0;
	u32 i, done;

	for (done = 0; done < n;) {
		struct vna_rx_frame *frame = &frames[done++];
		void *entry = tun->taken[tun->first++];

		if (is_simple(tun, entry)) {
			bytes += frame->len - frame->header; /* as announced: entry_len() */
			vna_skb_write(entry, frame);
			written[count++] = entry;
		} else {
			/* Handed an entry, recvmsg() frees it whatever comes of it. */
			vna_backend_recvmsg(backend, entry, frame);
		}
		if (frame->result != frame->len)
			break;
	}
	if (!count)
		return done;
	if (tun->counts)
		vna_netdev_count(&tun->netdev, count, bytes);
	local_bh_disable(); /* for the cache that they go back to */
	for (i = 0; i < count; i++)
		napi_consume_skb(written[i], count);
	local_bh_enable();
	return done;
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

static void flush(struct tun_backend *tun)
{
	struct socket *sock = tun->base.sock;

	if (tun->batch.count && !vna_tun_inject(&tun->batch, sock, &tun->netdev))
		vna_tun_batch_send(&tun->batch, sock);
}

/*
 * Together what can go that way, the others one by one in between: the
 * order is kept.
 */
static u32 tun_send(struct vna_backend *backend, struct vna_tx_frame *frames, u32 n)
{
	struct tun_backend *tun = to_tun(backend);
	bool unlimited = vna_tun_batch_begin(&tun->batch, backend->sock);
	u32 i = 0;

	while (i < n) {
		bool full;

		if (unlimited)
			i += vna_tun_batch_add(&tun->batch, &frames[i], n - i);
		if (i == n)
			break;
		full = tun->batch.count == VNA_MAX_BATCH;
		flush(tun);
		if (full || (unlimited && vna_tun_inject_one(&tun->batch, &frames[i], backend->sock,
							     &tun->netdev))) {
			i += !full;
			continue;
		}
		frames[i].result = vna_backend_sendmsg(backend, NULL, &frames[i]);
		if (frames[i].result == -EAGAIN)
			return i;
		i++;
	}
	flush(tun);
	return n;
}

/*
 * tun calls @ubuf back whatever becomes of the frame, unless it returns an error
 * before there is an skb to attach it to.  macvtap does not: with its device gone
 * it frees frames without a word.
 */
static s32 tun_refer(struct vna_backend *backend, const struct vna_tx_frame *frame, u32 copied,
		     struct ubuf_info *ubuf)
{
	struct tun_msg_ctl control = {.type = TUN_MSG_UBUF, .ptr = ubuf};
	struct tun_backend *tun = to_tun(backend);

	if (vna_tun_batch_begin(&tun->batch, backend->sock) &&
	    vna_tun_inject_reference(&tun->batch, frame, copied, ubuf, backend->sock, &tun->netdev))
		return frame->len;
	return vna_backend_sendmsg(backend, &control, frame);
}

static void tun_release(struct vna_backend *backend)
{
	struct tun_backend *tun = to_tun(backend);

	vna_netdev_drop(&tun->netdev);
	vna_tun_batch_release(&tun->batch);
	kvfree(tun);
}

static u32 tun_type(const struct vna_backend *backend)
{
	return to_tun((struct vna_backend *)backend)->counts ? VHOST_NET_ALT_BACKEND_TYPE_TAP :
							      VHOST_NET_ALT_BACKEND_TYPE_MACVTAP;
}

static int tun_ifindex(struct vna_backend *backend, const struct net *net)
{
	struct tap_queue *queue;
	struct tap_dev *tap;
	int ifindex = 0;

	if (to_tun(backend)->counts)
		return vna_netdev_of_tun(backend->file, backend->sock, net);
	queue = container_of(backend->sock, struct tap_queue, sock);
	rcu_read_lock();
	tap = rcu_dereference(queue->tap);
	if (tap && net_eq(dev_net(tap->dev), net))
		ifindex = tap->dev->ifindex;
	rcu_read_unlock();
	return ifindex;
}

/* What TUNSETOFFLOAD is about. */
#define OFFLOADS (NETIF_F_CSUM_MASK | NETIF_F_ALL_TSO | NETIF_F_GSO_UDP_L4 |                      \
		  NETIF_F_GSO_UDP_TUNNEL | NETIF_F_GSO_UDP_TUNNEL_CSUM)

/* A tap's are the device's own, a macvtap's are beside those. */
static bool tun_offloads(struct vna_backend *backend, netdev_features_t *offloads)
{
	struct net *net = sock_net(backend->sock->sk);
	const struct net_device *dev;
	const struct tap_dev *tap;
	bool known = false;
	int ifindex;

	if (!to_tun(backend)->counts) {
		rcu_read_lock();
		tap = rcu_dereference(container_of(backend->sock, struct tap_queue, sock)->tap);
		known = tap;
		if (known)
			*offloads = tap->tap_features & OFFLOADS;
		rcu_read_unlock();
		return known;
	}
	ifindex = vna_netdev_of_tun(backend->file, backend->sock, net);
	rcu_read_lock();
	dev = ifindex ? dev_get_by_index_rcu(net, ifindex) : NULL;
	known = dev;
	if (known)
		*offloads = dev->features & OFFLOADS;
	rcu_read_unlock();
	return known;
}

const struct vna_backend_ops vna_backend_tun = {
	.type = tun_type,
	.ifindex = tun_ifindex,
	.offloads = tun_offloads,
	.probe = tun_probe,
	.consume = tun_consume,
	.has_frames = tun_has_frames,
	.receive = tun_receive,
	.free = tun_free,
	.send = tun_send,
	.refer = tun_refer,
	.release = tun_release,
	.untake = tun_untake,
	/* A tap whose device went away refuses each frame with -EBADFD. */
	.gone = EPOLLERR,
};
