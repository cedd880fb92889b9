// SPDX-License-Identifier: GPL-2.0-or-later
// What is exempt inside dropped prefixes: named cases, and random nested prefixes of a small
// universe compared address by address with the rule in its plainest form.
#include "core/carve.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sluice {
namespace {

Prefix prefix(const char* text) {
    return parse_prefix(text).prefix.value();
}

Address address(const char* text) {
    return parse_address(text).value();
}

Config config_with(std::string_view toml) {
    return parse_config({{"t.toml", std::string(toml)}}, [](const std::string&) { return std::string(); });
}

ExemptIndex index_of(std::string_view toml, std::vector<Prefix> allows = {}) {
    return ExemptIndex(compile_policy(config_with(toml), Names{}), std::move(allows));
}

std::string text_of(const std::vector<AddressInterval>& intervals) {
    std::string text;
    for (const AddressInterval& interval : intervals)
        text += (text.empty() ? "" : " ") + to_string(interval.first) + '-' + to_string(interval.last);
    return text;
}

std::string carved(const ExemptIndex& index, std::vector<Prefix> dropped) {
    return text_of(index.exempt_within(dropped));
}

constexpr std::string_view nested = R"(
[limit]
[class.hosts]
action = "exempt"
ranges = ["2001:db8::1", "2001:db8::2", "2001:db8:1::/64", "198.51.100.0/24"]
[class.inner]
ranges = ["2001:db8:1::8000:0/112", "198.51.100.128/25"]
)";

TEST(Carve, exempt_hosts_inside_a_limited_source_are_joined_where_they_touch) {
    EXPECT_EQ(carved(index_of(nested), {prefix("2001:db8::/64")}), "2001:db8::1-2001:db8::2");
}

TEST(Carve, a_prefix_without_exempt_addresses_gives_nothing) {
    EXPECT_EQ(carved(index_of(nested), {prefix("2001:db8:2::/64"), prefix("203.0.113.0/24")}), "");
    EXPECT_EQ(carved(index_of(nested), {}), "");
}

TEST(Carve, a_longer_limited_range_inside_an_exempt_one_is_not_exempt) {
    EXPECT_EQ(carved(index_of(nested), {prefix("2001:db8:1::/48")}),
              "2001:db8:1::-2001:db8:1::7fff:ffff 2001:db8:1::8001:0-2001:db8:1:0:ffff:ffff:ffff:ffff");
    EXPECT_EQ(carved(index_of(nested), {prefix("198.51.100.0/24")}), "198.51.100.0-198.51.100.127");
    EXPECT_EQ(carved(index_of(nested), {prefix("198.51.100.128/25")}), "");
}

TEST(Carve, a_prefix_that_is_exempt_as_a_whole_is_given_whole) {
    EXPECT_EQ(carved(index_of(nested), {prefix("198.51.100.64/26")}), "198.51.100.64-198.51.100.127");
    EXPECT_EQ(carved(index_of(nested), {prefix("2001:db8::1/128")}), "2001:db8::1-2001:db8::1");
}

TEST(Carve, nested_and_repeated_prefixes_are_answered_once) {
    EXPECT_EQ(carved(index_of(nested),
                     {prefix("198.51.100.32/27"), prefix("198.51.0.0/16"), prefix("198.51.100.32/27")}),
              "198.51.100.0-198.51.100.127");
}

TEST(Carve, an_allow_wins_over_a_range_of_its_length_or_shorter) {
    const auto inside = [](const char* allow) {
        return carved(index_of(nested, {prefix(allow)}), {prefix("198.51.100.128/25")});
    };
    EXPECT_EQ(inside("198.51.100.129"), "198.51.100.129-198.51.100.129");
    EXPECT_EQ(inside("198.51.100.128/25"), "198.51.100.128-198.51.100.255");
    EXPECT_EQ(inside("198.51.100.0/24"), "");
}

TEST(Carve, an_allow_exempts_where_no_range_is) {
    EXPECT_EQ(carved(index_of("", {prefix("203.0.113.7")}), {prefix("203.0.113.0/24")}),
              "203.0.113.7-203.0.113.7");
}

TEST(Carve, an_exempt_default_class_protects_nobody_from_a_ban) {
    const ExemptIndex index =
        index_of("[class.default]\naction = \"exempt\"\n"
                 "[class.infrastructure]\naction = \"exempt\"\nranges = [\"192.0.2.128/25\"]");
    EXPECT_EQ(carved(index, {prefix("192.0.2.0/24")}), "192.0.2.128-192.0.2.255");
    EXPECT_EQ(carved(index, {prefix("203.0.113.0/24"), prefix("2001:db8::/32")}), "");
}

