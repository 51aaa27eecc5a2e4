/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generic netlink by hand: requests with attributes, their replies, dumps and notifications.
 */
#pragma once

#include "unique_fd.hh"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vna::vm
{

/* The attributes of a message, or those to be sent; nests are attributes in attributes. */
class Attributes
{
public:
	Attributes() = default;
	Attributes(const std::byte *begin, std::size_t bytes);

	Attributes &u32(unsigned type, std::uint32_t value);
	/* Any bytes, whatever the attribute should be. */
	Attributes &raw(unsigned type, const void *data, std::size_t bytes);

	bool has(unsigned type) const { return find(type).has_value(); }
	/* Each fails the test where there is no such attribute, or of another size. */
	std::uint32_t u32(unsigned type) const;
	std::uint16_t u16(unsigned type) const;
	std::uint64_t u64(unsigned type) const;
	std::string string(unsigned type) const;
	Attributes nest(unsigned type) const;

	const std::vector<std::byte> &bytes() const { return bytes_; }

private:
	struct Payload {
		const std::byte *data;
		std::size_t bytes;
	};
	std::optional<Payload> find(unsigned type) const;
	Payload get(unsigned type) const;

	std::vector<std::byte> bytes_;
};

struct GenlMessage {
	unsigned command;
	Attributes attributes;
};

/* What comes of a request: an errno with the kernel's words, or messages. */
struct GenlResult {
	int error = 0;
	std::string text;	    /* of the kernel, about the error */
	std::uint32_t offset = 0;   /* of the attribute that it is about, in the request; 0: none */
	std::uint32_t missing = 0;  /* the attribute that is missing; 0: none */
	bool interrupted = false;   /* a dump that is not of one moment */
	unsigned packets = 0;	    /* that a dump came in */
	std::vector<GenlMessage> messages;
};

class Genl
{
public:
	/* Fails the test where there is no such family. */
	explicit Genl(const std::string &family);

	int fd() const { return fd_.get(); }
	GenlResult request(unsigned command, const Attributes &attributes = {});
	GenlResult dump(unsigned command, const Attributes &attributes = {});
	/* The same by parts: what is asked, and then a packet of the answer each, as long as more comes. */
	void begin_dump(unsigned command, const Attributes &attributes = {});
	bool more(GenlResult &result);

	/* Hear of what is told to this group. */
	void join(const std::string &group);
	/* The next notification; fails the test when none comes within patience. */
	GenlMessage next();
	/* Whether one is there; an errno is what the kernel says of lost ones. */
	std::optional<GenlMessage> poll(int &error);
	void set_receive_buffer(int bytes) const;

private:
	void ask(unsigned family, unsigned command, unsigned flags, const Attributes &attributes);
	GenlResult talk(unsigned family, unsigned command, unsigned flags,
			const Attributes &attributes);

	UniqueFd fd_;
	std::uint32_t sequence_ = 0;
	unsigned family_ = 0;
	std::map<std::string, std::uint32_t> groups_;
};

} /* namespace vna::vm */
