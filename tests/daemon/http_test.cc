// SPDX-License-Identifier: GPL-2.0-only
// What a scraper, or anyone else, sends to the metrics' socket.
#include "metrics/http.hh"

#include <stdexcept>

#include <gtest/gtest.h>

using namespace vhostd;

namespace {

std::string metrics()
{
	return "up 1\n# EOF\n";
}

// The status, or "more".
std::string status(std::string_view request)
{
	const auto response = http_response(request, "text/x", metrics);
	return response ? response->substr(9, 3) : "more";
}

} // namespace

TEST(Http, AScraperIsAnswered)
{
	const auto response =
		http_response("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "text/x; a=b", metrics);
	EXPECT_EQ(response.value(), "HTTP/1.1 200 OK\r\nContent-Type: text/x; a=b\r\n"
				    "Content-Length: 11\r\nConnection: close\r\n\r\nup 1\n# EOF\n");
	const auto head = http_response("HEAD /metrics?a=b HTTP/1.0\r\n\r\n", "text/x", metrics);
	EXPECT_NE(head.value().find("Content-Length: 11\r\n"), std::string::npos);
	EXPECT_TRUE(head->ends_with("\r\n\r\n"));
}

TEST(Http, OthersAreRefused)
{
	EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), "404");
	EXPECT_EQ(status("GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n"), "404");
	EXPECT_EQ(status("POST /metrics HTTP/1.1\r\n\r\n"), "405");
	for (const char *rubbish :
	     {"\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
	      " /metrics HTTP/1.1\r\n\r\n", "GET /metrics HTTP/2\r\n\r\n",
	      "GET /metrics /metrics HTTP/1.1\r\n\r\n", "{\"op\": \"status\"}\r\n\r\n"})
		EXPECT_EQ(status(rubbish), "400") << rubbish;
	const auto broken = http_response("GET /metrics HTTP/1.1\r\n\r\n", "text/x",
					  []() -> std::string { throw std::runtime_error("no"); });
	EXPECT_EQ(broken.value().substr(9, 3), "503");
}

TEST(Http, ARequestIsAwaitedUntilItIsTooLong)
{
	const std::string whole = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
	for (std::size_t i = 0; i < whole.size(); i++)
		EXPECT_EQ(status(whole.substr(0, i)), "more") << i;
	const std::string line = "GET /metrics HTTP/1.1\r\na: ";
	EXPECT_EQ(status(line + std::string(max_http_request - line.size() - 1, 'x')), "more");
	EXPECT_EQ(status(line + std::string(max_http_request - line.size(), 'x')), "431");
	EXPECT_EQ(status(line + std::string(max_http_request, 'x') + "\r\n\r\n"), "431");
}
