// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/kernel_host.hh"

#include <cerrno>
#include <charconv>
#include <set>
#include <system_error>

#include <fcntl.h>
#include <linux/vhost_net_alt.h>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>

#include "net/features.hh"

namespace vhostd {

namespace {

[[noreturn]] void fail(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

// Adds a setting, if the module's specification has it.
void put(std::vector<Setting> &settings, std::string_view name, std::uint64_t value)
{
	if (const auto *attribute = spec::dev.find(name))
		settings.push_back({attribute, value});
	else
		spdlog::warn("this module has no setting {} of a device: its parameter holds",
			     name);
}

} // namespace

void KernelHost::make_tap(const Port &port, uid_t owner)
{
	vhostd::make_tap(port, owner);
}

std::vector<UniqueFd> KernelHost::open_tap(const Port &port, uid_t owner, unsigned count,
					   const Framing &framing)
{
	return vhostd::open_tap(port, owner, count, framing);
}

unsigned KernelHost::tap_offloads(const std::string &tap)
{
	return vhostd::tap_offloads(tap).on;
}

UniqueFd KernelHost::open_node() const
{
	UniqueFd fd(::open(device_.c_str(), O_RDWR | O_CLOEXEC));
	if (fd)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		throw NotLoaded();
	fail(device_);
}

OpenDevice KernelHost::open_device()
{
	OpenDevice device;
	device.fd = open_node();
	if (ioctl(device.fd.get(), VHOST_NET_ALT_GET_ID, &device.id) < 0)
		fail(device_ + ": GET_ID");
	return device;
}

std::uint32_t KernelHost::bind(std::uint32_t device, int tap)
{
	vhost_net_alt_bind bind{};
	bind.id = device;
	bind.fd = tap;
	const UniqueFd fd = open_node();
	if (ioctl(fd.get(), VHOST_NET_ALT_BIND, &bind) < 0)
		fail("bind");
	return bind.returned;
}

template <typename F> auto KernelHost::ask(F &&question)
{
	if (module_) {
		try {
			return question(*module_);
		} catch (const RequestRefused &) {
			throw;
		} catch (const NetlinkError &) {
			// The module has gone, and may be back under another number; or an
			// answer was lost, the rest of which is still in the socket.
			module_.reset();
		}
	}
	module_ = std::make_unique<Client>();
	return question(*module_);
}

// Virtio 1.2 section 5.1.6; and of UDP tunnels, 1.4.
int KernelHost::header(std::uint32_t device)
{
	constexpr unsigned mrg_rxbuf = 15, version_1 = 32;
	constexpr unsigned guest_udp_tunnel_gso = 65, host_udp_tunnel_gso = 67;
	const Device of = ask([&](Client &module) { return module.device(device); });
	if (of.feature(guest_udp_tunnel_gso) || of.feature(host_udp_tunnel_gso))
		return 24;
	return of.feature(version_1) || of.feature(mrg_rxbuf) ? 12 : 10;
}

void KernelHost::set_up(std::uint32_t device, const Port &port)
{
	std::vector<Setting> settings;
	if (port.zerocopy)
		put(settings, "zerocopy", zerocopy_bytes(*port.zerocopy));
	if (port.polling) {
		const auto mode = port.polling->adaptive ? VHOST_NET_ALT_BUSYPOLL_MODE_ADAPTIVE
				  : port.polling->microseconds ? VHOST_NET_ALT_BUSYPOLL_MODE_FIXED
							       : VHOST_NET_ALT_BUSYPOLL_MODE_OFF;
		put(settings, "busypoll", mode);
		put(settings, "busypoll-us", port.polling->microseconds);
	}
	if (!settings.empty())
		ask([&](Client &module) { module.set(device, settings); });
}

std::vector<std::uint32_t> KernelHost::devices()
{
	return ask([](Client &module) {
		std::vector<std::uint32_t> ids;
		for (const Device &device : module.devices())
			ids.push_back(device.id());
		return ids;
	});
}

std::vector<Serves> KernelHost::serving()
{
	return ask([](Client &module) {
		// Its queues have the same backend, but for a moment.
		std::set<std::pair<std::uint32_t, unsigned>> all;
		for (const Queue &queue : module.queues()) {
			if (const auto ifindex = queue.number(VHOST_NET_ALT_A_QUEUE_IFINDEX))
				all.emplace(queue.device(), static_cast<unsigned>(ifindex));
		}
		std::vector<Serves> serving;
		for (const auto &[device, ifindex] : all)
			serving.push_back({device, ifindex});
		return serving;
	});
}

std::optional<uid_t> KernelHost::user(const std::string &name)
{
	errno = 0;
	if (const passwd *entry = getpwnam(name.c_str()))
		return entry->pw_uid;
	uid_t uid = 0;
	const char *end = name.data() + name.size();
	const auto [rest, error] = std::from_chars(name.data(), end, uid);
	// -1 is nobody's (chown(2)).
	if (error != std::errc() || rest != end || uid == static_cast<uid_t>(-1))
		return std::nullopt;
	return uid;
}

Snapshot KernelHost::snapshot()
{
	return ask([](Client &module) { return module.snapshot(); });
}

} // namespace vhostd
