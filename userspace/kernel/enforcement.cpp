// SPDX-License-Identifier: GPL-2.0-or-later
// See enforcement.hpp. install() keeps the counters of a table that is there, so only one that somebody
// else removed, or that had to be replaced whole, takes with it what was counted since the last reading.
#include "kernel/enforcement.hpp"

#include "kernel/clock.hpp"
#include "kernel/ledger.hpp"
#include "kernel/process.hpp"

namespace sluice {

std::size_t Enforcement::install(const std::vector<std::string>& interfaces, const Carve& carve) {
    if (table_.present())
        take_counters();
    else
        close_ledger(maps_);
    design_ = read_design(maps_, interfaces);
    const NftContent content = read_content(maps_, design_, boottime_ns(), carve);
    const std::size_t left_out = table_.install(design_, content, boottime_ns());
    take_counters(); // lower than before if the table had to be replaced: the ledger sees it
    return left_out;
}

void Enforcement::follow_mode(const std::vector<std::string>& interfaces) {
    const std::uint64_t now_ns = boottime_ns();
    const sluice_control control = maps_.control.at(0);
    const bool wanted = sluice_mode_at(control.mode_word, now_ns) != SLUICE_MODE_OBSERVE;
    const bool present = table_.present();
    // without a controller nobody kept the table's content up to date
    if (!present || !is_running(control.controller_pid)) {
        if (present || wanted)
            (void)install(interfaces, kernel_carve(maps_, now_ns));
        return;
    }
    design_ = read_design(maps_, interfaces);
    NftChanges changes;
    changes.gate = gate_of(control.mode_word, now_ns);
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
