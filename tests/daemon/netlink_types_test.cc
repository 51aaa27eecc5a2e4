// SPDX-License-Identifier: GPL-2.0-only
// Messages of the netlink family: what they say, and what is no such message.
#include "netlink/types.hh"

#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

#include "netlink_message.hh"

using namespace vhostd;
using test::NetlinkMessage;

namespace {

Record dev(const NetlinkMessage &message)
{
	return parse_reply(spec::dev, message.header());
}

// NLMSG_ERROR, or NLMSG_DONE, as the kernel puts them together.
std::string answer(std::uint16_t type, std::uint16_t flags, int error, std::uint32_t request_bytes,
		   const std::string &attributes)
{
	std::string plain;
	if (type == NLMSG_ERROR) {
		nlmsgerr body{};
		body.error = error;
		body.msg.nlmsg_len = request_bytes;
		plain.assign(reinterpret_cast<const char *>(&body), sizeof body);
		if (!(flags & NLM_F_CAPPED))
			plain.append(request_bytes - sizeof(nlmsghdr), 'x');
	} else {
		plain.assign(reinterpret_cast<const char *>(&error), sizeof error);
	}
	nlmsghdr header{};
	header.nlmsg_type = type;
	header.nlmsg_flags = flags;
	header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + plain.size() +
						      attributes.size());
	return std::string(reinterpret_cast<const char *>(&header), sizeof header) + plain +
	       attributes;
}

std::string attribute(std::uint16_t type, const std::string &payload)
{
	const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + payload.size()), type};
	std::string out(reinterpret_cast<const char *>(&header), sizeof header);
	out += payload;
	out.resize(NLA_ALIGN(out.size()));
	return out;
}

std::string number(std::uint32_t value)
{
	return {reinterpret_cast<const char *>(&value), sizeof value};
}

Refusal refusal(const std::string &bytes)
{
	// In memory of its own size: a read beyond it is seen by ASan and valgrind.
	const std::unique_ptr<char[]> copy(new char[bytes.size()]);
	std::memcpy(copy.get(), bytes.data(), bytes.size());
	return parse_refusal(reinterpret_cast<const nlmsghdr *>(copy.get()));
}

const std::string words = attribute(NLMSGERR_ATTR_MSG, std::string("no device\0", 10));

} // namespace

TEST(Spec, HasTheHeadersNumbers)
{
	EXPECT_EQ(spec::dev.attributes.size(), std::size_t(VHOST_NET_ALT_A_DEV_MAX));
	EXPECT_EQ(spec::queue.attributes.size(), std::size_t(VHOST_NET_ALT_A_QUEUE_MAX));
	EXPECT_EQ(spec::qstats.attributes.size(), std::size_t(VHOST_NET_ALT_A_QSTATS_MAX));
	EXPECT_EQ(spec::counters.attributes.size(), std::size_t(VHOST_NET_ALT_A_COUNTERS_MAX));
	EXPECT_EQ(spec::rules.attributes.size(), std::size_t(VHOST_NET_ALT_A_RULES_MAX));
	EXPECT_EQ(spec::dev.find("weight-bytes")->number, VHOST_NET_ALT_A_DEV_WEIGHT_BYTES);
	EXPECT_EQ(spec::dev.find("weight_bytes")->number, VHOST_NET_ALT_A_DEV_WEIGHT_BYTES);
	EXPECT_EQ(spec::counters.find("ring_errors_by_rule")->nest, &spec::rules);
	EXPECT_EQ(spec::rules.find("zero_length")->number, VHOST_NET_ALT_A_RULES_ZERO_LENGTH);
	EXPECT_FALSE(spec::dev.find("pad") || spec::dev.find("") || spec::dev.find("weight bytes"));
	EXPECT_FALSE(spec::dev.find(0u) || spec::dev.find(unsigned(VHOST_NET_ALT_A_DEV_MAX) + 1));
	bool batch = false;
	for (const spec::Attribute *setting : spec::settings) {
		EXPECT_NE(setting->name, "id");
		batch |= setting->number == VHOST_NET_ALT_A_DEV_RX_BATCH;
	}
	EXPECT_TRUE(batch);
}

