// SPDX-License-Identifier: GPL-2.0-only
// A fuzzer's input, read from front to back; zeroes behind its end.
#pragma once

#include <cstdlib>
#include <cstring>
#include <span>

#include "core/base/types.hh"

namespace vna::fuzz
{

class Input
{
public:
	Input(const u8 *data, std::size_t size) : left_(data, size) {}

	[[nodiscard]] bool empty() const { return left_.empty(); }
	template <class T> T get()
	{
		T value{};
		fill(std::as_writable_bytes(std::span(&value, 1)));
		return value;
	}
	u8 byte() { return get<u8>(); }
	u16 word() { return get<u16>(); }
	// Below @n > 0.
	u32 below(u32 n) { return n <= 256 ? byte() % n : get<u32>() % n; }
	bool chance() { return byte() & 1; }
	void fill(std::span<std::byte> to)
	{
		const auto n = std::min(to.size(), left_.size());
		if (n)
			std::memcpy(to.data(), left_.data(), n);
		left_ = left_.subspan(n);
	}

	// Mostly small, or a power of two or near one, or anything.
	u64 number()
	{
		const u8 how = byte();
		if (how < 0xc0)
			return how;
		if (how < 0xe0)
			return word();
		if (how < 0xf0)
			return get<u64>();
		const u8 at = byte();
		return (1ull << (at & 63)) + (at >> 6) - 1;
	}

private:
	std::span<const u8> left_;
};

} // namespace vna::fuzz
