// SPDX-License-Identifier: GPL-2.0-or-later
// ReplayReport -> totals, warnings and JSON. The table is in replay_text.cpp.
#include "core/replay_report.hpp"

#include "core/outcome.hpp"
#include "core/timestamp.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <tuple>

namespace sluice {

namespace {

using Json = nlohmann::ordered_json;

Json moment(std::uint64_t wall_ns) {
    return to_rfc3339(wall_ns, Fraction::microseconds);
}

Json moment(const std::optional<std::uint64_t>& wall_ns) {
    return wall_ns ? moment(*wall_ns) : Json(nullptr);
}

Json source_json(const ReplaySource& source) {
    const bool was_over = source.times_over > 0;
    Json limit = nullptr;
    if (source.connections != 0)
        limit = {{"connections", source.connections}, {"per_ms", source.per.count()}};
    return {{"source", to_string(source.source)},
            {"service", source.service},
            {"class", source.class_name},
            {"action", to_string(source.action)},
            {"limit", std::move(limit)},
            {"attempts", source.attempts},
            {"over", source.over},
            {"times_over", source.times_over},
            {"first_over", was_over ? moment(source.first_over_ns) : Json(nullptr)},
            {"last_over", was_over ? moment(source.last_over_ns) : Json(nullptr)},
            {"released", was_over ? moment(source.released_ns) : Json(nullptr)},
            {"last_attempt", moment(source.last_attempt_ns)},
            {"limited", source.is_limited()}};
}

Json tallies_json(const std::vector<ReplayTally>& tallies) {
    Json all = Json::object();
    for (const ReplayTally& tally : tallies)
        all[tally.name] = {{"attempts", tally.attempts}, {"over", tally.over}};
    return all;
}

std::string number_of(std::uint64_t count, const std::string& what) {
    return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

std::uint64_t failures(const ReplayReport& report) {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < report.outcomes.size(); ++i)
        sum += is_failure(i) ? report.outcomes[i] : 0;
    return sum;
}

} // namespace

std::uint64_t ReplayReport::attempts() const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < outcomes.size(); ++i)
        sum += is_attempt(i) ? outcomes[i] : 0;
    return sum;
}

void sort_sources(std::vector<ReplaySource>& sources) {
    std::sort(sources.begin(), sources.end(), [](const ReplaySource& a, const ReplaySource& b) {
        return std::tie(b.attempts, a.source, a.service) < std::tie(a.attempts, b.source, b.service);
    });
}

std::vector<std::string> replay_warnings(const ReplayReport& report) {
    std::vector<std::string> lines;
    if (report.cut_off)
        lines.push_back("the capture breaks off within its last frame; what comes before was replayed (" +
                        number_of(report.frames, "frame") + ")");
    if (report.frames_backwards != 0)
        lines.push_back(number_of(report.frames_backwards, "frame") +
                        (report.frames_backwards == 1 ? " is" : " are") +
                        " earlier than a frame before; judged at the time reached so far (`reordercap` sorts "
                        "a capture)");
    if (report.frames_cut != 0 && report.outcomes[SLUICE_MALFORMED] != 0)
        lines.push_back(number_of(report.frames_cut, "frame") +
                        " captured without the end, which may be why some count as malformed; capture with "
                        "`tcpdump -s 256` or more");
    if (report.sources_lost != 0)
        lines.push_back(
            "more sources than the table can hold: about " + std::to_string(report.sources_lost) +
            " were lost on the way, so counts are too low; split the capture (`editcap -i 3600`)");
    if (const std::uint64_t failed = failures(report); failed != 0)
        lines.push_back(number_of(failed, "frame") +
                        " could not be judged because of a failure in the kernel; see the outcomes failed_*");
    if (!report.has_limit)
        lines.emplace_back("the configuration has no limit, so that nobody can be over one; write [limit], "
                           "or replay without --config");
    if (report.attempts() == 0)
        lines.push_back("no connection attempt to a protected port (" + report.ports + ") is in the capture");
    return lines;
}

std::string to_json(const ReplayReport& report) {
    Json outcomes = Json::object();
    for (unsigned i = 0; i < report.outcomes.size(); ++i)
        outcomes[std::string(outcome_name(i))] = report.outcomes[i];
    Json sources = Json::array();
    std::uint64_t limited = 0;
    for (const ReplaySource& source : report.sources) {
        sources.push_back(source_json(source));
        limited += source.is_limited() ? 1 : 0;
    }
    const Json document = {
        {"schema", "sluice.replay/1"},
        {"version", SLUICE_VERSION},
        {"file", report.file},
        {"configuration", report.configuration.empty() ? Json(nullptr) : Json(report.configuration)},
        {"mode", to_string(report.mode)},
        {"frames", report.frames},
        {"complete", !report.cut_off},
        {"frames_cut", report.frames_cut},
        {"frames_backwards", report.frames_backwards},
        {"first_frame", moment(report.first_ns)},
        {"last_frame", moment(report.last_ns)},
        {"attempts", report.attempts()},
        {"sources_limited", limited},
        {"sources_lost", report.sources_lost},
        {"outcomes", std::move(outcomes)},
        {"services", tallies_json(report.services)},
        {"classes", tallies_json(report.classes)},
        {"sources", std::move(sources)},
        {"warnings", replay_warnings(report)}};
    // A file's name may hold any bytes; JSON is UTF-8.
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

} // namespace sluice
