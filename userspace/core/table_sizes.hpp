// SPDX-License-Identifier: GPL-2.0-or-later
// How large the table of sources and all that belongs to it is made, and what that takes of the
// kernel's memory. Pure; the loader makes the maps by it, `config check` prints it.
#pragma once

#include "abi.h"
#include "core/config.hpp"

#include <cstdint>

namespace sluice {

struct TableSizes {
    std::uint32_t sources = 0;         // elements, a multiple of SLUICE_WAYS
    std::uint32_t log_capacity = 0;    // slots of each, 1-64
    std::uint32_t memories = 0;        // blocks, a multiple of SLUICE_GROUP
    std::uint32_t memory_capacity = 0; // connections in each, 16-64
    std::uint32_t larges = 0;          // blocks, a multiple of SLUICE_GROUP
    std::uint32_t handshakes = 0;      // cells, a power of two

    [[nodiscard]] std::uint32_t sets() const { return sources / SLUICE_WAYS; }
    bool operator==(const TableSizes&) const = default;
};

// `sources`: how many are to be remembered at once. `largest_exact`: the largest limit up to 64, 0 if
// there is none. `has_large`: some limit is above 64.
[[nodiscard]] TableSizes table_sizes(std::uint32_t sources, std::uint32_t largest_exact, bool has_large);

// As a configuration asks for.
[[nodiscard]] TableSizes table_sizes(const Config& config);

// Bytes for the table alone, and with all that is kept beside it on a machine with so many CPUs
// (ranges, bans and allows excepted, which take memory as they come).
[[nodiscard]] std::uint64_t table_bytes(const TableSizes& sizes);
[[nodiscard]] std::uint64_t kernel_bytes(const TableSizes& sizes, std::uint32_t cpus);

} // namespace sluice