TEST(Carve, no_interval_crosses_the_families) {
    const ExemptIndex index =
        index_of("", {prefix("0.0.0.0/0"), prefix("::fffe:0:0/96"), prefix("::1:0:0:0/80")});
    EXPECT_EQ(carved(index, {prefix("0.0.0.0/0"), prefix("::1:0:0:0/80"), prefix("::fffe:0:0/96")}),
              "::fffe:0:0-::fffe:ffff:ffff 0.0.0.0-255.255.255.255 ::1:0:0:0-::1:ffff:ffff:ffff");
}

TEST(CountedElsewhere, are_the_ranges_longer_than_the_source) {
    const ExemptIndex index = index_of(nested);
    const auto elsewhere = [&](std::vector<Prefix> sources) {
        return text_of(index.counted_elsewhere(sources));
    };
    EXPECT_EQ(elsewhere({prefix("2001:db8:1::/64")}), "2001:db8:1::8000:0-2001:db8:1::8000:ffff");
    EXPECT_EQ(elsewhere({prefix("2001:db8:1::8000:0/112")}), "");
    EXPECT_EQ(elsewhere({prefix("2001:db8::/64")}), "2001:db8::1-2001:db8::2");
    EXPECT_EQ(elsewhere({prefix("2001:db8:2::/64"), prefix("203.0.113.1")}), "");
}

struct Expected {
    const char* text;
    std::uint16_t class_id;
    std::optional<std::uint32_t> range_id;
    const char* source;
    Action action;
};

TEST(EffectiveClass, the_longest_range_decides) {
    const ExemptIndex index = index_of(nested);
    const std::vector<Expected> rows = {
        {"203.0.113.1", 0, std::nullopt, "203.0.113.1/32", Action::limit},
        {"2001:db8:9::1", 0, std::nullopt, "2001:db8:9::/64", Action::limit},
        {"2001:db8::1", 1, 0, "2001:db8::1/128", Action::exempt},
        {"2001:db8:1::1", 1, 2, "2001:db8:1::/64", Action::exempt},
        {"2001:db8:1::8000:1", 2, 4, "2001:db8:1::8000:0/112", Action::limit},
        {"198.51.100.127", 1, 3, "198.51.100.127/32", Action::exempt},
        {"198.51.100.128", 2, 5, "198.51.100.128/32", Action::limit},
    };
    for (const Expected& row : rows) {
        SCOPED_TRACE(row.text);
        const AddressClass found = index.effective_class(address(row.text));
        EXPECT_EQ(found.class_id, row.class_id);
        EXPECT_EQ(found.range_id, row.range_id);
        EXPECT_EQ(index.range_of(address(row.text)), row.range_id);
        EXPECT_EQ(to_string(found.source), row.source);
        EXPECT_EQ(found.action, row.action);
        EXPECT_FALSE(found.exempt_by_allow);
    }
}

TEST(EffectiveClass, strangers_behind_one_prefix_are_counted_one_by_one) {
    const ExemptIndex index = index_of("[class.default]\nprefix6 = 48\nprefix4 = 24");
    const auto source = [&](const char* text) {
        return to_string(index.effective_class(address(text)).source);
    };
    EXPECT_EQ(source("64:ff9b::192.0.2.1"), "64:ff9b::c000:201/128");
    EXPECT_EQ(source("fe80::1"), "fe80::1/128");
    EXPECT_EQ(source("febf::1"), "febf::1/128");
    EXPECT_EQ(source("64:ff9b:1::1"), "64:ff9b:1::/48");
    EXPECT_EQ(source("fec0::1"), "fec0::/48");
    EXPECT_EQ(source("192.0.2.77"), "192.0.2.0/24");
}

TEST(EffectiveClass, an_allow_exempts_beside_the_class) {
    const ExemptIndex index = index_of(nested, {prefix("198.51.100.200"), prefix("2001:db8::/32")});
    const AddressClass allowed = index.effective_class(address("198.51.100.200"));
    EXPECT_EQ(allowed.action, Action::limit);
    EXPECT_TRUE(allowed.exempt_by_allow);
    EXPECT_TRUE(allowed.is_exempt());
    EXPECT_FALSE(index.effective_class(address("198.51.100.201")).is_exempt());
    EXPECT_TRUE(index.effective_class(address("2001:db8:5::1")).is_exempt());
    EXPECT_FALSE(index.effective_class(address("2001:db8:1::8000:1")).is_exempt());
}

// A universe of 256 addresses in which everything can be tried.
class Universe {
public:
    explicit Universe(unsigned seed) : random_(seed) {}

    Prefix any_prefix() {
        const auto length = static_cast<std::uint8_t>(120 + random_() % 9);
        Address inside = address("2001:db8::");
        inside.bytes[15] = static_cast<std::uint8_t>(random_());
        return {masked(inside, length), length};
    }

