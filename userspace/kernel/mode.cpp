// SPDX-License-Identifier: GPL-2.0-or-later
// The word is one 64-bit store, so packets see the old or the new mode, never a mixture.
#include "kernel/mode.hpp"

namespace sluice {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;

std::uint32_t number(Mode mode) {
    return static_cast<std::uint32_t>(mode);
}

void write(KernelMaps& maps, std::uint64_t in_force, std::uint64_t wanted) {
    sluice_control control = maps.control.at(0);
    control.mode_word = in_force;
    control.wanted_word = wanted;
    maps.control.put(0, control);
}

std::uint64_t plain(std::uint64_t word) {
    return word & ~static_cast<std::uint64_t>(SLUICE_MODE_BY_OPERATOR);
}

} // namespace

ModeState read_mode(const KernelMaps& maps, std::uint64_t now_ns) {
    const sluice_control control = maps.control.at(0);
    ModeState state;
    state.mode = static_cast<Mode>(sluice_mode_at(control.mode_word, now_ns));
    state.afterwards = static_cast<Mode>((control.mode_word >> 2) & 3);
    state.by_operator = (control.wanted_word & SLUICE_MODE_BY_OPERATOR) != 0;
    const std::uint64_t deadline_ns = (control.mode_word >> 8) * ns_per_ms;
    if (deadline_ns > now_ns)
        state.deadline_ns = deadline_ns;
    return state;
}

void choose_mode(KernelMaps& maps, Mode mode, Mode afterwards, std::optional<std::uint64_t> deadline_ns) {
    const std::uint64_t deadline_ms = deadline_ns ? (*deadline_ns + ns_per_ms - 1) / ns_per_ms : 0;
    const std::uint64_t word = sluice_mode_word(number(mode), number(afterwards), deadline_ms);
    write(maps, word, word | SLUICE_MODE_BY_OPERATOR);
}

void follow_configuration(KernelMaps& maps, Mode configured) {
    const std::uint64_t word = sluice_mode_word(number(configured), number(configured), 0);
    write(maps, word, word);
}

void restore_mode(KernelMaps& maps, Mode configured, std::uint64_t now_ns) {
    const std::uint64_t wanted = maps.control.at(0).wanted_word;
    const std::uint64_t deadline_ns = (wanted >> 8) * ns_per_ms;
    const bool ended = deadline_ns != 0 && deadline_ns <= now_ns;
    // a choice for a time leaves behind what was configured, and that may have changed since
    if ((wanted & SLUICE_MODE_BY_OPERATOR) == 0 || (ended && ((wanted >> 2) & 3) != number(Mode::observe)))
        follow_configuration(maps, configured);
    else
        write(maps, plain(wanted), wanted);
}

void suspend_mode(KernelMaps& maps) {
    write(maps, sluice_mode_word(SLUICE_MODE_OBSERVE, SLUICE_MODE_OBSERVE, 0), maps.control.at(0).wanted_word);
}

} // namespace sluice
