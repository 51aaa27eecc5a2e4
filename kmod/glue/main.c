// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading. */

#include <linux/module.h>
#include <linux/moduleparam.h>

#include "compat/thread.h"
#include "compat/tunnel.h"
#include "glue/abi.h"
#include "glue/chardev.h"
#include "glue/inflight.h"
#include "glue/netdev.h"
#include "glue/netlink.h"

static ushort max_mem_regions = 512;
module_param(max_mem_regions, ushort, 0444);
MODULE_PARM_DESC(max_mem_regions, "Most regions of guest memory that a device may have (512)");

static ushort rx_batch = VNA_MAX_BATCH;
module_param(rx_batch, ushort, 0444);
MODULE_PARM_DESC(rx_batch, "Frames and buffers handled at a time on a receive queue, 1 to 64 (64)");

static ushort tx_batch = VNA_MAX_BATCH;
module_param(tx_batch, ushort, 0444);
MODULE_PARM_DESC(tx_batch, "Buffers and frames handled at a time on a transmit queue, 1 to 64 (64)");

static bool fork_from_owner_default = true;
module_param(fork_from_owner_default, bool, 0444);
MODULE_PARM_DESC(fork_from_owner_default,
		 "Workers are threads of the owner's where the kernel can, else kernel threads (Y)");

static uint busypoll_us;
module_param(busypoll_us, uint, 0444);
MODULE_PARM_DESC(busypoll_us,
		 "Most microseconds that a worker looks for more when a queue ran dry, while that pays (0: never)");

static struct vna_config config;

module_param_named(zerocopy, config.zerocopy_min, uint, 0644);
MODULE_PARM_DESC(zerocopy, "Bytes from which frames are sent by reference to the guest's pages, by devices opened from now on; 0: all are copied (0)");

static bool __init batch_ok(ushort n)
{
	return n >= 1 && n <= VNA_MAX_BATCH;
}

static int __init vna_init(void)
{
	int error;

	if (!batch_ok(rx_batch) || !batch_ok(tx_batch)) {
		pr_err(KBUILD_MODNAME ": rx_batch and tx_batch are 1 to %u\n", VNA_MAX_BATCH);
		return -EINVAL;
	}
	config.max_mem_regions = max_mem_regions;
	config.rx_batch = rx_batch;
	config.tx_batch = tx_batch;
	config.can_fork = vna_thread_can_fork();
	config.busypoll_us = busypoll_us;
	config.fork_from_owner = config.can_fork && fork_from_owner_default;
	config.tunnel_gso = VNA_COMPAT_TUNNEL_GSO;
	error = vna_netdev_init();
	if (error)
		return error;
	error = vna_netlink_init();
	if (error)
		goto err_netdev;
	error = vna_chardev_register(&config);
	if (error)
		goto err_netlink;
	return 0;

err_netlink:
	vna_netlink_exit();
err_netdev:
	vna_netdev_exit();
	return error;
}
module_init(vna_init);

static void __exit vna_exit(void)
{
	vna_chardev_unregister();
	vna_netlink_exit();
	vna_netdev_exit();
	vna_inflight_exit();
}
module_exit(vna_exit);

MODULE_DESCRIPTION("vhost-net back end with a C++ core");
MODULE_LICENSE("GPL");
