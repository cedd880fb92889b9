// SPDX-License-Identifier: GPL-2.0-or-later
// Spellings of addresses and prefixes: which are read, how they are written again, and with
// which words the others are refused.
#include "core/address.hpp"

#include "row_name.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace sluice {
namespace {

struct Spelling {
    const char* name;
    const char* text;
    const char* canonical; // nullptr: refused

    friend std::ostream& operator<<(std::ostream& out, const Spelling& row) { return out << row.text; }
};

class AddressSpelling : public testing::TestWithParam<Spelling> {};

TEST_P(AddressSpelling, is_read_or_refused) {
    const auto address = parse_address(GetParam().text);
    ASSERT_EQ(address.has_value(), GetParam().canonical != nullptr);
    if (address) {
        EXPECT_EQ(to_string(*address), GetParam().canonical);
    }
}

constexpr Spelling addresses[] = {
    {"v4", "192.0.2.1", "192.0.2.1"},
    {"v4_zero", "0.0.0.0", "0.0.0.0"},
    {"v4_last", "255.255.255.255", "255.255.255.255"},
    {"v6", "2001:db8::1", "2001:db8::1"},
    {"v6_upper_case_and_zeros", "2001:0DB8:0:0:0:0:0:00A1", "2001:db8::a1"},
    {"v6_unspecified", "::", "::"},
    {"v6_loopback", "::1", "::1"},
    {"v6_first_of_two_runs", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"v6_longer_run_wins", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"v6_single_zero_stays", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"v6_run_at_the_end", "2001:db8::", "2001:db8::"},
    {"v6_dotted_tail", "64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"nothing", "", nullptr},
    {"v4_three_parts", "192.0.2", nullptr},
    {"v4_five_parts", "192.0.2.1.1", nullptr},
    {"v4_number_too_large", "192.0.2.256", nullptr},
    {"v4_leading_zero", "192.0.2.01", nullptr},
    {"v4_blank_behind", "192.0.2.1 ", nullptr},
    {"v4_with_length", "192.0.2.1/32", nullptr},
    {"v4_with_port", "192.0.2.1:25", nullptr},
    {"v4_hexadecimal", "0xc0.0.2.1", nullptr},
    {"v6_in_brackets", "[2001:db8::1]", nullptr},
    {"v6_two_gaps", "2001::db8::1", nullptr},
    {"v6_group_too_long", "2001:00db8::1", nullptr},
    {"v6_with_zone", "fe80::1%eth0", nullptr},
    {"v6_mapped_dotted", "::ffff:192.0.2.1", nullptr},
    {"v6_mapped_hexadecimal", "::ffff:c000:201", nullptr},
    {"name", "mail.example.org", nullptr},
};

INSTANTIATE_TEST_SUITE_P(table, AddressSpelling, testing::ValuesIn(addresses), row_name);

TEST(Address, with_a_zero_byte_inside_is_refused) {
    EXPECT_FALSE(parse_address(std::string_view("192.0.2.1\0", 10)));
}

TEST(Address, knows_its_family) {
    EXPECT_TRUE(parse_address("192.0.2.1")->is_v4());
    EXPECT_FALSE(parse_address("::192.0.2.1")->is_v4());
}

struct PrefixCase {
    const char* name;
    const char* text;
    const char* canonical; // nullptr: refused with `error`
    const char* error;
    bool bare;

    friend std::ostream& operator<<(std::ostream& out, const PrefixCase& row) { return out << row.text; }
};

class PrefixSpelling : public testing::TestWithParam<PrefixCase> {};

TEST_P(PrefixSpelling, is_read_or_refused) {
    const PrefixParse parsed = parse_prefix(GetParam().text);
    EXPECT_EQ(parsed.error, GetParam().error);
    ASSERT_EQ(parsed.prefix.has_value(), GetParam().canonical != nullptr);
    EXPECT_EQ(parsed.bare, GetParam().bare);
    if (parsed.prefix) {
        EXPECT_EQ(to_string(*parsed.prefix), GetParam().canonical);
    }
}

constexpr const char* no_range = " is no address or range; write one, as in 192.0.2.0/24 or 2001:db8::/32";

constexpr PrefixCase prefixes[] = {
    {"v4", "192.0.2.0/24", "192.0.2.0/24", "", false},
    {"v4_everything", "0.0.0.0/0", "0.0.0.0/0", "", false},
    {"v4_whole_length", "192.0.2.1/32", "192.0.2.1/32", "", false},
    {"v4_bare", "192.0.2.1", "192.0.2.1/32", "", true},
    {"v6", "2001:db8::/32", "2001:db8::/32", "", false},
    {"v6_bare", "2001:db8::1", "2001:db8::1/128", "", true},
    {"v6_internet", "2000::/3", "2000::/3", "", false},
    {"nothing", "", nullptr,
     "an empty text is no address or range; write one, as in 192.0.2.0/24 or 2001:db8::/32", false},
    {"v4_host_bits", "192.0.2.1/24", nullptr,
     "\"192.0.2.1/24\" has bits set behind its length; write 192.0.2.0/24 for the range or 192.0.2.1 for the "
     "address",
     false},
    {"v6_host_bits", "2001:db8::1/64", nullptr,
     "\"2001:db8::1/64\" has bits set behind its length; write 2001:db8::/64 for the range or 2001:db8::1 "
     "for "
     "the address",
     false},
    {"v4_length_too_large", "192.0.2.0/33", nullptr,
     "\"192.0.2.0/33\" has \"33\" as its length; write 0 to 32 behind the slash", false},
    {"v6_length_too_large", "2001:db8::/129", nullptr,
     "\"2001:db8::/129\" has \"129\" as its length; write 0 to 128 behind the slash", false},
    {"length_missing", "192.0.2.0/", nullptr,
     "\"192.0.2.0/\" has \"\" as its length; write 0 to 32 behind the slash", false},
    {"length_negative", "192.0.2.0/-1", nullptr,
     "\"192.0.2.0/-1\" has \"-1\" as its length; write 0 to 32 behind the slash", false},
    {"length_with_leading_zero", "192.0.2.0/024", nullptr,
     "\"192.0.2.0/024\" has \"024\" as its length; write 0 to 32 behind the slash", false},
    {"two_lengths", "192.0.2.0/24/8", nullptr,
     "\"192.0.2.0/24/8\" has \"24/8\" as its length; write 0 to 32 behind the slash", false},
    {"netmask", "192.0.2.0/255.255.255.0", nullptr,
     "\"192.0.2.0/255.255.255.0\" has a netmask; write its length: 192.0.2.0/24", false},
    {"netmask_with_a_hole", "192.0.2.0/255.0.255.0", nullptr,
     "\"192.0.2.0/255.0.255.0\" has \"255.0.255.0\" as its length; write 0 to 32 behind the slash", false},
    {"leading_zeros", "192.000.002.010/32", nullptr,
     "\"192.000.002.010/32\" has leading zeros, which some programs read as octal; write 192.0.2.10", false},
    {"zone", "fe80::%eth0/64", nullptr,
     "\"fe80::%eth0/64\" has a zone; write the address without '%' and what follows it", false},
    {"span", "192.0.2.0-192.0.2.255", nullptr,
     "\"192.0.2.0-192.0.2.255\" is a span of addresses; write it as prefixes, as in 192.0.2.0/24", false},
    {"mapped_address", "::ffff:192.0.2.1", nullptr,
     "\"::ffff:192.0.2.1\" is IPv4 in an IPv6 spelling, which no packet carries; write 192.0.2.1/32", false},
    {"mapped_prefix", "::ffff:192.0.2.0/120", nullptr,
     "\"::ffff:192.0.2.0/120\" is IPv4 in an IPv6 spelling, which no packet carries; write 192.0.2.0/24",
     false},
    {"v6_everything", "::/0", nullptr,
     "\"::/0\" would take in all of IPv4 as well; write 2000::/3 for the IPv6 internet, 0.0.0.0/0 for IPv4",
     false},
    {"v6_around_the_mapped_space", "::/80", nullptr,
     "\"::/80\" would take in all of IPv4 as well; write 2000::/3 for the IPv6 internet, 0.0.0.0/0 for IPv4",
     false},
    {"v6_beside_the_mapped_space", "::/96", "::/96", "", false},
};

INSTANTIATE_TEST_SUITE_P(table, PrefixSpelling, testing::ValuesIn(prefixes), row_name);

TEST(Prefix, names_that_are_no_addresses_are_refused) {
    for (const std::string text : {"localhost", "10.0.0/8", "192.0.2.256", "[2001:db8::1]"})
        EXPECT_EQ(parse_prefix(text).error, '"' + text + '"' + no_range);
}

TEST(Prefix, a_long_text_is_cut_in_the_message) {
    const std::string text(100, 'x');
    EXPECT_EQ(parse_prefix(text).error, '"' + text.substr(0, 60) + "...\"" + no_range);
}

Prefix prefix(const char* text) {
    return parse_prefix(text).prefix.value();
}

TEST(Prefix, contains_what_lies_inside) {
    EXPECT_TRUE(prefix("192.0.2.0/24").contains(*parse_address("192.0.2.255")));
    EXPECT_FALSE(prefix("192.0.2.0/24").contains(*parse_address("192.0.3.0")));
    EXPECT_TRUE(prefix("2001:db8::/32").contains(prefix("2001:db8:1::/48")));
    EXPECT_FALSE(prefix("2001:db8:1::/48").contains(prefix("2001:db8::/32")));
    EXPECT_FALSE(prefix("0.0.0.0/0").contains(prefix("2001:db8::/32")));
}

TEST(Prefix, sorts_the_wider_one_first) {
    EXPECT_LT(prefix("192.0.2.0/24"), prefix("192.0.2.0/25"));
    EXPECT_LT(prefix("192.0.2.0/25"), prefix("192.0.2.128/25"));
}

TEST(Prefix, length_is_mapped_inside_and_plain_in_text) {
    EXPECT_EQ(prefix("192.0.2.0/24").length, 120);
    EXPECT_EQ(prefix("192.0.2.0/24").written_length(), 24);
    EXPECT_EQ(prefix("2001:db8::/32").written_length(), 32);
}

TEST(Masked, clears_what_is_behind_the_length) {
    const Address address = *parse_address("2001:db8:ffff:ffff::1");
    EXPECT_EQ(to_string(masked(address, 0)), "::");
    EXPECT_EQ(to_string(masked(address, 33)), "2001:db8:8000::");
    EXPECT_EQ(to_string(masked(address, 64)), "2001:db8:ffff:ffff::");
    EXPECT_EQ(masked(address, 128), address);
    EXPECT_EQ(to_string(masked(*parse_address("192.0.2.255"), 96 + 25)), "192.0.2.128");
}

} // namespace
} // namespace sluice
