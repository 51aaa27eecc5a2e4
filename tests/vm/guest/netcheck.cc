// SPDX-License-Identifier: GPL-2.0-only
//
// netcheck: checked traffic between two machines.
//
//   netcheck agent CONTROL                 in the guest: serve requests, report on CONTROL, end
//                                          at "quit" there
//   netcheck send HOST BYTES SEED          this side sends a stream, the agent receives it
//   netcheck receive HOST BYTES SEED       the agent sends a stream, this side receives it
//   netcheck udp HOST COUNT SEED           COUNT datagrams of varied sizes, each answered
//   netcheck hold HOST BYTES SEED GO       as send, but the agent leaves the stream where it came
//                                          in, in the pages that the network wrote, until the
//                                          file GO is there
//   netcheck restless                      write to 4 MB of pages over and over: who migrates
//                                          this machine has no end until it may stop it a while
//   netcheck speed                         how fast this machine makes and hashes a stream
//   netcheck pour|draw HOST BYTES          how fast zeros go to the agent, or come from it
//   netcheck rr HOST COUNT                 COUNT times one byte and its answer, one after the other
//
// -t SECONDS before the command: give up, and fail, after that long.
//
// A stream is pseudo-random and fully determined by its seed. The receiver of a TCP transfer hashes
// what came in with SHA-256; the client compares that with the hash of what was to be sent. The
// agent never hashes what it sends: the client knows the seed, and the guest is slow (nested in
// emulation, hashing costs it ten times what sending does). A UDP answer carries a stream of its
// own, so an answer that merely reflects the question does not count.

#define OPENSSL_SUPPRESS_DEPRECATED // the one-shot hash functions: no providers to load in a slow
				    // guest
#include <openssl/sha.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace
{

constexpr std::uint16_t port = 7777;
constexpr std::uint16_t hold_port = 7778;
constexpr int held_bytes = 16 << 20;	    // what a socket may hold, with its overhead
constexpr std::uint32_t magic = 0x766e6131; // "vna1"
constexpr std::size_t chunk = 64 * 1024;
constexpr std::size_t largest_datagram = 9000; // several IP fragments
constexpr unsigned datagrams_in_flight = 16;   // fits every queue on the way: nothing may be lost

using clock_type = std::chrono::steady_clock;
using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

[[noreturn]] [[gnu::format(printf, 1, 2)]] void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	std::fputs("netcheck: ", stderr);
	std::vfprintf(stderr, format, args);
	std::fputc('\n', stderr);
	va_end(args);
	std::_Exit(1);
}

[[noreturn]] void fail_errno(const char *what)
{
	fail("%s: %s", what, std::strerror(errno));
}

// The pseudo-random stream: xorshift64, its state spread from the seed by one step of splitmix64.
class stream
{
public:
	explicit stream(std::uint64_t seed)
	{
		std::uint64_t x = seed + 0x9e3779b97f4a7c15;
		x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
		x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
		state_ = (x ^ (x >> 31)) | 1; // never zero
	}

	// Always whole words: a caller takes what it needs of the last one and asks no more.
	void fill(std::span<unsigned char> out)
	{
		std::uint64_t x = state_;
		while (!out.empty()) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			const auto n = std::min(out.size(), sizeof(x));
			std::memcpy(out.data(), &x, n);
			out = out.subspan(n);
		}
		state_ = x;
	}

private:
	std::uint64_t state_;
};

class hasher
{
public:
	hasher() { SHA256_Init(&context_); }
	void add(std::span<const unsigned char> data)
	{
		SHA256_Update(&context_, data.data(), data.size());
	}
	digest finish()
	{
		digest out;
		SHA256_Final(out.data(), &context_);
		return out;
	}

private:
	SHA256_CTX context_;
};

std::string hex(const digest &d)
{
	std::string out;
	for (const unsigned char byte : d) {
		char text[3];
		std::snprintf(text, sizeof(text), "%02x", byte);
		out += text;
	}
	return out;
}

double seconds_since(clock_type::time_point start)
{
	return std::chrono::duration<double>(clock_type::now() - start).count();
}

class descriptor
{
public:
	explicit descriptor(int fd) : fd_(fd) {}
	descriptor(const descriptor &) = delete;
	descriptor &operator=(const descriptor &) = delete;
	~descriptor() { ::close(fd_); }
	int get() const { return fd_; }

private:
	int fd_;
};

