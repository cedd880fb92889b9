// SPDX-License-Identifier: GPL-2.0-or-later
// What was compiled from the configuration -> the kernel, all at once: everything goes into the
// idle half of ports, policies and ranges; then one word makes that half the live one.
#pragma once

#include "core/policy.hpp"
#include "kernel/kernel_maps.hpp"

namespace sluice {

// Loads and switches. On an exception nothing has changed for packets. The caller holds the
// writers' lock. Mode and its deadline are not touched.
void load_policy(KernelMaps& maps, const PolicyImage& image, std::uint64_t now_ns);

// The names that counters and sources are filed under now.
[[nodiscard]] Names read_names(const KernelMaps& maps);

// The live policy of a class and service.
[[nodiscard]] sluice_policy live_policy(const KernelMaps& maps, std::uint32_t class_id,
                                        std::uint32_t service);

} // namespace sluice
