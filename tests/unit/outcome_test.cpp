// SPDX-License-Identifier: GPL-2.0-or-later
// Names of outcomes and counters: what JSON, Prometheus and README promise.
#include "core/outcome.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sluice {
namespace {

TEST(Outcome, HasItsName) {
    EXPECT_EQ(outcome_name(SLUICE_NOT_TCP), "not_tcp");
    EXPECT_EQ(outcome_name(SLUICE_WOULD_DROP), "would_drop");
    EXPECT_EQ(outcome_name(SLUICE_DROPPED_LIMITED), "dropped_limited");
    EXPECT_EQ(outcome_name(SLUICE_TINY_FRAGMENT_DROPPED), "tiny_fragment_dropped");
    EXPECT_EQ(outcome_name(SLUICE_FAILED_RECYCLED), "failed_recycled");
    EXPECT_EQ(outcome_name(SLUICE_EVENTS_LOST), "events_lost");
    EXPECT_EQ(outcome_name(SLUICE_CONTENDED), "contended");
    EXPECT_EQ(outcome_name(SLUICE_COUNTERS), "unknown");
}

TEST(Outcome, HasANameOfItsOwnAndOneSentence) {
    std::set<std::string_view> names;
    for (unsigned i = 0; i < SLUICE_COUNTERS; ++i) {
        const std::string_view name = outcome_name(i);
        EXPECT_TRUE(names.insert(name).second) << name;
        EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << name;
        EXPECT_TRUE(outcome_explanation(i).ends_with('.')) << name;
    }
}

TEST(Outcome, IsAnAttemptAFailureOrNeither) {
    std::set<unsigned> attempts;
    for (unsigned i = 0; i < SLUICE_COUNTERS; ++i) {
        EXPECT_FALSE(is_attempt(i) && is_failure(i)) << outcome_name(i);
        if (is_attempt(i))
            attempts.insert(i);
    }
    EXPECT_EQ(attempts,
              (std::set<unsigned>{SLUICE_EXEMPT, SLUICE_PASSED, SLUICE_OVER_OBSERVED, SLUICE_WOULD_DROP,
                                  SLUICE_LEFT_TO_NFT, SLUICE_DROPPED_LIMITED, SLUICE_DROPPED_BANNED,
                                  SLUICE_SAMPLED, SLUICE_UNLISTED, SLUICE_UNVERIFIED, SLUICE_UNVERIFIABLE}));
    EXPECT_TRUE(is_failure(SLUICE_FAILED_CONTROL));
    EXPECT_TRUE(is_failure(SLUICE_FAILED_RECYCLED));
    EXPECT_FALSE(is_failure(SLUICE_MALFORMED));
}

} // namespace
} // namespace sluice
