/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings that break a rule, written by hand behind the driver's back.
 */
#pragma once

#include "rig.hh"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <vector>

namespace vna::vm
{

inline constexpr std::uint32_t frame_bytes = 60;
/* A header and a frame of that length. */
inline constexpr std::uint32_t buffer_bytes = 12 + frame_bytes;

/* Bench is what the list of a format writes with: made of a rig and one of its queues. */
template <typename Write> struct BadRingBy {
	const char *name;
	unsigned queue;
	const char *rule; /* its name in the log */
	Write write;
	const char *vhost_net = nullptr; /* what vhost-net does instead, if it does not object */
	std::uint64_t features = 0;	 /* 0: as the format's others */
	std::uint16_t first_index = 0;
	bool used = false; /* a good buffer is used first: what the driver wishes is bad */
};

using BadRing = BadRingBy<std::function<void(Rig &, Queue &)>>;

template <typename Bench>
std::vector<BadRing> bad_rings(std::uint64_t features,
			       std::initializer_list<BadRingBy<void (*)(Bench &)>> list)
{
	std::vector<BadRing> all;
	for (const auto &bad : list)
		all.push_back({bad.name, bad.queue, bad.rule,
			       [write = bad.write](Rig &rig, Queue &queue) {
				       Bench bench(rig, queue);
				       write(bench);
			       },
			       bad.vhost_net, bad.features ? bad.features : features,
			       bad.first_index, bad.used});
	return all;
}

const std::vector<BadRing> &bad_split_rings();
const std::vector<BadRing> &bad_packed_rings();

} /* namespace vna::vm */
