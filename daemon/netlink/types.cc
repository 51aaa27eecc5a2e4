// SPDX-License-Identifier: GPL-2.0-only
#include "netlink/types.hh"

#include <algorithm>

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

namespace vhostd {

namespace {

// libnl takes no pointers to const.
template <class T> T *loose(const T *p)
{
	return const_cast<T *>(p);
}

[[noreturn]] void wrong(const spec::Set &set, const spec::Attribute &attribute, int bytes)
{
	throw BadMessage(std::string(set.name) + "." + std::string(attribute.name) + " has " +
			 std::to_string(bytes) + " bytes");
}

Record::Value read(const spec::Set &set, const spec::Attribute &attribute, const nlattr *from)
{
	const int bytes = nla_len(from);
	switch (attribute.type) {
	case spec::Type::pad:
	case spec::Type::flag:
		return std::uint64_t(1);
	case spec::Type::u32:
		if (bytes != sizeof(std::uint32_t))
			wrong(set, attribute, bytes);
		return std::uint64_t(nla_get_u32(from));
	case spec::Type::u64:
		if (bytes != sizeof(std::uint64_t))
			wrong(set, attribute, bytes);
		return std::uint64_t(nla_get_u64(from));
	case spec::Type::string: {
		// With its zero, or without: what is behind the first is no part of it.
		const std::string_view text(static_cast<const char *>(nla_data(from)),
					    static_cast<std::size_t>(bytes));
		return std::string(text.substr(0, text.find('\0')));
	}
	case spec::Type::nest:
		return Record::parse(*attribute.nest, static_cast<const nlattr *>(nla_data(from)),
				     bytes);
	}
	wrong(set, attribute, bytes);
}

} // namespace

Record Record::parse(const spec::Set &set, const nlattr *first, int bytes)
{
	Record record(set);
	const nlattr *at = first;
	for (; nla_ok(at, bytes); at = nla_next(at, &bytes)) {
		const spec::Attribute *attribute = set.find(static_cast<unsigned>(nla_type(at)));
		if (attribute && attribute->type != spec::Type::pad)
			record.put(attribute->number, read(set, *attribute, at));
	}
	if (bytes > 0)
		throw BadMessage(std::string(set.name) + ": " + std::to_string(bytes) +
				 " bytes that are no attribute");
	return record;
}

const Record::Value *Record::find(unsigned number) const
{
	return number < values_.size() && values_[number] ? &*values_[number] : nullptr;
}

void Record::put(unsigned number, Value value)
{
	if (number >= values_.size())
		values_.resize(number + 1);
	values_[number] = std::move(value);
}

std::uint64_t Record::number(unsigned number) const
{
	const Value *value = find(number);
	const auto *n = value ? std::get_if<std::uint64_t>(value) : nullptr;
	return n ? *n : 0;
}

const std::string &Record::text(unsigned number) const
{
	static const std::string none;
	const Value *value = find(number);
	const auto *text = value ? std::get_if<std::string>(value) : nullptr;
	return text ? *text : none;
}

const Record &Record::nest(unsigned number) const
{
	static const Record none;
	const Value *value = find(number);
	const auto *nest = value ? std::get_if<Record>(value) : nullptr;
	return nest ? *nest : none;
}

std::string Record::name(unsigned number) const
{
	const std::uint64_t value = this->number(number);
	const spec::Attribute *attribute = set_ ? set_->find(number) : nullptr;
	const auto name = attribute ? spec::name_of(*attribute, value) : std::nullopt;
	return name ? std::string(*name) : std::to_string(value);
}

std::uint32_t Device::id() const
{
	return static_cast<std::uint32_t>(number(VHOST_NET_ALT_A_DEV_ID));
}

vhost_net_alt_dev_state Device::state() const
{
	return static_cast<vhost_net_alt_dev_state>(number(VHOST_NET_ALT_A_DEV_STATE));
}

std::optional<std::uint32_t> Device::owner_pid() const
{
	if (!has(VHOST_NET_ALT_A_DEV_OWNER_PID))
		return std::nullopt;
	return static_cast<std::uint32_t>(number(VHOST_NET_ALT_A_DEV_OWNER_PID));
}

bool Device::feature(unsigned bit) const
{
	const std::uint64_t bits = number(bit < 64 ? VHOST_NET_ALT_A_DEV_FEATURES :
						     VHOST_NET_ALT_A_DEV_FEATURES_HIGH);
	return bits >> bit % 64 & 1;
}

std::uint32_t Queue::device() const
{
	return static_cast<std::uint32_t>(number(VHOST_NET_ALT_A_QUEUE_DEV_ID));
}

std::uint32_t Queue::id() const
{
	return static_cast<std::uint32_t>(number(VHOST_NET_ALT_A_QUEUE_ID));
}

vhost_net_alt_queue_type Queue::type() const
{
	return static_cast<vhost_net_alt_queue_type>(number(VHOST_NET_ALT_A_QUEUE_TYPE));
}

vhost_net_alt_queue_state Queue::state() const
{
	return static_cast<vhost_net_alt_queue_state>(number(VHOST_NET_ALT_A_QUEUE_STATE));
}

const std::string &Queue::ifname() const
{
	return text(VHOST_NET_ALT_A_QUEUE_IFNAME);
}

std::uint32_t Statistics::device() const
{
	return static_cast<std::uint32_t>(number(VHOST_NET_ALT_A_QSTATS_DEV_ID));
}

std::uint32_t Statistics::queue() const
{
	return static_cast<std::uint32_t>(number(VHOST_NET_ALT_A_QSTATS_QUEUE_ID));
}

const Record &Statistics::counters(vhost_net_alt_queue_type type) const
{
	return nest(type == VHOST_NET_ALT_QUEUE_TYPE_TX ? VHOST_NET_ALT_A_QSTATS_TX :
							  VHOST_NET_ALT_A_QSTATS_RX);
}

const Record &Statistics::counters() const
{
	return counters(static_cast<vhost_net_alt_queue_type>(
		number(VHOST_NET_ALT_A_QSTATS_QUEUE_TYPE)));
}

const Statistics *Snapshot::of(const Queue &queue) const
{
	const auto found = std::ranges::find_if(statistics, [&](const Statistics &each) {
		return each.device() == queue.device() && each.queue() == queue.id();
	});
	return found == statistics.end() ? nullptr : &*found;
}

const Device *Snapshot::device(std::uint32_t id) const
{
	const auto found = std::ranges::find(devices, id, &Device::id);
	return found == devices.end() ? nullptr : &*found;
}

Refusal parse_refusal(const nlmsghdr *message)
{
	Refusal refusal;
	// Of a dump's end there is the number alone.  Of an error there is the request behind it:
	// all of that, or where it was cut (NLM_F_CAPPED) the header.
	int plain = sizeof(int);
	const int bytes = nlmsg_datalen(message);
	if (bytes < plain)
		return refusal;
	refusal.error = -*static_cast<const int *>(nlmsg_data(message));
	if (message->nlmsg_type == NLMSG_ERROR) {
		if (bytes < int(sizeof(nlmsgerr)))
			return refusal;
		const auto *error = static_cast<const nlmsgerr *>(nlmsg_data(message));
		plain = sizeof(nlmsgerr);
		if (!(message->nlmsg_flags & NLM_F_CAPPED))
			plain += nlmsg_datalen(&error->msg);
	}
	plain = NLMSG_ALIGN(plain);
	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) || plain < 0 || plain >= bytes)
		return refusal;
	const auto *at = reinterpret_cast<const nlattr *>(
		static_cast<const char *>(nlmsg_data(message)) + plain);
	int rest = bytes - plain;
	for (; nla_ok(at, rest); at = nla_next(at, &rest)) {
		const int size = nla_len(at);
		if (nla_type(at) == NLMSGERR_ATTR_MSG)
			refusal.words.assign(static_cast<const char *>(nla_data(at)),
					     static_cast<std::size_t>(std::max(size - 1, 0)));
		else if (nla_type(at) == NLMSGERR_ATTR_OFFS && size == sizeof(std::uint32_t))
			refusal.offset = nla_get_u32(at);
		else if (nla_type(at) == NLMSGERR_ATTR_MISS_TYPE && size == sizeof(std::uint32_t))
			refusal.missing = nla_get_u32(at);
	}
	return refusal;
}

