// SPDX-License-Identifier: GPL-2.0-only
// Messages as the module sends them, made with libnl.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

namespace vhostd::test {

class NetlinkMessage {
public:
	static constexpr int family = 0x21;

	explicit NetlinkMessage(std::uint8_t command) : message_(nlmsg_alloc())
	{
		genlmsg_put(message_.get(), 0, 1, family, 0, 0, command, 1);
	}

	NetlinkMessage &u32(int attribute, std::uint32_t value)
	{
		nla_put_u32(message_.get(), attribute, value);
		return *this;
	}
	// As the kernel aligns those: with a pad before.
	NetlinkMessage &u64(int attribute, std::uint64_t value, int pad)
	{
		nla_put(message_.get(), pad, 0, nullptr);
		nla_put_u64(message_.get(), attribute, value);
		return *this;
	}
	NetlinkMessage &string(int attribute, const std::string &value)
	{
		nla_put_string(message_.get(), attribute, value.c_str());
		return *this;
	}
	NetlinkMessage &flag(int attribute)
	{
		nla_put_flag(message_.get(), attribute);
		return *this;
	}
	NetlinkMessage &raw(int attribute, const std::string &bytes)
	{
		nla_put(message_.get(), attribute, static_cast<int>(bytes.size()), bytes.data());
		return *this;
	}
	template <class Fill> NetlinkMessage &nest(int attribute, Fill fill)
	{
		nlattr *start = nla_nest_start(message_.get(), attribute);
		fill(*this);
		nla_nest_end(message_.get(), start);
		return *this;
	}

	[[nodiscard]] nlmsghdr *header() const { return nlmsg_hdr(message_.get()); }

private:
	struct Free {
		void operator()(nl_msg *message) const { nlmsg_free(message); }
	};
	std::unique_ptr<nl_msg, Free> message_;
};

} // namespace vhostd::test
