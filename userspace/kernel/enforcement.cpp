// SPDX-License-Identifier: GPL-2.0-or-later
// See enforcement.hpp. Counters are read just before a table goes; packets that are counted between
// that reading and the exchange (microseconds) are the only ones the ledger can miss.
#include "kernel/enforcement.hpp"

#include "kernel/clock.hpp"
#include "kernel/ledger.hpp"

namespace sluice {

std::size_t Enforcement::install(const std::vector<std::string>& interfaces, const Carve& carve) {
    take_counters();
    design_ = read_design(maps_, interfaces);
    const NftContent content = read_content(maps_, design_, boottime_ns(), carve);
    const std::size_t left_out = table_.install(design_, content, boottime_ns());
    close_ledger(maps_);
    return left_out;
}

void Enforcement::follow_mode(const std::vector<std::string>& interfaces) {
    const std::uint64_t now_ns = boottime_ns();
    const NftGate gate = gate_of(maps_.control.at(0).mode_word, now_ns);
    const bool wanted = sluice_mode_at(maps_.control.at(0).mode_word, now_ns) != SLUICE_MODE_OBSERVE;
    if (!table_.present()) {
        if (wanted)
            (void)install(interfaces, kernel_carve(maps_, now_ns));
        return;
    }
    design_ = read_design(maps_, interfaces);
    NftChanges changes;
    changes.gate = gate;
    (void)table_.apply(design_, changes, boottime_ns());
}

std::size_t Enforcement::apply(const NftChanges& changes) {
    return table_.apply(design_, changes, boottime_ns());
}

NftState Enforcement::read() {
    return table_.read(design_, boottime_ns());
}

void Enforcement::take_counters() {
    if (const auto counters = table_.counters())
        note_counters(maps_, *counters);
}

void Enforcement::remove() {
    take_counters();
    table_.remove();
    close_ledger(maps_);
}

} // namespace sluice
