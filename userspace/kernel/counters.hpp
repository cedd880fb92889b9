// SPDX-License-Identifier: GPL-2.0-or-later
// Per-CPU numbers of the kernel, summed. Each is exact; read together they are of nearly the
// same moment.
#pragma once

#include "kernel/kernel_maps.hpp"

namespace sluice {

[[nodiscard]] sluice_counters read_counters(const KernelMaps& maps);
[[nodiscard]] sluice_tally read_tally(const KernelMaps& maps, std::uint32_t class_id, std::uint32_t service);

// CPUs that this machine may ever have: so often the kernel keeps what is kept for each.
[[nodiscard]] std::uint32_t possible_cpus();

} // namespace sluice
