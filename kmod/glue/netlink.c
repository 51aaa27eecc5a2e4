// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: what the core shows, as attributes.
 *
 * Nothing here takes a device's or a queue's lock, which may be held for as long
 * as a page of the owner's is missing: who looks at devices never waits for one.
 */

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/pid.h>
#include <linux/vhost_net_alt.h>
#include <net/sock.h>

#include "compat/genetlink.h"
#include "glue/env.h"
#include "glue/inflight.h"
#include "glue/netlink.h"
#include "glue/trace.h"

/* Attributes are the core's counters, and its rules, behind one for padding. */
#define COUNTER(i) (VHOST_NET_ALT_A_COUNTERS_PAD + 1 + (i))
#define RULE(i) (VHOST_NET_ALT_A_RULES_PAD + 1 + (i))

enum {
	GROUP_MGMT,
};

static struct genl_family family;

/*
 * The core's list of devices, and the processes and threads that are shown of them.
 * A device in the list stays while this is held.  Taken last:
 * a device's and a queue's lock may be held, and none is taken under it.
 */
static DEFINE_MUTEX(devices);

/* ---- messages ---------------------------------------------------------- */

static int put_u64(struct sk_buff *skb, int attr, u64 value, int pad)
{
	return nla_put_u64_64bit(skb, attr, value, pad);
}

/* @owner: its number, where that is shown to; 0: it has none there. */
static int put_dev(struct sk_buff *skb, const struct vna_env *env, pid_t owner)
{
	struct vna_device_info info;

	vna_core_show(env->core, &info);
	if (nla_put_u32(skb, VHOST_NET_ALT_A_DEV_ID, info.id) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_STATE, info.state) ||
	    (owner && nla_put_u32(skb, VHOST_NET_ALT_A_DEV_OWNER_PID, owner)) ||
	    put_u64(skb, VHOST_NET_ALT_A_DEV_FEATURES, info.features, VHOST_NET_ALT_A_DEV_PAD) ||
	    put_u64(skb, VHOST_NET_ALT_A_DEV_FEATURES_HIGH, info.features_high,
		    VHOST_NET_ALT_A_DEV_PAD) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_MEM_REGIONS, info.regions) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_QUEUES, vna_core_queues()) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_RX_BATCH, info.settings.rx_batch) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_TX_BATCH, info.settings.tx_batch) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_WEIGHT_PACKETS, info.settings.weight_packets) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_WEIGHT_BYTES, info.settings.weight_bytes) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_ZEROCOPY, info.settings.zerocopy_min) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_BUSYPOLL, info.settings.poll_mode) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_DEV_BUSYPOLL_US, info.settings.poll_us))
		return -EMSGSIZE;
	return 0;
}

/* What a queue is called, and its type. */
static int put_queue_name(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	struct vna_device_info device;
	struct vna_queue_info info;

	vna_core_show(env->core, &device);
	vna_core_show_queue(env->core, queue, &info);
	if (nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_DEV_ID, device.id) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_ID, queue) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_TYPE,
			info.transmits ? VHOST_NET_ALT_QUEUE_TYPE_TX :
					 VHOST_NET_ALT_QUEUE_TYPE_RX))
		return -EMSGSIZE;
	return 0;
}

static int put_backend(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	const struct vna_env_backend *backend = &env->queues[queue].backend;
	int ifindex = READ_ONCE(backend->ifindex);
	struct net_device *dev;
	int error = 0;

	if (nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_BACKEND, READ_ONCE(backend->type)))
		return -EMSGSIZE;
	if (!ifindex)
		return 0;
	/* It may have gone since, and its name may be another. */
	rcu_read_lock();
	dev = dev_get_by_index_rcu(env->net, ifindex);
	if (dev && (nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_IFINDEX, ifindex) ||
		    nla_put_string(skb, VHOST_NET_ALT_A_QUEUE_IFNAME, dev->name)))
		error = -EMSGSIZE;
	rcu_read_unlock();
	return error;
}

/* Of a transmit queue: what is in flight by reference. */
static int put_flights(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	u32 frames, pages;

	vna_inflight_show(env, queue, &frames, &pages);
	if (nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_IN_FLIGHT, frames) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_PINNED_PAGES, pages))
		return -EMSGSIZE;
	return 0;
}

