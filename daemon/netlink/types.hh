// SPDX-License-Identifier: GPL-2.0-only
// What the module tells by generic netlink, as values: made of messages, wherever those come
// from.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <linux/vhost_net_alt.h>

#include "netlink/spec.hh"

struct nlattr;
struct nlmsghdr;

namespace vhostd {

// A message that is not what the specification says.
class BadMessage : public std::runtime_error {
	using std::runtime_error::runtime_error;
};

// The attributes of a message, or of a nest in one, by the numbers of linux/vhost_net_alt.h.
// Attributes that the specification does not have (the module is newer) are left out.
class Record {
public:
	using Value = std::variant<std::uint64_t, std::string, Record>; // a flag is 1

	Record() = default;
	explicit Record(const spec::Set &set) : set_(&set) {}
	// Throws BadMessage for an attribute that is cut short or of another size than its type.
	static Record parse(const spec::Set &set, const nlattr *first, int bytes);

	[[nodiscard]] bool empty() const { return values_.empty(); }
	[[nodiscard]] const spec::Set &set() const { return *set_; } // of one that is not empty
	[[nodiscard]] const Value *find(unsigned number) const;
	[[nodiscard]] bool has(unsigned number) const { return find(number); }
	void put(unsigned number, Value value);

	// What is not there is 0, "" or an empty record.
	[[nodiscard]] std::uint64_t number(unsigned number) const;
	[[nodiscard]] const std::string &text(unsigned number) const;
	[[nodiscard]] const Record &nest(unsigned number) const;
	// The name of an enum's value, or its digits.
	[[nodiscard]] std::string name(unsigned number) const;

private:
	const spec::Set *set_ = nullptr;
	std::vector<std::optional<Value>> values_; // by number
};

struct Device : Record {
	Device() : Record(spec::dev) {}
	explicit Device(Record record) : Record(std::move(record)) {}
	[[nodiscard]] std::uint32_t id() const;
	[[nodiscard]] vhost_net_alt_dev_state state() const;
	[[nodiscard]] std::optional<std::uint32_t> owner_pid() const;
	// Whether the owner has set feature bit @bit.
	[[nodiscard]] bool feature(unsigned bit) const;
};

struct Queue : Record {
	Queue() : Record(spec::queue) {}
	explicit Queue(Record record) : Record(std::move(record)) {}
	[[nodiscard]] std::uint32_t device() const;
	[[nodiscard]] std::uint32_t id() const;
	[[nodiscard]] vhost_net_alt_queue_type type() const;
	[[nodiscard]] vhost_net_alt_queue_state state() const;
	[[nodiscard]] const std::string &ifname() const; // "" without a network device
};

// In the scope of a queue, the counters of its type; in that of a device, both.
struct Statistics : Record {
	Statistics() : Record(spec::qstats) {}
	explicit Statistics(Record record) : Record(std::move(record)) {}
	[[nodiscard]] std::uint32_t device() const;
	[[nodiscard]] std::uint32_t queue() const;
	[[nodiscard]] const Record &counters(vhost_net_alt_queue_type type) const;
	// In the scope of a queue.
	[[nodiscard]] const Record &counters() const;
};

// All of a moment, or nearly: what was asked first may be gone in what was asked later.
struct Snapshot {
	std::vector<Device> devices; // by id
	std::vector<Queue> queues; // by device and id
	std::vector<Statistics> statistics; // of queues

	[[nodiscard]] const Statistics *of(const Queue &queue) const;
	[[nodiscard]] const Device *device(std::uint32_t id) const;
};

// Why the kernel refused.
struct Refusal {
	int error = 0; // an errno; 0: it did not
	std::string words; // its own, or empty
	std::uint32_t offset = 0; // of the attribute that they are about, in the request
	std::uint32_t missing = 0; // the number of an attribute that is not there, but must be
};

// Of NLMSG_ERROR and NLMSG_DONE, with their extended acknowledgement.
[[nodiscard]] Refusal parse_refusal(const nlmsghdr *message);

// What listeners are told.
struct Event {
	enum class Kind {
		dev_add,
		dev_del,
		dev_change,
		queue_error,
		lost, // the listener was too slow: there were more events, and what they said is gone
		loaded, // the family is there: the module was loaded
		unloaded, // and is not: the module was unloaded
	};
	Kind kind;
	Record record; // a device, or of queue_error a queue
};

[[nodiscard]] std::string_view to_string(Event::Kind kind);

// A notification of the family's; nothing for one that is not known.
[[nodiscard]] std::optional<Event> parse_event(const nlmsghdr *message);

// A reply of the family's whose attributes are of @set.
[[nodiscard]] Record parse_reply(const spec::Set &set, const nlmsghdr *message);

} // namespace vhostd
