// SPDX-License-Identifier: GPL-2.0-or-later
// ReplayReport -> what an operator reads: who would have been limited, when and how often; then
// what became of all frames.
#include "core/duration.hpp"
#include "core/outcome.hpp"
#include "core/replay_report.hpp"

#include <algorithm>
#include <array>

namespace sluice {

namespace {

constexpr std::size_t others_shown = 20;
constexpr std::size_t columns = 9;

using Cells = std::array<std::string, columns>;

constexpr std::array<bool, columns> to_the_right = {false, false, false, true, true,
                                                    true,  true,  false, false};

const Cells headings = {"SOURCE", "SERVICE", "CLASS",      "LIMIT",   "ATTEMPTS",
                        "OVER",   "TIMES",   "FIRST OVER", "RELEASED"};

std::string counted(std::uint64_t count, const char* one, const char* many) {
    return std::to_string(count) + ' ' + (count == 1 ? one : many);
}

std::string limit_text(const ReplaySource& source) {
    return source.connections == 0 ? "none"
                                   : std::to_string(source.connections) + '/' + format_duration(source.per);
}

Cells row_of(const ReplaySource& source, TimeText time_text) {
    const bool was_over = source.times_over > 0;
    const bool observed = source.action == Action::observe;
    return {to_string(source.source),
            source.service,
            source.class_name + (observed ? " (observed)" : ""),
            limit_text(source),
            std::to_string(source.attempts),
            std::to_string(source.over),
            std::to_string(source.times_over),
            was_over ? time_text(source.first_over_ns) : "-",
            was_over ? time_text(source.released_ns) : "-"};
}

std::string padded(const std::string& text, std::size_t width, bool right) {
    const std::string blanks(width - std::min(width, text.size()), ' ');
    return right ? blanks + text : text + blanks;
}

std::string table(const std::vector<Cells>& rows) {
    std::array<std::size_t, columns> widths{};
    for (const Cells& row : rows)
        for (std::size_t i = 0; i < columns; ++i)
            widths[i] = std::max(widths[i], row[i].size());
    std::string text;
    for (const Cells& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < columns; ++i)
            line += (i == 0 ? "" : "  ") + padded(row[i], widths[i], to_the_right[i]);
        text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
    return text;
}

std::string sources_text(const ReplayReport& report, TimeText time_text, bool all) {
    std::vector<Cells> rows{headings};
    std::size_t others = 0;
    std::size_t hidden = 0;
    for (const ReplaySource& source : report.sources) {
        if (source.times_over == 0 && ++others > others_shown && !all)
            ++hidden;
        else
            rows.push_back(row_of(source, time_text));
    }
    if (rows.size() == 1)
        return "";
    std::string text = '\n' + table(rows);
    if (hidden != 0)
        text +=
            "... and " + counted(hidden, "source", "sources") + " that never were over (--all lists them)\n";
    return text;
}

std::string verdict_text(const ReplayReport& report) {
    const auto limited = static_cast<std::uint64_t>(
        std::count_if(report.sources.begin(), report.sources.end(),
                      [](const ReplaySource& source) { return source.is_limited(); }));
    const auto observed = static_cast<std::uint64_t>(
        std::count_if(report.sources.begin(), report.sources.end(), [](const ReplaySource& source) {
            return source.times_over > 0 && !source.is_limited();
        }));
    const std::uint64_t all = report.sources.size();
    std::string text = limited == 0
                           ? "Nobody would have been limited (" + counted(all, "source", "sources") + ')'
                           : std::to_string(limited) + " of " + counted(all, "source", "sources") +
                                 " would have been limited";
    if (observed != 0)
        text += "; " + std::to_string(observed) + (observed == 1 ? " was" : " were") +
                " over in a class that is only observed";
    return text + ".\n";
}

std::string heading_text(const ReplayReport& report, TimeText time_text) {
    std::string text = report.file + ": " + counted(report.frames, "frame", "frames") + ", " +
                       counted(report.attempts(), "attempt", "attempts") + " to ports " + report.ports + '\n';
    if (report.first_ns && report.last_ns) {
        const std::uint64_t ms = (*report.last_ns - *report.first_ns) / 1'000'000;
        text += time_text(*report.first_ns) + " to " + time_text(*report.last_ns) + " (" +
                format_rough(std::chrono::milliseconds(ms)) + ")\n";
    }
    if (report.configuration.empty())
        text +=
            "No configuration is written: the built-in limit of 10 attempts in 60s stands for everybody.\n";
    else
        text += "Configuration " + report.configuration + ", judged in mode " +
                std::string(to_string(report.mode)) + ".\n";
    return text;
}

std::string outcomes_text(const ReplayReport& report) {
    std::size_t name_width = 0;
    std::size_t count_width = 0;
    for (unsigned i = 0; i < report.outcomes.size(); ++i) {
        if (report.outcomes[i] == 0)
            continue;
        name_width = std::max(name_width, outcome_name(i).size());
        count_width = std::max(count_width, std::to_string(report.outcomes[i]).size());
    }
    if (name_width == 0)
        return "";
    std::string text = "\nWhat became of the frames:\n";
    for (unsigned i = 0; i < report.outcomes.size(); ++i)
        if (report.outcomes[i] != 0)
            text += "  " + padded(std::to_string(report.outcomes[i]), count_width, true) + "  " +
                    padded(std::string(outcome_name(i)), name_width, false) + "  " +
                    std::string(outcome_explanation(i)) + '\n';
    return text;
}

} // namespace

std::string to_text(const ReplayReport& report, TimeText time_text, bool all) {
    return heading_text(report, time_text) + verdict_text(report) + sources_text(report, time_text, all) +
           outcomes_text(report);
}

} // namespace sluice
