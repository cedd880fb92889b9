// SPDX-License-Identifier: GPL-2.0-or-later
// What `replay` found, as one value, and the ways of writing it down: JSON ("sluice.replay/1")
// and a table for people. Moments are wall-clock nanoseconds of the capture.
#pragma once

#include "abi.h"
#include "core/address.hpp"
#include "core/config.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

struct ReplaySource {
    Prefix source;
    std::string service;
    std::string class_name;
    Action action = Action::observe; // of its class
    std::uint32_t connections = 0;   // its limit; 0: nothing limits it
    std::chrono::milliseconds per{0};
    std::uint64_t attempts = 0;
    std::uint64_t over = 0;          // attempts that were over
    std::uint32_t times_over = 0;    // separate times
    std::uint64_t first_over_ns = 0; // these three only if times_over > 0
    std::uint64_t last_over_ns = 0;  // when the last time over began
    std::uint64_t released_ns = 0;   // and when it ended, or would have
    std::uint64_t last_attempt_ns = 0;

    // It would have been dropped: over, and of a class that limits.
    [[nodiscard]] bool is_limited() const { return times_over > 0 && action == Action::limit; }
};

struct ReplayTally {
    std::string name;
    std::uint64_t attempts = 0; // exempt ones included
    std::uint64_t over = 0;
};

struct ReplayReport {
    std::string file;
    std::string configuration; // its path; empty: none, the built-in limit stands for everybody
    std::string ports;         // the protected ones, "25, 465, 587"
    Mode mode = Mode::observe;
    bool has_limit = false; // the configuration limits or observes anybody by a limit

    std::uint64_t frames = 0;
    std::uint64_t frames_cut = 0;       // captured without their end
    std::uint64_t frames_backwards = 0; // earlier than one before them; judged at that one's time
    bool cut_off = false;               // the file breaks off within a frame
    std::optional<std::uint64_t> first_ns;
    std::optional<std::uint64_t> last_ns; // the latest time, wherever its frame stands

    std::array<std::uint64_t, SLUICE_OUTCOMES> outcomes{};
    std::vector<ReplayTally> services;
    std::vector<ReplayTally> classes;
    std::vector<ReplaySource> sources; // see sort_sources()
    std::uint64_t sources_lost = 0;    // found no place in the table, so counts are too low

    [[nodiscard]] std::uint64_t attempts() const;
};

// Most attempts first; the same number by source, then service.
void sort_sources(std::vector<ReplaySource>& sources);

// What must be known to read the numbers rightly, one line each.
[[nodiscard]] std::vector<std::string> replay_warnings(const ReplayReport& report);

[[nodiscard]] std::string to_json(const ReplayReport& report);

// A time as people read it; the zone is the machine's, which core does not know.
using TimeText = std::string (*)(std::uint64_t wall_ns);

// Without warnings, which go to another stream. Whoever was over is listed; of the others the
// busiest ones, unless `all`.
[[nodiscard]] std::string to_text(const ReplayReport& report, TimeText time_text, bool all);

} // namespace sluice