void write_all(int fd, std::span<const unsigned char> data)
{
	while (!data.empty()) {
		const ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			fail_errno("send");
		}
		data = data.subspan(static_cast<std::size_t>(n));
	}
}

// False at a clean end of the connection before the first byte.
bool read_all(int fd, std::span<unsigned char> data)
{
	const std::size_t whole = data.size();
	while (!data.empty()) {
		const ssize_t n = ::recv(fd, data.data(), data.size(), 0);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			fail_errno("receive");
		}
		if (n == 0) {
			if (data.size() == whole)
				return false;
			fail("the connection ended early");
		}
		data = data.subspan(static_cast<std::size_t>(n));
	}
	return true;
}

// What a client asks of the agent, in network order.
enum class operation : std::uint32_t {
	receive = 1,
	send = 2,
	hold = 3,
	swallow = 4,
	pour = 5,
	echo = 6
};

struct request {
	operation op;
	std::uint64_t bytes;
	std::uint64_t seed;
};

using request_wire = std::array<unsigned char, 24>;

void put(unsigned char *at, std::uint64_t value, int size)
{
	for (int i = size - 1; i >= 0; i--, value >>= 8)
		at[i] = static_cast<unsigned char>(value);
}

std::uint64_t take(const unsigned char *at, int size)
{
	std::uint64_t value = 0;
	for (int i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

request_wire pack(const request &r)
{
	request_wire wire;
	put(&wire[0], magic, 4);
	put(&wire[4], static_cast<std::uint32_t>(r.op), 4);
	put(&wire[8], r.bytes, 8);
	put(&wire[16], r.seed, 8);
	return wire;
}

std::optional<request> unpack(const request_wire &wire)
{
	const auto op = static_cast<operation>(take(&wire[4], 4));
	if (take(&wire[0], 4) != magic || op < operation::receive || op > operation::echo)
		return std::nullopt;
	return request{op, take(&wire[8], 8), take(&wire[16], 8)};
}

// Calls what for each part of a stream.
void each_part(std::uint64_t bytes, std::uint64_t seed, auto what)
{
	std::vector<unsigned char> buffer(chunk);
	stream source(seed);
	while (bytes > 0) {
		const auto part = std::span(buffer).first(std::min<std::uint64_t>(bytes, chunk));
		source.fill(part);
		what(part);
		bytes -= part.size();
	}
}

void send_stream(int fd, std::uint64_t bytes, std::uint64_t seed)
{
	each_part(bytes, seed, [fd](auto part) { write_all(fd, part); });
}

digest hash_stream(std::uint64_t bytes, std::uint64_t seed)
{
	hasher hash;
	each_part(bytes, seed, [&hash](auto part) { hash.add(part); });
	return hash.finish();
}

digest receive_stream(int fd, std::uint64_t bytes)
{
	std::vector<unsigned char> buffer(chunk);
	hasher hash;
	while (bytes > 0) {
		const auto part = std::span(buffer).first(std::min<std::uint64_t>(bytes, chunk));
		if (!read_all(fd, part))
			fail("the stream ended %llu bytes early",
			     static_cast<unsigned long long>(bytes));
		hash.add(part);
		bytes -= part.size();
	}
	return hash.finish();
}

// A datagram: magic, length, number, then a stream. A question and its answer differ in the
// stream's seed.
constexpr std::size_t datagram_header = 12;

enum class datagram_kind { question, answer };

std::size_t make_datagram(std::span<unsigned char> out, std::uint32_t number, std::size_t size,
			  datagram_kind kind)
{
	put(&out[0], magic, 4);
	put(&out[4], size, 4);
	put(&out[8], number, 4);
	stream(static_cast<std::uint64_t>(number) << 1 | (kind == datagram_kind::answer))
		.fill(out.subspan(datagram_header, size - datagram_header));
	return size;
}

// The datagram's number, or nothing where a single bit is not as it should be.
std::optional<std::uint32_t> check_datagram(std::span<const unsigned char> in, datagram_kind kind)
{
	if (in.size() < datagram_header || take(&in[0], 4) != magic || take(&in[4], 4) != in.size())
		return std::nullopt;
	const auto number = static_cast<std::uint32_t>(take(&in[8], 4));
	std::array<unsigned char, largest_datagram> expected;
	make_datagram(expected, number, in.size(), kind);
	if (!std::equal(in.begin(), in.end(), expected.begin()))
		return std::nullopt;
	return number;
}

// Around every size that a device may treat apart: smallest frame, one page, the MTU and more
// fragments than one.
std::size_t datagram_size(std::uint32_t number)
{
	constexpr std::array<std::size_t, 12> edges = {
		datagram_header, 13, 18, 63, 64, 127, 128, 1024, 1471, 1472, 1473,
		largest_datagram};
	if (number < edges.size())
		return edges[number];
	return datagram_header + (number * 2654435761u >> 8) % (1472 - datagram_header + 1);
}

sockaddr_in address_of(const char *host, std::uint16_t number)
{
	sockaddr_in address{};
	address.sin_family = AF_INET;
	address.sin_port = htons(number);
	if (host == nullptr)
		address.sin_addr.s_addr = htonl(INADDR_ANY);
	else if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		fail("%s is not an IPv4 address", host);
	return address;
}

int connected(const char *host, int type, std::uint16_t number = port)
{
	const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
	const sockaddr_in address = address_of(host, number);
	if (fd < 0 ||
	    ::connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) < 0)
		fail_errno("connect");
	return fd;
}

int bound(int type, std::uint16_t number = port)
{
	const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
	const sockaddr_in address = address_of(nullptr, number);
	const int on = 1;
	if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    ::bind(fd, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) < 0)
		fail_errno("bind");
	return fd;
}

