/* SPDX-License-Identifier: GPL-2.0-only */
#include "genl.hh"

#include "ktap.hh"
#include "packet_socket.hh"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

namespace vna::vm
{

namespace
{

constexpr std::size_t header_bytes = NLMSG_HDRLEN + GENL_HDRLEN;

template <class T> T read(const std::byte *at)
{
	T value;
	std::memcpy(&value, at, sizeof value);
	return value;
}

GenlMessage message_of(const std::byte *at, const nlmsghdr &header)
{
	CHECK(header.nlmsg_len >= header_bytes);
	return {read<genlmsghdr>(at + NLMSG_HDRLEN).cmd,
		Attributes(at + header_bytes, header.nlmsg_len - header_bytes)};
}

/* What the kernel says beside an errno: attributes behind @plain bytes of the message. */
void read_words(GenlResult &result, const std::byte *at, const nlmsghdr &header, std::size_t plain)
{
	if (!(header.nlmsg_flags & NLM_F_ACK_TLVS) || header.nlmsg_len <= plain)
		return;
	const Attributes words(at + plain, header.nlmsg_len - plain);
	if (words.has(NLMSGERR_ATTR_MSG))
		result.text = words.string(NLMSGERR_ATTR_MSG);
	if (words.has(NLMSGERR_ATTR_OFFS))
		result.offset = words.u32(NLMSGERR_ATTR_OFFS);
	if (words.has(NLMSGERR_ATTR_MISS_TYPE))
		result.missing = words.u32(NLMSGERR_ATTR_MISS_TYPE);
}

} /* namespace */

Attributes::Attributes(const std::byte *begin, std::size_t bytes) : bytes_(begin, begin + bytes) {}

Attributes &Attributes::raw(unsigned type, const void *data, std::size_t bytes)
{
	const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + bytes),
			    static_cast<std::uint16_t>(type)};
	const std::size_t at = bytes_.size();
	bytes_.resize(at + NLA_HDRLEN + NLA_ALIGN(bytes));
	std::memcpy(&bytes_[at], &header, sizeof header);
	if (bytes)
		std::memcpy(&bytes_[at + NLA_HDRLEN], data, bytes);
	return *this;
}

Attributes &Attributes::u32(unsigned type, std::uint32_t value)
{
	return raw(type, &value, sizeof value);
}

std::optional<Attributes::Payload> Attributes::find(unsigned type) const
{
	for (std::size_t at = 0; at + NLA_HDRLEN <= bytes_.size();) {
		const auto header = read<nlattr>(&bytes_[at]);
		CHECK(header.nla_len >= NLA_HDRLEN && at + header.nla_len <= bytes_.size());
		if ((header.nla_type & NLA_TYPE_MASK) == type)
			return Payload{&bytes_[at] + NLA_HDRLEN,
				       static_cast<std::size_t>(header.nla_len - NLA_HDRLEN)};
		at += NLA_ALIGN(header.nla_len);
	}
	return {};
}

Attributes::Payload Attributes::get(unsigned type) const
{
	const auto found = find(type);
	CHECK(found, "there is no attribute %u", type);
	return *found;
}

std::uint32_t Attributes::u32(unsigned type) const
{
	const Payload payload = get(type);
	CHECK_EQUAL(payload.bytes, 4);
	return read<std::uint32_t>(payload.data);
}

std::uint16_t Attributes::u16(unsigned type) const
{
	const Payload payload = get(type);
	CHECK_EQUAL(payload.bytes, 2);
	return read<std::uint16_t>(payload.data);
}

std::uint64_t Attributes::u64(unsigned type) const
{
	const Payload payload = get(type);
	CHECK_EQUAL(payload.bytes, 8);
	return read<std::uint64_t>(payload.data);
}

std::string Attributes::string(unsigned type) const
{
	const Payload payload = get(type);
	const auto *text = reinterpret_cast<const char *>(payload.data);
	CHECK(payload.bytes && !text[payload.bytes - 1], "attribute %u does not end", type);
	return text;
}

Attributes Attributes::nest(unsigned type) const
{
	const Payload payload = get(type);
	return {payload.data, payload.bytes};
}

Genl::Genl(const std::string &family)
    : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC))
{
	const int on = 1;
	CHECK(fd_.get() >= 0, "%s", std::strerror(errno));
	for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK})
		CHECK(!setsockopt(fd_.get(), SOL_NETLINK, option, &on, sizeof on));
	Attributes name;
	name.raw(CTRL_ATTR_FAMILY_NAME, family.c_str(), family.size() + 1);
	const GenlResult found =
		talk(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_REQUEST | NLM_F_ACK, name);
	CHECK(!found.error, "family %s: %s", family.c_str(), std::strerror(found.error));
	const Attributes &about = found.messages.at(0).attributes;
	family_ = about.u16(CTRL_ATTR_FAMILY_ID);
	const Attributes groups = about.nest(CTRL_ATTR_MCAST_GROUPS);
	for (unsigned i = 1; groups.has(i); i++) {
		const Attributes group = groups.nest(i);
		groups_[group.string(CTRL_ATTR_MCAST_GRP_NAME)] = group.u32(CTRL_ATTR_MCAST_GRP_ID);
	}
}

