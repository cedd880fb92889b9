// SPDX-License-Identifier: GPL-2.0-or-later
// Range files: what a line may look like, and that one bad line refuses the whole file.
#include "core/config.hpp"

#include "row_name.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace sluice {
namespace {

struct Expected {
    const char* prefix;
    const char* label;
    std::uint32_t line;
};

void expect_ranges(std::string_view text, const std::vector<Expected>& expected) {
    const std::vector<Range> ranges = parse_range_file("list", text);
    ASSERT_EQ(ranges.size(), expected.size());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        EXPECT_EQ(to_string(ranges[i].prefix), expected[i].prefix);
        EXPECT_EQ(ranges[i].label, expected[i].label);
        EXPECT_EQ(ranges[i].origin.file, "list");
        EXPECT_EQ(ranges[i].origin.line, expected[i].line);
    }
}

TEST(RangeFile, one_range_a_line) {
    expect_ranges("192.0.2.0/24\n2001:db8::/32\n", {{"192.0.2.0/24", "", 1}, {"2001:db8::/32", "", 2}});
}

TEST(RangeFile, the_last_line_needs_no_end) {
    expect_ranges("192.0.2.1", {{"192.0.2.1/32", "", 1}});
}

TEST(RangeFile, comments_become_labels) {
    expect_ranges("192.0.2.1 # mail relay  \n192.0.2.2;backup\n192.0.2.3 # a ; b\n192.0.2.4#\n",
                  {{"192.0.2.1/32", "mail relay", 1},
                   {"192.0.2.2/32", "backup", 2},
                   {"192.0.2.3/32", "a ; b", 3},
                   {"192.0.2.4/32", "", 4}});
}

TEST(RangeFile, blank_lines_and_comment_lines_count_as_lines) {
    expect_ranges("# head\n\n  \t\n; more\n  192.0.2.1\t\n", {{"192.0.2.1/32", "", 5}});
}

TEST(RangeFile, a_file_from_another_system_is_read) {
    expect_ranges("\xef\xbb\xbf"
                  "192.0.2.1 # relay\r\n\r\n192.0.2.2\r\n",
                  {{"192.0.2.1/32", "relay", 1}, {"192.0.2.2/32", "", 3}});
}

TEST(RangeFile, may_be_empty) {
    expect_ranges("", {});
    expect_ranges("\n\n# nothing yet\n", {});
}

struct BadLine {
    const char* name;
    const char* text;
    const char* message;

    friend std::ostream& operator<<(std::ostream& out, const BadLine& row) { return out << row.text; }
};

class RangeFileRefused : public testing::TestWithParam<BadLine> {};

TEST_P(RangeFileRefused, with_file_and_line) {
    try {
        (void)parse_range_file("list", GetParam().text);
        FAIL() << "was accepted";
    } catch (const ConfigError& error) {
        EXPECT_STREQ(error.what(), GetParam().message);
    }
}

constexpr BadLine bad_lines[] = {
    {"word", "192.0.2.1\nlocalhost\n",
     "list:2: \"localhost\" is no address or range; write one, as in 192.0.2.0/24 or 2001:db8::/32"},
    {"host_bits", "192.0.2.1/24",
     "list:1: \"192.0.2.1/24\" has bits set behind its length; write 192.0.2.0/24 for the range or 192.0.2.1 "
     "for the address"},
    {"text_without_comment_sign", "192.0.2.1 mail relay",
     "list:1: there is more than one range in \"192.0.2.1 mail relay\"; write one range a line, and '#' "
     "before a comment"},
    {"two_on_a_line", "192.0.2.1, 192.0.2.2",
     "list:1: there is more than one range in \"192.0.2.1, 192.0.2.2\"; write one range a line, and '#' "
     "before a comment"},
    {"behind_blank_lines", "\n\n# c\n192.0.2.300",
     "list:4: \"192.0.2.300\" is no address or range; write one, as in 192.0.2.0/24 or 2001:db8::/32"},
};

INSTANTIATE_TEST_SUITE_P(table, RangeFileRefused, testing::ValuesIn(bad_lines), row_name);

} // namespace
} // namespace sluice
