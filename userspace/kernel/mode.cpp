// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel copies the control word as aligned 64-bit words, so packets see the old or the new
// mode; a deadline that is torn for an instant could at most end a mode a moment late.
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
    return word & ~static_cast<std::uint64_t>(SLUICE_MODE_BY_OPERATOR | SLUICE_MODE_BACK_TO_CONFIG);
}

// Whether a command's choice holds, or what it left behind at its deadline.
bool by_operator(std::uint64_t wanted, std::uint64_t now_ns) {
    const std::uint64_t deadline_ns = (wanted >> 8) * ns_per_ms;
    const bool ended = deadline_ns != 0 && deadline_ns <= now_ns;
    return (wanted & SLUICE_MODE_BY_OPERATOR) != 0 && !(ended && (wanted & SLUICE_MODE_BACK_TO_CONFIG) != 0);
}

// What holds when no deadline is pending.
Mode lasting_mode(std::uint64_t wanted, std::uint64_t now_ns) {
    const bool pending = (wanted >> 8) * ns_per_ms > now_ns;
    return static_cast<Mode>(pending ? (wanted >> 2) & 3 : sluice_mode_at(plain(wanted), now_ns));
}

} // namespace

ModeState read_mode(const KernelMaps& maps, std::uint64_t now_ns) {
    const sluice_control control = maps.control.at(0);
    const std::uint64_t deadline_ns = (control.mode_word >> 8) * ns_per_ms;
    ModeState state;
    state.mode = static_cast<Mode>(sluice_mode_at(control.mode_word, now_ns));
    state.afterwards = static_cast<Mode>((control.mode_word >> 2) & 3);
    if (deadline_ns > now_ns)
        state.deadline_ns = deadline_ns;
    state.by_operator = by_operator(control.wanted_word, now_ns);
    return state;
}

void choose_mode(KernelMaps& maps, Mode mode, std::optional<std::uint64_t> deadline_ns,
                 std::uint64_t now_ns) {
    const ModeState before = read_mode(maps, now_ns);
    const std::uint64_t old = maps.control.at(0).wanted_word;
    // from what is wanted, not from what is in force: the controller may be stopped
    const Mode lasting = lasting_mode(old, now_ns);
    const std::uint64_t deadline_ms = deadline_ns ? (*deadline_ns + ns_per_ms - 1) / ns_per_ms : 0;
    const std::uint64_t word = sluice_mode_word(number(mode), number(lasting), deadline_ms);
    // what comes back afterwards is the configuration's, unless a command had set that as well
    const bool was_configured = !before.by_operator || (old & SLUICE_MODE_BACK_TO_CONFIG) != 0;
    const std::uint64_t back = deadline_ns && was_configured ? SLUICE_MODE_BACK_TO_CONFIG : 0;
    write(maps, word, word | SLUICE_MODE_BY_OPERATOR | back);
}

void follow_configuration(KernelMaps& maps, Mode configured) {
    const std::uint64_t word = sluice_mode_word(number(configured), number(configured), 0);
    write(maps, word, word);
}

void reload_mode(KernelMaps& maps, Mode configured, std::uint64_t now_ns) {
    const std::uint64_t wanted = maps.control.at(0).wanted_word;
    if (!by_operator(wanted, now_ns)) {
        follow_configuration(maps, configured);
        return;
    }
    if ((wanted & SLUICE_MODE_BACK_TO_CONFIG) == 0)
        return;
    const std::uint64_t word =
        sluice_mode_word(static_cast<std::uint32_t>(wanted & 3), number(configured), wanted >> 8);
    write(maps, word, word | SLUICE_MODE_BY_OPERATOR | SLUICE_MODE_BACK_TO_CONFIG);
}

void restore_mode(KernelMaps& maps, Mode configured, std::uint64_t now_ns) {
    const std::uint64_t wanted = maps.control.at(0).wanted_word;
    if (by_operator(wanted, now_ns))
        write(maps, plain(wanted), wanted);
    else
        follow_configuration(maps, configured);
}

void suspend_mode(KernelMaps& maps) {
    write(maps, sluice_mode_word(SLUICE_MODE_OBSERVE, SLUICE_MODE_OBSERVE, 0),
          maps.control.at(0).wanted_word);
}

} // namespace sluice
