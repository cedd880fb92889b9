// SPDX-License-Identifier: GPL-2.0-or-later
// Bans and releases: what the kernel drops afterwards, and what the nft table shows.
#include "support.hpp"

namespace sluice::test {
namespace {

using OverridesTest = KernelTest;

TEST_F(OverridesTest, ABanDropsItsSourceInEveryServiceAndNobodyElse) {
    plane_.set_mode(Mode::xdp);
    EXPECT_FALSE(attempt("192.0.2.66").dropped);
    EXPECT_EQ(ban("192.0.2.66/32", 60).verdict, BanVerdict::made);
    EXPECT_NE(attempt("192.0.2.66").outcome, SLUICE_PASSED);
    EXPECT_EQ(attempt("192.0.2.66"), Verdict::drop(SLUICE_DROPPED_BANNED));
    EXPECT_EQ(attempt("192.0.2.66", 587), Verdict::drop(SLUICE_DROPPED_BANNED));
    EXPECT_EQ(attempt("192.0.2.67"), Verdict::pass(SLUICE_PASSED));
    EXPECT_TRUE(lift("192.0.2.66/32").has_value());
    EXPECT_FALSE(lift("192.0.2.66/32").has_value());
    EXPECT_EQ(attempt("192.0.2.66", 465).outcome, SLUICE_PASSED);
}

TEST_F(OverridesTest, WhatIsExemptIsRefusedAndGoesOnPassing) {
    plane_.set_mode(Mode::xdp);
    const BanResult refused = ban("203.0.113.5/32", 60);
    EXPECT_EQ(refused.verdict, BanVerdict::exempt);
    EXPECT_TRUE(refused.place.range_id.has_value());
    EXPECT_TRUE(bans().empty());
    EXPECT_EQ(ban("203.0.113.0/24", 60).verdict, BanVerdict::made); // around it
    EXPECT_EQ(attempt("203.0.113.5"), Verdict::pass(SLUICE_EXEMPT));
    EXPECT_NE(attempt("203.0.113.99").outcome, SLUICE_PASSED);
}

TEST_F(OverridesTest, AnAllowRefusesABanUntilItEnds) {
    plane_.allow("192.0.2.66/32", in(60));
    EXPECT_EQ(ban("192.0.2.66/32", 60).verdict, BanVerdict::exempt);
    plane_.allow("192.0.2.66/32", boottime_ns() - 1);
    EXPECT_EQ(ban("192.0.2.66/32", 60).verdict, BanVerdict::made);
}

TEST_F(OverridesTest, ABanHoldsInAnExemptDefaultClass) {
    plane_.load("[class.default]\naction = \"exempt\"\n");
    plane_.set_mode(Mode::xdp);
    EXPECT_EQ(attempt("192.0.2.66").outcome, SLUICE_EXEMPT);
    EXPECT_EQ(ban("192.0.2.66/32", 60).verdict, BanVerdict::made);
    EXPECT_NE(attempt("192.0.2.66").outcome, SLUICE_EXEMPT);
    const NftContent content =
        read_content(maps(), read_design(maps(), {}), boottime_ns(), kernel_carve(maps(), boottime_ns()));
    EXPECT_TRUE(content.spared.exempt.empty()) << "nft would spare what is banned";
}

TEST_F(OverridesTest, TheLaterEndStays) {
    const std::uint64_t first = ban("192.0.2.66/32", 60).word.until_ns;
    const BanResult sooner = ban("192.0.2.66/32", 10);
    EXPECT_EQ(sooner.verdict, BanVerdict::kept);
    EXPECT_EQ(sooner.word.until_ns, first);
    const BanResult later = ban("192.0.2.66/32", 600);
    EXPECT_EQ(later.verdict, BanVerdict::extended);
    EXPECT_GT(later.word.until_ns, first);
    EXPECT_EQ(bans(), Strings{"192.0.2.66/32"});
}

TEST_F(OverridesTest, ABanInsideAnotherAlwaysOutlastsIt) {
    ban("192.0.2.1/32", 10);
    ban("192.0.2.2/32", 600);
    const BanResult wide = ban("192.0.2.0/24", 60);
    ASSERT_EQ(wide.absorbed.size(), 1U);
    EXPECT_EQ(to_string(wide.absorbed[0]), "192.0.2.1/32");
    EXPECT_EQ(bans(), (Strings{"192.0.2.0/24", "192.0.2.2/32"}));
    EXPECT_EQ(ban("192.0.2.3/32", 30).verdict, BanVerdict::covered);
    EXPECT_EQ(ban("192.0.2.4/32", 90).verdict, BanVerdict::made);
    EXPECT_EQ(ban("192.0.3.3/32", 30).verdict, BanVerdict::made); // beside it
    EXPECT_TRUE(lift("192.0.2.0/24"));
    EXPECT_EQ(bans(), (Strings{"192.0.2.2/32", "192.0.2.4/32", "192.0.3.3/32"}));
}

TEST_F(OverridesTest, ALongReasonIsCutAndEndsWithZero) {
    const LivePolicy live(maps());
    BanBook book(maps(), live, boottime_ns());
    const BanResult result = book.ban({prefix("192.0.2.66/32"), in(60), std::string(300, 'x'), "who"});
    EXPECT_EQ(std::string(result.word.reason), std::string(longest_reason, 'x'));
}

TEST_F(OverridesTest, ForgettingASourceEndsItsLimitAndNoOtherOne) {
    plane_.set_mode(Mode::xdp);
    attempt("192.0.2.66", 25, 5);
    attempt("192.0.2.66", 587, 2);
    attempt("192.0.2.67", 25, 5);
    const LivePolicy live(maps());
    const auto forgotten = forget_sources(maps(), live, {{prefix("192.0.2.66/32"), true}}, boottime_ns());
    ASSERT_EQ(forgotten.size(), 2U);
    EXPECT_EQ(forgotten[0].service, "smtp");
    EXPECT_EQ(forgotten[0].attempts, 5U);
    EXPECT_TRUE(forgotten[0].to_be_dropped);
    EXPECT_EQ(forgotten[1].until_ns, 0U);
    EXPECT_EQ(attempt("192.0.2.66", 25, 3), Verdict::pass(SLUICE_PASSED)); // a count of its own again
    EXPECT_NE(attempt("192.0.2.66").outcome, SLUICE_PASSED);
    EXPECT_NE(attempt("192.0.2.67").outcome, SLUICE_PASSED);
    EXPECT_TRUE(forget_sources(maps(), live, {{prefix("192.0.2.99/32"), true}}, boottime_ns()).empty());
}

TEST_F(OverridesTest, ForgettingAPrefixTakesAllSourcesInside) {
    for (const char* source : {"192.0.2.66", "192.0.2.67", "192.0.3.1", "2001:db8:0:2::5", "2001:db8:1::5"})
        attempt(source);
    const LivePolicy live(maps());
    const auto forgotten = forget_sources(
        maps(), live,
        {{prefix("192.0.2.0/24"), false}, {prefix("192.0.2.64/26"), false}, {prefix("2001:db8::/48"), false}},
        boottime_ns());
    EXPECT_EQ(forgotten.size(), 3U);
    EXPECT_EQ(plane_.source_names(), (Strings{"192.0.3.1/32 1", "2001:db8:1::/64 1"}));
}

TEST_F(OverridesTest, InObserveNoTableIsMade) {
    const LivePolicy live(maps());
    BanBook book(maps(), live, boottime_ns());
    book.ban({prefix("192.0.2.66/32"), in(60), "", ""});
    EXPECT_EQ(project(book.changes()).outcome, NftOutcome::not_needed);
    EXPECT_FALSE(table_.present());
}

TEST_F(OverridesTest, InModeNftTheTableIsMadeWithEverythingThatHolds) {
    plane_.set_mode(Mode::nft);
    attempt("192.0.2.70", 25, 5);
    const LivePolicy live(maps());
    BanBook book(maps(), live, boottime_ns());
    book.ban({prefix("192.0.2.66/32"), in(60), "", ""});
    EXPECT_EQ(project(book.changes()).outcome, NftOutcome::installed);
    EXPECT_EQ(elements(), (Strings{"ban 192.0.2.66/32", "smtp 192.0.2.70/32"}));
    EXPECT_TRUE(state().gate.enforced);
    EXPECT_EQ(state().damage, "");
}

TEST_F(OverridesTest, TheTableFollowsBansLiftsAndReleases) {
    plane_.set_mode(Mode::nft);
    attempt("192.0.2.70", 25, 5);
    attempt("192.0.2.71", 25, 5);
    project({});
    {
        const LivePolicy live(maps());
        BanBook book(maps(), live, boottime_ns());
        for (const char* what : {"192.0.2.66/32", "2001:db8:0:1::/64", "203.0.113.0/25"})
            book.ban({prefix(what), in(60), "", ""});
        EXPECT_EQ(project(book.changes()).outcome, NftOutcome::done);
    }
    EXPECT_EQ(elements(), (Strings{"ban 192.0.2.66/32", "ban 2001:db8:0:1::/64", "smtp 192.0.2.70/32",
                                   "smtp 192.0.2.71/32"}));
    NftState now = state();
    ASSERT_EQ(now.ban_ranges.size(), 1U);
    EXPECT_EQ(text_of(now.ban_ranges[0]), "203.0.113.0-203.0.113.127");
    ASSERT_EQ(now.spared.exempt.size(), 2U);
    EXPECT_EQ(text_of(now.spared.exempt[0]), "203.0.113.0-203.0.113.15");
    EXPECT_EQ(text_of(now.spared.exempt[1]), "2001:db8:0:1::7-2001:db8:0:1::7");

    const LivePolicy live(maps());
    BanBook book(maps(), live, boottime_ns());
    book.lift(prefix("192.0.2.66/32"));
    book.lift(prefix("203.0.113.0/25"));
    OverrideChanges changes = book.changes();
    for (const ForgottenSource& source :
         forget_sources(maps(), live, {{prefix("192.0.2.70/32"), true}}, boottime_ns()))
        changes.released.emplace_back(source.source, source.service);
    EXPECT_EQ(project(changes).outcome, NftOutcome::done);
    EXPECT_EQ(elements(), (Strings{"ban 2001:db8:0:1::/64", "smtp 192.0.2.71/32"}));
    now = state();
    EXPECT_TRUE(now.ban_ranges.empty());
    EXPECT_EQ(now.damage, "");
}

} // namespace
} // namespace sluice::test
