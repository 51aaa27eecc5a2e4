// SPDX-License-Identifier: GPL-2.0-only
#include "show.hh"

#include "features.hh"

namespace vhostctl {

using namespace vhostd;

namespace {

Json value(const Record &record, const spec::Attribute &attribute)
{
	switch (attribute.type) {
	case spec::Type::string:
		return record.text(attribute.number);
	case spec::Type::flag:
		return record.has(attribute.number);
	case spec::Type::nest:
		return show_counters(record.nest(attribute.number));
	default:
		if (!attribute.entries.empty())
			return record.name(attribute.number);
		return record.number(attribute.number);
	}
}

bool is_shown(const Record &record, const spec::Attribute &attribute)
{
	return attribute.type == spec::Type::flag || record.has(attribute.number);
}

} // namespace

Json show(const Device &device, const std::string &owner)
{
	Json out = Json::object();
	for (const spec::Attribute &attribute : spec::dev.attributes) {
		const std::string name(attribute.name);
		switch (attribute.number) {
		case VHOST_NET_ALT_A_DEV_ID:
		case VHOST_NET_ALT_A_DEV_FEATURES_HIGH:
			break;
		case VHOST_NET_ALT_A_DEV_FEATURES: {
			Json &features = out[name] = Json::array();
			for (unsigned bit = 0; bit < 128; bit++)
				if (device.feature(bit))
					features.push_back(feature_name(bit));
			break;
		}
		default:
			if (is_shown(device, attribute))
				out[name] = value(device, attribute);
		}
		if (attribute.number == VHOST_NET_ALT_A_DEV_OWNER_PID && !owner.empty())
			out["owner"] = owner;
	}
	return out;
}

Json show(const Queue &queue)
{
	Json out = Json::object();
	for (const spec::Attribute &attribute : spec::queue.attributes)
		if (is_shown(queue, attribute))
			out[std::string(attribute.name)] = value(queue, attribute);
	return out;
}

Json show_counters(const Record &counters)
{
	Json out = Json::object();
	if (counters.empty())
		return out;
	for (const spec::Attribute &attribute : counters.set().attributes)
		if (attribute.type == spec::Type::nest || counters.has(attribute.number))
			out[std::string(attribute.name)] = value(counters, attribute);
	return out;
}

std::string handle(const Queue &queue)
{
	return std::to_string(queue.device()) + '/' + std::to_string(queue.id());
}

} // namespace vhostctl
