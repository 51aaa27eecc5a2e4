// SPDX-License-Identifier: GPL-2.0-only
// A snapshot as OpenMetrics text (version 1.0.0), for Prometheus and its like.
#pragma once

#include <map>
#include <string>

#include "netlink/types.hh"

namespace vhostd {

inline constexpr const char *openmetrics_content_type =
	"application/openmetrics-text; version=1.0.0; charset=utf-8";

// Families are those of the netlink family's counters, by their names there:
//
//	vhost_net_alt_queue_packets_total{dev="1",queue="0",type="rx",ifname="tap0"} 17
//
// but for those that are parts of one: drop_* are ..._drops_total{reason="*"}, copied_* are
// ..._copied_total{reason="*"}, batch_* the buckets of the histogram ..._batch_size.  @ports has
// the names of ports by that of their tap: queues of theirs get a label port.
[[nodiscard]] std::string openmetrics(const Snapshot &snapshot,
				      const std::map<std::string, std::string> &ports = {});

} // namespace vhostd
