// SPDX-License-Identifier: GPL-2.0-or-later
// Limits above 64 (bpf/large.h) against a list of timestamps: never more than the limit, and nobody
// over who would not be with a period longer by 1/32.
#include "../harness/pass_checker.hpp"
#include "../harness/window_oracle.hpp"
#include "large.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <thread>

namespace sluice::test {
namespace {

constexpr std::uint64_t tick = SLUICE_TICK_NS;
constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint32_t log_all = WINDOW_LOG_WITHIN | WINDOW_LOG_OVER;

std::size_t count_since(const std::deque<std::uint64_t>& times, std::uint64_t moment) {
    std::size_t count = 0;
    for (auto at = times.rbegin(); at != times.rend() && *at > moment; ++at)
        count++;
    return count;
}

// One stream of attempts in bursts and pauses around the limit.
void run_stream(std::mt19937_64& random, std::uint32_t connections, std::uint64_t per_ticks,
                bool count_dropped) {
    const auto large = std::make_unique<sluice_large>();
    const std::uint64_t per = per_ticks * tick;
    const std::uint64_t early = per / LARGE_SPAN + 33 * tick;
    std::deque<std::uint64_t> logged, passes;
    std::uint64_t now = 100'000 * second;
    std::size_t overs = 0;
    for (int i = 0; i < 3000; i++) {
        now += random() % (4 * connections) == 0 ? random() % (per / 2) : random() % (per / connections + 1);
        const window_result got = large_attempt(large.get(), connections, per_ticks, now,
                                                count_dropped ? log_all : std::uint32_t{WINDOW_LOG_WITHIN});
        ASSERT_NE(got.verdict, WINDOW_CONTENDED);
        if (got.verdict == WINDOW_WITHIN) {
            // bound one
            ASSERT_LT(count_since(passes, now - per), connections) << "attempt " << i;
            passes.push_back(now);
        } else {
            // bound two, and a release moment that agrees with it
            ASSERT_GE(count_since(logged, now - per - early), connections) << "attempt " << i;
            ASSERT_GT(got.release_ns, now);
            ASSERT_LE(got.release_ns, now + per + 2 * early);
            overs++;
        }
        if (got.verdict == WINDOW_WITHIN || count_dropped)
            logged.push_back(now);
        if (got.verdict == WINDOW_OVER && i % 7 == 0) {
            // quiet until the release moment: then the next is within, and a bucket's width before it is not
            sluice_large copy = *large;
            EXPECT_EQ(large_attempt(&copy, connections, per_ticks, got.release_ns, 0).verdict, WINDOW_WITHIN);
            copy = *large;
            const std::uint64_t before = got.release_ns - large_width(per_ticks) * tick;
            if (before > now) {
                EXPECT_EQ(large_attempt(&copy, connections, per_ticks, before, 0).verdict, WINDOW_OVER);
            }
            EXPECT_EQ(large_release_ns(large.get(), connections, per_ticks, now), got.release_ns);
        }
    }
    EXPECT_GT(overs, 0U);
    EXPECT_GE(passes.size(), std::size_t{connections});
}

TEST(Large, keeps_both_bounds) {
    std::mt19937_64 random(20260202);
    const int scenarios = std::getenv("SLUICE_LONG") != nullptr ? 400 : 40;
    for (int i = 0; i < scenarios; i++) {
        const std::uint32_t limits[] = {65, 100, 127, 300, 1000};
        const std::uint64_t periods[] = {1, 7, 60, 3600, 86'400};
        const std::uint32_t connections = limits[random() % 5];
        const std::uint64_t per_ticks = periods[random() % 5] * second / tick;
        const bool count_dropped = random() % 2 == 0;
        SCOPED_TRACE(testing::Message()
                     << connections << " per " << per_ticks << " ticks, count_dropped " << count_dropped);
        run_stream(random, connections, per_ticks, count_dropped);
    }
}

TEST(Large, counts_10000_in_a_day) {
    const auto large = std::make_unique<sluice_large>();
    const std::uint64_t per_ticks = 86'400 * second / tick;
    std::uint64_t now = 200'000 * second;
    for (int i = 0; i < 10'000; i++, now += 8 * second)
        ASSERT_EQ(large_attempt(large.get(), 10'000, per_ticks, now, log_all).verdict, WINDOW_WITHIN) << i;
    EXPECT_EQ(large_count(large.get(), per_ticks, now), 10'000U);
    EXPECT_EQ(large_attempt(large.get(), 10'000, per_ticks, now, log_all).verdict, WINDOW_OVER);
}

TEST(Large, forgets_everything_after_a_long_silence) {
    const auto large = std::make_unique<sluice_large>();
    const std::uint64_t per_ticks = 60 * second / tick;
    for (int i = 0; i < 200; i++)
        (void)large_attempt(large.get(), 100, per_ticks, 1000 * second, log_all);
    EXPECT_EQ(large_count(large.get(), per_ticks, 1000 * second), 200U);
    EXPECT_EQ(large_count(large.get(), per_ticks, 1070 * second), 0U);
    EXPECT_EQ(large_attempt(large.get(), 100, per_ticks, 1070 * second, log_all).verdict, WINDOW_WITHIN);
}

TEST(Large, two_threads_never_pass_more) {
    for (const bool count_dropped : {true, false}) {
        const auto large = std::make_unique<sluice_large>();
        const std::uint64_t per_ticks = 1'000'000 / tick; // 1 ms
        std::atomic<int> ready = 0;
        std::vector<TimedRun> runs[2];
        const auto clock = [] {
            return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
        };
        const auto work = [&](std::vector<TimedRun>& mine) {
            mine.reserve(2'000'000);
            ready++;
            while (ready < 2) {
            }
            const std::uint64_t end = clock() + second / 4;
            for (std::uint64_t now = clock(); now < end; now = clock()) {
                const bool passed = large_attempt(large.get(), 65, per_ticks, now,
                                                  count_dropped ? log_all : std::uint32_t{WINDOW_LOG_WITHIN})
                                        .verdict == WINDOW_WITHIN;
                mine.push_back({now, clock(), passed});
            }
        };
        std::thread other(work, std::ref(runs[1]));
        work(runs[0]);
        other.join();
        runs[0].insert(runs[0].end(), runs[1].begin(), runs[1].end());
        const Judgement judgement =
            judge_runs(runs[0], 65, per_ticks * tick, count_dropped, per_ticks * tick / 32 + 33 * tick);
        EXPECT_EQ(judgement.excess, 0U);
        EXPECT_GE(judgement.passes, 65U);
    }
}

} // namespace
} // namespace sluice::test
