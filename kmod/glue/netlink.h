/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic netlink family vhost-net-alt: include/uapi/linux/vhost_net_alt.yaml. */
#ifndef VNA_NETLINK_H
#define VNA_NETLINK_H

struct pid;
struct vna_env;

/* From here on the device can be found by its id, and listeners know of it. */
int vna_netlink_add(struct vna_env *env);
/* When this returns, no one but the caller has it. */
void vna_netlink_del(struct vna_env *env);

/* From here on @slot, which netlink shows, is @pid, whose reference is taken over; or none, NULL. */
void vna_netlink_show_process(struct pid **slot, struct pid *pid);

int vna_netlink_init(void);
void vna_netlink_exit(void);

#endif
