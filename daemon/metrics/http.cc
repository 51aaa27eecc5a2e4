// SPDX-License-Identifier: GPL-2.0-only
#include "metrics/http.hh"

#include <exception>

namespace vhostd {

namespace {

std::string response(std::string_view status, std::string_view type, std::string_view body,
		     bool with_body, std::string_view more = {})
{
	std::string text = "HTTP/1.1 ";
	text.append(status).append("\r\nContent-Type: ").append(type);
	text.append("\r\nContent-Length: ").append(std::to_string(body.size()));
	text.append("\r\nConnection: close\r\n").append(more).append("\r\n");
	if (with_body)
		text.append(body);
	return text;
}

std::string refusal(std::string_view status, bool with_body = true, std::string_view more = {})
{
	return response(status, "text/plain; charset=utf-8", std::string(status) + '\n', with_body,
			more);
}

} // namespace

std::optional<std::string> http_response(std::string_view request, const std::string &type,
					 const std::function<std::string()> &text)
{
	const auto end = request.find("\r\n\r\n");
	if (end == request.npos || end + 4 > max_http_request) {
		if (request.size() < max_http_request)
			return std::nullopt;
		return refusal("431 Request Header Fields Too Large");
	}
	// METHOD TARGET VERSION (RFC 9112 section 3)
	const std::string_view line = request.substr(0, request.find("\r\n"));
	const auto first = line.find(' '), last = line.rfind(' ');
	if (first == line.npos || first == 0 || last <= first + 1)
		return refusal("400 Bad Request");
	const std::string_view method = line.substr(0, first), version = line.substr(last + 1);
	std::string_view target = line.substr(first + 1, last - first - 1);
	if (target.find(' ') != target.npos || !version.starts_with("HTTP/1."))
		return refusal("400 Bad Request");
	const bool get = method == "GET";
	if (!get && method != "HEAD")
		return refusal("405 Method Not Allowed", true, "Allow: GET, HEAD\r\n");
	target = target.substr(0, target.find('?'));
	if (target != "/metrics")
		return refusal("404 Not Found", get);
	try {
		return response("200 OK", type, text(), get);
	} catch (const std::exception &) {
		return refusal("503 Service Unavailable", get);
	}
}

} // namespace vhostd
