// SPDX-License-Identifier: GPL-2.0-or-later
// Durations as people write them, both ways, and what is no duration.
#include "core/duration.hpp"

#include "row_name.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace sluice {
namespace {

using std::chrono::milliseconds;

struct Row {
    const char* name;
    const char* text;
    long long ms;

    friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.text; }
};

class DurationRead : public testing::TestWithParam<Row> {};

TEST_P(DurationRead, gives_milliseconds) {
    EXPECT_EQ(parse_duration(GetParam().text), milliseconds(GetParam().ms));
}

INSTANTIATE_TEST_SUITE_P(table, DurationRead,
                         testing::Values(Row{"milliseconds", "500ms", 500}, Row{"seconds", "90s", 90'000},
                                         Row{"minutes", "10m", 600'000}, Row{"hours", "1h", 3'600'000},
                                         Row{"days", "2d", 172'800'000}, Row{"zero", "0s", 0},
                                         Row{"largest", "9223372036854775807ms", INT64_MAX}),
                         row_name);

class DurationRefused : public testing::TestWithParam<Row> {};

TEST_P(DurationRefused, is_none) {
    EXPECT_FALSE(parse_duration(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    table, DurationRefused,
    testing::Values(Row{"nothing", "", 0}, Row{"no_unit", "60", 0}, Row{"no_number", "s", 0},
                    Row{"unknown_unit", "60x", 0}, Row{"upper_case", "60S", 0}, Row{"weeks", "1w", 0},
                    Row{"fraction", "1.5h", 0}, Row{"negative", "-1s", 0}, Row{"negative_zero", "-0s", 0},
                    Row{"plus", "+1s", 0}, Row{"blank_between", "60 s", 0}, Row{"blank_before", " 60s", 0},
                    Row{"two_units", "1h30m", 0}, Row{"too_large_for_its_unit", "106751991168d", 0},
                    Row{"too_many_digits", "9223372036854775808ms", 0}),
    row_name);

class DurationWritten : public testing::TestWithParam<Row> {};

TEST_P(DurationWritten, is_the_shortest_exact_form) {
    EXPECT_EQ(format_duration(milliseconds(GetParam().ms)), GetParam().text);
    EXPECT_EQ(parse_duration(GetParam().text), milliseconds(GetParam().ms));
}

INSTANTIATE_TEST_SUITE_P(table, DurationWritten,
                         testing::Values(Row{"zero", "0s", 0}, Row{"seconds", "90s", 90'000},
                                         Row{"minutes", "10m", 600'000}, Row{"hour", "1h", 3'600'000},
                                         Row{"days", "2d", 172'800'000}, Row{"odd", "1500ms", 1500}),
                         row_name);

class DurationRough : public testing::TestWithParam<Row> {};

TEST_P(DurationRough, has_at_most_two_units) {
    EXPECT_EQ(format_rough(milliseconds(GetParam().ms)), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(table, DurationRough,
                         testing::Values(Row{"below_a_second", "0s", 999}, Row{"negative", "0s", -5'000},
                                         Row{"seconds_rounded_down", "59s", 59'999},
                                         Row{"whole_minute", "1m", 60'000},
                                         Row{"minutes_and_seconds", "3m 20s", 200'000},
                                         Row{"hours_and_minutes", "1h 1m", 3'719'000},
                                         Row{"days_and_hours", "2d 3h", 183'700'000},
                                         Row{"days_without_hours", "1d", 86'460'000}),
                         row_name);

} // namespace
} // namespace sluice
