// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's state, opened: every map of bpf/maps.h with its type. Commands and the controller
// get it from the pins; `replay` and the tests from a program of their own.
#pragma once

#include "abi.h"
#include "core/table_sizes.hpp"
#include "kernel/bpf_map.hpp"
#include "kernel/source_table.hpp"

#include <functional>
#include <string>

namespace sluice {

struct KernelMaps {
    BpfMap<std::uint32_t, sluice_control> control;
    BpfMap<std::uint32_t, sluice_identity> identity;
    BpfMap<std::uint32_t, sluice_ports> ports;
    BpfMap<std::uint32_t, sluice_policy> policies;
    BpfMap<std::uint32_t, std::uint32_t> ranges; // outer map: half -> list
    BpfMap<sluice_lpm_key, sluice_override> bans;
    BpfMap<sluice_lpm_key, sluice_override> allows;
    SourceTable sources;
    PerCpuArray<sluice_counters> counters;
    PerCpuArray<sluice_tally> tallies;
    BpfMap<std::uint32_t, sluice_name> names;
    BpfMap<std::uint32_t, sluice_ledger> ledger;
    BpfMap<std::uint32_t, sluice_shape> shape;
    Fd events;                    // ring buffer
    std::uint32_t handshakes = 0; // cells

    // `get` yields a descriptor of its own for a map's name, as written in bpf/maps.h. `moving`: see
    // SourceTable.
    static KernelMaps open(const std::function<Fd(const char* name)>& get, bool moving);
    // From pin_dir/maps; a table from before a reload is opened with the one that took its place.
    // Throws SystemError with ENOENT when nothing is pinned there.
    static KernelMaps open_pinned(const std::string& pin_dir);

    [[nodiscard]] sluice_control control_word() const { return control.at(0); }
    // The size of the table and all that belongs to it.
    [[nodiscard]] TableSizes sizes() const;
};

} // namespace sluice
