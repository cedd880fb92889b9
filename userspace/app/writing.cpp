// SPDX-License-Identifier: GPL-2.0-or-later
// See writing.hpp.
#include "app/writing.hpp"

#include "app/bring_up.hpp"
#include "kernel/clock.hpp"
#include "kernel/local_time.hpp"
#include "kernel/process.hpp"

#include <csignal>
#include <iostream>
#include <unistd.h>

namespace sluice {

namespace {

// Tells the controller that kernel state has changed beside it.
void poke_controller(const KernelMaps& maps) {
    if (const std::uint32_t pid = maps.control_word().controller_pid; is_running(pid))
        ::kill(static_cast<pid_t>(pid), SIGUSR1);
}

} // namespace

Answer::~Answer() {
    for (const Part& part : parts_)
        *part.stream << part.text.view();
    std::cout.flush();
}

std::ostream& Answer::to(std::ostream& stream) {
    if (parts_.empty() || parts_.back().stream != &stream)
        parts_.push_back({&stream, {}});
    return parts_.back().text;
}

WriteAccess::WriteAccess(const std::string& pin_dir)
    : maps(open_state(pin_dir)), lock_(pin_dir), pin_dir_(pin_dir) {
    try {
        maps = open_state(pin_dir); // a detach may have come first
    } catch (...) {
        ::rmdir(pin_dir.c_str()); // the lock's, if it is empty
        throw;
    }
}

bool WriteAccess::show_in_nft(const OverrideChanges& changes, Answer& answer) {
    if (changes.banned.empty() && changes.lifted.empty() && changes.released.empty())
        return true;
    try {
        NftSocket socket;
        NftTable table(socket);
        const NftReport report =
            project_changes(maps, table, arrival_names(pin_dir_), changes, boottime_ns());
        poke_controller(maps);
        if (report.left_out != 0)
            answer.to(std::cerr) << "sluice: nftables has no room for " << report.left_out
                                 << " of them; raise sources in [table] and attach again\n";
        return report.left_out == 0;
    } catch (const SystemError& error) {
        answer.to(std::cerr) << "sluice: recorded in the kernel, but nftables does not show it yet: "
                             << error.what() << "; `sluice run` repairs that\n";
        return false;
    }
}

WallClock::WallClock()
    : offset_ns_(static_cast<std::int64_t>(walltime_ns()) - static_cast<std::int64_t>(boottime_ns())) {}

std::string WallClock::local(std::uint64_t boot_ns) const {
    return to_local_time(static_cast<std::uint64_t>(static_cast<std::int64_t>(boot_ns) + offset_ns_));
}

} // namespace sluice
