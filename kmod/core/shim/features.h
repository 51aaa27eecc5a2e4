// SPDX-License-Identifier: GPL-2.0-only
// In the place of glibc's <features.h>, which libstdc++ includes whether it is
// freestanding or not.
#pragma once
#define __GLIBC_PREREQ(major, minor) 0
