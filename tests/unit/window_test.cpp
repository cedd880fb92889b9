// SPDX-License-Identifier: GPL-2.0-or-later
// The sliding window of bpf/window.h, compiled natively, against a plain list of timestamps: at
// limits 1 to 64, periods from 1 s to 24 h, and across the wrap of everything that can wrap.
#include "../harness/pass_checker.hpp"
#include "../harness/window_oracle.hpp"
#include "abi.h"
#include "window.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace sluice::test {
namespace {

constexpr std::uint64_t tick = SLUICE_TICK_NS;
constexpr std::uint32_t owner = 1;
constexpr std::uint64_t hour = 3'600'000'000'000;
constexpr std::uint64_t last_lap = (std::uint64_t{1} << 56) - 1;
constexpr std::uint32_t log_all = WINDOW_LOG_WITHIN | WINDOW_LOG_OVER;

bool long_run() {
    return std::getenv("SLUICE_LONG") != nullptr;
}

// An entry whose next place is the first of `lap`; what lies before it is as old as the clock.
std::unique_ptr<sluice_source> entry_at_lap(std::uint64_t lap = 1) {
    auto entry = std::make_unique<sluice_source>();
    entry->life = owner;
    entry->head = lap << 8;
    for (auto& slot : entry->slots)
        slot = (lap - 1) & 0xff;
    return entry;
}

struct Scenario {
    std::uint32_t limit = 1;
    std::uint32_t capacity = 1;
    std::uint64_t per_ticks = 1;
    bool count_dropped = true;
    std::uint64_t start = 0;
    std::uint64_t lap = 1;

