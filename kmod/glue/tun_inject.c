// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tun does with a frame when its device is a tap with one queue, without NAPI
 * and without an XDP program of its own: it makes an skb, tells it of the header,
 * and has the stack receive it.  The same is done here for less: skbs for short
 * frames come from NAPI's cache, the flow dissector is asked only where it might
 * know something, the device's counters move once a batch.
 *
 * What may change while frames pass is asked for each time: the device is there
 * until it is unregistered or moves to another namespace (glue/netdev); a program of
 * its own marks the socket.  Generic XDP, tc, bridges, packet sockets and RPS are
 * the stack's business.  What tun refuses it is left to refuse, as it counts that.
 */

#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <net/ip.h>
#include <net/sock.h>

#include "glue/pieces.h"
#include "glue/tun_inject.h"

/* What lies in one piece of a frame that does not as a whole. */
#define LINEAR_BYTES 256

/* VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 and _IPV6, where headers know them: tun's. */
#define GSO_UDP_TUNNEL 0x60

static bool is_transport(u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/*
 * Notes where the transport header is, as tun has the flow dissector tell: known
 * at sight for most frames of IP, and nowhere for what carries no IP.
 */
static void find_transport(struct sk_buff *skb)
{
	const struct iphdr *ip4 = (const struct iphdr *)skb->data;
	const struct ipv6hdr *ip6 = (const struct ipv6hdr *)skb->data;

	if (skb_transport_header_was_set(skb))
		return;
	switch (skb->protocol) {
	case htons(ETH_P_IP):
		if (skb_headlen(skb) >= sizeof(*ip4) && ip4->ihl == 5 &&
		    !ip_is_fragment(ip4) && is_transport(ip4->protocol)) {
			skb_set_transport_header(skb, sizeof(*ip4));
			return;
		}
		break;
	case htons(ETH_P_IPV6):
		if (skb_headlen(skb) >= sizeof(*ip6) && is_transport(ip6->nexthdr)) {
			skb_set_transport_header(skb, sizeof(*ip6));
			return;
		}
		break;
	case htons(ETH_P_8021Q):
	case htons(ETH_P_8021AD):
	case htons(ETH_P_PPP_SES):
	case htons(ETH_P_MPLS_UC):
	case htons(ETH_P_MPLS_MC):
	case htons(ETH_P_BATMAN):
	case htons(ETH_P_FCOE):
	case htons(ETH_P_TIPC):
	case htons(ETH_P_PRP):
	case htons(ETH_P_HSR):
		break;
	default:
		return;
	}
	skb_probe_transport_header(skb);
}

/* @skb, which has its header's metadata, comes in by @dev. */
static void receive(struct sk_buff *skb, struct net_device *dev)
{
	skb->protocol = eth_type_trans(skb, dev);
	skb_reset_network_header(skb);
	find_transport(skb);
	skb_record_rx_queue(skb, 0);
	netif_receive_skb(skb);
}

static void count(struct net_device *dev, unsigned int frames, unsigned int bytes)
{
	struct pcpu_sw_netstats *stats = this_cpu_ptr(dev->tstats);

	u64_stats_update_begin(&stats->syncp);
	u64_stats_add(&stats->rx_packets, frames);
	u64_stats_add(&stats->rx_bytes, bytes);
	u64_stats_update_end(&stats->syncp);
}

/*
 * Until leave(): the device, on this processor and with softirqs off, as whoever
 * receives has to be.  NULL: there is none, and nothing to leave.
 */
static struct net_device *enter(const struct socket *sock, const struct vna_netdev *netdev)
{
	struct net_device *dev;

	if (sock_flag(sock->sk, SOCK_XDP))
		return NULL;
	local_bh_disable();
	rcu_read_lock();
	dev = vna_netdev_injectable(netdev);
	if (dev)
		return dev;
	rcu_read_unlock();
	local_bh_enable();
	return NULL;
}

static void leave(void)
{
	rcu_read_unlock();
	local_bh_enable();
}

/* NULL, and the fragment is free, for want of memory. */
static struct sk_buff *build(const struct vna_tun_fragment *fragment, u32 pad)
{
	const struct vna_tx_frame *frame = fragment->source;
	struct sk_buff *skb = napi_build_skb(fragment->start, fragment->size);
	const struct virtio_net_hdr *header;

	if (unlikely(!skb)) {
		page_frag_free(fragment->start);
		return NULL;
	}
	skb_reserve(skb, pad);
	__skb_put(skb, frame->len - frame->header);
	if (!frame->header)
		return skb;
	/* No more than that was let in, and it lies within: vna_tun_batch_add(). */
	header = (const void *)skb->data - frame->header;
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		skb_partial_csum_set(skb, le16_to_cpu(header->csum_start),
				     le16_to_cpu(header->csum_offset));
	return skb;
}

bool vna_tun_inject(struct vna_tun_batch *batch, const struct socket *sock,
		    struct vna_netdev *netdev)
{
	struct net_device *dev = enter(sock, netdev);
	unsigned int frames = 0, bytes = 0, i;

	if (!dev)
		return false;
	for (i = 0; i < batch->count; i++) {
		struct vna_tx_frame *frame = batch->fragments[i].source;
		struct sk_buff *skb = build(&batch->fragments[i], batch->pad);

		frame->result = skb ? frame->len : -ENOMEM;
		if (unlikely(!skb))
			continue;
		frames++;
		bytes += skb->len;
		receive(skb, dev);
	}
	count(dev, frames, bytes);
	leave();
	batch->count = 0;
	return true;
}

/* Whether tun would take a frame of @len bytes for what @header says of lengths. */
static bool lengths_ok(const struct virtio_net_hdr *header, u32 len)
{
	u32 headers = le16_to_cpu(header->hdr_len);

	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		headers = max_t(u32, headers,
				le16_to_cpu(header->csum_start) +
					le16_to_cpu(header->csum_offset) + sizeof(__sum16));
	return headers <= len && (!headers || headers >= ETH_HLEN);
}

/* What a long frame begins with, copied: virtio-net header and room to parse it. */
struct beginning {
	void *start;
	u32 pad; /* the header is at the end of it */
	u32 len;
	u32 size; /* with room for skb_shared_info */
};

/* An skb of @beginning and @pieces, which are its from then on; NULL: no memory. */
static struct sk_buff *build_long(const struct beginning *beginning,
				  const struct vna_pieces *pieces)
{
	struct sk_buff *skb = napi_build_skb(beginning->start, beginning->size);

	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, beginning->pad);
	__skb_put(skb, beginning->len);
	vna_pieces_attach(pieces, skb);
	return skb;
}

