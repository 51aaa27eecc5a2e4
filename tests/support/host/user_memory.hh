// SPDX-License-Identifier: GPL-2.0-only
// User memory as the core may access it: only what was declared.  An access to an address that
// no one declared ends the process, as no correct core makes one; a declared address may fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace vna::host
{

using Address = std::uint64_t;

// Ends the process with a message: the core broke a promise that abi.h makes.
[[noreturn]] void trap(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct Access {
	enum Kind : std::uint8_t { read, write } kind;
	Address at;
	std::uint64_t len; // bytes
};

class UserMemory
{
public:
	// x86-64's TASK_SIZE_MAX with four levels.
	static constexpr Address end = 0x7ffffffff000;
	// The first pages are never mapped: an access there faults.
	static constexpr Address null_pages = 0x10000;

	// What may be accessed, in one piece: an access must not cross from one to another.
	void allow(Address at, std::uint64_t len);
	void allow(const void *at, std::uint64_t len) { allow(address_of(at), len); }
	// Takes back what allow() declared at that address last.
	void forbid(Address at);
	void forbid(const void *at) { forbid(address_of(at)); }
	// The same for addresses at which @real is to be seen: user memory that lies elsewhere.
	void alias(Address at, std::uint64_t len, void *real);
	static Address address_of(const void *at) { return reinterpret_cast<Address>(at); }

	// Declared, but not present: an access that touches it gets -EFAULT.
	void fault(Address at, std::uint64_t len) { faults_.push_back({at, len}); }
	void fault(const void *at, std::uint64_t len) { fault(address_of(at), len); }
	void heal() { faults_.clear(); }
	// The @n-th access from now on (1: the next) gets -EFAULT; 0: none.
	void fail_at(unsigned n) { fail_in_ = n; }

	// Accesses made since the start, and each of them while recording.
	[[nodiscard]] std::uint64_t accesses() const { return accesses_; }
	void record(bool on)
	{
		recording_ = on;
		records_.clear();
	}
	[[nodiscard]] const std::vector<Access> &records() const { return records_; }
	// How many recorded accesses of that kind touched [at, at + len).
	[[nodiscard]] unsigned count(Access::Kind kind, Address at, std::uint64_t len) const;
	// The first byte of [at, at + len) that was read more than once, or 0.
	[[nodiscard]] Address read_twice(Address at, std::uint64_t len) const;

	// Calls @hook after each access of that kind that touches [at, at + len).
	using Hook = std::function<void(const Access &)>;
	void after(Access::Kind kind, Address at, std::uint64_t len, Hook hook);
	// Inverts each byte of [at, at + len) after it was read once: a guest that changes
	// its mind between two looks.
	void flip_after_read(Address at, std::uint64_t len);
	void drop_hooks() { hooks_.clear(); }

	// For the hooks of abi.h and for backends.
	int copy_in(void *to, Address from, std::uint64_t len);
	int copy_out(Address to, const void *from, std::uint64_t len);
	int get_u16(std::uint16_t *to, Address from);
	int put_u16(Address to, std::uint16_t value);
	int put_u64(Address to, std::uint64_t value);
	int copy_available(void *to, Address from, std::uint32_t n, std::uint16_t mask,
			   std::uint16_t want);
	int scatter_u64(Address to, std::uint64_t span, const std::uint32_t *at,
			const std::uint64_t *values, std::uint32_t n);
	int set_bits(Address base, const unsigned long long *words, const unsigned long long *bits,
		     std::uint32_t n);
	[[nodiscard]] static bool ok(Address at, std::uint64_t len)
	{
		return len <= end && at <= end - len;
	}

private:
	struct Range {
		Address at;
		std::uint64_t len;
		[[nodiscard]] bool touches(Address a, std::uint64_t n) const
		{
			return a < at + len && at < a + n;
		}
		[[nodiscard]] bool holds(Address a, std::uint64_t n) const
		{
			return a >= at && n <= len && a - at <= len - n;
		}
	};
	struct Alias {
		Range range;
		std::byte *real;
	};
	struct Hooked {
		Access::Kind kind;
		Range range;
		Hook hook;
	};

	[[nodiscard]] void *pointer(Address at) const;
	int check(Access::Kind kind, Address at, std::uint64_t len);
	[[nodiscard]] int reach(Access::Kind kind, Address at, std::uint64_t len) const;
	void done(Access::Kind kind, Address at, std::uint64_t len);

	std::vector<Range> allowed_;
	std::vector<Range> faults_;
	std::vector<Alias> aliases_;
	std::vector<Hooked> hooks_;
	std::vector<Access> records_;
	std::uint64_t accesses_ = 0;
	unsigned fail_in_ = 0;
	bool recording_ = false;
};

// Declares an object for as long as a scope lasts: the argument of an ioctl.
class Allowed
{
public:
	Allowed(UserMemory &memory, const void *at, std::uint64_t len)
	    : memory_(memory), at_(UserMemory::address_of(at))
	{
		memory_.allow(at_, len);
	}
	~Allowed() { memory_.forbid(at_); }
	Allowed(const Allowed &) = delete;
	Allowed &operator=(const Allowed &) = delete;

private:
	UserMemory &memory_;
	Address at_;
};

} // namespace vna::host
