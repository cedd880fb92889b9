// SPDX-License-Identifier: GPL-2.0-or-later
// base + reading; see struct sluice_ledger.
#include "kernel/ledger.hpp"

#include "kernel/policy_loader.hpp"

#include <algorithm>

namespace sluice {
namespace {

void note(KernelMaps& maps, std::uint32_t index, std::uint64_t reading) {
    sluice_ledger entry = maps.ledger.at(index);
    if (reading < entry.seen) // another table than the one read last
        entry.base += entry.seen;
    entry.seen = reading;
    maps.ledger.put(index, entry);
}

} // namespace

void note_counters(KernelMaps& maps, const NftCounters& counters) {
    const Names names = read_names(maps);
    for (std::uint32_t id = 0; id < SLUICE_MAX_CLASSES; id++)
        if (const auto found = counters.dropped.find(names.classes[id]);
            !names.classes[id].empty() && found != counters.dropped.end())
            note(maps, id, found->second);
    note(maps, SLUICE_LEDGER_RANGES, counters.dropped_ranges);
}

void close_ledger(KernelMaps& maps) {
    for (std::uint32_t index = 0; index < SLUICE_LEDGERS; index++) {
        sluice_ledger entry = maps.ledger.at(index);
        if (entry.seen == 0)
            continue;
        entry.base += entry.seen;
        entry.seen = 0;
        maps.ledger.put(index, entry);
    }
}

std::uint64_t dropped_by_nft(const KernelMaps& maps, std::uint32_t index, std::optional<std::uint64_t> now) {
    const sluice_ledger entry = maps.ledger.at(index);
    if (!now)
        return entry.base + entry.seen;
    return entry.base + (*now < entry.seen ? entry.seen + *now : *now);
}

} // namespace sluice