static int put_queue(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	const struct vna_worker *worker;
	struct vna_queue_info info;
	pid_t pid;

	vna_core_show_queue(env->core, queue, &info);
	worker = &env->workers[info.worker];
	/* A kernel thread has no number in a namespace but the initial one. */
	pid = pid_vnr(worker->shown);
	if (put_queue_name(skb, env, queue) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_STATE, info.state) ||
	    (info.rule &&
	     (nla_put_string(skb, VHOST_NET_ALT_A_QUEUE_RULE, info.rule) ||
	      nla_put_string(skb, VHOST_NET_ALT_A_QUEUE_RULE_TEXT, info.rule_text))) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_RING_FORMAT,
			info.packed ? VHOST_NET_ALT_RING_FORMAT_PACKED :
				      VHOST_NET_ALT_RING_FORMAT_SPLIT) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_RING_SIZE, info.size) ||
	    (info.in_order && nla_put_flag(skb, VHOST_NET_ALT_A_QUEUE_IN_ORDER)) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_BASE, info.base) ||
	    (pid && nla_put_u32(skb, VHOST_NET_ALT_A_QUEUE_WORKER_PID, pid)) ||
	    (worker->shown && put_u64(skb, VHOST_NET_ALT_A_QUEUE_WORKER_NS, READ_ONCE(worker->ns),
				      VHOST_NET_ALT_A_QUEUE_PAD)) ||
	    (info.transmits && put_flights(skb, env, queue)))
		return -EMSGSIZE;
	return put_backend(skb, env, queue);
}

static bool transmits(const struct vna_env *env, u32 queue)
{
	struct vna_queue_info info;

	vna_core_show_queue(env->core, queue, &info);
	return info.transmits;
}

/* The counters of @queue; @all: the sum of all queues of its direction. */
static int put_counters(struct sk_buff *skb, const struct vna_env *env, u32 queue, bool all)
{
	bool direction = transmits(env, queue);
	u32 first = all ? 0 : queue, last = all ? vna_core_queues() - 1 : queue;
	struct nlattr *counters, *rules;
	u32 i, q;
	u64 sum;

	counters = nla_nest_start(skb, direction ? VHOST_NET_ALT_A_QSTATS_TX :
						   VHOST_NET_ALT_A_QSTATS_RX);
	if (!counters)
		return -EMSGSIZE;
	for (i = 0; i < vna_core_counters(); i++) {
		for (q = first, sum = 0; q <= last; q++)
			if (transmits(env, q) == direction)
				sum += vna_core_counter(env->core, q, i);
		if (put_u64(skb, COUNTER(i), sum, VHOST_NET_ALT_A_COUNTERS_PAD))
			return -EMSGSIZE;
	}
	rules = nla_nest_start(skb, VHOST_NET_ALT_A_COUNTERS_RING_ERRORS_BY_RULE);
	if (!rules)
		return -EMSGSIZE;
	for (i = 0; i < vna_core_rules(); i++) {
		for (q = first, sum = 0; q <= last; q++)
			if (transmits(env, q) == direction)
				sum += vna_core_broken(env->core, q, i);
		if (sum && put_u64(skb, RULE(i), sum, VHOST_NET_ALT_A_RULES_PAD))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, rules);
	nla_nest_end(skb, counters);
	return 0;
}

static int put_queue_stats(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	struct vna_device_info info;

	vna_core_show(env->core, &info);
	if (nla_put_u32(skb, VHOST_NET_ALT_A_QSTATS_DEV_ID, info.id) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QSTATS_QUEUE_ID, queue) ||
	    nla_put_u32(skb, VHOST_NET_ALT_A_QSTATS_QUEUE_TYPE,
			transmits(env, queue) ? VHOST_NET_ALT_QUEUE_TYPE_TX :
						VHOST_NET_ALT_QUEUE_TYPE_RX))
		return -EMSGSIZE;
	return put_counters(skb, env, queue, false);
}

static int put_dev_stats(struct sk_buff *skb, const struct vna_env *env)
{
	struct vna_device_info info;
	bool seen[2] = {};
	u32 queue;

	vna_core_show(env->core, &info);
	if (nla_put_u32(skb, VHOST_NET_ALT_A_QSTATS_DEV_ID, info.id))
		return -EMSGSIZE;
	for (queue = 0; queue < vna_core_queues(); queue++) {
		bool direction = transmits(env, queue);

		if (seen[direction])
			continue;
		seen[direction] = true;
		if (put_counters(skb, env, queue, true))
			return -EMSGSIZE;
	}
	return 0;
}

