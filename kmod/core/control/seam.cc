// SPDX-License-Identifier: GPL-2.0-only
// The core's half of glue/abi.h.
#include "core/control/core.hh"

using vna::Count;
using vna::Device;
using vna::RingError;

namespace {

constinit vna::Registry registry;

vna_env *env_of(vna::Registry::Entry *entry)
{
	return entry ? static_cast<vna_core *>(entry)->env : nullptr;
}

} // namespace

unsigned long vna_core_size()
{
	return sizeof(vna_core);
}

vna_core *vna_core_create(void *mem, vna_env *env, const vna_config *config)
{
	return new (mem) vna_core(env, *config);
}

void vna_core_destroy(vna_core *core)
{
	core->~vna_core();
}

long vna_core_ioctl(vna_core *core, vna_u32 cmd, vna_u64 arg)
{
	return core->device.ioctl(cmd, arg);
}

void vna_core_event(vna_core *core, vna_u32 queue, vna_event event)
{
	core->device.event(queue, event);
}

int vna_core_has_work(const vna_core *core, vna_u32 worker)
{
	return core->device.has_work(worker);
}

int vna_core_work(vna_core *core, vna_u32 worker)
{
	return core->device.work(worker);
}

void vna_core_worker_killed(vna_core *core, vna_u32 worker)
{
	core->device.worker_killed(worker);
}

int vna_core_read_message(vna_core *core, void *message)
{
	static_assert(VNA_MESSAGE_BYTES == VNA_VHOST_MSG_SIZE);
	return core->device.read_message(*static_cast<vna::MessageBytes *>(message));
}

int vna_core_write_message(vna_core *core, const void *message, unsigned long len)
{
	return core->device.write_message({static_cast<const std::byte *>(message), len});
}

int vna_core_has_message(const vna_core *core)
{
	return core->device.has_message();
}

vna_u64 vna_core_features(const vna_core *core, vna_u32 word)
{
	return core->device.features().word(word);
}

vna_u32 vna_core_queues()
{
	return Device::queue_count;
}

const char *vna_core_queue_name(vna_u32 queue)
{
	return Device::queue_name(queue);
}

vna_u32 vna_core_counters()
{
	return vna::count_names.size();
}

const char *vna_core_counter_name(vna_u32 counter)
{
	return vna::count_names[counter];
}

vna_u64 vna_core_counter(const vna_core *core, vna_u32 queue, vna_u32 counter)
{
	return core->device.queue(queue).counters.get(static_cast<Count>(counter));
}

const char *vna_core_queue_state(const vna_core *core, vna_u32 queue)
{
	const auto &q = core->device.queue(queue);
	const RingError stopped_by = q.stopped_by.load(std::memory_order_relaxed);
	if (stopped_by != RingError::none)
		return vna::describe(stopped_by).name;
	return q.running.load(std::memory_order_relaxed) ? "running" : "off";
}

void vna_core_show(const vna_core *core, vna_device_info *info)
{
	*info = {};
	core->device.show(*info);
}

void vna_core_show_queue(const vna_core *core, vna_u32 queue, vna_queue_info *info)
{
	*info = {};
	core->device.show(queue, *info);
}

vna_u32 vna_core_rules()
{
	return vna::ring_error_texts.size() - 1; // without none
}

vna_u64 vna_core_broken(const vna_core *core, vna_u32 queue, vna_u32 rule)
{
	return core->device.queue(queue).counters.get(static_cast<RingError>(rule + 1));
}

int vna_core_set(vna_core *core, const vna_settings *settings)
{
	return core->device.set(*settings);
}

long vna_core_bind(vna_core *core, vna_s32 fd, vna_u32 *returned)
{
	return core->device.bind_both(fd, false, *returned);
}

int vna_core_register(vna_core *core)
{
	if (!registry.add(*core))
		return -vna::enospc;
	core->device.id = core->id;
	return 0;
}

void vna_core_unregister(vna_core *core)
{
	registry.remove(*core);
}

vna_env *vna_core_at_or_after(vna_u32 id)
{
	return env_of(registry.at_or_after(id));
}

vna_env *vna_core_after(const vna_core *core)
{
	return env_of(core->next);
}

vna_env *vna_core_env(vna_core *core)
{
	return core->env;
}

vna_u32 vna_core_generation()
{
	return registry.generation();
}
