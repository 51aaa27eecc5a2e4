// SPDX-License-Identifier: GPL-2.0-only
// linux/if_tun.h, with what a build host's may be too old for.
#pragma once

#include <linux/if_tun.h>

#ifndef TUN_F_USO4 // Linux 6.2
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
