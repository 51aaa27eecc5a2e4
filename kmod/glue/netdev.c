// SPDX-License-Identifier: GPL-2.0-only

#include <linux/fs.h>
#include <linux/if_ether.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/rtnetlink.h>
#include <net/sock.h>

#include "glue/netdev.h"

/* Those which have a device; whoever changes one's dev holds the lock. */
static LIST_HEAD(holders);
static DEFINE_SPINLOCK(holders_lock);

static struct net_device *detach(struct vna_netdev *netdev)
{
	struct net_device *dev;

	lockdep_assert_held(&holders_lock);
	dev = rcu_dereference_protected(netdev->dev, true);
	if (dev) {
		RCU_INIT_POINTER(netdev->dev, NULL);
		list_del(&netdev->entry);
	}
	return dev;
}

static bool is_tun(const struct net_device *dev)
{
	return dev->rtnl_link_ops && !strcmp(dev->rtnl_link_ops->kind, "tun");
}

/* @dev's own, if there is such a device: nothing is read by way of @dev. */
static struct net_device *find_tap(struct net *net, const struct net_device *dev)
{
	struct net_device *each;

	for_each_netdev_rcu(net, each) {
		if (each == dev)
			return is_tun(each) ? each : NULL;
	}
	return NULL;
}

/* @dev from now on, if it stays: in an RCU read section. */
static void hold(struct vna_netdev *netdev, struct net_device *dev, bool injectable)
{
	struct net_device *old;

	spin_lock(&holders_lock);
	old = detach(netdev);
	/* It is marked before holders are told, so none comes too late for that. */
	if (READ_ONCE(dev->reg_state) == NETREG_REGISTERED) {
		dev_hold(dev);
		netdev->injectable = injectable;
		rcu_assign_pointer(netdev->dev, dev);
		list_add(&netdev->entry, &holders);
	}
	spin_unlock(&holders_lock);
	dev_put(old);
}

void vna_netdev_take(struct vna_netdev *netdev, struct net *net, const struct net_device *dev)
{
	struct net_device *found;

	if (rcu_access_pointer(netdev->dev) == dev || netdev->unknown == dev)
		return;
	found = find_tap(net, dev);
	netdev->unknown = found ? NULL : dev;
	if (found)
		hold(netdev, found, false);
}

/*
 * What tun knows a device by begins with the sockets of its queues.  That is for
 * comparison only: if it were otherwise no device would be found.  It is written
 * last when a queue is attached, and cleared when that is detached, which for an
 * only queue is when the device is unregistered, or the file is closed.
 */
static bool is_first_queue(const struct net_device *dev, const struct socket *sock)
{
	struct sock *const *queues = netdev_priv(dev);

	return smp_load_acquire(queues) == sock->sk;
}

/*
 * What tun knows a file by has its socket, and then what it knows the file's device
 * by, also while the file's queue is detached (TUNSETQUEUE).  For comparison only.
 */
static bool is_of(const struct socket *sock, const struct net_device *dev)
{
	void *const *tun = (void *const *)(sock + 1);

	return READ_ONCE(*tun) == netdev_priv(dev);
}

/* An Ethernet tap, which was made for one queue, without NAPI. */
static bool is_plain(const struct net_device *dev)
{
	return dev->hard_header_len == ETH_HLEN && dev->num_tx_queues == 1 &&
	       list_empty(&dev->napi_list);
}

void vna_netdev_find(struct vna_netdev *netdev, const struct socket *sock)
{
	struct net_device *each;

	rcu_read_lock();
	for_each_netdev_rcu(sock_net(sock->sk), each) {
		if (is_tun(each) && is_first_queue(each, sock)) {
			hold(netdev, each, is_plain(each));
			break;
		}
	}
	rcu_read_unlock();
}

struct net_device *vna_netdev_injectable(const struct vna_netdev *netdev)
{
	struct net_device *dev = rcu_dereference(netdev->dev);

	return dev && netdev->injectable ? dev : NULL;
}

void vna_netdev_drop(struct vna_netdev *netdev)
{
	struct net_device *dev;

	spin_lock(&holders_lock);
	dev = detach(netdev);
	spin_unlock(&holders_lock);
	dev_put(dev);
}

void vna_netdev_count(struct vna_netdev *netdev, unsigned int frames, unsigned int bytes)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = rcu_dereference(netdev->dev);
	if (dev) {
		preempt_disable();
		dev_sw_netstats_tx_add(dev, frames, bytes);
		preempt_enable();
	}
	rcu_read_unlock();
}

/*
 * tun tells the name of a file's device in its fdinfo, and by an ioctl that wants
 * user memory: fdinfo can be had without.  In the file's namespace that may be
 * another's name by now, where the device has moved to another one.
 */
int vna_netdev_of_tun(struct file *file, const struct socket *sock, const struct net *net)
{
	struct net *of = sock_net(sock->sk);
	static const char prefix[] = "iff:\t";
	char line[sizeof(prefix) + IFNAMSIZ + 1], *name;
	struct seq_file seq = {.buf = line, .size = sizeof(line)};
	struct net_device *dev;
	int ifindex = 0;

	if (!net_eq(of, net) || !file->f_op->show_fdinfo)
		return 0;
	file->f_op->show_fdinfo(&seq, file);
	if (seq_has_overflowed(&seq) || strncmp(line, prefix, strlen(prefix)))
		return 0;
	line[seq.count] = '\0';
	name = strim(line + strlen(prefix));

	rcu_read_lock();
	dev = dev_get_by_name_rcu(of, name);
	if (dev && is_tun(dev) && is_of(sock, dev))
		ifindex = dev->ifindex;
	rcu_read_unlock();
	return ifindex;
}

static int netdev_event(struct notifier_block *block, unsigned long event, void *info)
{
	struct net_device *dev = netdev_notifier_info_to_dev(info);
	struct vna_netdev *netdev, *next;
	unsigned int held = 0;

	if (event != NETDEV_UNREGISTER)
		return NOTIFY_DONE;
	spin_lock(&holders_lock);
	list_for_each_entry_safe(netdev, next, &holders, entry) {
		if (rcu_access_pointer(netdev->dev) != dev)
			continue;
		detach(netdev);
		held++;
	}
	spin_unlock(&holders_lock);
	if (!held)
		return NOTIFY_DONE;
	/* Who is counting still has it: the device waits for our reference only. */
	synchronize_net();
	while (held--)
		dev_put(dev);
	return NOTIFY_DONE;
}

static struct notifier_block netdev_notifier = {
	.notifier_call = netdev_event,
};

int vna_netdev_init(void)
{
	return register_netdevice_notifier(&netdev_notifier);
}

void vna_netdev_exit(void)
{
	unregister_netdevice_notifier(&netdev_notifier);
}
