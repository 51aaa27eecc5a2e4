/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel_log.hh"

#include "ktap.hh"

#include <fcntl.h>

namespace vna::vm
{

KernelLog::KernelLog() : fd_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC))
{
	CHECK(fd_.get() >= 0, "/dev/kmsg: %s", std::strerror(errno));
	CHECK(lseek(fd_.get(), 0, SEEK_END) >= 0);
}

std::vector<std::string> KernelLog::take()
{
	std::vector<std::string> lines;
	char record[8192];
	for (;;) {
		const ssize_t len = read(fd_.get(), record, sizeof(record));
		if (len < 0 && errno == EPIPE)
			continue; /* records were overwritten before we read them */
		if (len <= 0)
			return lines;
		/* "level,sequence,time,flags;text\n KEY=value\n": the text is what counts. */
		std::string text(record, static_cast<std::size_t>(len));
		text.erase(0, text.find(';') + 1);
		lines.push_back(text.substr(0, text.find('\n')));
	}
}

} /* namespace vna::vm */
