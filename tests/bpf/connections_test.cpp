// SPDX-License-Identifier: GPL-2.0-or-later
// Connections, not packets: retransmissions, limits above 64, warnings, a full table, and a reload that
// needs larger entries; each with its negative twin.
#include "data_plane.hpp"
#include "kernel/test_run.hpp"

#include <gtest/gtest.h>

namespace sluice::test {
namespace {

const Verdict passed = Verdict::pass(SLUICE_PASSED);
const Verdict repeated = Verdict::pass(SLUICE_RETRANSMITTED);
const Verdict limited = Verdict::drop(SLUICE_DROPPED_LIMITED);

constexpr const char* ten = R"(
mode = "xdp"
[limit]
connections = 10
count = "syn"
)";

// One connection: all of its SYNs are the same.
Bytes connection(std::uint16_t sport, std::uint32_t isn, const std::string& saddr = "192.0.2.66",
                 const std::string& daddr = default_daddr4) {
    return (Ethernet{} / IPv4{.saddr = saddr, .daddr = daddr} / TCP{.sport = sport, .seq = isn}).bytes();
}

class Connections : public testing::Test {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

TEST_F(Connections, a_client_with_5_connections_to_a_slow_server_stays_at_5) {
    DataPlane plane;
    plane.load(ten);
    for (std::uint16_t port = 1; port <= 5; port++)
        EXPECT_EQ(plane.send(connection(port, 100U * port), noon), passed);
    std::uint64_t now = noon;
    for (const std::uint64_t gap : {1, 2, 4, 8, 16, 32}) {
        now += gap * second;
        for (std::uint16_t port = 1; port <= 5; port++)
            EXPECT_EQ(plane.send(connection(port, 100U * port), now), repeated) << port << " after " << gap;
    }
    const auto entry = plane.source("192.0.2.66", 1);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->attempts, 5U);
    EXPECT_EQ(plane.tally("default", "smtp").attempts, 5U);
    EXPECT_EQ(plane.counter(SLUICE_RETRANSMITTED), 30U);
}

TEST_F(Connections, what_differs_in_anything_is_a_new_attempt) {
    DataPlane plane;
    plane.load(ten);
    const Bytes first = connection(1, 100);
    EXPECT_EQ(plane.send(first, noon), passed);
    EXPECT_EQ(plane.send(connection(2, 100), noon + 2 * second), passed);
    EXPECT_EQ(plane.send(connection(1, 101), noon + 2 * second), passed);
    EXPECT_EQ(plane.send(connection(1, 100, "192.0.2.66", "198.51.100.26"), noon + 2 * second), passed);
    EXPECT_EQ(plane.send(connection(1, 100, "192.0.2.67"), noon + 2 * second), passed); // another source
    EXPECT_EQ(plane.source("192.0.2.66", 1)->attempts, 4U);
    EXPECT_EQ(plane.send(first, noon + 2 * second), repeated); // and the first is still known
}

TEST_F(Connections, too_soon_too_late_or_too_often_is_a_new_attempt) {
    DataPlane plane;
    plane.load(ten);
    const Bytes syn = connection(1, 100);
    EXPECT_EQ(plane.send(syn, noon), passed);
    EXPECT_EQ(plane.send(syn, noon + 400 * ms), passed); // too soon: counts, begins anew
    EXPECT_EQ(plane.send(syn, noon + 400 * ms + 500 * ms), repeated);
    EXPECT_EQ(plane.send(syn, noon + 131 * second), passed); // the first was let through too long ago
    EXPECT_EQ(plane.source("192.0.2.66", 1)->attempts, 3U);
    std::uint64_t now = noon + 131 * second;
    for (int i = 0; i < 6; i++)
        EXPECT_EQ(plane.send(syn, now += second), repeated) << i;
    EXPECT_EQ(plane.send(syn, now += second), passed); // the seventh repetition
}

// What a raw-socket bot gains at most by imitating retransmissions: seven for one.
TEST_F(Connections, a_bot_that_reuses_its_tuples_gains_a_factor_of_7_at_most) {
    DataPlane plane;
    plane.load(ten);
    std::uint64_t now = noon;
    std::size_t through = 0;
    for (int round = 0; round < 119; round++, now += 501 * ms) // within one `per`
        for (std::uint16_t port = 1; port <= 40; port++)
            through += !plane.send(connection(port, port), now).dropped;
    EXPECT_LE(through, 70U);
    EXPECT_GE(through, 10U);
}

TEST_F(Connections, ten_pending_outlive_a_hundred_dropped_and_these_do_not_prolong) {
    DataPlane plane;
    plane.load(ten);
    for (std::uint16_t port = 1; port <= 10; port++)
        EXPECT_EQ(plane.send(connection(port, port), noon), passed);
    for (std::uint16_t port = 1; port <= 100; port++)
        EXPECT_EQ(plane.send(connection(port, 1000U + port), noon + 100 * ms), limited);
    for (std::uint16_t port = 1; port <= 10; port++)
        EXPECT_EQ(plane.send(connection(port, port), noon + second), repeated) << port;
    const std::uint64_t until = plane.source("192.0.2.66", 1)->until_ns;
    // the kernel of a refused client tries again: its last attempts are remembered
    EXPECT_EQ(plane.send(connection(100, 1100), noon + 2 * second), limited);
    EXPECT_EQ(plane.source("192.0.2.66", 1)->until_ns, until);
    // a new attempt does prolong
    EXPECT_EQ(plane.send(connection(101, 5), noon + 3 * second), limited);
    EXPECT_GT(plane.source("192.0.2.66", 1)->until_ns, until - 1);
    EXPECT_EQ(plane.send(connection(102, 6), noon + 3 * second), limited);
}

TEST_F(Connections, after_the_release_moment_a_dropped_one_is_a_new_attempt) {
    DataPlane plane;
    plane.load(ten);
    for (std::uint16_t port = 1; port <= 10; port++)
        EXPECT_EQ(plane.send(connection(port, port), noon), passed);
    EXPECT_EQ(plane.send(connection(11, 11), noon + second), limited);
    EXPECT_EQ(plane.send(connection(11, 11), noon + 62 * second), passed);
    EXPECT_EQ(plane.source("192.0.2.66", 1)->attempts, 12U);
}

TEST_F(Connections, as_many_are_remembered_as_the_limit_allows) {
    DataPlane plane;
    plane.load("mode = \"xdp\"\n[limit]\nconnections = 64\ncount = \"syn\"\n");
    for (std::uint16_t port = 1; port <= 64; port++)
        EXPECT_EQ(plane.send(connection(port, port), noon + port), passed);
    for (std::uint16_t port = 1; port <= 64; port++)
        EXPECT_EQ(plane.send(connection(port, port), noon + 2 * second + port), repeated) << port;
    EXPECT_EQ(plane.send(connection(65, 65), noon + 3 * second), limited);
}

TEST_F(Connections, a_limit_of_300_lets_exactly_300_through) {
    DataPlane plane(SLUICE_MAX_LIMIT + 1);
    plane.load("mode = \"xdp\"\n[limit]\nconnections = 300\nper = \"60s\"\ncount = \"syn\"\n");
    const Packet syn = Ethernet{} / IPv4{} / TCP{};
    for (int i = 0; i < 300; i++)
        ASSERT_EQ(plane.send(syn, noon + static_cast<std::uint64_t>(i) * 10 * ms), passed) << i;
    for (int i = 0; i < 50; i++)
        ASSERT_EQ(plane.send(syn, noon + 3 * second + static_cast<std::uint64_t>(i)), limited) << i;
    EXPECT_EQ(plane.events().size(), 1U);
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{.saddr = "192.0.2.67"} / TCP{}, noon + 3 * second), passed);
    EXPECT_EQ(plane.send(syn, noon + 3 * second + 60 * second * 33 / 32 + second), passed);
    EXPECT_EQ(plane.counter(SLUICE_LARGE_REFUSED), 0U);
}