/* @linear: bytes of the frame in @beginning.  @ubuf: by reference to the others. */
static bool inject(struct vna_tun_batch *batch, const struct vna_tx_frame *frame, u32 linear,
		   struct ubuf_info *ubuf, const struct socket *sock, struct vna_netdev *netdev)
{
	static const struct virtio_net_hdr none;
	const u32 len = frame->len - frame->header;
	const struct virtio_net_hdr *header = &none;
	struct beginning beginning = {.pad = batch->pad, .len = linear};
	struct vna_pieces pieces;
	struct net_device *dev;
	struct sk_buff *skb;

	/* Not for nothing; enter() asks for good. */
	if (!rcu_access_pointer(netdev->dev) || sock_flag(sock->sk, SOCK_XDP))
		return false;
	beginning.size = SKB_DATA_ALIGN(beginning.pad + linear) +
			 SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	beginning.start = vna_tun_batch_take(batch, beginning.size);
	if (!beginning.start)
		return false;
	pieces.count = pieces.pages = pieces.len = 0;
	if (!vna_tun_batch_copy(beginning.start + beginning.pad - frame->header, frame,
				frame->header + linear))
		goto drop;
	if (frame->header)
		header = beginning.start + beginning.pad - frame->header;
	if (header->gso_type & GSO_UDP_TUNNEL || !lengths_ok(header, len) ||
	    !(ubuf ? vna_pieces_pin : vna_pieces_copy)(&pieces, frame, frame->header + linear))
		goto drop;
	dev = enter(sock, netdev);
	if (!dev)
		goto drop;
	skb = dev->flags & IFF_UP ? build_long(&beginning, &pieces) : NULL;
	if (!skb) {
		leave();
		goto drop;
	}
	/* For the dissector, whom a header without a checksum is checked by. */
	skb->dev = dev;
	skb_set_network_header(skb, ETH_HLEN);
	if (virtio_net_hdr_to_skb(skb, header, true)) {
		leave();
		kfree_skb(skb);
		return false;
	}
	if (ubuf)
		skb_zcopy_init(skb, ubuf);
	receive(skb, dev);
	count(dev, 1, len);
	leave();
	return true;
drop:
	vna_pieces_drop(&pieces);
	page_frag_free(beginning.start);
	return false;
}

bool vna_tun_inject_one(struct vna_tun_batch *batch, struct vna_tx_frame *frame,
			const struct socket *sock, struct vna_netdev *netdev)
{
	const u32 linear = min_t(u32, frame->len - frame->header, LINEAR_BYTES);

	if (!inject(batch, frame, linear, NULL, sock, netdev))
		return false;
	frame->result = frame->len;
	return true;
}

bool vna_tun_inject_reference(struct vna_tun_batch *batch, const struct vna_tx_frame *frame,
			      u32 copied, struct ubuf_info *ubuf, const struct socket *sock,
			      struct vna_netdev *netdev)
{
	const u32 len = frame->len - frame->header;
	u32 linear = copied - frame->header;

	/* Longer than charged for may what is copied be, not shorter. */
	if (linear < ETH_HLEN)
		linear = min_t(u32, len, LINEAR_BYTES);
	return linear <= min_t(u32, len, LINEAR_BYTES) &&
	       inject(batch, frame, linear, ubuf, sock, netdev);
}
