// SPDX-License-Identifier: GPL-2.0-only
// What the core's opaque pointers point to, but for the backend's.
#pragma once

#include <memory>

#include "host/fake_kernel.hh"

struct vna_env {
	vna::host::FakeKernel &kernel;
};

struct vna_eventfd {
	vna::host::FakeKernel &kernel;
	int fd;
};

struct vna_kick {
	vna::host::FakeKernel &kernel;
	int fd;
	vna_u32 queue;
};

// The slots of a queue.  Frames in flight share what the core has let go of.
struct vna_inflight {
	std::shared_ptr<vna::host::Slots> slots;
};