    std::vector<Prefix> some_prefixes(unsigned most) {
        std::vector<Prefix> result;
        for (unsigned left = static_cast<unsigned>(random_()) % (most + 1); left > 0; --left)
            result.push_back(any_prefix());
        return result;
    }

    Config any_config() {
        Config config;
        for (const char* name : {"default", "open", "watched", "held"})
            config.classes.push_back({name, Action::limit, {}, {}, 32, 64, {}, {}, {}});
        config.classes[0].action = static_cast<Action>(random_() % 3);
        config.classes[1].action = Action::exempt;
        config.classes[2].action = Action::observe;
        // Only four lengths can be counted by; which ones plays no part here.
        for (ClassConfig& of_class : config.classes)
            of_class.prefix6 = 128;
        std::vector<Prefix> taken = some_prefixes(24);
        std::sort(taken.begin(), taken.end());
        taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
        for (const Prefix& range : taken)
            config.classes[1 + random_() % 3].ranges.push_back({range, "", {}});
        return config;
    }

private:
    std::mt19937 random_;
};

bool exempt_by_the_rule(const Config& config, const std::vector<Prefix>& allows, const Address& of) {
    int longest = -1;
    Action action = config.classes[0].action;
    for (const ClassConfig& of_class : config.classes)
        for (const Range& range : of_class.ranges)
            if (range.prefix.contains(of) && range.prefix.length > longest) {
                longest = range.prefix.length;
                action = of_class.action;
            }
    const auto holds = [&](const Prefix& allow) { return allow.contains(of) && allow.length >= longest; };
    return action == Action::exempt || std::any_of(allows.begin(), allows.end(), holds);
}

bool is_in(const std::vector<AddressInterval>& intervals, const Address& of) {
    return std::any_of(intervals.begin(), intervals.end(), [&](const AddressInterval& interval) {
        return interval.first <= of && of <= interval.last;
    });
}

void expect_minimal(const std::vector<AddressInterval>& intervals) {
    for (std::size_t i = 0; i < intervals.size(); ++i) {
        EXPECT_LE(intervals[i].first, intervals[i].last);
        if (i == 0)
            continue;
        // At least one address lies between two of them.
        EXPECT_LT(intervals[i - 1].last.bytes[15] + 1, intervals[i].first.bytes[15]);
    }
}

TEST(CountedElsewhere, agrees_with_the_source_of_every_address_of_random_universes) {
    for (unsigned seed = 0; seed < 500; ++seed) {
        SCOPED_TRACE(seed);
        Universe universe(seed);
        Config config = universe.any_config();
        for (ClassConfig& of_class : config.classes) {
            of_class.action = Action::exempt; // so that any number of lengths is allowed
            of_class.prefix6 = 122;
        }
        const ExemptIndex index(compile_policy(config, Names{}));
        const Prefix source{masked(universe.any_prefix().address, 122), 122};
        const std::vector<AddressInterval> found = index.counted_elsewhere(std::span(&source, 1));
        expect_minimal(found);
        for (unsigned last = 0; last < 64; ++last) {
            Address of = source.address;
            of.bytes[15] = static_cast<std::uint8_t>(of.bytes[15] + last);
            ASSERT_EQ(is_in(found, of), index.effective_class(of).source != source) << to_string(of);
        }
    }
}

TEST(Carve, agrees_with_the_rule_for_every_address_of_random_universes) {
    for (unsigned seed = 0; seed < 2000; ++seed) {
        SCOPED_TRACE(seed);
        Universe universe(seed);
        const Config config = universe.any_config();
        const std::vector<Prefix> allows = universe.some_prefixes(4);
        const std::vector<Prefix> dropped = universe.some_prefixes(5);
        const ExemptIndex index(compile_policy(config, Names{}), allows);
        const std::vector<AddressInterval> found = index.exempt_within(dropped);
        expect_minimal(found);
        for (int last = 0; last < 256; ++last) {
            Address of = address("2001:db8::");
            of.bytes[15] = static_cast<std::uint8_t>(last);
            const bool exempt = exempt_by_the_rule(config, allows, of);
            // exempt because everybody is, not because of a range or an allow
            Config limited_default = config;
            limited_default.classes[0].action = Action::limit;
            const bool spared = exempt_by_the_rule(limited_default, allows, of);
            const bool inside = std::any_of(dropped.begin(), dropped.end(),
                                            [&](const Prefix& around) { return around.contains(of); });
            ASSERT_EQ(is_in(found, of), spared && inside) << to_string(of);
            ASSERT_EQ(index.effective_class(of).is_exempt(), exempt) << to_string(of);
        }
    }
}

} // namespace
} // namespace sluice
