// SPDX-License-Identifier: GPL-2.0-only
// What is logged while this lives.
#pragma once

#include <memory>
#include <sstream>
#include <string>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace vhostd
{

class LogCapture
{
public:
	LogCapture() : before_(spdlog::default_logger())
	{
		auto logger = std::make_shared<spdlog::logger>(
			"test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_));
		logger->set_pattern("%v");
		logger->set_level(spdlog::level::info);
		spdlog::set_default_logger(std::move(logger));
	}
	~LogCapture() { spdlog::set_default_logger(before_); }
	LogCapture(const LogCapture &) = delete;

	[[nodiscard]] std::size_t lines() const { return count(""); }
	// Lines that have @words in them.
	[[nodiscard]] std::size_t count(const std::string &words) const
	{
		std::istringstream text(text_.str());
		std::size_t count = 0;
		for (std::string line; std::getline(text, line);)
			count += line.find(words) != line.npos;
		return count;
	}

private:
	std::ostringstream text_;
	std::shared_ptr<spdlog::logger> before_;
};

} // namespace vhostd