TEST_F(Connections, a_slow_source_needs_no_large_window) {
    DataPlane plane(SLUICE_MAX_LIMIT + 1, 1024);
    plane.load("mode = \"xdp\"\n[limit]\nconnections = 300\nper = \"60s\"\ncount = \"syn\"\n");
    const Packet syn = Ethernet{} / IPv4{} / TCP{};
    for (std::uint64_t i = 0; i < 100; i++)
        ASSERT_EQ(plane.send(syn, noon + i * 6 * second), passed);
    EXPECT_EQ(plane.source("192.0.2.66", 1)->blocks >> 4, 0);
}

TEST_F(Connections, a_warning_comes_once_until_it_is_below) {
    DataPlane plane;
    plane.load("mode = \"xdp\"\n[limit]\nconnections = 10\nwarn = 8\ncount = \"syn\"\n");
    const Packet syn = Ethernet{} / IPv4{} / TCP{};
    for (int i = 0; i < 7; i++)
        EXPECT_EQ(plane.send(syn, noon), passed);
    EXPECT_TRUE(plane.events().empty());
    EXPECT_EQ(plane.send(syn, noon), passed);
    const auto events = plane.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, SLUICE_EVENT_WARN);
    EXPECT_EQ(events[0].count, 8U);
    EXPECT_EQ(plane.send(syn, noon + second), passed);
    EXPECT_TRUE(plane.events().empty());
    EXPECT_EQ(plane.counter(SLUICE_WARNED), 1U);
    EXPECT_EQ(plane.send(syn, noon + 100 * second), passed); // below: the next time warns again
    for (int i = 0; i < 7; i++)
        EXPECT_EQ(plane.send(syn, noon + 100 * second), passed);
    EXPECT_EQ(plane.counter(SLUICE_WARNED), 2U);
}

