// SPDX-License-Identifier: GPL-2.0-or-later
// One source, two CPUs, the real program: each thread brings its own reading of the clock, and
// afterwards the passes of both are laid over each other.
#include "data_plane.hpp"
#include "kernel/clock.hpp"
#include "kernel/test_run.hpp"
#include "pass_checker.hpp"
#include "row_name.hpp"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <thread>

namespace sluice::test {
namespace {

struct Row {
    const char* name;
    std::uint32_t limit;
    std::uint64_t per_ns;
};

std::vector<int> usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> cpus;
    if (::sched_getaffinity(0, sizeof(set), &set) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &set))
                cpus.push_back(cpu);
    return cpus;
}

void pin_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    check(::sched_setaffinity(0, sizeof(set), &set), "pin thread");
}

std::vector<TimedRun> drive(int program, int cpu, std::uint64_t length_ns, std::atomic<int>& ready) {
    pin_to(cpu);
    const Bytes frame = (Ethernet{} / IPv4{} / TCP{}).bytes();
    std::vector<TimedRun> runs;
    runs.reserve(1'000'000);
    ready++;
    while (ready < 2) {
    }
    const std::uint64_t end = boottime_ns() + length_ns;
    for (std::uint64_t now = boottime_ns(); now < end; now = boottime_ns()) {
        const bool passed = test_run(program, frame, now).action == XDP_PASS;
        runs.push_back({now, boottime_ns(), passed});
    }
    return runs;
}

class TwoCpus : public testing::TestWithParam<Row> {
protected:
    void SetUp() override {
        SLUICE_NEEDS_BPF();
        if (usable_cpus().size() < 2)
            GTEST_SKIP() << "needs two CPUs";
    }
};

TEST_P(TwoCpus, never_pass_more_and_call_nobody_over_without_reason) {
    const Row& row = GetParam();
    const std::vector<int> cpus = usable_cpus();
    const std::uint64_t length = (std::getenv("SLUICE_LONG") != nullptr ? 15'000 : 500) * ms;
    for (const bool count_dropped : {true, false}) {
        SCOPED_TRACE(testing::Message() << "count_dropped " << count_dropped);
        DataPlane plane;
        const std::uint64_t per_ticks = (row.per_ns + tick - 1) / tick;
        plane.load(plain_policy(row.limit, per_ticks, count_dropped));
        plane.set_mode(Mode::xdp);

        std::atomic<int> ready = 0;
        std::vector<TimedRun> runs, others;
        std::thread other([&] { others = drive(plane.program().fd(), cpus[1], length, ready); });
        std::thread one([&] { runs = drive(plane.program().fd(), cpus[0], length, ready); });
        other.join();
        one.join();
        runs.insert(runs.end(), others.begin(), others.end());

        const Judgement judgement = judge_runs(runs, row.limit, per_ticks * tick, count_dropped, 3 * tick);
        // A test run may be descheduled in the middle, which a packet never is; whoever then waits in vain
        // for the entry to be made passes and is counted.
        const std::uint64_t failed =
            plane.counter(SLUICE_FAILED_ENTRY) + plane.counter(SLUICE_FAILED_RECYCLED);
        if (failed == 0) {
            EXPECT_EQ(judgement.excess, 0U);
        }
        EXPECT_LE(failed, 100U);
        EXPECT_EQ(judgement.unfounded, 0U);
        EXPECT_GE(judgement.passes, row.limit);
        // and the program's own books agree with what the threads saw
        const auto entry = plane.source("192.0.2.66", 1);
        ASSERT_TRUE(entry);
        EXPECT_EQ(entry->attempts + failed, runs.size());
        EXPECT_EQ(plane.counter(SLUICE_PASSED) + failed, judgement.passes);
        EXPECT_EQ(plane.counter(SLUICE_DROPPED_LIMITED), runs.size() - judgement.passes);
        EXPECT_EQ(plane.counter(SLUICE_SOURCES_NEW), 1U);
        RecordProperty(count_dropped ? "attempts" : "attempts_clipped", std::to_string(judgement.attempts));
        RecordProperty(count_dropped ? "passes" : "passes_clipped", std::to_string(judgement.passes));
        RecordProperty(count_dropped ? "contended" : "contended_clipped",
                       std::to_string(plane.counter(SLUICE_CONTENDED)));
    }
}

constexpr Row rows[] = {
    {"limit_1_in_20us", 1, 20 * us}, {"limit_8_in_20us", 8, 20 * us}, {"limit_64_in_20us", 64, 20 * us},
    {"limit_1_in_1ms", 1, ms},       {"limit_8_in_1ms", 8, ms},       {"limit_64_in_1ms", 64, ms},
    {"limit_1_in_1s", 1, second},    {"limit_8_in_1s", 8, second},    {"limit_64_in_1s", 64, second},
};
INSTANTIATE_TEST_SUITE_P(OneSource, TwoCpus, testing::ValuesIn(rows), row_name);

} // namespace
} // namespace sluice::test