TEST(Types, ADeviceIsWhatItsMessageSays)
{
	const Device device(dev(
		NetlinkMessage(VHOST_NET_ALT_CMD_DEV_GET)
			.u32(VHOST_NET_ALT_A_DEV_ID, 7)
			.u32(VHOST_NET_ALT_A_DEV_STATE, VHOST_NET_ALT_DEV_STATE_RUNNING)
			.u32(VHOST_NET_ALT_A_DEV_OWNER_PID, 4321)
			.u64(VHOST_NET_ALT_A_DEV_FEATURES, 1ull << 34 | 1, VHOST_NET_ALT_A_DEV_PAD)
			.u64(VHOST_NET_ALT_A_DEV_FEATURES_HIGH, 2, VHOST_NET_ALT_A_DEV_PAD)));
	EXPECT_EQ(device.id(), 7u);
	EXPECT_EQ(device.state(), VHOST_NET_ALT_DEV_STATE_RUNNING);
	EXPECT_EQ(device.name(VHOST_NET_ALT_A_DEV_STATE), "running");
	EXPECT_EQ(device.owner_pid(), 4321u);
	EXPECT_TRUE(device.feature(0) && device.feature(34) && device.feature(65));
	EXPECT_FALSE(device.feature(1) || device.feature(33) || device.feature(64));
	EXPECT_FALSE(device.has(VHOST_NET_ALT_A_DEV_PAD));
	EXPECT_EQ(device.number(VHOST_NET_ALT_A_DEV_RX_BATCH), 0u);
}

TEST(Types, WhatANewerModuleAddsIsLeftOut)
{
	const Device device(dev(NetlinkMessage(VHOST_NET_ALT_CMD_DEV_GET)
					.u32(VHOST_NET_ALT_A_DEV_MAX + 5, 1)
					.u32(VHOST_NET_ALT_A_DEV_STATE, 99)
					.u32(VHOST_NET_ALT_A_DEV_ID, 7)));
	EXPECT_EQ(device.id(), 7u);
	EXPECT_EQ(device.name(VHOST_NET_ALT_A_DEV_STATE), "99");
	EXPECT_FALSE(device.owner_pid());
}

TEST(Types, CountersAreInANest)
{
	const Statistics statistics(parse_reply(
		spec::qstats,
		NetlinkMessage(VHOST_NET_ALT_CMD_QSTATS_GET)
			.u32(VHOST_NET_ALT_A_QSTATS_DEV_ID, 1)
			.u32(VHOST_NET_ALT_A_QSTATS_QUEUE_ID, 1)
			.u32(VHOST_NET_ALT_A_QSTATS_QUEUE_TYPE, VHOST_NET_ALT_QUEUE_TYPE_TX)
			.nest(VHOST_NET_ALT_A_QSTATS_TX,
			      [](NetlinkMessage &tx) {
				      tx.u64(VHOST_NET_ALT_A_COUNTERS_PACKETS, 1ull << 40,
					     VHOST_NET_ALT_A_COUNTERS_PAD)
					      .nest(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS_BY_RULE,
						    [](NetlinkMessage &rules) {
							    rules.u64(
								    VHOST_NET_ALT_A_RULES_ZERO_LENGTH,
								    3, VHOST_NET_ALT_A_RULES_PAD);
						    });
			      })
			.header()));
	EXPECT_EQ(statistics.counters().number(VHOST_NET_ALT_A_COUNTERS_PACKETS), 1ull << 40);
	EXPECT_EQ(statistics.counters()
			  .nest(VHOST_NET_ALT_A_COUNTERS_RING_ERRORS_BY_RULE)
			  .number(VHOST_NET_ALT_A_RULES_ZERO_LENGTH),
		  3u);
	const Record &rx = statistics.counters(VHOST_NET_ALT_QUEUE_TYPE_RX);
	EXPECT_EQ(rx.number(VHOST_NET_ALT_A_COUNTERS_PACKETS), 0u);
}

TEST(Types, AMessageOfAnotherShapeIsNone)
{
	const std::string three("123");
	EXPECT_THROW(dev(NetlinkMessage(1).raw(VHOST_NET_ALT_A_DEV_ID, three)), BadMessage);
	EXPECT_THROW(dev(NetlinkMessage(1).raw(VHOST_NET_ALT_A_DEV_FEATURES, three)), BadMessage);
	EXPECT_THROW(dev(NetlinkMessage(1).u32(VHOST_NET_ALT_A_DEV_FEATURES, 1)), BadMessage);
	const NetlinkMessage cut(1);
	cut.header()->nlmsg_len--;
	EXPECT_THROW(dev(cut), BadMessage);
	NetlinkMessage overlong(1);
	overlong.u32(VHOST_NET_ALT_A_DEV_ID, 1);
	static_cast<nlattr *>(nlmsg_attrdata(overlong.header(), GENL_HDRLEN))->nla_len = 12;
	EXPECT_THROW(dev(overlong), BadMessage);
	EXPECT_THROW(parse_reply(spec::qstats, NetlinkMessage(1)
						       .raw(VHOST_NET_ALT_A_QSTATS_RX, "abcde")
						       .header()),
		     BadMessage);
}