// 1,024 elements, a flood of 20,000 addresses, and a bot that was there before.
TEST_F(Connections, a_flood_of_newcomers_pushes_nobody_out_who_is_over) {
    DataPlane plane(10, 1024);
    plane.load(ten);
    const Packet bot = Ethernet{} / IPv4{.saddr = "192.0.2.200"} / TCP{};
    for (int i = 0; i < 11; i++)
        (void)plane.send(bot, noon);
    std::uint64_t now = noon;
    for (std::uint32_t i = 0; i < 20'000; i++)
        (void)test_run(plane.program().fd(),
                       connection(1, i,
                                  "10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." +
                                      std::to_string(i & 255)),
                       now += 10 * us);
    EXPECT_EQ(plane.send(bot, now + ms), limited);
    EXPECT_GT(plane.counter(SLUICE_SOURCES_REFUSED), 15'000U);
    EXPECT_GT(plane.counter(SLUICE_UNLISTED), 15'000U);
    // some are let in all the same, so that a new bot is found in the end; never many
    EXPECT_LT(plane.counter(SLUICE_SOURCES_EVICTED), 300U);
    // the table is really full before anybody is refused
    EXPECT_GT(plane.source_names().size(), 1000U);
    // and when they have been idle for long there is room again
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{.saddr = "192.0.2.201"} / TCP{}, now + 140 * second), passed);
}

TEST_F(Connections, handshakes_leave_no_trace_of_a_SYN) {
    DataPlane plane;
    plane.load("mode = \"xdp\"\n[limit]\nconnections = 1\ncount = \"handshake\"\n");
    for (int i = 0; i < 20; i++) // nobody listens in this test: said so, and passed
        EXPECT_EQ(plane.send(Ethernet{} / IPv4{} / TCP{.dport = 25}, noon),
                  Verdict::pass(SLUICE_UNVERIFIABLE));
    EXPECT_TRUE(plane.source_names().empty());
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{} / TCP{.syn = false, .ack = true}, noon),
              Verdict::pass(SLUICE_NOT_SYN));
    plane.ban("192.0.2.66", noon + second);
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{} / TCP{.dport = 25}, noon), Verdict::drop(SLUICE_DROPPED_BANNED));
}

} // namespace
} // namespace sluice::test
