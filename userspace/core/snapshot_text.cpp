// SPDX-License-Identifier: GPL-2.0-or-later
// See snapshot_text.hpp. Lists are cut so that a screen is enough; the JSON has all of it.
#include "core/snapshot_text.hpp"

#include "core/duration.hpp"
#include "core/text_table.hpp"

#include <algorithm>
#include <map>

namespace sluice {
namespace {

constexpr std::size_t rows_shown = 10;

using Rows = std::vector<std::vector<std::string>>;

std::chrono::milliseconds ms_between(std::uint64_t from_ns, std::uint64_t to_ns) {
    return std::chrono::milliseconds(
        to_ns > from_ns ? static_cast<std::int64_t>((to_ns - from_ns) / 1'000'000) : 0);
}

// "until" as the moment and as what is left of it.
std::string end_of(std::uint64_t until_ns, const Snapshot& snapshot, LocalTime local_time) {
    return local_time(until_ns) + " (" + format_rough(ms_between(snapshot.time_ns, until_ns)) + ")";
}

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

std::string more(std::size_t all, const char* where) {
    return all > rows_shown ? "  ... and " + number(all - rows_shown) + " more (" + where + ")\n" : "";
}

std::string mode_text(const Snapshot& snapshot, LocalTime local_time) {
    const SeenMode& mode = snapshot.mode;
    std::string text(to_string(mode.mode));
    if (mode.until_ns)
        text += " until " + end_of(*mode.until_ns, snapshot, local_time) + ", then " +
                std::string(to_string(mode.afterwards));
    if (mode.stopped)
        return text + ", because sluice was stopped";
    if (mode.by_operator)
        return text + ", set by a command";
    return text + (snapshot.controller ? ", as configured" : "");
}

std::string interfaces_text(const Snapshot& snapshot) {
    std::string text;
    for (const SeenInterface& interface : snapshot.interfaces)
        text += (text.empty() ? "" : ", ") +
                (interface.name.empty() ? "(gone)" : printable(interface.name) + " " + interface.xdp);
    return text.empty() ? "none" : text;
}

std::string nft_text(const Snapshot& snapshot) {
    if (!snapshot.nft_problem.empty())
        return "could not be read";
    if (!snapshot.nft_present)
        return snapshot.mode.mode == Mode::observe ? "no table (none needed in mode observe)" : "NO TABLE";
    return "table inet sluice, " + counted(snapshot.logged_nft.value_or(0), "line", "lines") + " logged";
}

std::string facts(const Snapshot& snapshot, LocalTime local_time) {
    return to_table(
        "ll",
        {{"Mode", mode_text(snapshot, local_time)},
         {"Interfaces", interfaces_text(snapshot)},
         {"Controller", snapshot.controller ? "process " + number(snapshot.controller_pid) : "not running"},
         {"nftables", nft_text(snapshot)},
         {"Table", number(snapshot.sources) + " of " + number(snapshot.capacity) + " sources"}});
}

std::string limit_text(const SeenLimit& limit) {
    if (limit.connections == 0)
        return "no limit";
    return number(limit.connections) + " per " +
           format_duration(std::chrono::milliseconds(static_cast<std::int64_t>(limit.per_ns / 1'000'000))) +
           (limit.count == Counting::handshakes ? " (handshakes)"
            : limit.count_dropped               ? ""
                                                : " (clipped)");
}

// The limits of one class: said once when they are the same in all services.
std::string limits_of(const Snapshot& snapshot, const std::string& class_name) {
    std::string each;
    std::string first;
    bool same = true;
    for (const SeenLimit& limit : snapshot.limits) {
        if (limit.class_name != class_name)
            continue;
        const std::string text = limit_text(limit);
        same = same && (first.empty() || first == text);
        first = first.empty() ? text : first;
        each += (each.empty() ? "" : ", ") + limit.service + " " + text;
    }
    return same ? first : each;
}

std::string action_of(const Snapshot& snapshot, const std::string& class_name) {
    for (const SeenLimit& limit : snapshot.limits)
        if (limit.class_name == class_name)
            return std::string(to_string(limit.action));
    return "-";
}

std::string classes_text(const Snapshot& snapshot) {
    Rows rows{{"CLASS", "ACTION", "LIMIT OF EACH SOURCE", "ATTEMPTS", "OVER", "DROPPED"}};
    for (const SeenTally& of_class : snapshot.classes) {
        if (rows.size() > rows_shown)
            break;
        const std::string action = action_of(snapshot, of_class.name);
        rows.push_back({of_class.name, action, action == "exempt" ? "-" : limits_of(snapshot, of_class.name),
                        number(of_class.attempts), number(of_class.over),
                        number(of_class.dropped_xdp + of_class.dropped_nft)});
    }
    std::string text = '\n' + to_table("lllrrr", rows) + more(snapshot.classes.size(), "sluice stats --json");
    Rows services{{"SERVICE", "ATTEMPTS", "OVER"}};
    for (const SeenTally& service : snapshot.services)
        services.push_back({service.name, number(service.attempts), number(service.over)});
    return text + '\n' + to_table("lrr", services);
}

std::string state_of(const SeenSource& source) {
    if (source.limited)
        return "DROPPED";
    if (source.would_be_limited)
        return "would be dropped";
    return source.action == Action::limit ? "NOT DROPPED" : "observed";
}

std::string sources_text(const Snapshot& snapshot, LocalTime local_time) {
    if (snapshot.sources_over.empty())
        return "\nNo source is over its limit.\n";
    // Whoever is dropped comes first, and is not cut off by those who are only watched.
    std::vector<SeenSource> sources = snapshot.sources_over;
    std::stable_sort(sources.begin(), sources.end(), [](const SeenSource& one, const SeenSource& two) {
        return (one.limited || one.would_be_limited) > (two.limited || two.would_be_limited);
    });
    Rows rows{
        {"OVER THE LIMIT", "SERVICE", "CLASS", "STATE", "ATTEMPTS", "SINCE", "UNTIL, UNLESS IT GOES ON"}};
    for (std::size_t i = 0; i < std::min(rows_shown, sources.size()); ++i) {
        const SeenSource& source = sources[i];
        rows.push_back({to_string(source.source), source.service, source.class_name, state_of(source),
                        number(source.attempts),
                        format_rough(ms_between(source.since_ns, snapshot.time_ns)) + " ago",
                        end_of(source.until_ns, snapshot, local_time)});
    }
    return '\n' + to_table("llllrll", rows) + more(sources.size(), "sluice stats --json lists all");
}

std::string ban_table(const Snapshot& snapshot, LocalTime local_time, std::size_t most) {
    Rows rows{{"BANNED", "SINCE", "UNTIL", "BY", "REASON"}};
    for (std::size_t i = 0; i < std::min(most, snapshot.bans.size()); ++i) {
        const SeenBan& ban = snapshot.bans[i];
        rows.push_back(
            {to_string(ban.source), format_rough(ms_between(ban.since_ns, snapshot.time_ns)) + " ago",
             end_of(ban.until_ns, snapshot, local_time), printable(ban.who), printable(ban.reason)});
    }
    return to_table("lllll", rows);
}

std::string counters_text(const Snapshot& snapshot) {
    const Totals totals = total(snapshot);
    const auto& n = snapshot.outcomes;
    Rows rows{{"ATTEMPTS SINCE IT WAS ATTACHED", number(totals.attempts)}};
    const auto add = [&](const char* what, std::uint64_t count, bool always = false) {
        if (always || count != 0)
            rows.push_back({what, number(count)});
    };
    add("  passed, within the limit or not limited", n[SLUICE_PASSED], true);
    add("  passed, counts when its handshake is completed", n[SLUICE_UNVERIFIED]);
    add("  passed, nobody listens here", n[SLUICE_UNVERIFIABLE]);
    add("  passed, no room in the table", n[SLUICE_UNLISTED]);
    add("  passed, exempt", n[SLUICE_EXEMPT], true);
    add("  passed, over in a class that is only observed", n[SLUICE_OVER_OBSERVED]);
    add("  passed, would be dropped in another mode", n[SLUICE_WOULD_DROP]);
    add("  left to nftables to drop", n[SLUICE_LEFT_TO_NFT]);
    add("  dropped by XDP", totals.dropped_xdp);
    add("  passed, because sluice failed", totals.failed);
    add("RETRANSMITTED, NOT COUNTED", n[SLUICE_RETRANSMITTED]);
    add("HANDSHAKES COMPLETED", n[SLUICE_COMPLETED] + n[SLUICE_COMPLETED_ELSEWHERE]);
    add("HANDSHAKES REFUSED, OVER THE LIMIT", n[SLUICE_REFUSED]);
    add("DROPPED BY NFTABLES", snapshot.dropped_nft);
    add("FRAGMENTS AND ODD HEADERS DROPPED", totals.dropped_odd);
    add("FRAGMENTS SEEN", totals.fragments);
    add("MALFORMED PACKETS PASSED", n[SLUICE_MALFORMED]);
    return '\n' + to_table("lr", rows);
}

} // namespace

std::string to_text(const Snapshot& snapshot, LocalTime local_time) {
    std::string text = headline(snapshot) + '\n';
    for (const std::string& warning : warnings(snapshot))
        text += "!! " + printable(warning) + '\n';
    text += "\nsluice " + snapshot.version + ", " + local_time(snapshot.time_ns) + '\n';
    text += facts(snapshot, local_time);
    text += sources_text(snapshot, local_time);
    if (!snapshot.bans.empty())
        text += '\n' + ban_table(snapshot, local_time, rows_shown) +
                more(snapshot.bans.size(), "sluice bans lists all");
    return text + classes_text(snapshot) + counters_text(snapshot);
}

std::string bans_to_text(const Snapshot& snapshot, LocalTime local_time) {
    if (snapshot.bans.empty())
        return "Nobody is banned.\n";
    std::string text = ban_table(snapshot, local_time, snapshot.bans.size());
    if (snapshot.mode.mode == Mode::observe)
        text += "The mode is observe: recorded, and nothing is dropped.\n";
    return text;
}

} // namespace sluice