/* ---- requests ---------------------------------------------------------- */

/* The device that @attr names, if it is in @net; with the list's lock. */
static struct vna_env *find(struct net *net, const struct nlattr *attr,
			    struct netlink_ext_ack *extack)
{
	u32 id = nla_get_u32(attr);
	struct vna_env *env = vna_core_at_or_after(id);

	lockdep_assert_held(&devices);
	if (env && env->id == id && net_eq(env->net, net))
		return env;
	NL_SET_ERR_MSG_ATTR(extack, attr, "no device with this id in this network namespace");
	return NULL;
}

/* A reply to @info with what @put makes of @env. */
static int reply(struct genl_info *info, u8 cmd, const struct vna_env *env, u32 queue,
		 int (*put)(struct sk_buff *skb, const struct vna_env *env, u32 queue))
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *header;

	if (!skb)
		return -ENOMEM;
	header = genlmsg_put_reply(skb, info, &family, 0, cmd);
	if (!header || put(skb, env, queue)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

/* To who asks, as it is the one that runs. */
static int put_dev_to_asker(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	return put_dev(skb, env, pid_vnr(env->owner_process));
}

static int dev_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *id = info->attrs[VHOST_NET_ALT_A_DEV_ID];
	struct vna_env *env;
	int error = -ENODEV;

	if (GENL_REQ_ATTR_CHECK(info, VHOST_NET_ALT_A_DEV_ID)) {
		NL_SET_ERR_MSG(info->extack, "attribute id is missing");
		return -EINVAL;
	}
	mutex_lock(&devices);
	env = find(genl_info_net(info), id, info->extack);
	if (env)
		error = reply(info, VHOST_NET_ALT_CMD_DEV_GET, env, 0, put_dev_to_asker);
	mutex_unlock(&devices);
	return error;
}

static int queue_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *id = info->attrs[VHOST_NET_ALT_A_QUEUE_DEV_ID];
	const struct nlattr *queue = info->attrs[VHOST_NET_ALT_A_QUEUE_ID];
	struct vna_env *env;
	int error = -ENODEV;

	if (GENL_REQ_ATTR_CHECK(info, VHOST_NET_ALT_A_QUEUE_DEV_ID)) {
		NL_SET_ERR_MSG(info->extack, "attribute dev-id is missing");
		return -EINVAL;
	}
	if (GENL_REQ_ATTR_CHECK(info, VHOST_NET_ALT_A_QUEUE_ID)) {
		NL_SET_ERR_MSG(info->extack, "attribute id is missing");
		return -EINVAL;
	}
	if (nla_get_u32(queue) >= vna_core_queues()) {
		NL_SET_ERR_MSG_ATTR(info->extack, queue, "no queue with this id in the device");
		return -ENOENT;
	}
	mutex_lock(&devices);
	env = find(genl_info_net(info), id, info->extack);
	if (env)
		error = reply(info, VHOST_NET_ALT_CMD_QUEUE_GET, env, nla_get_u32(queue),
			      put_queue);
	mutex_unlock(&devices);
	return error;
}

/* Takes over @attr where it is given. */
static void take(u32 *setting, const struct nlattr *attr)
{
	if (attr)
		*setting = nla_get_u32(attr);
}

static void notify(const struct vna_env *env, u8 cmd);

static int dev_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *id = info->attrs[VHOST_NET_ALT_A_DEV_ID];
	struct vna_device_info device;
	struct vna_settings settings;
	struct vna_env *env;
	int error = -ENODEV;

	if (GENL_REQ_ATTR_CHECK(info, VHOST_NET_ALT_A_DEV_ID)) {
		NL_SET_ERR_MSG(info->extack, "attribute id is missing");
		return -EINVAL;
	}
	mutex_lock(&devices);
	env = find(genl_info_net(info), id, info->extack);
	if (!env)
		goto unlock;
	vna_core_show(env->core, &device);
	settings = device.settings;
	take(&settings.rx_batch, info->attrs[VHOST_NET_ALT_A_DEV_RX_BATCH]);
	take(&settings.tx_batch, info->attrs[VHOST_NET_ALT_A_DEV_TX_BATCH]);
	take(&settings.weight_packets, info->attrs[VHOST_NET_ALT_A_DEV_WEIGHT_PACKETS]);
	take(&settings.weight_bytes, info->attrs[VHOST_NET_ALT_A_DEV_WEIGHT_BYTES]);
	take(&settings.zerocopy_min, info->attrs[VHOST_NET_ALT_A_DEV_ZEROCOPY]);
	take(&settings.poll_mode, info->attrs[VHOST_NET_ALT_A_DEV_BUSYPOLL]);
	take(&settings.poll_us, info->attrs[VHOST_NET_ALT_A_DEV_BUSYPOLL_US]);
	error = vna_core_set(env->core, &settings);
	if (error)
		NL_SET_ERR_MSG(info->extack, "a setting is out of its range");
	else if (memcmp(&settings, &device.settings, sizeof(settings)))
		notify(env, VHOST_NET_ALT_CMD_DEV_CHANGE_NTF);
