// SPDX-License-Identifier: GPL-2.0-or-later
// Only here are the names of the document written. attempts is the sum of exempt, passed,
// unlisted, unverified, unverifiable, over_observed, would_drop, left_to_nft, dropped_xdp and failed.
#include "core/snapshot_json.hpp"

#include "core/outcome.hpp"
#include "core/timestamp.hpp"

#include <nlohmann/json.hpp>

#include <optional>

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t ns_per_ms = 1'000'000;

std::string moment(std::uint64_t wall_ns) {
    return to_rfc3339(wall_ns, Fraction::milliseconds);
}

Json counters(const Snapshot& snapshot) {
    const Totals totals = total(snapshot);
    const auto& n = snapshot.outcomes;
    return {{"packets", totals.packets},
            {"attempts", totals.attempts},
            {"exempt", n[SLUICE_EXEMPT]},
            {"passed", n[SLUICE_PASSED]},
            {"unlisted", n[SLUICE_UNLISTED]},
            {"unverified", n[SLUICE_UNVERIFIED]},
            {"unverifiable", n[SLUICE_UNVERIFIABLE]},
            {"over_observed", n[SLUICE_OVER_OBSERVED]},
            {"would_drop", n[SLUICE_WOULD_DROP]},
            {"left_to_nft", n[SLUICE_LEFT_TO_NFT]},
            {"dropped_xdp", totals.dropped_xdp},
            {"failed", totals.failed},
            {"retransmitted", n[SLUICE_RETRANSMITTED]},
            {"completed", n[SLUICE_COMPLETED]},
            {"refused", n[SLUICE_REFUSED]},
            {"over", totals.over},
            {"dropped_nft", snapshot.dropped_nft},
            {"dropped_odd", totals.dropped_odd},
            {"malformed", n[SLUICE_MALFORMED]},
            {"fragments", totals.fragments},
            {"events_lost", n[SLUICE_EVENTS_LOST]},
            {"sources_new", n[SLUICE_SOURCES_NEW]},
            {"samples_suppressed", n[SLUICE_SAMPLES_SUPPRESSED]},
            {"contended", n[SLUICE_CONTENDED]},
            {"sources_evicted", n[SLUICE_SOURCES_EVICTED]},
            {"sources_expired", n[SLUICE_SOURCES_EXPIRED]},
            {"sources_refused", n[SLUICE_SOURCES_REFUSED]},
            {"sources_moved", n[SLUICE_SOURCES_MOVED]},
            {"memory_refused", n[SLUICE_MEMORY_REFUSED]},
            {"large_refused", n[SLUICE_LARGE_REFUSED]},
            {"completed_elsewhere", n[SLUICE_COMPLETED_ELSEWHERE]},
            {"warned", n[SLUICE_WARNED]}};
}

Json outcomes(const Snapshot& snapshot) {
    Json result = Json::object();
    for (unsigned outcome = 0; outcome < SLUICE_OUTCOMES; ++outcome)
        result[std::string(outcome_name(outcome))] = snapshot.outcomes[outcome];
    return result;
}

Json interfaces(const Snapshot& snapshot) {
    Json result = Json::array();
    for (const SeenInterface& interface : snapshot.interfaces)
        result.push_back({{"name", interface.name}, {"index", interface.index}, {"xdp", interface.xdp}});
    return result;
}

Json services(const Snapshot& snapshot) {
    Json result = Json::object();
    for (const SeenTally& service : snapshot.services)
        result[service.name] = {{"attempts", service.attempts},
                                {"over", service.over},
                                {"banned", service.banned},
                                {"completed", service.completed},
                                {"dropped_xdp", service.dropped_xdp}};
    return result;
}