std::string_view to_string(Event::Kind kind)
{
	switch (kind) {
	case Event::Kind::dev_add:
		return "dev_add";
	case Event::Kind::dev_del:
		return "dev_del";
	case Event::Kind::dev_change:
		return "dev_change";
	case Event::Kind::queue_error:
		return "queue_error";
	case Event::Kind::lost:
		return "lost";
	case Event::Kind::loaded:
		return "loaded";
	case Event::Kind::unloaded:
		return "unloaded";
	}
	return "";
}

Record parse_reply(const spec::Set &set, const nlmsghdr *message)
{
	if (!genlmsg_valid_hdr(loose(message), 0))
		throw BadMessage(std::string(set.name) + ": a message is cut short");
	const genlmsghdr *header = genlmsg_hdr(loose(message));
	return Record::parse(set, genlmsg_attrdata(header, 0), genlmsg_attrlen(header, 0));
}

std::optional<Event> parse_event(const nlmsghdr *message)
{
	if (!genlmsg_valid_hdr(loose(message), 0))
		throw BadMessage("a notification is cut short");
	switch (genlmsg_hdr(loose(message))->cmd) {
	case VHOST_NET_ALT_CMD_DEV_ADD_NTF:
		return Event{Event::Kind::dev_add, parse_reply(spec::dev, message)};
	case VHOST_NET_ALT_CMD_DEV_DEL_NTF:
		return Event{Event::Kind::dev_del, parse_reply(spec::dev, message)};
	case VHOST_NET_ALT_CMD_DEV_CHANGE_NTF:
		return Event{Event::Kind::dev_change, parse_reply(spec::dev, message)};
	case VHOST_NET_ALT_CMD_QUEUE_ERROR_NTF:
		return Event{Event::Kind::queue_error, parse_reply(spec::queue, message)};
	}
	return std::nullopt;
}

} // namespace vhostd
