// SPDX-License-Identifier: GPL-2.0-or-later
// What is shown must be what packets met.
#include "support.hpp"

#include "core/outcome.hpp"
#include "kernel/ledger.hpp"
#include "kernel/process.hpp"
#include "kernel/snapshot_reader.hpp"

#include <sys/prctl.h>
#include <unistd.h>

namespace sluice::test {
namespace {

class SnapshotReaderTest : public KernelTest {
protected:
    Snapshot snapshot() { return read_snapshot(maps(), {{"lo", 1, "native"}}); }
    void set_controller(std::uint32_t pid) {
        sluice_control control = maps().control_word();
        control.controller_pid = pid;
        maps().control.put(0, control);
    }
    static const SeenSource* find(const Snapshot& seen, const std::string& source) {
        for (const SeenSource& one : seen.sources_over)
            if (to_string(one.source) == source)
                return &one;
        return nullptr;
    }
};

TEST_F(SnapshotReaderTest, CountsAddUp) {
    for (const Mode mode : {Mode::observe, Mode::nft, Mode::xdp}) {
        plane_.set_mode(mode);
        attempt("192.0.2.66", 25, 7);
        attempt("203.0.113.5", 25, 4);
        attempt("198.51.100.5", 587, 6);
        attempt("192.0.2.66", 80, 2); // not protected
    }
    const Snapshot seen = snapshot();
    const Totals totals = total(seen);
    EXPECT_EQ(totals.attempts, 51U);
    EXPECT_EQ(totals.packets, 57U);
    EXPECT_EQ(seen.outcomes[SLUICE_EXEMPT], 12U);
    EXPECT_EQ(seen.outcomes[SLUICE_WOULD_DROP], 4U);
    EXPECT_EQ(seen.outcomes[SLUICE_LEFT_TO_NFT], 7U);
    EXPECT_EQ(totals.dropped_xdp, 7U);
    EXPECT_EQ(seen.outcomes[SLUICE_OVER_OBSERVED], 17U);
    EXPECT_EQ(totals.over, 18U + 17U);
    std::uint64_t by_class = 0;
    std::uint64_t by_service = 0;
    for (const SeenTally& tally : seen.classes)
        by_class += tally.attempts;
    for (const SeenTally& tally : seen.services)
        by_service += tally.attempts;
    EXPECT_EQ(by_class, totals.attempts);
    EXPECT_EQ(by_service, totals.attempts);
    EXPECT_EQ(seen.sources, 2U); // exempt ones have no entry
    EXPECT_EQ(seen.limits.size(), 8U);
}

TEST_F(SnapshotReaderTest, WhoIsOverIsShownInEveryMode) {
    attempt("192.0.2.66", 25, 5);
    attempt("192.0.2.67", 25, 3); // within
    attempt("198.51.100.5", 25, 2);
    for (const Mode mode : {Mode::observe, Mode::xdp}) {
        plane_.set_mode(mode);
        const Snapshot seen = snapshot();
        ASSERT_EQ(seen.sources_over.size(), 2U);
        const SeenSource* over = find(seen, "192.0.2.66/32");
        ASSERT_NE(over, nullptr);
        EXPECT_EQ(over->limited, mode == Mode::xdp);
        EXPECT_EQ(over->would_be_limited, mode == Mode::observe);
        EXPECT_EQ(over->attempts, 5U);
        EXPECT_EQ(over->in_window, 5U);
        EXPECT_EQ(over->class_name, "default");
        EXPECT_EQ(over->service, "smtp");
        EXPECT_LE(over->since_ns, seen.time_ns);
        EXPECT_GT(over->until_ns, seen.time_ns + 50 * second);
        EXPECT_LE(over->until_ns, seen.time_ns + 60 * second);
        const SeenSource* watched = find(seen, "198.51.100.5/32");
        ASSERT_NE(watched, nullptr);
        EXPECT_FALSE(watched->limited || watched->would_be_limited);
    }
}

TEST_F(SnapshotReaderTest, InModeNftLimitedMeansThatTheTableHasIt) {
    attempt("192.0.2.66", 25, 5);
    plane_.set_mode(Mode::nft);
    EXPECT_FALSE(snapshot().nft_present);
    EXPECT_EQ(snapshot().nft_problem, "");
    EXPECT_FALSE(find(snapshot(), "192.0.2.66/32")->limited) << "no table";
    project({});
    EXPECT_TRUE(snapshot().nft_present);
    EXPECT_TRUE(find(snapshot(), "192.0.2.66/32")->limited);
    attempt("192.0.2.67", 25, 5);
    EXPECT_FALSE(find(snapshot(), "192.0.2.67/32")->limited) << "no controller, no element";
}

TEST_F(SnapshotReaderTest, BansWithTheirReasonAndTimes) {
    ban("192.0.2.66/32", 60);
    ban("10.0.0.0/8", 30);
    plane_.ban("192.0.2.99/32", boottime_ns() - 1);
    Snapshot seen = snapshot();
    ASSERT_EQ(seen.bans.size(), 2U);
    EXPECT_EQ(to_string(seen.bans[0].source), "10.0.0.0/8"); // soonest end first
    EXPECT_EQ(seen.bans[1].reason, "test");
    EXPECT_EQ(seen.bans[1].who, "tester");
    EXPECT_NEAR(static_cast<double>(seen.bans[1].until_ns - seen.time_ns), 60e9, 2e9);
    EXPECT_NEAR(static_cast<double>(seen.time_ns - seen.bans[1].since_ns), 0, 2e9);
    EXPECT_FALSE(seen.bans[1].enforced);
    plane_.set_mode(Mode::xdp);
    EXPECT_TRUE(read_ban_snapshot(maps()).bans[1].enforced);
}

TEST_F(SnapshotReaderTest, TheModeWithItsDeadlineAndWhoChoseIt) {
    const std::uint64_t deadline_ms = in(100) / ms;
    sluice_control control = maps().control_word();
    control.mode_word = sluice_mode_word(SLUICE_MODE_XDP, SLUICE_MODE_OBSERVE, deadline_ms);
    control.wanted_word = control.mode_word | SLUICE_MODE_BY_OPERATOR;
    maps().control.put(0, control);
    SeenMode mode = snapshot().mode;
    EXPECT_EQ(mode.mode, Mode::xdp);
    EXPECT_EQ(mode.afterwards, Mode::observe);
    EXPECT_TRUE(mode.by_operator);
    EXPECT_FALSE(mode.stopped);
    ASSERT_TRUE(mode.until_ns);
    EXPECT_NEAR(static_cast<double>(*mode.until_ns - walltime_ns()), 100e9, 2e9);

    control.mode_word = sluice_mode_word(SLUICE_MODE_OBSERVE, SLUICE_MODE_OBSERVE, 0);
    maps().control.put(0, control);
    mode = snapshot().mode;
    EXPECT_EQ(mode.mode, Mode::observe);
    EXPECT_TRUE(mode.stopped);
    EXPECT_FALSE(mode.until_ns);
}

TEST_F(SnapshotReaderTest, OnlyALivingProcessCalledSluiceIsTheController) {
    EXPECT_FALSE(snapshot().controller);
    set_controller(static_cast<std::uint32_t>(::getpid()));
    EXPECT_FALSE(snapshot().controller) << "a number that went to another program";
    ::prctl(PR_SET_NAME, "sluice");
    EXPECT_TRUE(snapshot().controller);
    ::prctl(PR_SET_NAME, "kernel_tests");
    EXPECT_FALSE(is_running(0));
    EXPECT_FALSE(is_running(4'194'304)); // beyond the largest there is
}

TEST_F(SnapshotReaderTest, DropsOfFormerTablesStayCounted) {
    NftCounters counters;
    counters.dropped["default"] = 7;
    counters.dropped_ranges = 2;
    note_counters(maps(), counters);
    EXPECT_EQ(snapshot().dropped_nft, 9U);
    plane_.set_mode(Mode::nft);
    project({}); // a new table counts from zero
    const Snapshot seen = snapshot();
    EXPECT_TRUE(seen.nft_present);
    EXPECT_EQ(seen.dropped_nft, 9U);
    EXPECT_EQ(seen.classes[0].dropped_nft, 7U);
}

} // namespace
} // namespace sluice::test