TEST(Types, AStringEndsWithItsZeroOrItsAttribute)
{
	const auto rule = [](const std::string &bytes) {
		return parse_reply(spec::queue, NetlinkMessage(1)
							.raw(VHOST_NET_ALT_A_QUEUE_RULE, bytes)
							.header())
			.text(VHOST_NET_ALT_A_QUEUE_RULE);
	};
	EXPECT_EQ(rule(std::string("abc\0def", 7)), "abc");
	EXPECT_EQ(rule("abc"), "abc");
	EXPECT_EQ(rule(""), "");
}

TEST(Types, EventsAreTold)
{
	const auto kind = [](std::uint8_t command) {
		return parse_event(
			NetlinkMessage(command).u32(VHOST_NET_ALT_A_DEV_ID, 4).header());
	};
	EXPECT_EQ(kind(VHOST_NET_ALT_CMD_DEV_ADD_NTF)->kind, Event::Kind::dev_add);
	EXPECT_EQ(kind(VHOST_NET_ALT_CMD_DEV_DEL_NTF)->kind, Event::Kind::dev_del);
	EXPECT_EQ(kind(VHOST_NET_ALT_CMD_DEV_CHANGE_NTF)->kind, Event::Kind::dev_change);
	const auto error = kind(VHOST_NET_ALT_CMD_QUEUE_ERROR_NTF);
	EXPECT_EQ(error->kind, Event::Kind::queue_error);
	EXPECT_EQ(error->record.number(VHOST_NET_ALT_A_QUEUE_DEV_ID), 4u);
	EXPECT_FALSE(kind(200));
}

TEST(Refusal, HasTheKernelsWords)
{
	const Refusal whole = refusal(answer(NLMSG_ERROR, NLM_F_ACK_TLVS, -ENODEV, 36,
					     words + attribute(NLMSGERR_ATTR_OFFS, number(20))));
	EXPECT_EQ(whole.error, ENODEV);
	EXPECT_EQ(whole.words, "no device");
	EXPECT_EQ(whole.offset, 20u);
	const Refusal capped = refusal(
		answer(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, -EINVAL, 36,
		       attribute(NLMSGERR_ATTR_MISS_TYPE, number(VHOST_NET_ALT_A_DEV_ID)) + words));
	EXPECT_EQ(capped.error, EINVAL);
	EXPECT_EQ(capped.words, "no device");
	EXPECT_EQ(capped.missing, unsigned(VHOST_NET_ALT_A_DEV_ID));
	const Refusal done = refusal(answer(NLMSG_DONE, NLM_F_ACK_TLVS, -ENODEV, 0, words));
	EXPECT_EQ(done.error, ENODEV);
	EXPECT_EQ(done.words, "no device");
}

TEST(Refusal, MayHaveNone)
{
	EXPECT_EQ(refusal(answer(NLMSG_ERROR, NLM_F_CAPPED, -EPERM, 36, "")).error, EPERM);
	EXPECT_EQ(refusal(answer(NLMSG_ERROR, NLM_F_CAPPED, 0, 36, "")).error, 0);
	EXPECT_EQ(refusal(answer(NLMSG_DONE, 0, 0, 0, "")).error, 0);
	// Attributes that are not said to be there are none.
	EXPECT_EQ(refusal(answer(NLMSG_ERROR, NLM_F_CAPPED, -EPERM, 36, words)).words, "");
	// A request that is said to be longer than the message.
	std::string lies = answer(NLMSG_ERROR, NLM_F_ACK_TLVS, -EPERM, 36, words);
	const std::uint32_t huge = 0xfffffff0;
	std::memcpy(&lies[sizeof(nlmsghdr) + offsetof(nlmsgerr, msg.nlmsg_len)], &huge, 4);
	EXPECT_EQ(refusal(lies).words, "");
	std::string cut = answer(NLMSG_DONE, NLM_F_ACK_TLVS, -EPERM, 0, "").substr(0, 18);
	cut[0] = 18;
	EXPECT_EQ(refusal(cut).error, 0);
}