// One line for people and scripts alike. The agent's is the client's, but for what only one of them
// knows.
std::string transfer_line(const char *verb, std::uint64_t bytes, std::uint64_t seed)
{
	return std::string("tcp ") + verb + " bytes=" + std::to_string(bytes) +
	       " seed=" + std::to_string(seed);
}

void compare(const digest &wanted, const digest &received, std::string line,
	     clock_type::time_point start)
{
	if (wanted != received)
		fail("SHA-256 differs: sent %s, received %s", hex(wanted).c_str(),
		     hex(received).c_str());
	std::printf("%s sha256=%s seconds=%.2f\n", line.c_str(), hex(received).c_str(),
		    seconds_since(start));
}

int run_send(const char *host, std::uint64_t bytes, std::uint64_t seed)
{
	const descriptor link(connected(host, SOCK_STREAM));
	const auto start = clock_type::now();
	auto wanted = std::async(std::launch::async, hash_stream, bytes, seed);
	write_all(link.get(), pack({operation::receive, bytes, seed}));
	send_stream(link.get(), bytes, seed);
	digest received;
	if (!read_all(link.get(), received))
		fail("the agent sent no hash");
	compare(wanted.get(), received, transfer_line("to-guest", bytes, seed), start);
	return 0;
}

int run_receive(const char *host, std::uint64_t bytes, std::uint64_t seed)
{
	const descriptor link(connected(host, SOCK_STREAM));
	const auto start = clock_type::now();
	auto wanted = std::async(std::launch::async, hash_stream, bytes, seed);
	write_all(link.get(), pack({operation::send, bytes, seed}));
	const digest received = receive_stream(link.get(), bytes);
	unsigned char more;
	if (read_all(link.get(), {&more, 1}))
		fail("more than was asked for");
	compare(wanted.get(), received, transfer_line("from-guest", bytes, seed), start);
	return 0;
}

// True once the peer has taken all that was sent.
bool all_taken(int fd)
{
	int left = 0;
	return ::ioctl(fd, TIOCOUTQ, &left) == 0 && left == 0;
}

int run_hold(const char *host, std::uint64_t bytes, std::uint64_t seed, const char *go)
{
	const descriptor link(connected(host, SOCK_STREAM, hold_port));
	const auto start = clock_type::now();
	const digest wanted = hash_stream(bytes, seed);
	write_all(link.get(), pack({operation::hold, bytes, seed}));
	send_stream(link.get(), bytes, seed);
	while (!all_taken(link.get()))
		::usleep(10'000);
	std::printf("held bytes=%llu\n", static_cast<unsigned long long>(bytes));
	std::fflush(stdout);
	while (::access(go, F_OK) != 0)
		::usleep(10'000);
	// The agent waits for this end.
	::shutdown(link.get(), SHUT_WR);
	digest received;
	if (!read_all(link.get(), received))
		fail("the agent sent no hash");
	compare(wanted, received, transfer_line("held", bytes, seed), start);
	return 0;
}

// The stream stays in the pages that the device wrote: to copy it would be the guest's own writing.
void wait_for_end(int fd)
{
	pollfd waiting{fd, POLLRDHUP, 0};
	while (::poll(&waiting, 1, -1) < 0 && errno == EINTR)
		;
}

// Zeros, of which only the number counts: neither end spends time on them.
void pour(int fd, std::uint64_t bytes)
{
	const std::vector<unsigned char> zeros(chunk);
	for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, chunk))
		write_all(fd, std::span(zeros).first(std::min<std::uint64_t>(bytes, chunk)));
}

