// SPDX-License-Identifier: GPL-2.0-only
/* The character device: each descriptor is a device of its own. */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/vhost_net_alt.h>

#include "glue/chardev.h"
#include "glue/env.h"
#include "glue/inflight.h"
#include "glue/message.h"
#include "glue/netlink.h"

static const struct vna_config *chardev_config;

static int chardev_open(struct inode *inode, struct file *file)
{
	struct vna_env *env = vna_env_create(chardev_config);
	int error;

	if (!env)
		return -ENOMEM;
	file->private_data = env;
	error = vna_netlink_add(env);
	if (error)
		vna_env_destroy(env);
	return error;
}

static int chardev_release(struct inode *inode, struct file *file)
{
	struct vna_env *env = file->private_data;

	vna_netlink_del(env);
	vna_env_destroy(env);
	return 0;
}

static long chardev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vna_env *env = file->private_data;

	return vna_core_ioctl(env->core, cmd, arg);
}

static void chardev_show_fdinfo(struct seq_file *seq, struct file *file)
{
	struct vna_env *env = file->private_data;
	struct vna_queue_info info;
	u32 queue, counter, frames, pages;

	seq_printf(seq, "id:\t%u\n", env->id);
	seq_printf(seq, "features:\t%#llx\n", vna_core_features(env->core, 0));
	seq_printf(seq, "features.64:\t%#llx\n", vna_core_features(env->core, 1));
	for (queue = 0; queue < vna_core_queues(); queue++) {
		const char *name = vna_core_queue_name(queue);

		vna_core_show_queue(env->core, queue, &info);
		seq_printf(seq, "%s.state:\t%s\n", name, vna_core_queue_state(env->core, queue));
		seq_printf(seq, "%s.worker_ns:\t%llu\n", name,
			   READ_ONCE(env->workers[info.worker].ns));
		for (counter = 0; counter < vna_core_counters(); counter++)
			seq_printf(seq, "%s.%s:\t%llu\n", name, vna_core_counter_name(counter),
				   vna_core_counter(env->core, queue, counter));
		if (!info.transmits)
			continue;
		vna_inflight_show(env, queue, &frames, &pages);
		seq_printf(seq, "%s.in_flight:\t%u\n%s.pinned_pages:\t%u\n", name, frames, name,
			   pages);
	}
}

static const struct file_operations chardev_fops = {
	.owner = THIS_MODULE,
	.open = chardev_open,
	.poll = vna_message_poll,
	.read_iter = vna_message_read,
	.release = chardev_release,
	.write_iter = vna_message_write,
	.unlocked_ioctl = chardev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = chardev_show_fdinfo,
	.llseek = noop_llseek,
};

static struct miscdevice chardev_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = VHOST_NET_ALT_NAME,
	.mode = 0600,
	.fops = &chardev_fops,
};

int vna_chardev_register(const struct vna_config *config)
{
	chardev_config = config;
	return misc_register(&chardev_misc);
}

void vna_chardev_unregister(void)
{
	misc_deregister(&chardev_misc);
}
