// SPDX-License-Identifier: GPL-2.0-only
#include "host/user_memory.hh"

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace vna::host
{

void trap(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	std::fputs("TRAP: ", stderr);
	std::vfprintf(stderr, format, args);
	std::fputc('\n', stderr);
	va_end(args);
	std::abort();
}

void UserMemory::allow(Address at, std::uint64_t len)
{
	allowed_.push_back({at, len});
}

void UserMemory::forbid(Address at)
{
	for (auto range = allowed_.end(); range != allowed_.begin();) {
		if ((--range)->at == at) {
			allowed_.erase(range);
			return;
		}
	}
	trap("user memory at %#llx was not declared", static_cast<unsigned long long>(at));
}

void UserMemory::alias(Address at, std::uint64_t len, void *real)
{
	allow(at, len);
	aliases_.push_back({{at, len}, static_cast<std::byte *>(real)});
}

void *UserMemory::pointer(Address at) const
{
	for (const Alias &alias : aliases_) {
		if (alias.range.touches(at, 1))
			return alias.real + (at - alias.range.at);
	}
	return reinterpret_cast<void *>(at);
}

unsigned UserMemory::count(Access::Kind kind, Address at, std::uint64_t len) const
{
	unsigned n = 0;
	for (const Access &access : records_)
		n += access.kind == kind && Range{at, len}.touches(access.at, access.len);
	return n;
}

Address UserMemory::read_twice(Address at, std::uint64_t len) const
{
	std::vector<bool> seen(len);
	for (const Access &access : records_) {
		if (access.kind != Access::read)
			continue;
		for (Address byte = access.at; byte != access.at + access.len; byte++) {
			if (byte < at || byte - at >= len)
				continue;
			if (seen[byte - at])
				return byte;
			seen[byte - at] = true;
		}
	}
	return 0;
}

void UserMemory::after(Access::Kind kind, Address at, std::uint64_t len, Hook hook)
{
	hooks_.push_back({kind, {at, len}, std::move(hook)});
}

void UserMemory::flip_after_read(Address at, std::uint64_t len)
{
	auto flipped = std::make_shared<std::vector<bool>>(len);
	after(Access::read, at, len, [=](const Access &access) {
		for (Address byte = access.at; byte != access.at + access.len; byte++) {
			if (byte < at || byte - at >= len || (*flipped)[byte - at])
				continue;
			(*flipped)[byte - at] = true;
			auto &value = *reinterpret_cast<unsigned char *>(byte);
			value = static_cast<unsigned char>(~value);
		}
	});
}

int UserMemory::check(Access::Kind kind, Address at, std::uint64_t len)
{
	accesses_++;
	if (recording_)
		records_.push_back({kind, at, len});
	if (fail_in_ && !--fail_in_)
		return -EFAULT;
	return reach(kind, at, len);
}

int UserMemory::reach(Access::Kind kind, Address at, std::uint64_t len) const
{
	if (!ok(at, len) || Range{0, null_pages}.touches(at, len))
		return -EFAULT;
	for (const Range &range : faults_) {
		if (range.touches(at, len))
			return -EFAULT;
	}
	for (auto range = allowed_.rbegin(); range != allowed_.rend(); ++range) {
		if (range->holds(at, len))
			return 0;
	}
	trap("%s of %llu bytes at %#llx, which no one declared",
	     kind == Access::read ? "read" : "write", static_cast<unsigned long long>(len),
	     static_cast<unsigned long long>(at));
}

void UserMemory::done(Access::Kind kind, Address at, std::uint64_t len)
{
	// By number: a hook may add others.
	for (std::size_t i = 0; i < hooks_.size(); i++) {
		if (hooks_[i].kind == kind && hooks_[i].range.touches(at, len))
			hooks_[i].hook({kind, at, len});
	}
}

int UserMemory::copy_in(void *to, Address from, std::uint64_t len)
{
	if (!len)
		return 0;
	const int error = check(Access::read, from, len);
	if (error)
		return error;
	std::memcpy(to, pointer(from), len);
	done(Access::read, from, len);
	return 0;
}

int UserMemory::copy_out(Address to, const void *from, std::uint64_t len)
{
	if (!len)
		return 0;
	const int error = check(Access::write, to, len);
	if (error)
		return error;
	std::memcpy(pointer(to), from, len);
	done(Access::write, to, len);
	return 0;
}

int UserMemory::get_u16(std::uint16_t *to, Address from)
{
	const int error = check(Access::read, from, sizeof *to);
	if (error)
		return error;
	if (from % sizeof *to)
		trap("a 16-bit read at an odd address");
	*to = std::atomic_ref(*static_cast<std::uint16_t *>(pointer(from)))
		      .load(std::memory_order_relaxed);
	done(Access::read, from, sizeof *to);
	return 0;
}

int UserMemory::copy_available(void *to, Address from, std::uint32_t n, std::uint16_t mask,
			       std::uint16_t want)
{
	constexpr std::uint64_t size = 16, flags_at = 14;
	accesses_++;
	if (fail_in_ && !--fail_in_)
		return -EFAULT;
	auto *copy = static_cast<std::byte *>(to);
	std::uint32_t i = 0;
	bool fault = false;
	for (; i < n; i++, copy += size) {
		const Address at = from + size * i;
		fault = reach(Access::read, at + flags_at, 2);
		if (fault)
			break;
		const std::uint16_t flags =
			std::atomic_ref(*static_cast<std::uint16_t *>(pointer(at + flags_at)))
				.load(std::memory_order_acquire);
		done(Access::read, at + flags_at, sizeof flags);
		if ((flags & mask) != want)
			break;
		fault = reach(Access::read, at, flags_at);
		if (fault)
			break;
		std::memcpy(copy, pointer(at), flags_at);
		std::memcpy(copy + flags_at, &flags, sizeof flags);
		done(Access::read, at, flags_at);
	}
	// One access, however many it found; or a look at flags that found none.
	if (recording_ && i)
		records_.push_back({Access::read, from, size * i});
	else if (recording_)
		records_.push_back({Access::read, from + flags_at, 2});
	return fault && !i ? -EFAULT : static_cast<int>(i);
}

int UserMemory::scatter_u64(Address to, std::uint64_t span, const std::uint32_t *at,
			    const std::uint64_t *values, std::uint32_t n)
{
	for (std::uint32_t i = 0; i < n; i++) {
		if (at[i] + sizeof *values > span)
			trap("a write of 8 bytes at %u of %llu", at[i],
			     static_cast<unsigned long long>(span));
		const int error = put_u64(to + at[i], values[i]);
		if (error)
			return error;
	}
	return 0;
}

int UserMemory::set_bits(Address base, const unsigned long long *words,
			 const unsigned long long *bits, std::uint32_t n)
{
	if (base % sizeof(std::uint64_t))
		trap("bits behind an unaligned address");
	for (std::uint32_t i = 0; i < n; i++) {
		// Only bytes that have bits to be set: a bitmap need not begin or end with a word.
		const Address at = base + sizeof(std::uint64_t) * words[i];
		for (unsigned byte = 0; byte < sizeof(std::uint64_t); byte++) {
			const auto some = static_cast<std::uint8_t>(bits[i] >> 8 * byte);
			if (!some)
				continue;
			const int error = check(Access::write, at + byte, 1);
			if (error)
				return error;
			std::atomic_ref(*static_cast<std::uint8_t *>(pointer(at + byte)))
				.fetch_or(some, std::memory_order_relaxed);
			done(Access::write, at + byte, 1);
		}
	}
	return 0;
}

int UserMemory::put_u64(Address to, std::uint64_t value)
{
	const int error = check(Access::write, to, sizeof value);
	if (error)
		return error;
	if (to % sizeof value)
		trap("a 64-bit write at an unaligned address");
	std::atomic_ref(*static_cast<std::uint64_t *>(pointer(to)))
		.store(value, std::memory_order_relaxed);
	done(Access::write, to, sizeof value);
	return 0;
}

int UserMemory::put_u16(Address to, std::uint16_t value)
{
	const int error = check(Access::write, to, sizeof value);
	if (error)
		return error;
	if (to % sizeof value)
		trap("a 16-bit write at an odd address");
	std::atomic_ref(*static_cast<std::uint16_t *>(pointer(to)))
		.store(value, std::memory_order_relaxed);
	done(Access::write, to, sizeof value);
	return 0;
}

} // namespace vna::host
