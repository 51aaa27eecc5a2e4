// SPDX-License-Identifier: GPL-2.0-only
// What the kernel tells, as JSON: keys are the specification's names, with _ for -, and in its
// order.  A key that is there once is there always, but for what does not apply: an owner, a rule,
// an interface, a worker.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "netlink/types.hh"

namespace vhostctl {

using Json = nlohmann::ordered_json;

// Without the id, which is the device's handle.  @owner: what its owner is called, or "".
[[nodiscard]] Json show(const vhostd::Device &device, const std::string &owner);
[[nodiscard]] Json show(const vhostd::Queue &queue);
// All counters, and of the rules those that were broken.
[[nodiscard]] Json show_counters(const vhostd::Record &counters);

// How commands name a queue: "1/0".
[[nodiscard]] std::string handle(const vhostd::Queue &queue);

} // namespace vhostctl
