// SPDX-License-Identifier: GPL-2.0-only
// As much of HTTP/1.1 as a scraper needs: one request a connection, without a body.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vhostd {

inline constexpr std::size_t max_http_request = 8192;

// The response to the bytes that have come so far; nothing while the request is not
// whole.  @text makes what is at /metrics, of @type; if it throws, that is status 503.
[[nodiscard]] std::optional<std::string> http_response(std::string_view request,
						       const std::string &type,
						       const std::function<std::string()> &text);

} // namespace vhostd
