// SPDX-License-Identifier: GPL-2.0-or-later
// The shares are a compromise between memory and what an attacker can use up; docs/design.md has
// the reasoning.
#include "core/table_sizes.hpp"

#include <algorithm>
#include <bit>

namespace sluice {
namespace {

// A log of a large limit must tell who has few attempts from who needs a window of his own.
constexpr std::uint32_t least_log_beside_large = 16;
constexpr std::uint32_t default_log = 10; // what a [limit] is without a number
constexpr std::uint32_t sources_per_memory = 32;
constexpr std::uint32_t sources_per_large = 16;
constexpr std::uint32_t sources_per_handshake = 4;

std::uint32_t whole_groups(std::uint32_t blocks) {
    return std::max<std::uint32_t>(1, blocks / SLUICE_GROUP) * SLUICE_GROUP;
}

} // namespace

TableSizes table_sizes(std::uint32_t sources, std::uint32_t largest_exact, bool has_large) {
    TableSizes sizes;
    sizes.sources = (sources + SLUICE_WAYS - 1) / SLUICE_WAYS * SLUICE_WAYS;
    sizes.log_capacity =
        std::clamp<std::uint32_t>(largest_exact == 0 ? default_log : largest_exact, 1U, SLUICE_MAX_LIMIT);
    if (has_large)
        sizes.log_capacity = std::max(sizes.log_capacity, least_log_beside_large);
    sizes.memory_capacity = std::max<std::uint32_t>(SLUICE_MEMORY_MIN, sizes.log_capacity);
    sizes.memories = whole_groups(sizes.sources / sources_per_memory);
    sizes.larges = has_large ? whole_groups(sizes.sources / sources_per_large) : SLUICE_GROUP;
    sizes.handshakes =
        std::bit_floor(std::clamp<std::uint32_t>(sizes.sources / sources_per_handshake, 1U << 12, 1U << 20));
    return sizes;
}

TableSizes table_sizes(const Config& config) {
    std::uint32_t largest = 0;
    bool has_large = false;
    for (const ClassConfig& of_class : config.classes)
        for (const Service& service : config.services)
            if (const auto limit = effective_limit(config, of_class, service)) {
                has_large = has_large || limit->connections > SLUICE_MAX_LIMIT;
                if (limit->connections <= SLUICE_MAX_LIMIT)
                    largest = std::max(largest, limit->connections);
            }
    return table_sizes(config.table_sources, largest, has_large);
}

std::uint64_t table_bytes(const TableSizes& sizes) {
    return std::uint64_t{sizes.sets()} * sizeof(sluice_set) +
           std::uint64_t{sizes.sources} * SLUICE_SOURCE_SIZE(sizes.log_capacity) +
           std::uint64_t{sizes.memories} * SLUICE_MEMORY_SIZE(sizes.memory_capacity) +
           std::uint64_t{sizes.larges} * sizeof(sluice_large) + std::uint64_t{sizes.handshakes} * 8;
}

std::uint64_t kernel_bytes(const TableSizes& sizes, std::uint32_t cpus) {
    const std::uint64_t per_cpu = sizeof(sluice_tally) * SLUICE_TALLIES + sizeof(sluice_counters);
    const std::uint64_t fixed = 2 * sizeof(sluice_ports) + SLUICE_POLICIES * sizeof(sluice_policy) +
                                SLUICE_NAMES * sizeof(sluice_name) + SLUICE_LEDGERS * sizeof(sluice_ledger) +
                                8 * (SLUICE_GUARDS + SLUICE_ELSEWHERE + SLUICE_LISTENERS) +
                                (std::uint64_t{1} << 18); // ring buffer
    return table_bytes(sizes) + fixed + per_cpu * cpus;
}

} // namespace sluice