unlock:
	mutex_unlock(&devices);
	return error;
}

/* ---- dumps -------------------------------------------------------------- */

/* Where a dump is, between its messages. */
struct position {
	u32 id; /* of the device, or one below it: then of the next */
	u32 queue; /* its next queue */
};

static struct position *position(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct position) > sizeof(cb->ctx));
	return (struct position *)cb->ctx;
}

/*
 * A message for each device of the requester's namespace, of @only's number if
 * that is given, and if @queues for each of its queues.
 */
static int dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		const struct nlattr *only, bool queues,
		int (*put)(struct sk_buff *skb, const struct vna_env *env, u32 queue))
{
	struct position *at = position(cb);
	struct net *net = sock_net(skb->sk);
	struct vna_env *env;
	int error = 0;
	void *header;

	mutex_lock(&devices);
	cb->seq = vna_core_generation();
	if (only && !at->id) {
		if (!find(net, only, cb->extack)) {
			error = -ENODEV;
			goto unlock;
		}
		at->id = nla_get_u32(only);
	}
	/* Looked up once a message: there may be very many. */
	for (env = vna_core_at_or_after(at->id); env; env = vna_core_after(env->core)) {
		if (only && env->id != nla_get_u32(only))
			break;
		if (env->id != at->id) {
			at->id = env->id;
			at->queue = 0;
		}
		if (!net_eq(env->net, net))
			continue;
		for (; at->queue < (queues ? vna_core_queues() : 1); at->queue++) {
			header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
					     &family, NLM_F_MULTI, cmd);
			if (header)
				genl_dump_check_consistent(cb, header);
			if (!header || put(skb, env, at->queue)) {
				if (header)
					genlmsg_cancel(skb, header);
				error = -EMSGSIZE;
				goto unlock;
			}
			genlmsg_end(skb, header);
		}
	}
	/* All queues of the last device that there can be are through, if there is one. */
	at->id = U32_MAX;
	at->queue = U32_MAX;
unlock:
	mutex_unlock(&devices);
	/* A message that is not empty is sent, and the rest comes in the next. */
	return error == -EMSGSIZE && skb->len ? skb->len : error ?: skb->len;
}

static int dev_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr **attrs = vna_compat_genl_dump_attrs(cb);

	if (attrs[VHOST_NET_ALT_A_DEV_ID]) {
		NL_SET_ERR_MSG_ATTR(cb->extack, attrs[VHOST_NET_ALT_A_DEV_ID],
				    "a dump is of all devices");
		return -EINVAL;
	}
	return dump(skb, cb, VHOST_NET_ALT_CMD_DEV_GET, NULL, false, put_dev_to_asker);
}

static int queue_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr **attrs = vna_compat_genl_dump_attrs(cb);

	if (attrs[VHOST_NET_ALT_A_QUEUE_ID]) {
		NL_SET_ERR_MSG_ATTR(cb->extack, attrs[VHOST_NET_ALT_A_QUEUE_ID],
				    "a dump is of all queues");
		return -EINVAL;
	}
	return dump(skb, cb, VHOST_NET_ALT_CMD_QUEUE_GET, attrs[VHOST_NET_ALT_A_QUEUE_DEV_ID], true,
		    put_queue);
}

static int put_dev_stats_of(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	return put_dev_stats(skb, env);
}

