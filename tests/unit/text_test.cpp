// SPDX-License-Identifier: GPL-2.0-or-later
// Guessing a word must help with slips and keep silent otherwise.
#include "core/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace sluice {
namespace {

constexpr std::array<std::string_view, 4> known = {"connections", "per", "count", "count_dropped"};

TEST(Nearest, finds_the_word_that_was_meant) {
    EXPECT_EQ(nearest("conections", known), "connections");
    EXPECT_EQ(nearest("counts", known), "count");
    EXPECT_EQ(nearest("Per", known), "per");
    EXPECT_EQ(nearest("pre", known), "per");
    EXPECT_EQ(nearest("count-droped", known), "count_dropped");
}

TEST(Nearest, does_not_guess_wildly) {
    EXPECT_FALSE(nearest("warn", known));
    EXPECT_FALSE(nearest("durations", known));
    EXPECT_FALSE(nearest("", known));
    EXPECT_FALSE(nearest(std::string(1000, 'c'), known));
}

TEST(InQuotes, is_fit_for_one_line) {
    EXPECT_EQ(in_quotes("smtp"), "\"smtp\"");
    EXPECT_EQ(in_quotes("a\nb\x1b[0m\x7f"), "\"a?b?[0m?\"");
    EXPECT_EQ(in_quotes(std::string(61, 'a')), '"' + std::string(60, 'a') + "...\"");
}

TEST(Trimmed, takes_blanks_off_both_ends_only) {
    EXPECT_EQ(trimmed(" \ta b\r"), "a b");
    EXPECT_EQ(trimmed(" \t\r"), "");
}

} // namespace
} // namespace sluice
