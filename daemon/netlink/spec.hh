// SPDX-License-Identifier: GPL-2.0-only
// The generic netlink family's specification as tables, which spec.py makes of
// include/uapi/linux/vhost_net_alt.yaml: an attribute, a counter or a setting that is added
// there is known everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vhostd::spec {

enum class Type : std::uint8_t { pad, flag, u32, u64, string, nest };

// A constant of an enum, or of flags: there it is a bit's value.
struct Entry {
	std::uint32_t value;
	std::string_view name, doc;
};

struct Set;

struct Attribute {
	std::uint16_t number;
	Type type;
	std::string_view name; // with _ where the specification has -
	std::string_view doc; // one line
	std::span<const Entry> entries; // of what values are called; empty: they are numbers
	const Set *nest; // of type nest: what is in it
};

// An attribute set: attributes by number, from 1 on.
struct Set {
	std::string_view name;
	std::span<const Attribute> attributes;

	[[nodiscard]] const Attribute *find(unsigned number) const;
	// @name may have - for _.
	[[nodiscard]] const Attribute *find(std::string_view name) const;
};

extern const Set dev, queue, qstats, counters, rules;

// What of dev dev-set takes, but for the id.
extern const std::span<const Attribute *const> settings;

// What @value is called; nothing if it has no name.
[[nodiscard]] std::optional<std::string_view> name_of(const Attribute &attribute,
						      std::uint64_t value);

} // namespace vhostd::spec