    friend std::ostream& operator<<(std::ostream& out, const Scenario& s) {
        return out << s.limit << " per " << s.per_ticks << " ticks, capacity " << s.capacity
                   << ", count_dropped " << s.count_dropped << ", from " << s.start << " ns, lap " << s.lap;
    }
};

Scenario random_scenario(std::mt19937_64& random) {
    Scenario s;
    s.limit = static_cast<std::uint32_t>(1 + random() % SLUICE_MAX_LIMIT);
    s.capacity =
        random() % 3 == 0 ? s.limit : static_cast<std::uint32_t>(s.limit + random() % (65 - s.limit));
    s.per_ticks = random_period_ticks(random, tick);
    s.count_dropped = random() % 2 == 0;
    const std::uint64_t starts[] = {100 * hour, (std::uint64_t{1} << 63) - 50 * hour,
                                    (std::uint64_t{1} << 63) - 1000 * tick, std::uint64_t{1} << 62};
    const std::uint64_t laps[] = {1, 2, 255, 256, 257, last_lap - 1, last_lap, std::uint64_t{1} << 32};
    s.start = starts[random() % 4];
    s.lap = laps[random() % 8];
    if (random() % 4 == 0) { // the machine has just started: younger than the period
        s.start = random() % 3 * tick;
        s.lap = 1;
    }
    return s;
}

window_result attempt(sluice_source& entry, const Scenario& s, std::uint64_t now) {
    return window_attempt(&entry, owner, s.capacity, s.limit, s.per_ticks, now,
                          s.count_dropped ? log_all : std::uint32_t{WINDOW_LOG_WITHIN});
}

TEST(Window, agrees_with_a_list_of_timestamps_bit_for_bit) {
    std::mt19937_64 random(20260101);
    const int scenarios = long_run() ? 20'000 : 800;
    std::uint64_t attempts = 0, overs = 0, edges = 0;
    for (int i = 0; i < scenarios; i++) {
        const Scenario s = random_scenario(random);
        SCOPED_TRACE(testing::Message() << "scenario " << i << ": " << s);
        const auto entry = entry_at_lap(s.lap);
        WindowOracle oracle(s.limit, s.per_ticks * tick, s.count_dropped);
        AttemptTimes times(s.start / tick * tick, tick);
        // a few go round all 256 values of the lap's byte
        const int length = i % 40 == 0 ? 20'000 : 1'200;
        for (int j = 0; j < length; j++, attempts++) {
            const std::uint64_t now = times.next(oracle, random);
            const WindowOracle::Answer expected = oracle.attempt(now);
            const window_result got = attempt(*entry, s, now);
            ASSERT_EQ(got.verdict, expected.over ? WINDOW_OVER : WINDOW_WITHIN)
                << "attempt " << j << " at " << now;
            ASSERT_EQ(got.release_ns, expected.release_ns) << "attempt " << j;
            if (expected.over) {
                ASSERT_EQ(window_mark_over(entry.get(), now, got.release_ns) != 0, expected.edge)
                    << "attempt " << j;
                ASSERT_EQ(entry->until_ns, expected.release_ns);
                overs++;
                edges += expected.edge;
            }
            if (j % 16 == 0) {
                if (s.lap == 1) {
                    ASSERT_EQ(window_release_ns(entry.get(), s.capacity, s.limit, s.per_ticks),
                              oracle.release_ns());
                }
                if (s.start > 0) {
                    ASSERT_EQ(window_count(entry.get(), s.capacity, s.per_ticks, now),
                              std::min<std::size_t>(oracle.count(now), s.capacity));
                }
            }
        }
        EXPECT_EQ(entry->times_over > 0, entry->since > 0);
    }
    EXPECT_GE(attempts, 1'000'000U);
    RecordProperty("attempts", std::to_string(attempts));
    RecordProperty("over", std::to_string(overs));
    // the times are chosen well only if both verdicts and many edges came up
    EXPECT_GT(overs, attempts / 10);
    EXPECT_LT(overs, attempts * 9 / 10);
    EXPECT_GT(edges, attempts / 100);
}

TEST(Window, keeps_its_bounds_at_any_nanosecond) {
    std::mt19937_64 random(20260102);
    const int scenarios = long_run() ? 10'000 : 400;
    for (int i = 0; i < scenarios; i++) {
        const Scenario s = random_scenario(random);
        SCOPED_TRACE(testing::Message() << "scenario " << i << ": " << s);
        const auto entry = entry_at_lap(s.lap);
        // the oracle only chooses times and counts what was logged
        WindowOracle logged(s.limit, s.per_ticks * tick, true);
        AttemptTimes times(s.start + random() % tick, 1);
        std::vector<std::uint64_t> passes;
        for (int j = 0; j < 1'000; j++) {
            const std::uint64_t now = times.next(logged, random);
            const window_result got = attempt(*entry, s, now);
            if (got.verdict == WINDOW_WITHIN) {
                passes.push_back(now);
            } else {
                ASSERT_GE(logged.count(now, 3 * tick), s.limit) << "over without reason, attempt " << j;
                ASSERT_GT(got.release_ns, now);
            }
            if (got.verdict == WINDOW_WITHIN || s.count_dropped)
                (void)logged.attempt(now);
        }
        for (std::size_t j = s.limit; j < passes.size(); j++)
            ASSERT_GE(passes[j] - passes[j - s.limit], s.per_ticks * tick) << "pass " << j;
    }
}

TEST(Window, is_over_one_tick_before_the_release_moment_and_within_at_it) {
    const Scenario s{.limit = 10, .capacity = 10, .per_ticks = 60'000'000'000 / tick};
    for (const bool count_dropped : {true, false})
        for (const std::uint64_t late : {0U, 1U}) {
            Scenario with = s;
            with.count_dropped = count_dropped;
            const auto entry = entry_at_lap();
            std::uint64_t now = hour / tick * tick;
            for (int i = 0; i < 10; i++)
                ASSERT_EQ(attempt(*entry, with, now += tick).verdict, WINDOW_WITHIN);
            const window_result over = attempt(*entry, with, now);
            ASSERT_EQ(over.verdict, WINDOW_OVER);
            const std::uint64_t moment = over.release_ns - (late != 0 ? 0 : tick);
            EXPECT_EQ(attempt(*entry, with, moment).verdict, late != 0 ? WINDOW_WITHIN : WINDOW_OVER);
        }
}

TEST(Window, writes_nothing_into_an_entry_of_another_owner) {
    const Scenario s{.limit = 2, .capacity = 4, .per_ticks = 1000};
    const auto entry = entry_at_lap();
    entry->life = owner + 1;
    const sluice_source before = *entry;
    EXPECT_EQ(attempt(*entry, s, hour).verdict, WINDOW_RECYCLED);
    EXPECT_EQ(std::memcmp(entry.get(), &before, sizeof before), 0);
    entry->life = owner;
    EXPECT_EQ(attempt(*entry, s, hour).verdict, WINDOW_WITHIN);
}

// What a CPU leaves that held the entry's former life: a head that moved on over a free place.
TEST(Window, heals_a_log_with_a_hole) {
    for (std::uint32_t limit = 1; limit <= 8; limit++)
        for (std::uint32_t hole = 0; hole < 12; hole++) {
            SCOPED_TRACE(testing::Message() << "limit " << limit << ", hole at " << hole);
            const Scenario s{.limit = limit, .capacity = 8, .per_ticks = 1000};
            const auto entry = entry_at_lap();
            std::uint64_t now = hour / tick * tick, passed = 0;
            for (std::uint32_t i = 0; i < 64; i++) {
                if (i == hole)
                    window_advance(entry.get(),
                                   {entry->head >> 8, static_cast<std::uint32_t>(entry->head & 0xff), 0}, 8);
                const window_result got = attempt(*entry, s, now += (1000 / limit + 1) * tick);
                ASSERT_NE(got.verdict, WINDOW_CONTENDED) << "attempt " << i;
                passed += got.verdict == WINDOW_WITHIN;
            }
            // the hole stands for one attempt too many while it is among the last `limit`
            EXPECT_GE(passed, 64 - limit);
        }
}

TEST(Window, an_attempt_that_is_not_logged_leaves_no_trace) {
    const Scenario s{.limit = 2, .capacity = 4, .per_ticks = 1000};
    const auto entry = entry_at_lap();
    const sluice_source before = *entry;
    EXPECT_EQ(window_attempt(entry.get(), owner, s.capacity, s.limit, s.per_ticks, hour, 0).verdict,
              WINDOW_WITHIN);
    EXPECT_EQ(std::memcmp(entry.get(), &before, sizeof before), 0);
}

TEST(Window, nothing_limits_a_limit_of_zero) {
    const Scenario s{.limit = 0, .capacity = 4, .per_ticks = 0};
    const auto entry = entry_at_lap();
    for (int i = 0; i < 1000; i++)
        ASSERT_EQ(attempt(*entry, s, hour).verdict, WINDOW_WITHIN);
}

TEST(Window, a_copy_of_a_full_log_that_is_newer_than_its_head_gives_the_next_release_moment) {
    const Scenario s{.limit = 8, .capacity = 8, .per_ticks = 1'000'000};
    const auto entry = entry_at_lap();
    std::uint64_t now = hour / tick * tick;
    for (int i = 0; i < 20; i++)
        (void)attempt(*entry, s, now += tick);
    sluice_source torn = *entry;
    (void)attempt(*entry, s, now += 100 * tick);
    std::copy(std::begin(entry->slots), std::end(entry->slots), torn.slots);
    EXPECT_EQ(window_release_ns(&torn, 8, 8, s.per_ticks), window_release_ns(entry.get(), 8, 8, s.per_ticks));
}

std::uint64_t clock_now() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// Two threads drive one source through `attempt_at(now) -> passed`.
template <typename Attempt>
std::vector<TimedRun> two_threads(std::chrono::milliseconds length, const Attempt& attempt_at) {
    std::vector<TimedRun> runs[2];
    std::atomic<int> ready = 0;
    const auto work = [&](std::vector<TimedRun>& mine) {
        mine.reserve(4'000'000);
        ready++;
        while (ready < 2) {
        }
        const std::uint64_t end =
            clock_now() + static_cast<std::uint64_t>(std::chrono::nanoseconds(length).count());
        for (std::uint64_t now = clock_now(); now < end; now = clock_now()) {
            const bool passed = attempt_at(now);
            mine.push_back({now, clock_now(), passed});
        }
    };
    std::thread other(work, std::ref(runs[1]));
    work(runs[0]);
    other.join();
    runs[0].insert(runs[0].end(), runs[1].begin(), runs[1].end());
    return runs[0];
}

struct Race {
    const char* name;
    std::uint32_t limit;
    std::uint64_t per_ns;
};

class WindowRace : public testing::TestWithParam<Race> {};

TEST_P(WindowRace, never_passes_more_and_calls_nobody_over_without_reason) {
    const auto [name, limit, per_ns] = GetParam();
    for (const bool count_dropped : {true, false}) {
        const Scenario s{.limit = limit,
                         .capacity = limit,
                         .per_ticks = (per_ns + tick - 1) / tick,
                         .count_dropped = count_dropped};
        const auto entry = entry_at_lap();
        const auto runs =
            two_threads(std::chrono::milliseconds(long_run() ? 10'000 : 100),
                        [&](std::uint64_t now) { return attempt(*entry, s, now).verdict == WINDOW_WITHIN; });
        const Judgement judgement = judge_runs(runs, limit, s.per_ticks * tick, count_dropped, 3 * tick);
        EXPECT_EQ(judgement.excess, 0U) << judgement.attempts << " attempts, count_dropped " << count_dropped;
        EXPECT_EQ(judgement.unfounded, 0U)
            << judgement.attempts << " attempts, count_dropped " << count_dropped;
        EXPECT_GE(judgement.passes, std::min<std::size_t>(limit, runs.size()));
    }
}

constexpr Race races[] = {
    {"1_in_20us", 1, 20'000},      {"8_in_20us", 8, 20'000},        {"64_in_20us", 64, 20'000},
    {"1_in_1ms", 1, 1'000'000},    {"8_in_1ms", 8, 1'000'000},      {"64_in_1ms", 64, 1'000'000},
    {"1_in_1s", 1, 1'000'000'000}, {"64_in_1s", 64, 1'000'000'000},
};
INSTANTIATE_TEST_SUITE_P(Native, WindowRace, testing::ValuesIn(races),
                         [](const auto& row) { return std::string("limit_") + row.param.name; });

// The twin: a window that looks, and writes a moment later, is as good as any on one CPU. Both
// threads are held between the two until the other has looked as well.
TEST(WindowJudge, catches_a_window_that_looks_and_then_writes) {
    constexpr std::uint64_t per = 3'600'000'000'000;
    std::atomic<std::uint64_t> latest = 0;
    std::atomic<int> looked = 0;
    const auto careless = [&](std::uint64_t now) {
        if (latest.load() != 0)
            return false;
        looked++;
        while (looked < 2)
            std::this_thread::yield();
        latest.store(now);
        return true;
    };
    EXPECT_EQ(judge_runs(two_threads(std::chrono::milliseconds(100), careless), 1, per, false, 0).excess, 1U);
}

// And a window that drops at random is caught by the other half of the judge.
TEST(WindowJudge, the_judge_catches_a_drop_without_reason) {
    const std::vector<TimedRun> runs = {{1000, 1010, true}, {900'000, 900'010, false}};
    EXPECT_EQ(judge_runs(runs, 1, 20'000, true, 3 * tick).unfounded, 1U);
    EXPECT_EQ(judge_runs(runs, 1, 899'500, true, 3 * tick).unfounded, 0U);
}

} // namespace
} // namespace sluice::test
