// SPDX-License-Identifier: GPL-2.0-or-later
// Judges what several CPUs made of one source, by the times at which they did it: did any window
// pass more than the limit, and was anybody called over without reason?
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sluice::test {

// One run: the clock reading that it judged by, and a reading after its end.
struct TimedRun {
    std::uint64_t time_ns = 0;
    std::uint64_t end_ns = 0;
    bool passed = false;
};

struct Judgement {
    std::size_t attempts = 0;
    std::size_t passes = 0;
    std::size_t excess = 0;    // windows of `per` that passed more than the limit
    std::size_t unfounded = 0; // called over although too few attempts can have been in the window
};

// `slack_ns`: by how much rounding may lengthen the window (three ticks).
//
// Unfounded: an attempt judged by time t that ended at e is over with reason if at least `limit`
// other logged attempts were under way, from their own reading to their end, at some moment of
// (t - per - slack, e). The overlap of two runs is thereby the whole bound.
inline Judgement judge_runs(const std::vector<TimedRun>& runs, std::size_t limit, std::uint64_t per_ns,
                            bool count_dropped, std::uint64_t slack_ns) {
    std::vector<std::uint64_t> passes, begins, ends;
    for (const TimedRun& run : runs) {
        if (run.passed)
            passes.push_back(run.time_ns);
        if (run.passed || count_dropped) {
            begins.push_back(run.time_ns);
            ends.push_back(run.end_ns);
        }
    }
    std::sort(passes.begin(), passes.end());
    std::sort(begins.begin(), begins.end());
    std::sort(ends.begin(), ends.end());

    Judgement judgement{.attempts = runs.size(), .passes = passes.size()};
    for (std::size_t i = limit; i < passes.size(); i++)
        judgement.excess += passes[i] - passes[i - limit] < per_ns;
    for (const TimedRun& run : runs) {
        if (run.passed)
            continue;
        const std::uint64_t horizon = run.time_ns - per_ns - slack_ns;
        const auto begun = std::lower_bound(begins.begin(), begins.end(), run.end_ns) - begins.begin();
        const auto gone = std::upper_bound(ends.begin(), ends.end(), horizon) - ends.begin();
        const auto others = static_cast<std::size_t>(begun - gone) - (count_dropped ? 1 : 0);
        judgement.unfounded += others < limit;
    }
    return judgement;
}

} // namespace sluice::test
