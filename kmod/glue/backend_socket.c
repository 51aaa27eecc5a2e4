// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET sockets of type SOCK_RAW.  Frames stay in the socket until they are
 * received, so "taking" one is to look at its length.
 */

#include <linux/err.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/vhost_net_alt.h>
#include <net/sock.h>

#include "glue/backend.h"

static struct vna_backend *socket_probe(struct file *file)
{
	struct socket *sock = sock_from_file(file);
	struct vna_backend *backend;

	if (!sock || sock->sk->sk_family != AF_PACKET || sock->sk->sk_type != SOCK_RAW)
		return NULL;

	backend = kzalloc(sizeof(*backend), GFP_KERNEL_ACCOUNT);
	if (!backend)
		return ERR_PTR(-ENOMEM);
	backend->sock = sock;
	return backend;
}

/*
 * One at a time: if somebody else reads the socket too, or it reports an error
 * first, then only one length turns out wrong.
 */
static u32 socket_consume(struct vna_backend *backend, u32 *lens, u32 max)
{
	struct sk_buff_head *queue = &backend->sock->sk->sk_receive_queue;
	struct sk_buff *skb;
	unsigned long flags;
	u32 n = 0;

	if (!max)
		return 0;
	spin_lock_irqsave(&queue->lock, flags);
	skb = skb_peek(queue);
	if (skb)
		lens[n++] = skb->len + (skb_vlan_tag_present(skb) ? VLAN_HLEN : 0);
	spin_unlock_irqrestore(&queue->lock, flags);
	return n;
}

static u32 socket_receive(struct vna_backend *backend, struct vna_rx_frame *frames, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		vna_backend_recvmsg(backend, NULL, &frames[i]);
		if (frames[i].result != frames[i].len)
			return i + 1;
	}
	return n;
}

static bool socket_has_frames(struct vna_backend *backend)
{
	return !skb_queue_empty_lockless(&backend->sock->sk->sk_receive_queue);
}

static void socket_free(struct vna_backend *backend, u32 n)
{
	while (n--)
		vna_backend_recv_none(backend);
}

static u32 socket_send(struct vna_backend *backend, struct vna_tx_frame *frames, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		frames[i].result = vna_backend_sendmsg(backend, NULL, &frames[i]);
		if (frames[i].result == -EAGAIN)
			break;
	}
	return i;
}

static u32 socket_type(const struct vna_backend *backend)
{
	return VHOST_NET_ALT_BACKEND_TYPE_PACKET;
}

static int socket_ifindex(struct vna_backend *backend, const struct net *net)
{
	struct socket *sock = backend->sock;
	struct sockaddr_storage address = {};
	struct sockaddr_ll *link = (struct sockaddr_ll *)&address;

	if (!net_eq(sock_net(sock->sk), net) ||
	    sock->ops->getname(sock, (struct sockaddr *)&address, 0) < 0)
		return 0;
	return link->sll_ifindex;
}

/* One with PACKET_VNET_HDR is as good as one without: no one tells the kernel. */
static bool socket_offloads(struct vna_backend *backend, netdev_features_t *offloads)
{
	*offloads = 0;
	return true;
}

const struct vna_backend_ops vna_backend_socket = {
	.type = socket_type,
	.ifindex = socket_ifindex,
	.offloads = socket_offloads,
	.probe = socket_probe,
	.consume = socket_consume,
	.has_frames = socket_has_frames,
	.receive = socket_receive,
	.free = socket_free,
	.send = socket_send,
};
