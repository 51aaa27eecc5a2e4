/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The network device of a tap: what is taken off its ring unseen by tun has to be
 * counted as tun would, what goes out may enter the stack as its own.
 */
#ifndef VNA_NETDEV_H
#define VNA_NETDEV_H

#include <linux/list.h>
#include <linux/netdevice.h>

/* Zeroed: none. */
struct vna_netdev {
	struct net_device __rcu *dev; /* held; let go of when it is unregistered */
	struct list_head entry; /* while there is one */
	const struct net_device *unknown; /* the last that was not found; never looked at */
	bool injectable; /* what @sock's frames enter: see vna_netdev_find() */
};

/*
 * Takes the tap that @sock is the one queue of, if it is in @sock's namespace, so
 * that frames may enter by it without tun: where tun would do no more with them
 * than hand them to the stack, as long as it has no XDP program.
 */
void vna_netdev_find(struct vna_netdev *netdev, const struct socket *sock);
/* That tap, or NULL.  In an RCU read section, which keeps it. */
struct net_device *vna_netdev_injectable(const struct vna_netdev *netdev);

/*
 * Takes @dev if it is a tap that is registered in @net.  It need not be anything:
 * a frame may have waited for longer than the device that it names has lived.  In
 * an RCU read section; no other call for @netdev is under way.
 */
void vna_netdev_take(struct vna_netdev *netdev, struct net *net, const struct net_device *dev);
void vna_netdev_drop(struct vna_netdev *netdev);
/* Counts frames that left by the device; nothing if it has gone. */
void vna_netdev_count(struct vna_netdev *netdev, unsigned int frames, unsigned int bytes);

/*
 * The tap that @file, tun's, is attached to by @sock, by its index: 0 if there is
 * none, or it is not in @net, or no longer in the namespace that it was made in,
 * @sock's.  Takes the rtnl lock.
 */
int vna_netdev_of_tun(struct file *file, const struct socket *sock, const struct net *net);

int vna_netdev_init(void);
void vna_netdev_exit(void);

#endif
