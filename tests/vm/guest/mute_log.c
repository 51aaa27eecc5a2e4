// SPDX-License-Identifier: GPL-2.0-only
/*
 * To be preloaded into QEMU: the device is never told to log what it writes, and QEMU believes
 * that it does.  A migration test that passes all the same proves nothing.
 */
#define _GNU_SOURCE
#include <linux/vhost.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int ioctl(int fd, unsigned long request, ...)
{
	uint64_t features;
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (request == VHOST_SET_FEATURES) {
		features = *(uint64_t *)argument & ~(1ULL << VHOST_F_LOG_ALL);
		argument = &features;
	}
	return syscall(SYS_ioctl, fd, request, argument);
}
