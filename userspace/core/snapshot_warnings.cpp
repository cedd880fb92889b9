// SPDX-License-Identifier: GPL-2.0-or-later
// What `status` says before anything else: is somebody being dropped, and is something broken?
#include "core/outcome.hpp"
#include "core/snapshot_text.hpp"
#include "core/text_table.hpp"

#include <algorithm>

namespace sluice {
namespace {

bool is_attached(const SeenInterface& interface) {
    return !interface.name.empty() && interface.xdp != "none";
}

bool attached_anywhere(const Snapshot& snapshot) {
    return std::any_of(snapshot.interfaces.begin(), snapshot.interfaces.end(), is_attached);
}

bool nft_is_missing(const Snapshot& snapshot) {
    return !snapshot.nft_present && snapshot.nft_problem.empty();
}

// Sources, not their entries: one may be over in several services.
std::size_t sources_where(const Snapshot& snapshot, bool SeenSource::*what) {
    std::vector<Prefix> sources;
    for (const SeenSource& source : snapshot.sources_over)
        if (source.*what)
            sources.push_back(source.source);
    std::sort(sources.begin(), sources.end());
    return static_cast<std::size_t>(std::unique(sources.begin(), sources.end()) - sources.begin());
}

void warn_of_interfaces(const Snapshot& snapshot, std::vector<std::string>& out) {
    for (const SeenInterface& interface : snapshot.interfaces) {
        if (interface.name.empty())
            out.push_back("An interface that sluice was attached to is gone (sluice detach clears it away).");
        else if (interface.xdp == "none")
            out.push_back(interface.name + " is attached no more: its packets are not seen (sluice attach " +
                          interface.name + ").");
        else if (interface.xdp == "generic")
            out.push_back(interface.name + " runs in generic mode: correct, but much slower than native.");
    }
}

void warn_of_controller(const Snapshot& snapshot, std::vector<std::string>& out) {
    if (snapshot.controller)
        return;
    const bool died = snapshot.controller_pid != 0;
    const std::string who =
        died ? "The controller (process " + std::to_string(snapshot.controller_pid) + ") HAS DIED: "
             : "The controller is not running: ";
    if (snapshot.mode.mode == Mode::nft)
        out.push_back(who +
                      "in mode nft nobody new is limited, and those who are go free at the moments below.");
    else if (snapshot.mode.mode == Mode::xdp)
        out.push_back(who + "XDP goes on dropping, but nothing is repaired or reported.");
    else if (died)
        out.push_back(who + "counting goes on.");
}

void warn_of_nft(const Snapshot& snapshot, std::vector<std::string>& out) {
    if (!snapshot.nft_problem.empty())
        out.push_back("nftables could not be read (" + snapshot.nft_problem +
                      "): its drops are missing below.");
    else if (nft_is_missing(snapshot) && snapshot.mode.mode == Mode::xdp)
        out.push_back(
            "The nft table is missing: XDP drops, but nothing is logged (sluice mode xdp makes it).");
}

void warn_of_failures(const Snapshot& snapshot, std::vector<std::string>& out) {
    for (unsigned outcome = 0; outcome < SLUICE_OUTCOMES; ++outcome)
        if (is_failure(outcome) && snapshot.outcomes[outcome] != 0)
            out.push_back(counted(snapshot.outcomes[outcome], "packet", "packets") + ": " +
                          std::string(outcome_explanation(outcome)));
    if (snapshot.outcomes[SLUICE_EVENTS_LOST] != 0)
        out.push_back(counted(snapshot.outcomes[SLUICE_EVENTS_LOST], "event was", "events were") +
                      " lost on the way to the controller; it has made up for them by walking the table.");
    if (const auto refused = snapshot.outcomes[SLUICE_SOURCES_REFUSED]; refused != 0)
        out.push_back("The table was full: " + counted(refused, "newcomer", "newcomers") +
                      " found no room and passed uncounted, unless their handshake was completed ([table] "
                      "sources).");
    if (const auto evicted = snapshot.outcomes[SLUICE_SOURCES_EVICTED]; evicted != 0)
        out.push_back(counted(evicted, "source was", "sources were") +
                      " forgotten while still of interest, because the table was full ([table] sources).");
    if (const auto refused = snapshot.outcomes[SLUICE_LARGE_REFUSED]; refused != 0)
        out.push_back(counted(refused, "attempt", "attempts") +
                      " found no room for the window of a limit above 64 and passed ([table] sources).");
}

// Nobody can know at start whether a listener will exist.
void warn_of_listeners(const Snapshot& snapshot, std::vector<std::string>& out) {
    const std::uint64_t elsewhere = snapshot.outcomes[SLUICE_COMPLETED_ELSEWHERE];
    const std::uint64_t unverifiable = snapshot.outcomes[SLUICE_UNVERIFIABLE];
    if (unverifiable > elsewhere)
        out.push_back(counted(unverifiable, "attempt", "attempts") +
                      " went to ports on which nobody listens here (unverifiable); " +
                      std::to_string(elsewhere) +
                      " of their handshakes were seen in other network namespaces. What no listener of this "
                      "machine answers cannot be limited by handshakes: on a router write count = \"syn\".");
}

} // namespace

std::string headline(const Snapshot& snapshot) {
    if (!attached_anywhere(snapshot))
        return "NOT ATTACHED: sluice sees no packets (sluice attach IFACE).";
    const std::string bans = counted(snapshot.bans.size(), "ban", "bans");
    if (snapshot.mode.mode == Mode::observe) {
        const std::size_t would = sources_where(snapshot, &SeenSource::would_be_limited);
        const std::string rest =
            would == 0 && snapshot.bans.empty()
                ? "nobody would be."
                : counted(would, "source", "sources") + " over the limit and " + bans + " would be.";
        return (snapshot.mode.stopped ? "STOPPED, nothing is dropped until `sluice run` starts again; "
                                      : "Mode observe, nothing is dropped; ") +
               rest;
    }
    if (nft_is_missing(snapshot) && snapshot.mode.mode == Mode::nft)
        return "NOTHING IS DROPPED although the mode is nft: the nft table is missing (sluice mode nft makes "
               "it).";
    const std::size_t limited = sources_where(snapshot, &SeenSource::limited);
    const std::string mode = "mode " + std::string(to_string(snapshot.mode.mode));
    if (limited == 0 && snapshot.bans.empty())
        return "Dropping nobody now (" + mode + "): no source is over an enforced limit, none is banned.";
    return "DROPPING NOW (" + mode + "): " + counted(limited, "limited source", "limited sources") + ", " +
           bans + ".";
}

std::vector<std::string> warnings(const Snapshot& snapshot) {
    std::vector<std::string> out;
    warn_of_nft(snapshot, out);
    warn_of_controller(snapshot, out);
    warn_of_interfaces(snapshot, out);
    warn_of_failures(snapshot, out);
    warn_of_listeners(snapshot, out);
    return out;
}

} // namespace sluice
