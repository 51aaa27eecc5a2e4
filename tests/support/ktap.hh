/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests that report in KTAP (Documentation/dev-tools/ktap.rst): a version line, a plan, one result
 * line a test with its diagnostics before it. A program registers its tests, then runs them:
 *
 *	static void adds_up() { CHECK(1 + 1 == 2); }
 *	int main(int argc, char **argv)
 *	{
 *		ktap::Suite suite(argc, argv);
 *		suite.add("one and one make two", adds_up);
 *		return suite.run();
 *	}
 *
 * Options of every program: --device PATH, --only TEXT (tests whose name holds it), --no-skip (also
 * what vhost-net is known to do otherwise, to see that it still does), --list.
 */
#pragma once

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <signal.h>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ktap
{

/* What ends a test before its end. */
struct Failure {
	std::string what;
};
struct Skip {
	std::string why;
};

[[gnu::format(printf, 1, 2)]] inline std::string format(const char *text, ...)
{
	char line[512];
	va_list args;
	va_start(args, text);
	std::vsnprintf(line, sizeof(line), text, args);
	va_end(args);
	return line;
}

[[noreturn]] inline void fail(const char *file, int line, const std::string &what)
{
	/* The name alone: where the tree lay when it was built is nobody's concern. */
	const char *const slash = std::strrchr(file, '/');
	throw Failure{format("%s:%d: ", slash ? slash + 1 : file, line) + what};
}

[[noreturn]] inline void skip(const std::string &why)
{
	throw Skip{why};
}

/* The name of an errno, "0" for none. */
inline const char *errno_name(int error)
{
	const char *name = error ? strerrorname_np(error) : "0";
	return name ? name : "an unknown errno";
}

/* A line of diagnostics in the running test. */
[[gnu::format(printf, 1, 2)]] inline void note(const char *text, ...)
{
	va_list args;
	va_start(args, text);
	std::printf("# ");
	std::vprintf(text, args);
	std::printf("\n");
	va_end(args);
}

/* Whether the device is the kernel's own vhost-net, which our tests are checked by. */
inline bool is_oracle(std::string_view device)
{
	return device == "/dev/vhost-net";
}

class Suite
{
public:
	/* A test that takes longer than this, in seconds, is stuck: the program gives up. */
	static constexpr unsigned watchdog_seconds = 120;

	Suite(int argc, char **argv)
	{
		for (int i = 1; i < argc; ++i) {
			const std::string_view option = argv[i];
			if (option == "--list")
				list_ = true;
			else if (option == "--no-skip")
				no_skip_ = true;
			else if (option == "--device" && i + 1 < argc)
				device_ = argv[++i];
			else if (option == "--only" && i + 1 < argc)
				only_ = argv[++i];
			else {
				std::fprintf(stderr,
					     "usage: %s [--device PATH] [--only TEXT] [--no-skip] "
					     "[--list]\n",
					     argv[0]);
				std::exit(2);
			}
		}
	}

	const std::string &device() const { return device_; }

	bool oracle() const { return is_oracle(device_); }

	/* name says what the test proves. */
	void add(std::string name, std::function<void()> body)
	{
		if (name.find(only_) != std::string::npos)
			tests_.push_back({std::move(name), std::move(body), {}});
	}

	/* A test of what we promise and vhost-net does not: skipped there, with the reason. */
	void add_stricter(std::string name, const char *vhost_net, std::function<void()> body)
	{
		if (name.find(only_) != std::string::npos)
			tests_.push_back({std::move(name), std::move(body), vhost_net});
	}

	/* Run all. Returns the status for main(): 0 when no test failed. */
	int run()
	{
		if (list_) {
			for (const Test &test : tests_)
				std::printf("%s\n", test.name.c_str());
			return 0;
		}
		/* Line by line: a program that is killed has said all it knew. */
		std::setvbuf(stdout, nullptr, _IOLBF, 0);
		std::printf("KTAP version 1\n1..%zu\n", tests_.size());
		signal(SIGALRM, stuck);
		unsigned failed = 0;
		for (std::size_t i = 0; i < tests_.size(); ++i)
			failed += !run_one(i + 1, tests_[i]);
		std::printf("# %zu tests, %u failed\n", tests_.size(), failed);
		return failed ? 1 : 0;
	}

private:
	struct Test {
		std::string name;
		std::function<void()> body;
		std::string vhost_net;
	};

	static void stuck(int)
	{
		static constexpr char text[] = "Bail out! the test that runs is stuck\n";
		const ssize_t written = write(STDOUT_FILENO, text, sizeof(text) - 1);
		_exit(written < 0 ? 4 : 3);
	}

	bool run_one(std::size_t number, const Test &test)
	{
		const char *name = test.name.c_str();
		/* A '#' in a name would start a directive. */
		if (!test.vhost_net.empty() && oracle() && !no_skip_) {
			std::printf("ok %zu %s # SKIP oracle: %s\n", number, name,
				    test.vhost_net.c_str());
			return true;
		}
		alarm(watchdog_seconds);
		try {
			test.body();
			std::printf("ok %zu %s\n", number, name);
		} catch (const Skip &skipped) {
			std::printf("ok %zu %s # SKIP %s\n", number, name, skipped.why.c_str());
		} catch (const Failure &failure) {
			return failed(failure.what.c_str(), number, name);
		} catch (const std::exception &error) {
			return failed(error.what(), number, name);
		}
		alarm(0);
		return true;
	}

	static bool failed(const char *why, std::size_t number, const char *name)
	{
		std::printf("# %s\nnot ok %zu %s\n", why, number, name);
		alarm(0);
		return false;
	}

	std::string device_ = "/dev/vhost-net-alt";
	std::string only_;
	bool list_ = false;
	bool no_skip_ = false;
	std::vector<Test> tests_;
};

} /* namespace ktap */

/* Fails the test unless the condition holds; what follows is printf's format and arguments. */
#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ktap::fail(__FILE__, __LINE__,                                             \
				   std::string(#condition)                                         \
					   __VA_OPT__(+": " + ktap::format(__VA_ARGS__)));         \
	} while (0)

/* Fails the test unless both are the same number. */
#define CHECK_EQUAL(is, expected)                                                                  \
	do {                                                                                       \
		const auto is_ = static_cast<long long>(is);                                       \
		const auto expected_ = static_cast<long long>(expected);                           \
		if (is_ != expected_)                                                              \
			ktap::fail(                                                                \
				__FILE__, __LINE__,                                                \
				ktap::format("%s is %lld, expected %lld", #is, is_, expected_));   \
	} while (0)

/* Fails the test unless the call, which returns 0 or an errno, returns this one. */
#define CHECK_ERRNO(call, expected)                                                                \
	do {                                                                                       \
		const int is_ = (call);                                                            \
		if (is_ != (expected))                                                             \
			ktap::fail(__FILE__, __LINE__,                                             \
				   ktap::format("%s gives %s, expected %s", #call,                 \
						ktap::errno_name(is_),                             \
						ktap::errno_name(expected)));                      \
	} while (0)
