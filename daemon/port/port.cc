// SPDX-License-Identifier: GPL-2.0-only
#include "port/port.hh"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <net/if.h>

namespace vhostd {

std::optional<Mac> parse_mac(const std::string &text)
{
	Mac mac;
	if (text.size() != 3 * mac.size() - 1)
		return std::nullopt;
	for (std::size_t i = 0; i < mac.size(); i++) {
		const char *at = text.data() + 3 * i;
		const auto [end, error] = std::from_chars(at, at + 2, mac[i], 16);
		if (error != std::errc() || end != at + 2 || (i + 1 < mac.size() && at[2] != ':'))
			return std::nullopt;
	}
	// A station's: not a group's, and not zero (is_valid_ether_addr()).
	if (mac[0] & 1 || mac == Mac{})
		return std::nullopt;
	return mac;
}

std::string to_string(const Mac &mac)
{
	static constexpr char digits[] = "0123456789abcdef";
	std::string text;
	for (const auto byte : mac) {
		if (!text.empty())
			text += ':';
		text += digits[byte >> 4];
		text += digits[byte & 15];
	}
	return text;
}

bool interface_name_ok(const std::string &name)
{
	return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
	       std::none_of(name.begin(), name.end(), [](unsigned char c) {
		       return c == '/' || c == ':' || c == '%' || std::isspace(c) || !std::isprint(c);
	       });
}

std::uint32_t zerocopy_bytes(ZeroCopy zerocopy)
{
	switch (zerocopy) {
	case ZeroCopy::off:
		return 0;
	case ZeroCopy::on:
		return 1;
	case ZeroCopy::automatic:
		return automatic_zerocopy_bytes;
	}
	return 0;
}

bool port_name_ok(const std::string &name)
{
	return interface_name_ok(name) && name[0] != '.' && name[0] != '-';
}

} // namespace vhostd
