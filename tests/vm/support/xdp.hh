/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XDP programs, put together from instructions: no compiler, no library, no object file.
 */
#pragma once

#include "unique_fd.hh"

#include <linux/bpf.h>
#include <string>
#include <vector>

namespace vna::vm::xdp
{

/* What ends a program, or what comes before that end. */
using Code = std::vector<bpf_insn>;

/* Ends: an action; a redirect to a device, or to the device in slot 0 of a map. */
Code returns(xdp_action action);
Code redirects_to(const std::string &netdev);
Code redirects_by(int devmap_fd);

/* Beginnings. Whether drops_odd() drops a frame: is its first byte after Ethernet's header odd? */
Code drops_odd(const Code &rest);
bool is_dropped(const std::vector<std::byte> &frame);

/*
 * Another Ethernet header, from guest_mac to far_mac, in front of the frame, and zeros between the
 * two; or bytes off the front.
 */
Code puts_in_front(unsigned bytes, const Code &rest);
Code takes_from_front(unsigned bytes, const Code &rest);

/* A devmap with one slot, which holds the device. */
UniqueFd devmap_of(const std::string &netdev);

enum class Mode {
	driver, /* where the device makes of the guest's bytes a frame */
	generic /* where the stack has it as an skb */
};

/* Attached for as long as it lives. */
class Program
{
public:
	Program(const std::string &netdev, Mode mode, const Code &code);

private:
	UniqueFd program_, link_;
};

} /* namespace vna::vm::xdp */
