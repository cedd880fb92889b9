// SPDX-License-Identifier: GPL-2.0-or-later
// Sums over CPUs.
#include "kernel/counters.hpp"

namespace sluice {

sluice_counters read_counters(const KernelMaps& maps) {
    sluice_counters total{};
    for (const sluice_counters& cpu : maps.counters.at(0))
        for (std::uint32_t i = 0; i < SLUICE_COUNTERS; i++)
            total.n[i] += cpu.n[i];
    return total;
}

sluice_tally read_tally(const KernelMaps& maps, std::uint32_t class_id, std::uint32_t service) {
    sluice_tally total{};
    for (const sluice_tally& cpu : maps.tallies.at(class_id * SLUICE_MAX_SERVICES + service)) {
        total.attempts += cpu.attempts;
        total.over += cpu.over;
        total.dropped += cpu.dropped;
        total.banned += cpu.banned;
        total.completed += cpu.completed;
        for (std::size_t i = 0; i < SLUICE_TRIAL_LIMITS; i++)
            total.stopped[i] += cpu.stopped[i];
    }
    return total;
}

std::uint32_t possible_cpus() {
    const int cpus = ::libbpf_num_possible_cpus();
    if (cpus < 0)
        throw SystemError("count", "CPUs", -cpus);
    return static_cast<std::uint32_t>(cpus);
}

} // namespace sluice
