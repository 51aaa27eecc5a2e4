// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstring>
#include <string>

#include <sys/socket.h>

namespace vhostd {

// What sendmsg(2) returns for @text with a duplicate of @fd beside it: for what is no message of
// Channel's.
inline ssize_t send_along(int to, std::string text, int fd)
{
	union {
		cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control{};
	iovec piece{text.data(), text.size()};
	msghdr message{};
	message.msg_iov = &piece;
	message.msg_iovlen = 1;
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof control.bytes;
	cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
	return sendmsg(to, &message, MSG_NOSIGNAL);
}

} // namespace vhostd
