// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading. */

#include <linux/module.h>
#include <linux/moduleparam.h>

#include "glue/abi.h"
#include "glue/chardev.h"

static ushort max_mem_regions = 512;
module_param(max_mem_regions, ushort, 0444);
MODULE_PARM_DESC(max_mem_regions, "Most regions of guest memory that a device may have (512)");

static struct vna_config config;

static int __init vna_init(void)
{
	config.max_mem_regions = max_mem_regions;
	return vna_chardev_register(&config);
}
module_init(vna_init);

static void __exit vna_exit(void)
{
	vna_chardev_unregister();
}
module_exit(vna_exit);

MODULE_DESCRIPTION("vhost-net back end with a C++ core");
MODULE_LICENSE("GPL");
