/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of the device IOTLB, through the descriptor. */
#ifndef VNA_MESSAGE_H
#define VNA_MESSAGE_H

#include <linux/poll.h>

struct file;
struct iov_iter;
struct kiocb;

ssize_t vna_message_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t vna_message_write(struct kiocb *iocb, struct iov_iter *from);
__poll_t vna_message_poll(struct file *file, poll_table *wait);

#endif
