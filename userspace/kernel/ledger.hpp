// SPDX-License-Identifier: GPL-2.0-or-later
// Packets dropped by nftables, over all tables since the pins were made: each new table counts
// from zero, so its last reading is kept in kernel state. Writers hold the WriterLock.
#pragma once

#include "kernel/kernel_maps.hpp"
#include "kernel/nft_design.hpp"

#include <cstdint>
#include <optional>

namespace sluice {

// Remembers this reading of the present table.
void note_counters(KernelMaps& maps, const NftCounters& counters);

// The present table is about to go, or has gone: what was read last is carried over.
void close_ledger(KernelMaps& maps);

// By class id, or SLUICE_LEDGER_RANGES. `now`: the present table's counter, if there is a table.
[[nodiscard]] std::uint64_t dropped_by_nft(const KernelMaps& maps, std::uint32_t index,
                                           std::optional<std::uint64_t> now);

} // namespace sluice
