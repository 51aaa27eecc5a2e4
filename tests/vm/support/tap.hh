/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tap or a macvtap, opened the way a hypervisor does.
 */
#pragma once

#include "unique_fd.hh"

#include <string>

namespace vna::vm
{

struct TapOptions {
	bool header = true;	   /* IFF_VNET_HDR */
	unsigned header_size = 12; /* TUNSETVNETHDRSZ, with header */
	bool multi_queue = false;  /* IFF_MULTI_QUEUE */
	unsigned offload = 0;	   /* TUNSETOFFLOAD: TUN_F_… */
	unsigned mtu = 65521;	   /* the most a tap takes; 0 leaves it */
};

class Tap
{
public:
	/* Creates the tap name, or opens one more queue of it; up, IPv6 off. */
	explicit Tap(const std::string &name, const TapOptions &options = {});

	/* Opens the character device of the macvtap with this name and sets its header. */
	static Tap of_macvtap(const std::string &name, const TapOptions &options = {});

	int fd() const { return fd_.get(); }
	const std::string &name() const { return name_; }

	/* Makes the interface anew, for the same descriptor, after it was deleted. */
	void make_again(const TapOptions &options = {}) const;
	/* Change the header's size; both ends of a queue must agree. */
	void set_header_size(unsigned size) const;
	/* Detach this queue from its interface and attach it again. Needs multi_queue. */
	void attach(bool on) const;
	void close() { fd_.reset(); }

private:
	Tap() = default;

	UniqueFd fd_;
	std::string name_;
};

} /* namespace vna::vm */
