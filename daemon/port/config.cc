// SPDX-License-Identifier: GPL-2.0-only
#include "port/config.hh"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <toml++/toml.h>
#include <unistd.h>

#include "base/unique_fd.hh"

namespace vhostd {

namespace {

namespace fs = std::filesystem;

// A port takes a dozen lines: what is longer than this is no port.
constexpr std::uintmax_t max_file_bytes = 64 * 1024;

// LOGIN_NAME_MAX: it is shown in messages, which are no longer than so.
constexpr std::size_t max_owner_bytes = 256;

[[noreturn]] void fail(const fs::path &file, const toml::source_region &where,
		       const std::string &what)
{
	if (!where.begin) // no text was read
		throw ConfigError(file.string() + ": " + what);
	throw ConfigError(file.string() + ":" + std::to_string(where.begin.line) + ":" +
			  std::to_string(where.begin.column) + ": " + what);
}

// Reads a table's keys, and says of what was not asked for that it is unknown.
class Keys {
public:
	Keys(const toml::table &table, const fs::path &file) : table_(table), file_(file) {}

	[[nodiscard]] std::optional<std::string> text(const char *key)
	{
		const toml::node *node = find(key);
		if (!node)
			return std::nullopt;
		const auto value = node->value_exact<std::string>();
		if (!value || value->empty())
			wrong(key, "a text, such as \"vm1\"");
		return value;
	}

	[[nodiscard]] std::optional<std::uint32_t> number(const char *key, std::uint32_t least,
							  std::uint32_t most)
	{
		const toml::node *node = find(key);
		if (!node)
			return std::nullopt;
		const auto value = node->value_exact<std::int64_t>();
		if (!value || *value < least || *value > most)
			wrong(key, "a number from " + std::to_string(least) + " to " +
					   std::to_string(most));
		return static_cast<std::uint32_t>(*value);
	}

	[[nodiscard]] const toml::node *find(const char *key)
	{
		known_.push_back(key);
		return table_.get(key);
	}

	[[noreturn]] void wrong(const char *key, const std::string &expected) const
	{
		fail(file_, table_.get(key)->source(), std::string(key) + ": expected " + expected);
	}

	[[noreturn]] void missing(const char *key, const std::string &what) const
	{
		fail(file_, table_.source(), std::string(key) + ": missing: " + what);
	}

