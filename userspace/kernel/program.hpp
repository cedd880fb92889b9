// SPDX-License-Identifier: GPL-2.0-or-later
// The BPF program and its maps, loaded: fresh and private (replay, tests), or over the maps
// pinned in a directory, which are re-used with all they hold.
#pragma once

#include "kernel/fd.hpp"
#include "kernel/kernel_maps.hpp"

#include <cstdint>
#include <string>

namespace sluice {

struct ProgramOptions {
    std::uint32_t sources = 131072;                // size of the table, unless it is pinned already
    std::uint32_t log_capacity = SLUICE_MAX_LIMIT; // slots per source, likewise
    bool time_in_metadata = false;                 // each frame brings its own time (captures)
    std::string pin_dir;                           // maps are pinned below, or re-used; empty: private
};

class Program {
public:
    // Opens, verifies and loads. What the verifier said is in the exception's text on refusal.
    static Program load(const ProgramOptions& options);

    [[nodiscard]] int fd() const { return program_.get(); }
    [[nodiscard]] KernelMaps& maps() { return maps_; }
    [[nodiscard]] const KernelMaps& maps() const { return maps_; }

private:
    Fd program_;
    KernelMaps maps_;
};

} // namespace sluice
