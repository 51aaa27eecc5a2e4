/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/vhost-net-alt */
#ifndef VNA_CHARDEV_H
#define VNA_CHARDEV_H

struct vna_config;

/* @config is read at each open, until unregistered. */
int vna_chardev_register(const struct vna_config *config);
void vna_chardev_unregister(void);

#endif