	void end() const
	{
		for (const auto &[key, node] : table_) {
			if (std::find(known_.begin(), known_.end(), key.str()) != known_.end())
				continue;
			std::string text(key.str());
			text += ": unknown key: expected one of";
			for (const auto &name : known_)
				text += ' ' + name;
			fail(file_, key.source(), text);
		}
	}

private:
	const toml::table &table_;
	const fs::path &file_;
	std::vector<std::string> known_;
};

Offloads offloads(Keys &keys)
{
	static constexpr const char *expected =
		"true, false, or a list of \"checksum\", \"tso\" and \"uso\"";
	const toml::node *node = keys.find("offloads");
	if (!node)
		return {};
	if (const auto all = node->value_exact<bool>())
		return {*all, *all, *all};
	const toml::array *list = node->as_array();
	if (!list)
		keys.wrong("offloads", expected);
	Offloads chosen{false, false, false};
	for (const toml::node &each : *list) {
		const auto name = each.value_exact<std::string>();
		if (name == "checksum")
			chosen.checksum = true;
		else if (name == "tso")
			chosen.tso = true;
		else if (name == "uso")
			chosen.uso = true;
		else
			keys.wrong("offloads", expected);
	}
	// TUNSETOFFLOAD refuses segments whose checksums are not left open.
	if ((chosen.tso || chosen.uso) && !chosen.checksum)
		keys.wrong("offloads", "\"checksum\" where there is \"tso\" or \"uso\"");
	return chosen;
}

std::optional<ZeroCopy> zerocopy(Keys &keys)
{
	const auto text = keys.text("zerocopy");
	if (!text)
		return std::nullopt;
	if (*text == "off")
		return ZeroCopy::off;
	if (*text == "on")
		return ZeroCopy::on;
	if (*text == "auto")
		return ZeroCopy::automatic;
	keys.wrong("zerocopy", "\"off\", \"on\" or \"auto\"");
}

std::optional<Polling> polling(Keys &keys)
{
	const toml::node *node = keys.find("polling");
	if (!node)
		return std::nullopt;
	if (node->is_string()) {
		const auto text = node->value_exact<std::string>();
		if (text == "off")
			return Polling{};
		if (text == "adaptive")
			return Polling{true, 50};
	} else if (const auto value = node->value_exact<std::int64_t>();
		   value && *value >= 1 && *value <= 1000000) {
		return Polling{false, static_cast<std::uint32_t>(*value)};
	}
	keys.wrong("polling", "\"off\", \"adaptive\", or microseconds from 1 to 1000000");
}

std::string read(const fs::path &file)
{
	std::ifstream in(file, std::ios::binary);
	std::ostringstream text;
	if (!in || fs::file_size(file) > max_file_bytes || !(text << in.rdbuf()))
		throw ConfigError(file.string() + ": cannot be read, or is longer than 64 KiB");
	return text.str();
}

Port read_port(const toml::table &table, const fs::path &file, const std::string &name)
{
	Port port;
	port.name = name;
	if (!port_name_ok(port.name))
		throw ConfigError(file.string() + ": a port's name has 1 to 15 letters, as an "
						  "interface's");
	Keys keys(table, file);
	const auto owner = keys.text("owner");
	if (!owner)
		keys.missing("owner", "the user who may have the port's descriptors");
	const auto is_control = [](unsigned char c) { return std::iscntrl(c); };
	if (owner->size() > max_owner_bytes || std::any_of(owner->begin(), owner->end(), is_control))
		keys.wrong("owner", "a user's name or number");
	port.owner = *owner;
	port.tap = keys.text("tap").value_or(port.name);
	if (!interface_name_ok(port.tap))
		keys.wrong("tap", "an interface's name, of 1 to 15 letters");
	port.bridge = keys.text("bridge");
	if (port.bridge && !interface_name_ok(*port.bridge))
		keys.wrong("bridge", "an interface's name, of 1 to 15 letters");
	port.mtu = keys.number("mtu", Port::min_mtu, Port::max_mtu);
	if (const auto mac = keys.text("mac")) {
		port.mac = parse_mac(*mac);
		if (!port.mac)
			keys.wrong("mac", "a station's address, such as \"52:54:00:12:34:56\"");
	}
	port.queues = keys.number("queues", 1, Port::max_queues).value_or(1);
	port.offloads = offloads(keys);
	port.zerocopy = zerocopy(keys);
	port.polling = polling(keys);
	keys.end();
	return port;
}

// TOML has no null, and ports have no dates, tables or fractions.
void put(toml::table &table, const std::string &key, const nlohmann::json &value)
{
	if (value.is_string())
		table.insert(key, value.get<std::string>());
	else if (value.is_boolean())
		table.insert(key, value.get<bool>());
	else if (value.is_number_unsigned() &&
		 value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
		table.insert(key, std::numeric_limits<std::int64_t>::max()); // too large as well
	else if (value.is_number_integer())
		table.insert(key, value.get<std::int64_t>());
	else
		table.insert(key, toml::table()); // of a kind that no key has
}

toml::table to_table(const nlohmann::json &settings)
{
	toml::table table;
	for (const auto &[key, value] : settings.items()) {
		if (!value.is_array()) {
			put(table, key, value);
			continue;
		}
		toml::array list;
		for (const auto &each : value)
			list.push_back(each.is_string() ? each.get<std::string>() : std::string());
		table.insert(key, list);
	}
	return table;
}

const char *to_text(ZeroCopy zerocopy)
{
	return zerocopy == ZeroCopy::off ? "off" : zerocopy == ZeroCopy::on ? "on" : "auto";
}

} // namespace

Port parse_port(std::string_view text, const fs::path &file)
{
	toml::table table;
	try {
		table = toml::parse(text, file.string());
	} catch (const toml::parse_error &error) {
		fail(file, error.source(), std::string(error.description()));
	}
	return read_port(table, file, file.stem().string());
}

Port port_from_json(const nlohmann::json &settings, const std::string &name)
{
	if (!settings.is_object())
		throw ConfigError(name + ": expected an object with the port's settings");
	return read_port(to_table(settings), name, name);
}

std::vector<std::string> names(const Offloads &offloads)
{
	std::vector<std::string> names;
	if (offloads.checksum)
		names.emplace_back("checksum");
	if (offloads.tso)
		names.emplace_back("tso");
	if (offloads.uso)
		names.emplace_back("uso");
	return names;
}

nlohmann::json to_json(const Port &port)
{
	nlohmann::json json = {{"owner", port.owner},
			       {"tap", port.tap},
			       {"queues", port.queues},
			       {"offloads", names(port.offloads)}};
	if (port.bridge)
		json["bridge"] = *port.bridge;
	if (port.mtu)
		json["mtu"] = *port.mtu;
	if (port.mac)
		json["mac"] = to_string(*port.mac);
	if (port.zerocopy)
		json["zerocopy"] = to_text(*port.zerocopy);
	if (port.polling && port.polling->adaptive)
		json["polling"] = "adaptive";
	else if (port.polling && port.polling->microseconds)
		json["polling"] = port.polling->microseconds;
	else if (port.polling)
		json["polling"] = "off";
	return json;
}

std::string to_toml(const Port &port)
{
	std::ostringstream text;
	text << to_table(to_json(port)) << '\n';
	return text.str();
}

Ports load_ports(const fs::path &folder)
{
	std::vector<fs::path> files;
	for (const auto &entry : fs::directory_iterator(folder)) {
		if (entry.path().extension() == ".toml" && entry.is_regular_file())
			files.push_back(entry.path());
	}
	std::sort(files.begin(), files.end());

	Ports found;
	std::map<std::string, std::vector<std::pair<fs::path, Port>>> by_tap;
	for (const auto &file : files) {
		try {
			const Port port = parse_port(read(file), file);
			by_tap[port.tap].emplace_back(file, port);
		} catch (const ConfigError &error) {
			found.refused.push_back(file.stem().string());
			found.errors.push_back(error.what());
		}
	}
	for (const auto &[tap, claims] : by_tap) {
		if (claims.size() == 1) {
			found.ports.push_back(claims[0].second);
			continue;
		}
		for (const auto &[file, port] : claims) {
			found.refused.push_back(port.name);
			found.errors.push_back(file.string() + ": tap " + tap +
					       " is another port's too: " +
					       (file == claims[0].first ? claims[1] : claims[0])
						       .first.filename()
						       .string());
		}
	}
	std::sort(found.ports.begin(), found.ports.end(),
		  [](const Port &a, const Port &b) { return a.name < b.name; });
	return found;
}

namespace {

bool write_all(int fd, std::string_view text)
{
	while (!text.empty()) {
		const ssize_t n = write(fd, text.data(), text.size());
		if (n < 0 && errno != EINTR)
			return false;
		text.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
	}
	return true;
}

// So that what was done in @folder outlives a crash.
bool sync(const fs::path &folder)
{
	const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return fd && fsync(fd.get()) == 0;
}

} // namespace

void write_port(const fs::path &folder, const Port &port)
{
	// Not ".toml" at the end, so what a crash leaves is no port.
	const fs::path file = folder / (port.name + ".toml"), draft = folder / (port.name + ".new");
	const UniqueFd fd(open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			       0644));
	// A file that is there stays: it may be one with an error, which is no port now.
	const bool written = fd && write_all(fd.get(), to_toml(port)) && fsync(fd.get()) == 0 &&
			     link(draft.c_str(), file.c_str()) == 0;
	const bool done = written && sync(folder);
	const int error = errno;
	if (fd)
		unlink(draft.c_str());
	if (done)
		return;
	if (written)
		unlink(file.c_str());
	throw std::system_error(error, std::generic_category(), file.string());
}

void delete_port(const fs::path &folder, const std::string &name)
{
	fs::remove(folder / (name + ".toml"));
	(void)sync(folder); // it is gone; at worst a crash brings it back
}

} // namespace vhostd
