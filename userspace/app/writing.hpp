// SPDX-License-Identifier: GPL-2.0-or-later
// What ban and release share: kernel state opened for writing, and nft brought up to it.
#pragma once

#include "kernel/overrides.hpp"
#include "kernel/pins.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

// Kernel state under the writers' lock. Throws Refusal when nothing is pinned, and then leaves no
// directory behind.
class WriteAccess {
public:
    explicit WriteAccess(const std::string& pin_dir)
        : maps(open_state(pin_dir)), lock_(pin_dir), pin_dir_(pin_dir) {
        maps = open_state(pin_dir); // a detach may have come first
    }

    // The changes that are in the maps already, into nft. Returns false, with a line on standard
    // error, when nft refused them; what is in the maps holds all the same.
    [[nodiscard]] bool show_in_nft(const OverrideChanges& changes);

    KernelMaps maps;

private:
    WriterLock lock_;
    std::string pin_dir_;
};

// A CLOCK_BOOTTIME moment as local wall time, given what both clocks show now.
class WallClock {
public:
    WallClock();
    [[nodiscard]] std::string local(std::uint64_t boot_ns) const;

private:
    std::int64_t offset_ns_;
};

} // namespace sluice
