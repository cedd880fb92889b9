// SPDX-License-Identifier: GPL-2.0-or-later
// count -> over -> event -> release, and what the modes make of it.
#include "data_plane.hpp"
#include "row_name.hpp"

#include <gtest/gtest.h>

namespace sluice::test {
namespace {

const Packet syn = Ethernet{} / IPv4{} / TCP{};
const Verdict passed = Verdict::pass(SLUICE_PASSED);
const Verdict limited = Verdict::drop(SLUICE_DROPPED_LIMITED);

constexpr std::uint64_t per = 60 * second;

std::string limit(int connections, bool count_dropped = true, const char* mode = "xdp") {
    return std::string("mode = \"") + mode +
           "\"\n[limit]\nper = \"60s\"\nconnections = " + std::to_string(connections) +
           "\ncount_dropped = " + (count_dropped ? "true" : "false") + "\n";
}

class Limits : public testing::Test {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

// --- which limit holds -----------------------------------------------------------------------

struct Row {
    const char* name;
    const char* from;
    std::uint16_t port;
    std::size_t connections;

    friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
};

class LimitsInForce : public testing::TestWithParam<Row> {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

TEST_P(LimitsInForce, are_the_most_specific_ones) {
    DataPlane plane;
    plane.load(R"(
mode = "xdp"
[service.smtp]
ports = [25]
[service.submission]
ports = [587]
limit = { connections = 20, per = "60s" }
[limit]
connections = 10
per = "60s"
[class.customers]
limit = { connections = 30, per = "60s" }
limits = { submission = { connections = 40, per = "60s" } }
ranges = ["10.1.0.0/16"]
[class.partly]
limits = { smtp = { connections = 5, per = "60s" } }
ranges = ["10.2.0.0/16"]
[class.largest]
limit = { connections = 64, per = "24h" }
ranges = ["10.3.0.0/16"]
)");
    const Packet attempt = Ethernet{} / IPv4{.saddr = GetParam().from} / TCP{.dport = GetParam().port};
    EXPECT_EQ(plane.send_many(attempt, noon, GetParam().connections, SLUICE_PASSED), GetParam().connections);
    EXPECT_EQ(plane.send(attempt, noon), limited);
}

constexpr Row rows[] = {
    {"default", "198.51.100.1", 25, 10},
    {"service", "198.51.100.1", 587, 20},
    {"of_a_class", "10.1.0.1", 25, 30},
    {"of_a_class_and_service", "10.1.0.1", 587, 40},
    {"of_a_class_in_one_service", "10.2.0.1", 25, 5},
    {"service_for_a_class_without_its_own", "10.2.0.1", 587, 20},
    {"largest", "10.3.0.1", 25, 64},
};
INSTANTIATE_TEST_SUITE_P(Of, LimitsInForce, testing::ValuesIn(rows), row_name);

// --- the window's ends -----------------------------------------------------------------------

TEST_F(Limits, release_exactly_at_the_moment_they_tell) {
    for (const bool count_dropped : {true, false}) {
        SCOPED_TRACE(count_dropped);
        DataPlane plane;
        plane.load(limit(3, count_dropped));
        for (const std::uint64_t at : {noon, noon + 10 * second, noon + 20 * second})
            EXPECT_EQ(plane.send(syn, at), passed);
        EXPECT_EQ(plane.send(syn, noon + 30 * second), limited);
        // the third latest of those that are logged, plus the period
        const std::uint64_t release = (count_dropped ? noon + 10 * second : noon) + per;
        const auto entry = plane.source("192.0.2.66", 1);
        ASSERT_TRUE(entry);
        EXPECT_EQ(entry->until_ns, release);
        EXPECT_EQ(entry->since, sluice_coarse(noon + 30 * second));
        EXPECT_EQ(entry->attempts, 4U);
        EXPECT_EQ(entry->over, 1U);
        EXPECT_EQ(plane.send(syn, release), passed);
    }
}

TEST_F(Limits, hold_until_the_last_tick) {
    for (const bool count_dropped : {true, false}) {
        SCOPED_TRACE(count_dropped);
        DataPlane plane;
        plane.load(limit(1, count_dropped));
        EXPECT_EQ(plane.send(syn, noon), passed);
        EXPECT_EQ(plane.send(syn, noon + per - tick), limited);
        EXPECT_EQ(plane.send(syn, noon + per), count_dropped ? limited : passed);
    }
}

TEST_F(Limits, keep_a_hammering_source_out_only_if_dropped_attempts_count) {
    for (const bool count_dropped : {true, false}) {
        SCOPED_TRACE(count_dropped);
        DataPlane plane;
        plane.load(limit(10, count_dropped));
        std::size_t passes = 0;
        for (std::uint64_t at = 0; at < 10 * per; at += second)
            passes += plane.send(syn, noon + at) == passed;
        EXPECT_EQ(passes, count_dropped ? 10U : 100U);
        const std::uint64_t end = noon + 10 * per;
        EXPECT_EQ(plane.send(syn, end + per), passed); // it calmed down
    }
}

TEST_F(Limits, count_a_slow_source_never_over) {
    DataPlane plane;
    plane.load(limit(10));
    for (std::uint64_t i = 0; i < 1000; i++)
        ASSERT_EQ(plane.send(syn, noon + i * per / 10), passed) << i;
    EXPECT_TRUE(plane.events().empty());
}

TEST_F(Limits, count_only_attempts) {
    DataPlane plane;
    plane.load(limit(1));
    EXPECT_EQ(plane.send_many(Ethernet{} / IPv4{} / TCP{.ack = true}, noon, 100, SLUICE_NOT_SYN), 100U);
    EXPECT_EQ(plane.send_many(Ethernet{} / IPv4{} / TCP{.dport = 80}, noon, 100, SLUICE_OTHER_PORT), 100U);
    EXPECT_EQ(plane.send(syn, noon), passed);
    EXPECT_EQ(plane.tally("default", "smtp").attempts, 1U);
}

// --- edges -----------------------------------------------------------------------------------

TEST_F(Limits, tell_of_each_stretch_over_exactly_once) {
    DataPlane plane;
    plane.load(limit(2));
    for (std::uint64_t stretch = 0; stretch < 3; stretch++) {
        const std::uint64_t begin = noon + stretch * 10 * per;
        for (std::uint64_t i = 0; i < 50; i++)
            (void)plane.send(syn, begin + i * second);
        const auto events = plane.events();
        ASSERT_EQ(events.size(), 1U) << "stretch " << stretch;
        EXPECT_EQ(events[0].time_ns, begin + 2 * second);
        EXPECT_EQ(events[0].until_ns, begin + second + per);
        EXPECT_EQ(events[0].attempts, stretch * 50 + 3);
        EXPECT_EQ(events[0].key.prefix_len, 128);
        EXPECT_EQ(events[0].key.service, 1);
        EXPECT_EQ(events[0].dport, __builtin_bswap16(25));
        EXPECT_EQ(events[0].sport, __builtin_bswap16(40000));
        EXPECT_EQ(events[0].action, SLUICE_ACTION_LIMIT);
        const auto entry = plane.source("192.0.2.66", 1);
        ASSERT_TRUE(entry);
        EXPECT_EQ(entry->times_over, stretch + 1);
        EXPECT_EQ(entry->since, sluice_coarse(begin + 2 * second));
        EXPECT_EQ(entry->until_ns, begin + 48 * second + per);
    }
}

TEST_F(Limits, tell_nothing_of_a_source_at_its_limit) {
    DataPlane plane;
    plane.load(limit(2));
    EXPECT_EQ(plane.send_many(syn, noon, 2, SLUICE_PASSED), 2U);
    EXPECT_TRUE(plane.events().empty());
    EXPECT_EQ(plane.source("192.0.2.66", 1)->until_ns, 0U);
}

TEST_F(Limits, tell_the_address_itself_beside_its_prefix) {
    DataPlane plane;
    plane.load(limit(1));
    const Packet from_v6 = Ethernet{} / IPv6{.saddr = "2001:db8:0:1::abcd"} / TCP{};
    EXPECT_EQ(plane.send(from_v6, noon), passed);
    EXPECT_EQ(plane.send(from_v6, noon), limited);
    const auto events = plane.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].key.prefix_len, 64);
    EXPECT_EQ(events[0].key.addr[3], 0U);
    EXPECT_EQ(events[0].saddr[3], __builtin_bswap32(0xabcd));
    EXPECT_EQ(events[0].daddr[3], __builtin_bswap32(0x25));
}

// --- modes -----------------------------------------------------------------------------------

TEST_F(Limits, drop_nothing_in_observe_and_nft_and_count_the_same) {
    const struct {
        Mode mode;
        sluice_outcome limited, banned;
        bool drops;
    } modes[] = {{Mode::observe, SLUICE_WOULD_DROP, SLUICE_WOULD_DROP, false},
                 {Mode::nft, SLUICE_LEFT_TO_NFT, SLUICE_LEFT_TO_NFT, false},
                 {Mode::xdp, SLUICE_DROPPED_LIMITED, SLUICE_DROPPED_BANNED, true}};
    for (const auto& row : modes) {
        SCOPED_TRACE(to_string(row.mode));
        DataPlane plane;
        plane.load(limit(5));
        plane.set_mode(row.mode);
        EXPECT_EQ(plane.send_many(syn, noon, 5, SLUICE_PASSED), 5U);
        for (int i = 0; i < 5; i++)
            EXPECT_EQ(plane.send(syn, noon), (Verdict{row.drops, row.limited}));
        EXPECT_EQ(plane.events().size(), 1U);
        plane.ban("198.51.100.1", noon + second);
        EXPECT_EQ(plane.send(Ethernet{} / IPv4{.saddr = "198.51.100.1"} / TCP{}, noon),
                  (Verdict{row.drops, row.banned}));
        const sluice_tally tally = plane.tally("default", "smtp");
        EXPECT_EQ(tally.attempts, 11U);
        EXPECT_EQ(tally.over, 5U);
        EXPECT_EQ(tally.banned, 1U);
        EXPECT_EQ(tally.dropped, row.drops ? 6U : 0U);
    }
}

TEST_F(Limits, of_a_class_that_observes_are_counted_and_told_but_not_enforced) {
    DataPlane plane;
    plane.load(
        "mode = \"xdp\"\n[class.watched]\naction = \"observe\"\nlimit = { connections = 2, per = \"60s\" }\n"
        "ranges = [\"192.0.2.0/24\"]\n");
    EXPECT_EQ(plane.send_many(syn, noon, 2, SLUICE_PASSED), 2U);
    EXPECT_EQ(plane.send_many(syn, noon, 20, SLUICE_OVER_OBSERVED), 20U);
    const auto events = plane.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].action, SLUICE_ACTION_OBSERVE);
    EXPECT_EQ(plane.tally("watched", "smtp").over, 20U);
    EXPECT_EQ(plane.tally("watched", "smtp").dropped, 0U);
    EXPECT_EQ(plane.source("192.0.2.66", 1)->until_ns, noon + per);
}

