// SPDX-License-Identifier: GPL-2.0-only
// Names of interfaces and processes are bytes, of any kind.
#pragma once

#include <cstddef>
#include <string_view>

namespace vhostd {

// How many bytes the character takes that @text begins with; 0: it is none of UTF-8's
// (RFC 3629: not in more bytes than it needs, no surrogate, none above U+10FFFF).
constexpr std::size_t utf8_length(std::string_view text)
{
	const auto byte = [&](std::size_t i) -> unsigned {
		return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
	};
	const unsigned first = byte(0);
	if (first < 0x80)
		return text.empty() ? 0 : 1;
	const std::size_t length = first >= 0xc2 && first < 0xe0 ? 2
				   : (first & 0xf0) == 0xe0	 ? 3
				   : first >= 0xf0 && first < 0xf5 ? 4
								   : 0;
	for (std::size_t i = 1; i < length; i++)
		if ((byte(i) & 0xc0) != 0x80)
			return 0;
	const unsigned second = byte(1);
	if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
	    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90))
		return 0;
	return length;
}

} // namespace vhostd