void swallow(int fd, std::uint64_t bytes)
{
	std::vector<unsigned char> buffer(chunk);
	for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, chunk)) {
		if (!read_all(fd, std::span(buffer).first(std::min<std::uint64_t>(bytes, chunk))))
			fail("the stream ended early");
	}
}

void without_delay(int fd)
{
	const int on = 1;
	::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int run_stream(const char *host, operation op, std::uint64_t bytes)
{
	const descriptor link(connected(host, SOCK_STREAM));
	unsigned char done;
	write_all(link.get(), pack({op, bytes, 0}));
	const auto start = clock_type::now();
	if (op == operation::swallow) {
		pour(link.get(), bytes);
		if (!read_all(link.get(), {&done, 1}))
			fail("the agent has not seen all of it");
	} else {
		swallow(link.get(), bytes);
	}
	std::printf("%.0f\n", static_cast<double>(bytes) / seconds_since(start));
	return 0;
}

int run_rr(const char *host, std::uint64_t count)
{
	const descriptor link(connected(host, SOCK_STREAM));
	without_delay(link.get());
	write_all(link.get(), pack({operation::echo, count, 0}));
	const auto start = clock_type::now();
	for (std::uint64_t i = 0; i < count; i++) {
		const auto question = static_cast<unsigned char>(i);
		unsigned char answer;
		write_all(link.get(), {&question, 1});
		if (!read_all(link.get(), {&answer, 1}) || answer != question)
			fail("a wrong answer after %llu right ones",
			     static_cast<unsigned long long>(i));
	}
	std::printf("%.1f\n", static_cast<double>(count) / seconds_since(start));
	return 0;
}

void echo(int fd, std::uint64_t count)
{
	unsigned char byte;
	without_delay(fd);
	for (; count > 0 && read_all(fd, {&byte, 1}); count--)
		write_all(fd, {&byte, 1});
}

void serve_tcp(int fd, int control)
{
	request_wire wire;
	if (!read_all(fd, wire))
		return;
	const auto asked = unpack(wire);
	if (!asked)
		fail("not a request");
	if (asked->op == operation::hold) {
		wait_for_end(fd);
		write_all(fd, receive_stream(fd, asked->bytes));
	} else if (asked->op == operation::receive) {
		const digest hash = receive_stream(fd, asked->bytes);
		write_all(fd, hash);
		dprintf(control, "%s sha256=%s\n",
			transfer_line("to-guest", asked->bytes, asked->seed).c_str(),
			hex(hash).c_str());
	} else if (asked->op == operation::swallow) {
		swallow(fd, asked->bytes);
		write_all(fd, std::array<unsigned char, 1>{});
	} else if (asked->op == operation::pour) {
		pour(fd, asked->bytes);
	} else if (asked->op == operation::echo) {
		echo(fd, asked->bytes);
	} else {
		send_stream(fd, asked->bytes, asked->seed);
		dprintf(control, "%s\n",
			transfer_line("from-guest", asked->bytes, asked->seed).c_str());
	}
}

int run_udp(const char *host, std::uint32_t count, std::uint32_t first)
{
	const descriptor link(connected(host, SOCK_DGRAM));
	std::array<unsigned char, largest_datagram + 1> buffer;
	std::vector<bool> answered(count);
	std::uint32_t sent = 0, received = 0;
	std::uint64_t bytes = 0;
	const auto start = clock_type::now();

	while (received < count) {
		if (sent < count && sent - received < datagrams_in_flight) {
			const auto size = make_datagram(buffer, first + sent, datagram_size(sent),
							datagram_kind::question);
			write_all(link.get(), std::span(buffer).first(size));
			sent++;
			continue;
		}
		pollfd waiting{link.get(), POLLIN, 0};
		if (::poll(&waiting, 1, 10'000) == 0)
			fail("UDP: %u questions, %u answers, then 10 seconds of silence", sent,
			     received);
		const ssize_t n = ::recv(link.get(), buffer.data(), buffer.size(), 0);
		if (n < 0)
			fail_errno("receive");
		const auto answer =
			check_datagram(std::span(buffer).first(static_cast<std::size_t>(n)),
				       datagram_kind::answer);
		if (!answer)
			fail("UDP: a wrong answer of %zd bytes after %u right ones", n, received);
		const std::uint32_t index = *answer - first;
		if (index >= sent || answered[index])
			fail("UDP: an answer to %u, which was not asked or was answered before",
			     *answer);
		if (static_cast<std::size_t>(n) != datagram_size(index))
			fail("UDP: answer %u has %zd bytes", *answer, n);
		answered[index] = true;
		received++;
		bytes += static_cast<std::uint64_t>(n);
	}
	std::printf("udp sent=%u answered=%u bytes=%llu seconds=%.2f\n", sent, received,
		    static_cast<unsigned long long>(bytes), seconds_since(start));
	return 0;
}

void serve_datagram(int fd, int control)
{
	std::array<unsigned char, largest_datagram + 1> buffer;
	sockaddr_in from{};
	socklen_t from_size = sizeof(from);
	const ssize_t n = ::recvfrom(fd, buffer.data(), buffer.size(), 0,
				     reinterpret_cast<sockaddr *>(&from), &from_size);
	if (n < 0)
		return;
	const auto size = static_cast<std::size_t>(n);
	const auto number = check_datagram(std::span(buffer).first(size), datagram_kind::question);
	if (!number) {
		dprintf(control, "error udp: a wrong question of %zd bytes\n", n);
		return; // the client misses its answer, and fails
	}
	make_datagram(buffer, *number, size, datagram_kind::answer);
	::sendto(fd, buffer.data(), size, 0, reinterpret_cast<sockaddr *>(&from), from_size);
}

// True once the other end of the control channel has said "quit".
bool said_quit(int control, std::string &line)
{
	char text[64];
	const ssize_t n = ::read(control, text, sizeof(text));
	if (n > 0)
		line.append(text, static_cast<std::size_t>(n));
	return n == 0 || line.find("quit") != line.npos;
}

int run_agent(const char *control_path)
{
	const descriptor control(::open(control_path, O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (control.get() < 0)
		fail_errno(control_path);
	termios mode;
	if (::tcgetattr(control.get(), &mode) == 0) {
		cfmakeraw(&mode); // no echo: it would come back as a report
		::tcsetattr(control.get(), TCSANOW, &mode);
	}
	::signal(SIGCHLD, SIG_IGN);

	const descriptor listener(bound(SOCK_STREAM));
	const descriptor holder(bound(SOCK_STREAM, hold_port));
	const descriptor datagrams(bound(SOCK_DGRAM));
	::setsockopt(holder.get(), SOL_SOCKET, SO_RCVBUFFORCE, &held_bytes, sizeof(held_bytes));
	if (::listen(listener.get(), 16) < 0 || ::listen(holder.get(), 16) < 0)
		fail_errno("listen");
	dprintf(control.get(), "ready\n");

	std::array<pollfd, 4> waiting{{{listener.get(), POLLIN, 0},
				       {holder.get(), POLLIN, 0},
				       {datagrams.get(), POLLIN, 0},
				       {control.get(), POLLIN, 0}}};
	for (std::string line;;) {
		if (::poll(waiting.data(), waiting.size(), -1) < 0)
			continue;
		for (const pollfd &waits : std::span(waiting).first(2)) {
			if (!waits.revents)
				continue;
			// A process for each connection: both directions may run at once.
			const int fd = ::accept4(waits.fd, nullptr, nullptr, SOCK_CLOEXEC);
			if (fd >= 0 && ::fork() == 0) {
				serve_tcp(fd, control.get());
				std::_Exit(0);
			}
			::close(fd);
		}
		if (waiting[2].revents)
			serve_datagram(datagrams.get(), control.get());
		if (waiting[3].revents && said_quit(control.get(), line))
			return 0;
	}
}

int run_restless()
{
	constexpr std::size_t page = 4096;
	std::vector<unsigned char> memory(4 << 20);
	for (unsigned char round = 0;; round++) {
		for (std::size_t at = 0; at < memory.size(); at += page)
			static_cast<volatile unsigned char &>(memory[at]) = round;
		::usleep(10'000);
	}
}

int run_speed()
{
	constexpr std::size_t bytes = 4 << 20;
	std::vector<unsigned char> buffer(chunk);
	stream source(1);
	hasher hash;
	const auto start = clock_type::now();
	for (std::size_t done = 0; done < bytes; done += chunk)
		source.fill(buffer);
	const double making = seconds_since(start);
	for (std::size_t done = 0; done < bytes; done += chunk)
		hash.add(buffer);
	const double both = seconds_since(start);
	hash.finish();
	std::printf("making %.1f MB/s, SHA-256 %.1f MB/s\n", bytes / making / 1e6,
		    bytes / (both - making) / 1e6);
	return 0;
}

// How many pairs of queues the interface uses: what ethtool -L does.
int run_pairs(const char *name, std::uint64_t pairs)
{
	ethtool_channels channels{};
	channels.cmd = ETHTOOL_SCHANNELS;
	channels.combined_count = static_cast<std::uint32_t>(pairs);
	ifreq request{};
	std::strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	request.ifr_data = reinterpret_cast<char *>(&channels);
	const descriptor socket_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (::ioctl(socket_fd.get(), SIOCETHTOOL, &request) < 0)
		fail_errno(name);
	return 0;
}

// Opens as many queues of a tap, with these descriptors on, and becomes the command.
[[noreturn]] void run_queues(const char *name, int first, int count, char *const *command)
{
	for (int fd = first; fd < first + count; ++fd) {
		const int tap = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK);
		ifreq request{};
		std::strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
		request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
		if (tap < 0 || ::ioctl(tap, TUNSETIFF, &request) < 0 || ::dup2(tap, fd) < 0)
			fail_errno(name);
		if (tap != fd)
			::close(tap);
	}
	::execvp(command[0], command);
	fail_errno(command[0]);
}

std::uint64_t number(std::string_view text)
{
	std::uint64_t value = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
	if (error != std::errc() || end != text.data() + text.size())
		fail("%.*s is not a number", static_cast<int>(text.size()), text.data());
	return value;
}

void time_is_up(int)
{
	constexpr std::string_view text = "netcheck: timed out\n";
	[[maybe_unused]] const auto n = ::write(STDERR_FILENO, text.data(), text.size());
	std::_Exit(1);
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<const char *> args(argv + 1, argv + argc);
	if (args.size() >= 2 && args[0] == std::string_view("-t")) {
		::signal(SIGALRM, time_is_up);
		::alarm(static_cast<unsigned>(number(args[1])));
		args.erase(args.begin(), args.begin() + 2);
	}

	const std::string_view command = args.empty() ? "" : args[0];
	if (command == "agent" && args.size() == 2)
		return run_agent(args[1]);
	if (command == "restless" && args.size() == 1)
		return run_restless();
	if (command == "speed" && args.size() == 1)
		return run_speed();
	if (command == "pairs" && args.size() == 3)
		return run_pairs(args[1], number(args[2]));
	if (command == "queues" && args.size() >= 5)
		run_queues(args[1], static_cast<int>(number(args[2])),
			   static_cast<int>(number(args[3])), argv + 5);
	if (command == "send" && args.size() == 4)
		return run_send(args[1], number(args[2]), number(args[3]));
	if (command == "receive" && args.size() == 4)
		return run_receive(args[1], number(args[2]), number(args[3]));
	if (command == "pour" && args.size() == 3)
		return run_stream(args[1], operation::swallow, number(args[2]));
	if (command == "draw" && args.size() == 3)
		return run_stream(args[1], operation::pour, number(args[2]));
	if (command == "rr" && args.size() == 3)
		return run_rr(args[1], number(args[2]));
	if (command == "udp" && args.size() == 4)
		return run_udp(args[1], static_cast<std::uint32_t>(number(args[2])),
			       static_cast<std::uint32_t>(number(args[3])));
	if (command == "hold" && args.size() == 5)
		return run_hold(args[1], number(args[2]), number(args[3]), args[4]);
	fail("usage: netcheck [-t SECONDS] agent CONTROL | send|receive HOST BYTES SEED | hold "
	     "HOST BYTES SEED GO | udp HOST COUNT SEED | pour|draw HOST BYTES | rr HOST COUNT | "
	     "restless | pairs INTERFACE NUMBER | queues TAP FD NUMBER COMMAND... | speed");
}
