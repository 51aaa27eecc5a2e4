// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/requests.hh"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <set>
#include <system_error>
#include <thread>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/version.hh"
#include "ipc/refused.hh"
#include "netlink/error.hh"
#include "port/config.hh"

namespace vhostd {

using nlohmann::json;

namespace {

constexpr unsigned protocol = 1;
constexpr std::size_t max_errors = 20, max_error_bytes = 400; // even if all is escaped
// Of the ports in one reply: with what is around them it fits into a message.
// Of a port: who has its tap may have it with as many as he can open.
constexpr std::size_t max_shown_devices = 1000;
constexpr std::size_t max_shown_bytes = Channel::max_bytes - 1024;

[[noreturn]] void invalid(const std::string &what)
{
	throw Refused(EINVAL, what);
}

// Of what was asked, only @keys may be there.
void only(const json &request, std::initializer_list<const char *> keys)
{
	for (const auto &[key, value] : request.items()) {
		if (key != "op" && std::find(keys.begin(), keys.end(), key) == keys.end())
			invalid("an unknown key: " + key.substr(0, 64));
	}
}

std::string port_name(const json &request, const char *key = "port")
{
	const auto found = request.find(key);
	if (found == request.end() || !found->is_string() ||
	    !port_name_ok(found->get_ref<const std::string &>()))
		invalid(std::string(key) + ": expected a port's name");
	return *found;
}

std::uint32_t device_id(const json &value)
{
	if (!value.is_number_unsigned() || value == 0 ||
	    value > std::numeric_limits<std::uint32_t>::max())
		invalid("devices: expected devices' ids");
	return value;
}

std::vector<std::uint32_t> device_ids(const json &request, unsigned most)
{
	const auto found = request.find("devices");
	if (found == request.end() || !found->is_array() || found->empty())
		invalid("devices: expected a list of devices' ids");
	if (found->size() > most)
		invalid("devices: the port has no more queues than " + std::to_string(most));
	std::vector<std::uint32_t> ids;
	for (const json &value : *found) {
		const std::uint32_t id = device_id(value);
		if (std::find(ids.begin(), ids.end(), id) != ids.end())
			invalid("devices: " + std::to_string(id) + " is there twice");
		ids.push_back(id);
	}
	return ids;
}

json some(const std::vector<std::string> &errors)
{
	json list = json::array();
	for (const auto &error : errors) {
		if (list.size() == max_errors)
			break;
		list.push_back(error.substr(0, max_error_bytes));
	}
	return list;
}

void must_open(const KeptPort &kept)
{
	if (kept.state == PortState::broken || !kept.link)
		throw Refused(ENXIO, kept.port.name + ": " + kept.problem);
}

[[noreturn]] void in_use(const Port &port)
{
	throw Refused(EBUSY, port.name + ": the tap " + port.tap + " is in use");
}

// open_tap(), whose errors are then those of the port.
std::vector<UniqueFd> open_queues(Host &host, const KeptPort &kept, unsigned count,
				  const Framing &framing)
{
	const Port &port = kept.port;
	try {
		return host.open_tap(port, kept.uid.value(), count, framing);
	} catch (const std::system_error &error) {
		if (error.code().value() == EBUSY || error.code().value() == E2BIG)
			in_use(port);
		throw;
	}
}

bool serves(const std::vector<Serves> &serving, std::uint32_t device, unsigned ifindex)
{
	return std::any_of(serving.begin(), serving.end(), [&](const Serves &each) {
		return each.device == device && each.ifindex == ifindex;
	});
}

json describe(const KeptPort &kept, const std::vector<Serves> *serving)
{
	json port = {{"name", kept.port.name},
		     {"config", to_json(kept.port)},
		     {"state", to_string(kept.state)}};
	if (kept.uid)
		port["uid"] = *kept.uid;
	if (!kept.problem.empty())
		port["problem"] = kept.problem.substr(0, max_error_bytes);
	if (!kept.link)
		return port;
	port["ifindex"] = kept.link->index;
	port["queues_in_use"] = kept.link->tun ? kept.link->tun->queues : 0;
	if (serving) {
		std::set<std::uint32_t> devices;
		for (const Serves &each : *serving) {
			if (each.ifindex == kept.link->index && devices.size() < max_shown_devices)
				devices.insert(each.device);
		}
		port["devices"] = devices;
	}
	return port;
}

// Who serves what; nothing without the module.
std::optional<std::vector<Serves>> serving_now(Host &host)
{
	try {
		return host.serving();
	} catch (const NotLoaded &) {
		return std::nullopt;
	}
}

} // namespace

bool Requests::is_admin(const Peer &peer)
{
	return peer.uid == 0 || peer.uid == geteuid();
}

json Requests::refusal(int error, const std::string &reason)
{
	return {{"ok", false}, {"errno", error}, {"error", reason.substr(0, max_error_bytes)}};
}

Message Requests::answer(const json &request, const Peer &peer)
{
	try {
		return dispatch(request, peer);
	} catch (const Refused &refused) {
		return {refusal(refused.error(), refused.what()), {}};
	} catch (const ConfigError &error) {
		return {refusal(EINVAL, error.what()), {}};
	} catch (const NotLoaded &) {
		return {refusal(ENODEV, "the module is not loaded: modprobe vhost_net_alt"), {}};
	} catch (const RequestRefused &error) {
		return {refusal(error.error(), error.what()), {}};
	} catch (const NetlinkError &error) {
		return {refusal(EIO, error.what()), {}};
	} catch (const std::system_error &error) {
		return {refusal(error.code().value(), error.what()), {}};
	}
}

void Requests::forget_closed()
{
	if (!handed_.count())
		return;
	try {
		handed_.keep_only(host_.devices());
	} catch (const NotLoaded &) {
		handed_.keep_only({});
	}
}

Message Requests::dispatch(const json &request, const Peer &peer)
{
	forget_closed();
	const auto op = request.find("op");
	const std::string name =
		op != request.end() && op->is_string() ? op->get<std::string>() : "";
	if (name == "status")
		return status(request);
	if (name == "port-show")
		return show(request);
	if (name == "port-open")
		return open(request, peer);
	const bool known =
		name == "port-bind" || name == "port-add" || name == "port-del" || name == "reload";
	if (!known)
		invalid("op: expected status, port-show, port-open, port-bind, port-add, port-del "
			"or "
			"reload");
	if (!is_admin(peer))
		throw Refused(EPERM, name + ": only root, and vhostd's own user, may ask this");
	if (name == "port-bind")
		return bind(request);
	if (name == "port-add")
		return add(request);
	if (name == "port-del")
		return remove(request);
	return reload(request);
}

const KeptPort &Requests::look_at(const std::string &name)
{
	const KeptPort *kept = &ports_.refresh(name);
	const auto in_use = [&] { return kept->link && kept->link->tun && kept->link->tun->queues; };
	if (!in_use() || !handed_.settle(name))
		return *kept;
	// systemd has heard, and from 254 on closes what it stored by and by.
	for (int i = 0; i < 20 && in_use(); i++) {
		if (i)
			std::this_thread::sleep_for(std::chrono::milliseconds(5));
		kept = &ports_.refresh(name);
	}
	return *kept;
}

Message Requests::status(const json &request)
{
	only(request, {});
	return {{{"ok", true},
		 {"version", version},
		 {"protocol", protocol},
		 {"pid", getpid()},
		 {"module", serving_now(host_).has_value()},
		 {"ports", ports_.all().size()},
		 {"clients", clients},
		 {"config", folder_.string()},
		 {"errors", some(errors_)}},
		{}};
}

Message Requests::show(const json &request)
{
	only(request, {"port", "after"});
	const auto serving = serving_now(host_);
	const auto *devices = serving ? &*serving : nullptr;
	json reply = {{"ok", true}, {"ports", json::array()}};
	if (request.contains("port")) {
		reply["ports"].push_back(describe(ports_.refresh(port_name(request)), devices));
		return {std::move(reply), {}};
	}
	ports_.keep();
	std::size_t bytes = 0;
	auto next = request.contains("after")
			    ? ports_.all().upper_bound(port_name(request, "after"))
			    : ports_.all().begin();
	for (; next != ports_.all().end(); ++next) {
		json port = describe(next->second, devices);
		bytes += port.dump(-1, ' ', false, json::error_handler_t::replace).size() + 1;
		if (bytes > max_shown_bytes) {
			reply["more"] = true;
			break;
		}
		reply["ports"].push_back(std::move(port));
	}
	return {std::move(reply), {}};
}

Message Requests::open(const json &request, const Peer &peer)
{
	only(request, {"port"});
	const std::string name = port_name(request);
	const KeptPort *declared = ports_.find(name);
	if (declared && declared->uid != peer.uid && !is_admin(peer)) {
		log_.warn(account_of(peer), "port {}: refused to user {}, process {}", name,
			  peer.uid, peer.pid);
		throw Refused(EPERM,
			      name + ": only its owner, " + declared->port.owner + ", may open it");
	}
	const KeptPort &kept = look_at(name);
	const Port &port = kept.port;
	must_open(kept);
	// Of a tap with several queues the kernel would open more.
	if (kept.link->tun->queues)
		in_use(port);

	json reply = {{"ok", true},
		      {"port", name},
		      {"tap", port.tap},
		      {"ifindex", kept.link->index},
		      {"queues", port.queues},
		      {"header", Framing().header},
		      {"offloads", names(port.offloads)},
		      {"mtu", kept.link->mtu}};
	if (kept.link->mac)
		reply["host_mac"] = to_string(*kept.link->mac);
	std::vector<UniqueFd> taps = open_queues(host_, kept, port.queues, {}), fds;
	for (const UniqueFd &tap : taps) {
		OpenDevice device = host_.open_device();
		host_.set_up(device.id, port);
		handed_.keep(device.id, name, tap.get());
		reply["devices"].push_back(device.id);
		fds.push_back(std::move(device.fd));
	}
	std::move(taps.begin(), taps.end(), std::back_inserter(fds));
	log_.info(account_of(peer), "port {}: opened by user {}, process {}", name, peer.uid,
		  peer.pid);
	return {std::move(reply), std::move(fds)};
}

// A queue of the port's tap for each of @devices: none for those that have one bound.
std::vector<UniqueFd> Requests::queues_for(const std::vector<std::uint32_t> &devices,
					   const KeptPort &kept, const std::vector<Serves> &serving)
{
	const unsigned ifindex = kept.link->index;
	unsigned wanting = 0, theirs = 0;
	for (const auto device : devices) {
		const bool has = handed_.find(device, kept.port.name) >= 0;
		wanting += !has && !serves(serving, device, ifindex);
		theirs += has || serves(serving, device, ifindex);
	}
	if (!wanting)
		return {};
	if (kept.link->tun->queues > theirs)
		in_use(kept.port);

	// The guest has agreed to what its tap has on: to no more.
	Framing framing{host_.header(devices[0])};
	for (const Link &link : host_.links()) {
		if (std::any_of(devices.begin(), devices.end(), [&](const auto device) {
			    return serves(serving, device, link.index);
		    }))
			framing.offloads &= host_.tap_offloads(link.name);
	}
	return open_queues(host_, kept, wanting, framing);
}

Message Requests::bind(const json &request)
{
	only(request, {"port", "devices"});
	const KeptPort &kept = look_at(port_name(request));
	const std::string &name = kept.port.name;
	must_open(kept);
	const auto devices = device_ids(request, kept.port.queues);
	const auto there = host_.devices();
	for (const auto device : devices) {
		if (std::find(there.begin(), there.end(), device) == there.end())
			throw Refused(ENOENT, "there is no device " + std::to_string(device));
	}

	const auto serving = host_.serving();
	const auto fresh = queues_for(devices, kept, serving);
	std::uint32_t returned = 0;
	std::size_t next = 0;
	std::vector<std::uint32_t> done;
	for (const auto device : devices) {
		if (serves(serving, device, kept.link->index))
			continue;
		int tap = handed_.find(device, name);
		if (tap < 0)
			tap = fresh.at(next++).get();
		try {
			returned += host_.bind(device, tap);
		} catch (const std::system_error &error) {
			for (const auto each : done)
				bind_back(each, serving);
			throw Refused(error.code().value(), name + ": device " +
								    std::to_string(device) + ": " +
								    error.code().message());
		}
		done.push_back(device);
		host_.set_up(device, kept.port);
		spdlog::info("port {}: bound to device {}", name, device);
	}
	return {{{"ok", true}, {"port", name}, {"devices", devices}, {"returned", returned}}, {}};
}

// Undoes what has been done of a request that failed.
void Requests::bind_back(std::uint32_t device, const std::vector<Serves> &before)
{
	for (const auto &[name, kept] : ports_.all()) {
		if (!kept.link || !serves(before, device, kept.link->index))
			continue;
		try {
			const int tap = handed_.find(device, name);
			if (tap >= 0)
				host_.bind(device, tap);
			else
				host_.bind(device, open_queues(host_, kept, 1,
							       {host_.header(device)})[0]
							   .get());
			return;
		} catch (const std::exception &error) {
			spdlog::error("device {}: cannot be bound back to port {}: {}", device,
				      name, error.what());
		}
	}
}

Message Requests::add(const json &request)
{
	only(request, {"port", "config"});
	const std::string name = port_name(request);
	if (!request.contains("config"))
		invalid("config: expected the port's settings");
	const Port port = port_from_json(request["config"], name);
	const KeptPort &kept = ports_.add(port);
	try {
		write_port(folder_, port);
	} catch (...) {
		ports_.remove(name, true);
		throw;
	}
	const auto serving = serving_now(host_);
	return {{{"ok", true}, {"port", describe(kept, serving ? &*serving : nullptr)}}, {}};
}

Message Requests::remove(const json &request)
{
	only(request, {"port", "force"});
	const std::string name = port_name(request);
	const auto force = request.find("force");
	if (force != request.end() && !force->is_boolean())
		invalid("force: expected true or false");
	look_at(name);
	ports_.remove(name, force != request.end() && force->get<bool>());
	delete_port(folder_, name);
	return {{{"ok", true}}, {}};
}

Message Requests::reload(const json &request)
{
	only(request, {});
	reload();
	return {{{"ok", true}, {"ports", ports_.all().size()}, {"errors", some(errors_)}}, {}};
}

void Requests::reload()
{
	errors_ = ports_.declare(load_ports(folder_));
	for (const auto &error : errors_)
		spdlog::error("{}", error);
	ports_.keep();
	spdlog::info("{} ports", ports_.all().size());
}

} // namespace vhostd
