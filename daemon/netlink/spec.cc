// SPDX-License-Identifier: GPL-2.0-only
#include "netlink/spec.hh"

#include <algorithm>

namespace vhostd::spec {

const Attribute *Set::find(unsigned number) const
{
	return number && number <= attributes.size() ? &attributes[number - 1] : nullptr;
}

const Attribute *Set::find(std::string_view name) const
{
	const auto same = [](char a, char b) { return a == (b == '-' ? '_' : b); };
	for (const Attribute &attribute : attributes)
		if (attribute.type != Type::pad &&
		    std::ranges::equal(attribute.name, name, same))
			return &attribute;
	return nullptr;
}

std::optional<std::string_view> name_of(const Attribute &attribute, std::uint64_t value)
{
	for (const Entry &entry : attribute.entries)
		if (entry.value == value)
			return entry.name;
	return std::nullopt;
}

} // namespace vhostd::spec
