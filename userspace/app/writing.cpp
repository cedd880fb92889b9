// SPDX-License-Identifier: GPL-2.0-or-later
// See writing.hpp.
#include "app/writing.hpp"

#include "kernel/clock.hpp"
#include "kernel/link.hpp"
#include "kernel/local_time.hpp"

#include <iostream>

namespace sluice {

bool WriteAccess::show_in_nft(const OverrideChanges& changes) {
    if (changes.banned.empty() && changes.lifted.empty() && changes.released.empty())
        return true;
    try {
        NftSocket socket;
        NftTable table(socket);
        const NftReport report =
            project_changes(maps, table, attached_names(pin_dir_), changes, boottime_ns());
        if (report.left_out != 0)
            std::cerr << "sluice: nftables has no room for " << report.left_out
                      << " of them; raise sources in [table] and attach again\n";
        return report.left_out == 0;
    } catch (const SystemError& error) {
        std::cerr << "sluice: recorded in the kernel, but nftables does not show it yet: " << error.what()
                  << "; `sluice run` repairs that\n";
        return false;
    }
}

std::vector<std::string> attached_names(const std::string& pin_dir) {
    std::vector<std::string> names;
    for (const Attachment& attachment : attachments(pin_dir))
        if (!attachment.name.empty())
            names.push_back(attachment.name);
    return names;
}

WallClock::WallClock()
    : offset_ns_(static_cast<std::int64_t>(walltime_ns()) - static_cast<std::int64_t>(boottime_ns())) {}

std::string WallClock::local(std::uint64_t boot_ns) const {
    return to_local_time(static_cast<std::uint64_t>(static_cast<std::int64_t>(boot_ns) + offset_ns_));
}

} // namespace sluice
