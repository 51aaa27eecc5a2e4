// SPDX-License-Identifier: GPL-2.0-only
// What the glue holds of a device: see glue/abi.h.
#pragma once

#include "core/control/device.hh"
#include "core/control/registry.hh"

struct vna_core : vna::Registry::Entry {
	vna_core(vna_env *env, const vna_config &config) : device(env, config), env(env) {}

	vna::Device device;
	vna_env *const env;
};
