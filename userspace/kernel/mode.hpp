// SPDX-License-Identifier: GPL-2.0-or-later
// The mode word: what is in force, what the operator wants, and the way from one to the other.
// All writers hold the WriterLock.
#pragma once

#include "core/config.hpp"
#include "kernel/kernel_maps.hpp"

#include <cstdint>
#include <optional>

namespace sluice {

struct ModeState {
    Mode mode = Mode::observe; // in force now
    Mode afterwards = Mode::observe;
    std::optional<std::uint64_t> deadline_ns; // CLOCK_BOOTTIME, ahead of now
    bool by_operator = false;                 // a command chose it, not the configuration
};

[[nodiscard]] ModeState read_mode(const KernelMaps& maps, std::uint64_t now_ns);

// A command's choice: in force at once, remembered over a stop. With a deadline the program itself
// goes back then to what lasted before, whoever is alive.
void choose_mode(KernelMaps& maps, Mode mode, std::optional<std::uint64_t> deadline_ns, std::uint64_t now_ns);

// Forgets a command's choice; `configured` is in force at once.
void follow_configuration(KernelMaps& maps, Mode configured);

// At reload: `configured` is in force, unless a command chose otherwise; a choice for a time then goes
// back to it.
void reload_mode(KernelMaps& maps, Mode configured, std::uint64_t now_ns);

// At start: an operator's choice comes into force again, else what is configured.
void restore_mode(KernelMaps& maps, Mode configured, std::uint64_t now_ns);

// From this moment nothing is dropped; what was wanted stays known.
void suspend_mode(KernelMaps& maps);

} // namespace sluice
