// SPDX-License-Identifier: GPL-2.0-or-later
// The sliding window once more, now as the verifier took it: many sources with limits of their
// own, interleaved through the program, against the list of timestamps.
#include "data_plane.hpp"
#include "kernel/test_run.hpp"
#include "row_name.hpp"
#include "window_oracle.hpp"

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstdlib>
#include <cstring>
#include <random>

namespace sluice::test {
namespace {

struct Row {
    const char* name;
    std::uint32_t log_capacity;
    std::size_t sources;
    std::size_t attempts; // of all sources together
};

// One source: a class of its own, and the oracle of its limit.
struct Source {
    WindowOracle oracle;
    AttemptTimes times;
    Bytes frame;
    std::string prefix;
    std::uint64_t attempts = 0;
    std::uint64_t overs = 0;
    std::uint64_t edges = 0;
    std::uint64_t until_ns = 0;
};

std::string address_of(std::size_t source) {
    return "10.0." + std::to_string(source) + ".1";
}

class WindowInTheProgram : public testing::TestWithParam<Row> {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

// Classes 1 and up, each with a limit of its own and one range.
std::vector<Source> make_sources(const Row& row, PolicyImage& image, std::mt19937_64& random) {
    std::vector<Source> sources;
    for (std::size_t i = 0; i < row.sources; i++) {
        const auto class_id = static_cast<std::uint32_t>(i + 1);
        const auto limit = static_cast<std::uint32_t>(1 + random() % row.log_capacity);
        const std::uint64_t per_ticks = random_period_ticks(random, tick);
        const bool count_dropped = random() % 2 == 0;
        sluice_policy& policy = image.policies[sluice_policy_index(0, class_id, 1)];
        policy.connections = limit;
        policy.per_ticks = per_ticks;
        policy.flags = count_dropped ? SLUICE_POLICY_COUNT_DROPPED : 0;
        RangeEntry range;
        const Prefix prefix = parse_prefix(address_of(i)).prefix.value();
        range.key.prefix_len = range.value.prefix_len = prefix.length;
        std::memcpy(range.key.addr, prefix.address.bytes.data(), sizeof range.key.addr);
        range.value.class_id = static_cast<std::uint16_t>(class_id);
        image.ranges.push_back(range);
        image.names.classes[class_id] = "class" + std::to_string(i);
        const std::uint64_t start = random() % 4 == 0 ? (std::uint64_t{1} << 63) - 1000 * tick : noon;
        sources.push_back({WindowOracle(limit, per_ticks * tick, count_dropped), AttemptTimes(start, tick),
                           (Ethernet{} / IPv4{.saddr = address_of(i)} / TCP{}).bytes(), address_of(i)});
    }
    return sources;
}

TEST_P(WindowInTheProgram, agrees_with_a_list_of_timestamps_bit_for_bit) {
    const Row& row = GetParam();
    std::mt19937_64 random(20260103);
    DataPlane plane(row.log_capacity);
    PolicyImage image = plain_policy(1, 1);
    std::vector<Source> sources = make_sources(row, image, random);
    plane.load(image);
    plane.set_mode(Mode::xdp); // so that the action alone tells: no sample is allowed
    std::uint64_t edges = 0, overs = 0, events = 0;
    const std::size_t attempts = row.attempts * (std::getenv("SLUICE_LONG") != nullptr ? 10 : 1);
    for (std::size_t i = 0; i < attempts; i++) {
        Source& source = sources[random() % sources.size()];
        const std::uint64_t now = source.times.next(source.oracle, random);
        const WindowOracle::Answer expected = source.oracle.attempt(now);
        // a new ISN, or an attempt half a second later would be taken for a retransmission
        const auto isn = static_cast<std::uint32_t>(i + 1);
        std::memcpy(source.frame.data() + 14 + 20 + 4, &isn, sizeof isn);
        const TestRunResult got = test_run(plane.program().fd(), source.frame, now);
        ASSERT_EQ(got.action == XDP_DROP, expected.over)
            << source.prefix << ", attempt " << i << " at " << now;
        source.attempts++;
        source.overs += expected.over;
        source.edges += expected.edge;
        overs += expected.over;
        edges += expected.edge;
        if (expected.over)
            source.until_ns = expected.release_ns;
        if (i % 1000 == 0)
            events += plane.events().size();
    }
    events += plane.events().size();
    EXPECT_EQ(events, edges);
    EXPECT_EQ(plane.counter(SLUICE_EVENTS_LOST), 0U);
    EXPECT_EQ(plane.counter(SLUICE_DROPPED_LIMITED), overs);
    EXPECT_EQ(plane.counter(SLUICE_PASSED), attempts - overs);
    EXPECT_EQ(plane.counter(SLUICE_CONTENDED), 0U);
    for (const Source& source : sources) {
        const auto entry = plane.source(source.prefix, 1);
        ASSERT_TRUE(entry) << source.prefix;
        EXPECT_EQ(entry->attempts, source.attempts);
        EXPECT_EQ(entry->over, source.overs);
        EXPECT_EQ(entry->times_over, source.edges);
        EXPECT_EQ(entry->until_ns, source.until_ns);
    }
}

constexpr Row rows[] = {
    {"capacity_64_many_sources", 64, 200, 120'000},
    {"capacity_64_through_all_laps", 64, 3, 120'000},
    {"capacity_16", 16, 50, 50'000},
    {"capacity_2", 2, 20, 50'000},
};
INSTANTIATE_TEST_SUITE_P(Capacities, WindowInTheProgram, testing::ValuesIn(rows), row_name);

} // namespace
} // namespace sluice::test