Json classes(const Snapshot& snapshot) {
    Json result = Json::object();
    for (const SeenTally& of_class : snapshot.classes)
        result[of_class.name] = {{"attempts", of_class.attempts},
                                 {"over", of_class.over},
                                 {"dropped", of_class.dropped_xdp + of_class.dropped_nft},
                                 {"banned", of_class.banned},
                                 {"completed", of_class.completed},
                                 {"dropped_xdp", of_class.dropped_xdp},
                                 {"dropped_nft", of_class.dropped_nft}};
    return result;
}

Json limits(const Snapshot& snapshot) {
    Json result = Json::array();
    for (const SeenLimit& limit : snapshot.limits) {
        const bool limited = limit.connections != 0;
        result.push_back({{"class", limit.class_name},
                          {"service", limit.service},
                          {"action", to_string(limit.action)},
                          {"connections", limited ? Json(limit.connections) : Json()},
                          {"per_ms", limited ? Json(limit.per_ns / ns_per_ms) : Json()},
                          {"warn", limit.warn != 0 ? Json(limit.warn) : Json()},
                          {"count", to_string(limit.count)},
                          {"count_dropped", limit.count_dropped}});
    }
    return result;
}

Json sources_over(const Snapshot& snapshot) {
    Json result = Json::array();
    for (const SeenSource& source : snapshot.sources_over)
        result.push_back({{"source", to_string(source.source)},
                          {"service", source.service},
                          {"class", source.class_name},
                          {"action", to_string(source.action)},
                          {"attempts", source.attempts},
                          {"in_window", source.in_window},
                          {"since", moment(source.since_ns)},
                          {"until", moment(source.until_ns)},
                          {"limited", source.limited},
                          {"would_be_limited", source.would_be_limited}});
    return result;
}

Json bans(const Snapshot& snapshot) {
    Json result = Json::array();
    for (const SeenBan& ban : snapshot.bans)
        result.push_back({{"source", to_string(ban.source)},
                          {"reason", ban.reason},
                          {"who", ban.who},
                          {"since", moment(ban.since_ns)},
                          {"until", moment(ban.until_ns)},
                          {"enforced", ban.enforced}});
    return result;
}

Json head(const Snapshot& snapshot, const char* schema) {
    const SeenMode& mode = snapshot.mode;
    return {{"schema", schema},
            {"time", moment(snapshot.time_ns)},
            {"version", snapshot.version},
            {"mode", to_string(mode.mode)},
            {"mode_until", mode.until_ns ? Json(moment(*mode.until_ns)) : Json()},
            {"mode_afterwards", mode.until_ns ? Json(to_string(mode.afterwards)) : Json()},
            {"mode_by", mode.by_operator ? "operator" : "configuration"},
            {"stopped", mode.stopped}};
}

std::string written(const Json& document) {
    // A reason may hold any bytes; JSON is UTF-8.
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

} // namespace

std::string to_json(const Snapshot& snapshot) {
    Json document = head(snapshot, "sluice.stats/1");
    document["controller"] = {{"running", snapshot.controller},
                              {"pid", snapshot.controller ? Json(snapshot.controller_pid) : Json()}};
    document["interfaces"] = interfaces(snapshot);
    document["nft"] = {{"present", snapshot.nft_present},
                       {"problem", snapshot.nft_problem.empty() ? Json() : Json(snapshot.nft_problem)},
                       {"log_lines", snapshot.logged_nft ? Json(*snapshot.logged_nft) : Json()}};
    document["counters"] = counters(snapshot);
    document["outcomes"] = outcomes(snapshot);
    document["services"] = services(snapshot);
    document["classes"] = classes(snapshot);
    document["limits"] = limits(snapshot);
    document["table"] = {{"sources", snapshot.sources}, {"capacity", snapshot.capacity}};
    document["sources_over"] = sources_over(snapshot);
    document["bans"] = bans(snapshot);
    return written(document);
}

std::string bans_to_json(const Snapshot& snapshot) {
    Json document = head(snapshot, "sluice.bans/1");
    document["bans"] = bans(snapshot);
    return written(document);
}

} // namespace sluice