void Genl::ask(unsigned family, unsigned command, unsigned flags, const Attributes &attributes)
{
	nlmsghdr header{};
	genlmsghdr generic{};
	header.nlmsg_len = static_cast<std::uint32_t>(header_bytes + attributes.bytes().size());
	header.nlmsg_type = static_cast<std::uint16_t>(family);
	header.nlmsg_flags = static_cast<std::uint16_t>(flags);
	header.nlmsg_seq = ++sequence_;
	generic.cmd = static_cast<std::uint8_t>(command);
	generic.version = 1;
	std::vector<std::byte> bytes(header.nlmsg_len);
	std::memcpy(bytes.data(), &header, sizeof header);
	std::memcpy(&bytes[NLMSG_HDRLEN], &generic, sizeof generic);
	std::copy(attributes.bytes().begin(), attributes.bytes().end(), &bytes[header_bytes]);
	CHECK(send(fd_.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
	      "%s", std::strerror(errno));
}

bool Genl::more(GenlResult &result)
{
	std::array<std::byte, 65536> answer;
	const ssize_t got = recv(fd_.get(), answer.data(), answer.size(), 0);
	CHECK(got > 0, "%s", std::strerror(errno));
	result.packets++;
	for (std::size_t at = 0; at + NLMSG_HDRLEN <= static_cast<std::size_t>(got);) {
		const auto one = read<nlmsghdr>(&answer[at]);
		CHECK(one.nlmsg_len >= NLMSG_HDRLEN && at + one.nlmsg_len <= std::size_t(got));
		result.interrupted |= !!(one.nlmsg_flags & NLM_F_DUMP_INTR);
		if (one.nlmsg_seq != sequence_) {
			/* A notification: whoever wants those has a socket for them. */
		} else if (one.nlmsg_type == NLMSG_ERROR || one.nlmsg_type == NLMSG_DONE) {
			result.error = -read<int>(&answer[at + NLMSG_HDRLEN]);
			const std::size_t plain = one.nlmsg_type == NLMSG_DONE ?
							  NLMSG_HDRLEN + sizeof(int) :
							  NLMSG_HDRLEN + sizeof(nlmsgerr);
			read_words(result, &answer[at], one, plain);
			return false;
		} else {
			result.messages.push_back(message_of(&answer[at], one));
		}
		at += NLMSG_ALIGN(one.nlmsg_len);
	}
	return true;
}

GenlResult Genl::talk(unsigned family, unsigned command, unsigned flags,
		      const Attributes &attributes)
{
	ask(family, command, flags, attributes);
	GenlResult result;
	while (more(result))
		;
	return result;
}

GenlResult Genl::request(unsigned command, const Attributes &attributes)
{
	return talk(family_, command, NLM_F_REQUEST | NLM_F_ACK, attributes);
}

GenlResult Genl::dump(unsigned command, const Attributes &attributes)
{
	return talk(family_, command, NLM_F_REQUEST | NLM_F_DUMP, attributes);
}

void Genl::begin_dump(unsigned command, const Attributes &attributes)
{
	ask(family_, command, NLM_F_REQUEST | NLM_F_DUMP, attributes);
}

void Genl::join(const std::string &group)
{
	const auto found = groups_.find(group);
	CHECK(found != groups_.end(), "there is no group %s", group.c_str());
	CHECK(!setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &found->second,
			  sizeof found->second));
}

void Genl::set_receive_buffer(int bytes) const
{
	CHECK(!setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
}

std::optional<GenlMessage> Genl::poll(int &error)
{
	std::array<std::byte, 65536> answer;
	const ssize_t got = recv(fd_.get(), answer.data(), answer.size(), MSG_DONTWAIT);
	error = got < 0 ? errno : 0;
	if (got < 0)
		return {};
	return message_of(answer.data(), read<nlmsghdr>(answer.data()));
}

GenlMessage Genl::next()
{
	pollfd wait{fd_.get(), POLLIN, 0};
	CHECK(::poll(&wait, 1, std::chrono::milliseconds(patience).count()) == 1,
	      "no notification comes");
	int error;
	const auto message = poll(error);
	CHECK(message, "%s", std::strerror(error));
	return *message;
}

} /* namespace vna::vm */
