// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/log.hh"

#include <cstdlib>
#include <memory>
#include <string>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace vhostd {

namespace {

// sd-daemon(3): a line's priority in front of it.
class Priority : public spdlog::custom_flag_formatter
{
public:
	void format(const spdlog::details::log_msg &message, const std::tm &,
		    spdlog::memory_buf_t &to) override
	{
		const std::string_view text = prefix(message.level);
		to.append(text.data(), text.data() + text.size());
	}
	[[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override
	{
		return std::make_unique<Priority>();
	}

private:
	static std::string_view prefix(spdlog::level::level_enum level)
	{
		switch (level) {
		case spdlog::level::critical:
			return SD_CRIT;
		case spdlog::level::err:
			return SD_ERR;
		case spdlog::level::warn:
			return SD_WARNING;
		case spdlog::level::info:
			return SD_INFO;
		default:
			return SD_DEBUG;
		}
	}
};

// systemd.exec(5): JOURNAL_STREAM is the device and inode of the journal's stream.
bool is_journal(int fd)
{
	const char *stream = std::getenv("JOURNAL_STREAM");
	struct stat status;
	return stream && fstat(fd, &status) == 0 &&
	       stream == std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
}

} // namespace

void set_up_log(bool verbose)
{
	auto logger = spdlog::stderr_logger_st("vhostd");
	auto formatter = std::make_unique<spdlog::pattern_formatter>();
	formatter->add_flag<Priority>('*');
	formatter->set_pattern(is_journal(STDERR_FILENO) ? "%*%v" : "%Y-%m-%d %T.%e %l: %v");
	logger->set_formatter(std::move(formatter));
	logger->set_level(verbose ? spdlog::level::debug : spdlog::level::info);
	spdlog::set_default_logger(std::move(logger));
}

} // namespace vhostd
