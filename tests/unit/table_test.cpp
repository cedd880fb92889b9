// SPDX-License-Identifier: GPL-2.0-or-later
// Where entries may be and who makes room for whom (bpf/table.h), and what the table takes of memory.
#include "core/table_sizes.hpp"
#include "table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace sluice::test {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t mebibyte = 1U << 20;

sluice_source_key key_of(std::uint32_t number) {
    sluice_source_key key{};
    key.addr[2] = 0xffff0000;
    key.addr[3] = number;
    key.prefix_len = 128;
    key.service = 1;
    return key;
}

TEST(Table, spreads_neighbours_evenly_over_both_choices) {
    constexpr std::uint32_t sets = 1024;
    std::map<std::uint32_t, int> load;
    for (std::uint32_t i = 0; i < 16 * sets; i++) {
        const sluice_source_key key = key_of(i);
        table_place place{};
        table_place_of(&key, 4711, &place);
        EXPECT_NE(place.tag, 0U);
        EXPECT_EQ(place.tag & 0xfffU, 0U);
        for (int which = 0; which < 2; which++) {
            ASSERT_LT(table_set(&place, which, sets), sets);
            load[table_set(&place, which, sets)]++;
        }
    }
    for (const auto& [set, count] : load)
        EXPECT_LT(count, 64) << set; // 32 on average
    EXPECT_GT(load.size(), sets * 99 / 100);
}

TEST(Table, another_seed_is_another_order) {
    const sluice_source_key key = key_of(1);
    table_place one{}, two{};
    table_place_of(&key, 1, &one);
    table_place_of(&key, 2, &two);
    EXPECT_NE(one.owner, two.owner);
    EXPECT_NE(one.spread[0], two.spread[0]);
}

TEST(Table, gives_up_the_free_then_the_expired_then_the_lowest_tier_then_the_idlest) {
    constexpr std::uint32_t now = 500, retention = 122, tag = 7U << TABLE_TAG_SHIFT;
    const auto worth = [&](std::uint32_t tier, std::uint32_t idle) {
        return table_worth(table_way(tag, tier, (now - idle) & TABLE_AGE_MASK), now, retention);
    };
    const std::uint32_t order[] = {table_worth(0, now, retention),     worth(SLUICE_TIER_OVER, 400),
                                   worth(SLUICE_TIER_UNVERIFIED, 123), worth(SLUICE_TIER_UNVERIFIED, 122),
                                   worth(SLUICE_TIER_UNVERIFIED, 0),   worth(SLUICE_TIER_VERIFIED, 122),
                                   worth(SLUICE_TIER_VERIFIED, 0),     worth(SLUICE_TIER_OVER, 0)};
    for (std::size_t i = 1; i < std::size(order); i++)
        EXPECT_GT(order[i - 1], order[i]) << i;
    EXPECT_GE(order[2], std::uint32_t{TABLE_WORTH_EXPIRED});
    EXPECT_LT(order[3], std::uint32_t{TABLE_WORTH_EXPIRED});
}

TEST(Table, only_the_verified_evict_the_verified_and_nobody_who_is_over) {
    EXPECT_TRUE(table_may_evict(SLUICE_TIER_UNVERIFIED, SLUICE_TIER_UNVERIFIED));
    EXPECT_TRUE(table_may_evict(SLUICE_TIER_UNVERIFIED, SLUICE_TIER_VERIFIED));
    EXPECT_TRUE(table_may_evict(SLUICE_TIER_VERIFIED, SLUICE_TIER_VERIFIED));
    EXPECT_FALSE(table_may_evict(SLUICE_TIER_VERIFIED, SLUICE_TIER_UNVERIFIED));
    EXPECT_FALSE(table_may_evict(SLUICE_TIER_OVER, SLUICE_TIER_VERIFIED));
    EXPECT_FALSE(table_may_evict(SLUICE_TIER_OVER, SLUICE_TIER_UNVERIFIED));
}

TEST(Table, ages_cover_eight_times_the_retention) {
    for (const std::uint64_t retention : {130 * second, 600 * second, 86'400 * second}) {
        const std::uint32_t shift = table_age_shift(retention);
        EXPECT_LE(retention * 8, std::uint64_t{TABLE_AGE_MASK + 1} << shift);
        EXPECT_GT(retention * 17, std::uint64_t{TABLE_AGE_MASK + 1} << shift);
    }
}

TEST(Coarse, moments_come_back_to_their_unit_and_never_lie_ahead) {
    std::mt19937_64 random(20260203);
    constexpr std::uint64_t unit = std::uint64_t{1} << SLUICE_COARSE_SHIFT;
    EXPECT_EQ(sluice_from_coarse(0, 1000 * second), 0U);
    for (int i = 0; i < 100'000; i++) {
        const std::uint64_t moment = second + (random() >> 2);
        const std::uint64_t now = moment + random() % (365 * 86'400 * second);
        const std::uint64_t back = sluice_from_coarse(sluice_coarse(moment), now);
        if ((moment >> SLUICE_COARSE_SHIFT & 0xffffffff) == 0)
            continue; // 0 would mean never, and is written as 1
        ASSERT_LE(back, moment);
        ASSERT_LT(moment - back, unit);
    }
}

TEST(TableSizes, hold_the_promises_of_memory) {
    EXPECT_LE(kernel_bytes(table_sizes(131'072, 10, false), 2), 24 * mebibyte);
    EXPECT_LE(kernel_bytes(table_sizes(1'000'000, 10, false), 2), 192 * mebibyte);
    EXPECT_LE(kernel_bytes(table_sizes(1'048'576, 10, false), 2), 192 * mebibyte);
    // what more is asked for takes more
    EXPECT_GT(table_bytes(table_sizes(131'072, 64, false)), table_bytes(table_sizes(131'072, 10, false)));
    EXPECT_GT(table_bytes(table_sizes(131'072, 10, true)), table_bytes(table_sizes(131'072, 10, false)));
}

TEST(TableSizes, are_whole_sets_and_groups) {
    for (const std::uint32_t sources : {1024U, 1025U, 131'072U, 999'999U}) {
        const TableSizes sizes = table_sizes(sources, 30, true);
        EXPECT_GE(sizes.sources, sources);
        EXPECT_EQ(sizes.sources % SLUICE_WAYS, 0U);
        EXPECT_EQ(sizes.memories % SLUICE_GROUP, 0U);
        EXPECT_EQ(sizes.larges % SLUICE_GROUP, 0U);
        EXPECT_EQ(sizes.handshakes & (sizes.handshakes - 1), 0U);
        EXPECT_EQ(sizes.memory_capacity, 30U);
    }
}

} // namespace
} // namespace sluice::test