TEST_F(Limits, out_of_the_box_touch_nobody) {
    DataPlane plane;
    plane.load("");
    EXPECT_EQ(plane.send_many(syn, noon, 1000, SLUICE_PASSED), 1000U);
    EXPECT_TRUE(plane.events().empty());
}

TEST_F(Limits, banned_attempts_are_logged_only_if_dropped_ones_count) {
    for (const bool count_dropped : {true, false}) {
        SCOPED_TRACE(count_dropped);
        DataPlane plane;
        plane.load(limit(2, count_dropped));
        plane.ban("192.0.2.66", noon + second);
        EXPECT_EQ(plane.send_many(syn, noon, 10, SLUICE_DROPPED_BANNED), 10U);
        EXPECT_EQ(plane.send(syn, noon + second), count_dropped ? limited : passed);
    }
}

TEST_F(Limits, obey_a_deadline_without_anybody_alive) {
    DataPlane plane;
    plane.load(limit(1));
    const std::uint64_t deadline_ms = noon / ms + 5000;
    EXPECT_EQ(plane.send(syn, noon), passed);
    plane.set_mode_word(sluice_mode_word(SLUICE_MODE_XDP, SLUICE_MODE_OBSERVE, deadline_ms));
    EXPECT_EQ(plane.send(syn, noon), limited);
    EXPECT_EQ(plane.send(syn, deadline_ms * ms - 1), limited);
    EXPECT_EQ(plane.send(syn, deadline_ms * ms), Verdict::pass(SLUICE_WOULD_DROP));
    plane.set_mode_word(sluice_mode_word(SLUICE_MODE_OBSERVE, SLUICE_MODE_NFT, deadline_ms));
    EXPECT_EQ(plane.send(syn, deadline_ms * ms - 1), Verdict::pass(SLUICE_WOULD_DROP));
    EXPECT_EQ(plane.send(syn, deadline_ms * ms), Verdict::pass(SLUICE_LEFT_TO_NFT));
    plane.set_mode_word(sluice_mode_word(SLUICE_MODE_XDP, SLUICE_MODE_OBSERVE, 0)); // none
    EXPECT_EQ(plane.send(syn, noon + 1000 * per - 1), passed);
    EXPECT_EQ(plane.send(syn, noon + 1000 * per), limited);
}

} // namespace
} // namespace sluice::test
