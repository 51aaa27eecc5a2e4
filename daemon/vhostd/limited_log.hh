// SPDX-License-Identifier: GPL-2.0-only
// The log of what others may cause as often as they like.  Each has a bucket of lines, which fills
// again slowly; what does not fit is counted and told of later.  So nobody fills the journal, or
// hides in it what somebody else does.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <spdlog/spdlog.h>

#include "ipc/channel.hh"

namespace vhostd
{

// "user 1001"
[[nodiscard]] std::string account_of(const Peer &peer);

class LimitedLog
{
public:
	using Clock = std::chrono::steady_clock;
	static constexpr unsigned burst = 10;
	static constexpr std::chrono::seconds refill{10}; // for one line more
	// A user with others of his own (subuid(5)) is not to have a bucket for each: those who
	// come when there are so many share one.
	static constexpr std::size_t most = 64;

	explicit LimitedLog(std::function<Clock::time_point()> now = Clock::now)
	    : now_(std::move(now))
	{
	}

	// @who: on whose account, as account_of() has it.
	template <typename... A>
	void warn(const std::string &who, spdlog::format_string_t<A...> format, A &&...arguments)
	{
		log(spdlog::level::warn, who, format, std::forward<A>(arguments)...);
	}
	template <typename... A>
	void info(const std::string &who, spdlog::format_string_t<A...> format, A &&...arguments)
	{
		log(spdlog::level::info, who, format, std::forward<A>(arguments)...);
	}
	template <typename... A>
	void debug(const std::string &who, spdlog::format_string_t<A...> format, A &&...arguments)
	{
		log(spdlog::level::debug, who, format, std::forward<A>(arguments)...);
	}

	// Tells of what was left out since the last time: to be called now and then, which bounds
	// these lines too.
	void tell();

private:
	struct Bucket {
		unsigned lines;
		Clock::time_point filled; // when the last line was added to it
		std::uint64_t left_out;
	};

	template <typename... A>
	void log(spdlog::level::level_enum level, const std::string &who,
		 spdlog::format_string_t<A...> format, A &&...arguments)
	{
		if (spdlog::should_log(level) && take(who))
			spdlog::log(level, format, std::forward<A>(arguments)...);
	}

	[[nodiscard]] bool take(const std::string &who);
	[[nodiscard]] Bucket &bucket_of(const std::string &who);
	void fill(Bucket &bucket) const;
	// Those that are as new ones would be.
	void drop_full();

	std::function<Clock::time_point()> now_;
	std::map<std::string, Bucket> buckets_;
};

} // namespace vhostd
