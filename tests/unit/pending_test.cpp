// SPDX-License-Identifier: GPL-2.0-or-later
// What is a retransmission and what a new attempt (bpf/pending.h), at the edges of each bound.
#include "pending.h"
#include "row_name.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sluice::test {
namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t start = 1000 * second;
constexpr std::uint64_t unit = std::uint64_t{1} << PENDING_UNIT_SHIFT;

TEST(Pending, the_retransmissions_of_Linux_are_all_forgiven_and_no_seventh) {
    // tcp_syn_retries = 6 after an initial timeout of 1 s, doubling (RFC 6298)
    std::uint64_t record = pending_record(1, start, 0);
    std::uint64_t now = start;
    for (const std::uint64_t gap : {1, 2, 4, 8, 16, 32}) {
        now += gap * second;
        record = pending_repeat(record, now);
        ASSERT_NE(record, 0U) << "after " << (now - start) / second << " s";
        EXPECT_TRUE(pending_is(record, 1));
    }
    EXPECT_EQ(pending_repeat(record, now + 10 * second), 0U);
}

struct GapRow {
    const char* name;
    std::uint64_t gap_ns;
    bool repeated;
};
class PendingGap : public testing::TestWithParam<GapRow> {};

TEST_P(PendingGap, decides) {
    for (std::uint64_t offset = 0; offset < 4 * unit; offset += unit / 5) {
        const std::uint64_t first = start + offset;
        const std::uint64_t record = pending_record(7, first, 0);
        EXPECT_EQ(pending_repeat(record, first + GetParam().gap_ns) != 0, GetParam().repeated) << offset;
        // and likewise after a repetition
        const std::uint64_t again = pending_repeat(record, first + 3 * second);
        ASSERT_NE(again, 0U);
        if (GetParam().gap_ns < 100 * second) {
            EXPECT_EQ(pending_repeat(again, first + 3 * second + GetParam().gap_ns) != 0, GetParam().repeated)
                << offset;
        }
    }
}

constexpr GapRow gaps[] = {
    {"at_once", 0, false},
    {"ms_400", 400 * ms, false},
    {"ms_490", 490 * ms, false},
    {"ms_500", 500 * ms, true},
    {"s_1", second, true},
    {"s_63", 63 * second, true},
    {"s_129", 129 * second, true},
    {"s_130", 130 * second, true},
    {"just_over_130_s", 130 * second + 3 * unit, false},
    {"s_140", 140 * second, false},
    {"s_260", 260 * second, false},
};
INSTANTIATE_TEST_SUITE_P(Bounds, PendingGap, testing::ValuesIn(gaps), row_name);

TEST(Pending, an_ended_record_forgives_nothing) {
    const std::uint64_t record = pending_record(9, start, PENDING_ENDED);
    EXPECT_EQ(pending_repeat(record, start + second), 0U);
    EXPECT_FALSE(pending_expired(record, start + second));
    EXPECT_TRUE(pending_expired(record, start + 131 * second));
}

TEST(Pending, the_age_survives_every_wrap_of_its_clock) {
    std::mt19937_64 random(20260201);
    for (int i = 0; i < 100'000; i++) {
        const std::uint64_t first = random() >> 1;
        const std::uint64_t record = pending_record(random() >> 34, first, 0);
        const std::uint64_t after = random() % (260 * second);
        const std::uint64_t age = pending_age(record, first + after);
        ASSERT_LE(age, after / unit + 1);
        ASSERT_GE(age, after / unit);
        ASSERT_EQ(pending_expired(record, first + after), age > PENDING_LIFETIME);
    }
}

TEST(Pending, fingerprints_tell_each_part_of_the_tuple_and_are_never_free) {
    const __be32 saddr[4] = {0, 0, 0xffff0000, 1}, other[4] = {0, 0, 0xffff0000, 2};
    const __be32 daddr[4] = {0, 0, 0xffff0000, 25}, elsewhere[4] = {5, 0, 0xffff0000, 25};
    constexpr std::uint64_t seed = 0x1f3c5b7a9e8d2c46, other_seed = 0x8c6d4e2f0a1b3c5d;
    const std::set<std::uint64_t> all = {pending_fingerprint(saddr, daddr, 1, 1, seed),
                                         pending_fingerprint(other, daddr, 1, 1, seed),
                                         pending_fingerprint(saddr, elsewhere, 1, 1, seed),
                                         pending_fingerprint(saddr, daddr, 2, 1, seed),
                                         pending_fingerprint(saddr, daddr, 1, 2, seed),
                                         pending_fingerprint(saddr, daddr, 1, 1, other_seed)};
    EXPECT_EQ(all.size(), 6U);
    for (const std::uint64_t fingerprint : all) {
        EXPECT_NE(fingerprint, 0U);
        EXPECT_LT(fingerprint, std::uint64_t{1} << 30);
    }
}

} // namespace
} // namespace sluice::test