static int qstats_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr **attrs = vna_compat_genl_dump_attrs(cb);
	const struct nlattr *scope = attrs[VHOST_NET_ALT_A_QSTATS_SCOPE];
	bool queues = scope && nla_get_u32(scope) & VHOST_NET_ALT_QSTATS_SCOPE_QUEUE;

	return dump(skb, cb, VHOST_NET_ALT_CMD_QSTATS_GET, attrs[VHOST_NET_ALT_A_QSTATS_DEV_ID],
		    queues, queues ? put_queue_stats : put_dev_stats_of);
}

/* ---- notifications ------------------------------------------------------ */

/* A message to all who listen in @env's namespace: whoever is too slow gets ENOBUFS. */
static void multicast(const struct vna_env *env, u8 cmd, u32 queue,
		      int (*put)(struct sk_buff *skb, const struct vna_env *env, u32 queue))
{
	struct sk_buff *skb;
	void *header;

	if (!genl_has_listeners(&family, env->net, GROUP_MGMT))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	header = skb ? genlmsg_put(skb, 0, 0, &family, 0, cmd) : NULL;
	if (!header || put(skb, env, queue)) {
		nlmsg_free(skb);
		/* As to one who was too slow: there was something, and it is lost. */
		genl_set_err(&family, env->net, 0, GROUP_MGMT, -ENOBUFS);
		return;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast_netns(&family, env->net, skb, 0, GROUP_MGMT, GFP_KERNEL);
}

/* To who listens, wherever that is: the owner has the number that it has for itself. */
static int put_dev_to_all(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	struct pid *owner = env->owner_process;

	return put_dev(skb, env, pid_nr_ns(owner, ns_of_pid(owner)));
}

static void notify(const struct vna_env *env, u8 cmd)
{
	lockdep_assert_held(&devices);
	multicast(env, cmd, 0, put_dev_to_all);
}

void vna_env_changed(struct vna_env *env)
{
	mutex_lock(&devices);
	/* Not before others know of it, and not after. */
	if (env->id)
		notify(env, VHOST_NET_ALT_CMD_DEV_CHANGE_NTF);
	mutex_unlock(&devices);
}

static int put_stopped(struct sk_buff *skb, const struct vna_env *env, u32 queue)
{
	const struct vna_queue_stopped *stopped = &env->queues[queue].stopped;

	if (put_queue_name(skb, env, queue) ||
	    nla_put_string(skb, VHOST_NET_ALT_A_QUEUE_RULE, stopped->rule) ||
	    nla_put_string(skb, VHOST_NET_ALT_A_QUEUE_RULE_TEXT, stopped->text))
		return -EMSGSIZE;
	return 0;
}

void vna_env_queue_stopped(struct vna_env *env, vna_u32 queue, const char *rule, const char *text)
{
	trace_vna_error(env->id, queue, rule);
	/* Under the queue's lock, like the message that is made of it. */
	env->queues[queue].stopped.rule = rule;
	env->queues[queue].stopped.text = text;
	mutex_lock(&devices);
	if (env->id) /* the worker ends after others have forgotten the device */
		multicast(env, VHOST_NET_ALT_CMD_QUEUE_ERROR_NTF, queue, put_stopped);
	mutex_unlock(&devices);
}

/* ---- the family --------------------------------------------------------- */

static struct netlink_range_validation weight_packets_range = {
	.min = 1,
	.max = VNA_MAX_WEIGHT_PACKETS,
};

static struct netlink_range_validation weight_bytes_range = {
	.min = VNA_MIN_WEIGHT_BYTES,
	.max = VNA_MAX_WEIGHT_BYTES,
};

static const struct nla_policy dev_get_policy[] = {
	[VHOST_NET_ALT_A_DEV_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy dev_set_policy[] = {
	[VHOST_NET_ALT_A_DEV_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[VHOST_NET_ALT_A_DEV_RX_BATCH] = NLA_POLICY_RANGE(NLA_U32, 1, VNA_MAX_BATCH),
	[VHOST_NET_ALT_A_DEV_TX_BATCH] = NLA_POLICY_RANGE(NLA_U32, 1, VNA_MAX_BATCH),
	[VHOST_NET_ALT_A_DEV_WEIGHT_PACKETS] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &weight_packets_range),
	[VHOST_NET_ALT_A_DEV_WEIGHT_BYTES] = NLA_POLICY_FULL_RANGE(NLA_U32, &weight_bytes_range),
	[VHOST_NET_ALT_A_DEV_ZEROCOPY] = {.type = NLA_U32},
	[VHOST_NET_ALT_A_DEV_BUSYPOLL] =
		NLA_POLICY_MAX(NLA_U32, VHOST_NET_ALT_BUSYPOLL_MODE_ADAPTIVE),
	[VHOST_NET_ALT_A_DEV_BUSYPOLL_US] = {.type = NLA_U32},
};

static const struct nla_policy queue_get_policy[] = {
	[VHOST_NET_ALT_A_QUEUE_DEV_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[VHOST_NET_ALT_A_QUEUE_ID] = {.type = NLA_U32},
};

static const struct nla_policy qstats_get_policy[] = {
	[VHOST_NET_ALT_A_QSTATS_DEV_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[VHOST_NET_ALT_A_QSTATS_SCOPE] = NLA_POLICY_MASK(NLA_U32, VHOST_NET_ALT_QSTATS_SCOPE_QUEUE),
};

static const struct genl_ops ops[] = {
	{
		.cmd = VHOST_NET_ALT_CMD_DEV_GET,
		.doit = dev_get_doit,
		.dumpit = dev_get_dumpit,
		.policy = dev_get_policy,
		.maxattr = ARRAY_SIZE(dev_get_policy) - 1,
	},
	{
		.cmd = VHOST_NET_ALT_CMD_DEV_SET,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = dev_set_doit,
		.policy = dev_set_policy,
		.maxattr = ARRAY_SIZE(dev_set_policy) - 1,
	},
	{
		.cmd = VHOST_NET_ALT_CMD_QUEUE_GET,
		.doit = queue_get_doit,
		.dumpit = queue_get_dumpit,
		.policy = queue_get_policy,
		.maxattr = ARRAY_SIZE(queue_get_policy) - 1,
	},
	{
		.cmd = VHOST_NET_ALT_CMD_QSTATS_GET,
		.dumpit = qstats_get_dumpit,
		.policy = qstats_get_policy,
		.maxattr = ARRAY_SIZE(qstats_get_policy) - 1,
	},
};

static const struct genl_multicast_group groups[] = {
	[GROUP_MGMT] = {.name = VHOST_NET_ALT_MCGRP_MGMT},
};

static struct genl_family family __ro_after_init = {
	.name = VHOST_NET_ALT_FAMILY_NAME,
	.version = VHOST_NET_ALT_FAMILY_VERSION,
	.module = THIS_MODULE,
	.netnsok = true,
	.parallel_ops = true,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

void vna_netlink_show_process(struct pid **slot, struct pid *pid)
{
	mutex_lock(&devices);
	swap(*slot, pid);
	mutex_unlock(&devices);
	put_pid(pid);
}

int vna_netlink_add(struct vna_env *env)
{
	struct vna_device_info info;
	int error;

	refcount_set(&env->users, 1);
	init_completion(&env->unused);
	mutex_lock(&devices);
	error = vna_core_register(env->core);
	if (!error) {
		vna_core_show(env->core, &info);
		env->id = info.id;
		notify(env, VHOST_NET_ALT_CMD_DEV_ADD_NTF);
	}
	mutex_unlock(&devices);
	return error;
}

void vna_netlink_del(struct vna_env *env)
{
	mutex_lock(&devices);
	notify(env, VHOST_NET_ALT_CMD_DEV_DEL_NTF);
	vna_core_unregister(env->core);
	env->id = 0;
	mutex_unlock(&devices);
	/* Whoever found it is in an ioctl of its own, which ends. */
	if (!refcount_dec_and_test(&env->users))
		wait_for_completion(&env->unused);
}

int vna_env_find(vna_u32 id, struct vna_core **out)
{
	struct vna_env *env;
	int error = -ENODEV;

	mutex_lock(&devices);
	env = vna_core_at_or_after(id);
	if (env && env->id == id) {
		error = -EPERM;
		if (ns_capable(env->net->user_ns, CAP_NET_ADMIN)) {
			refcount_inc(&env->users);
			*out = env->core;
			error = 0;
		}
	}
	mutex_unlock(&devices);
	return error;
}

void vna_env_put(struct vna_core *core)
{
	struct vna_env *env = vna_core_env(core);

	if (refcount_dec_and_test(&env->users))
		complete(&env->unused);
}

int vna_netlink_init(void)
{
	return genl_register_family(&family);
}

void vna_netlink_exit(void)
{
	genl_unregister_family(&family);
}
