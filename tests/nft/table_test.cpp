// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel holds after each operation, as NftTable and as nft itself read it.
#include "support.hpp"

#include "kernel/errors.hpp"

#include "kernel/fd.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

TEST_F(NftTest, the_listing_explains_itself) {
    NftContent content = enforced();
    content.elements = {{prefix("192.0.2.66/32"), "smtp", "customers", in(60s)}};
    content.bans = {{prefix("198.51.0.0/16"), "default", in(1h)},
                    {prefix("2001:db8:0:1::/64"), "default", 0}};
    content.spared.exempt = {to_range(prefix("2001:db8:0:1::5/128"))};
    table_.install(design(), content, now_ns());
    const std::string text = listing();
    for (const char* part :
         {"type filter hook prerouting priority raw; policy accept;", "iifname != @interfaces accept",
          "elements = { 25 : jump service_smtp, 465 : jump service_submission, 587 : jump service_submission "
          "}",
          "counter name ip saddr map @limited_smtp_ip4_32 goto refuse_ip4_32",
          "counter name ip6 saddr & ffff:ffff:ffff:ffff:: map @limited_smtp_ip6_64 goto refuse_ip6_64",
          "ip6 saddr @exempt_ip6_a accept", "elements = { 2001:db8:0:1::5 }",
          "ip saddr @banned_ranges_ip4_a counter name \"banned_ranges\" goto refuse_ip4_24",
          "elements = { 2001:db8:0:1:: : \"dropped_default\" }", ": \"dropped_customers\"",
          "tcp sequence 305419896 counter name \"sampled\" log prefix \"SMTP_IN: LIMIT EXCEEDED:: \" drop",
          "elements = { ipv4, ipv6 }"})
        EXPECT_TRUE(contains(text, part)) << part << "\nnot in\n" << text;
}

TEST_F(NftTest, what_nft_lists_it_can_load_again) {
    NftDesign wide = design();
    // Words that nft would take for its own, dashes, and names that look like others' names.
    wide.services = {{"drop", {25}}, {"tcp-x_ip4_32", {465}}, {"a23456789-123456789_123456789-1", {587}}};
    wide.classes = {"default", "accept", "a-b_c", "banned_ranges", "z23456789-123456789_123456789-1"};
    wide.prefixes4 = {96, 104, 120, 128};
    wide.prefixes6 = {0, 48, 64, 128};
    NftContent content = enforced();
    content.elements = {{prefix("192.0.2.66/32"), "drop", "accept", in(60s)},
                        {prefix("10.0.0.0/8"), "tcp-x_ip4_32", "a-b_c", in(60s)},
                        {prefix("0.0.0.0/0"), "drop", "banned_ranges", in(60s)},
                        {{Address{}, 0}, "drop", "banned_ranges", in(60s)}};
    content.bans = {{prefix("255.255.0.0/16"), "default", in(1h)}, {prefix("ffff::/16"), "default", in(1h)}};
    content.spared.exempt = {to_range(prefix("255.255.255.255/32")),
                             {address("::"), address("7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}};
    content.spared.apart = {{64, {{address("::"), address("::1")}, to_range(prefix("ffff::/16"))}},
                            {104, {to_range(prefix("255.255.255.255/32")), to_range(prefix("10.1.0.0/16"))}}};
    table_.install(wide, content, now_ns());
    const NftState before = table_.read(wide, now_ns());
    EXPECT_EQ(before.damage, "");
    EXPECT_EQ(before.elements.size(), 4U);
    char name[] = "/tmp/nft_tests.XXXXXX";
    const Fd file(mkstemp(name));
    std::ofstream(name) << listing();
    run("nft delete table inet sluice");
    EXPECT_FALSE(table_.present());
    run(std::string("nft -f ") + name);
    std::remove(name);
    const NftState after = table_.read(wide, now_ns());
    EXPECT_EQ(after.damage, "");
    EXPECT_EQ(after.elements.size(), 4U);
    EXPECT_EQ(after.spared, before.spared);
    EXPECT_EQ(after.spared.apart.size(), 2U);
    EXPECT_EQ(after.ban_ranges, before.ban_ranges);
    EXPECT_TRUE(after.gate.enforced);
}

TEST_F(NftTest, reading_gives_back_what_was_written) {
    NftContent content = enforced();
    content.gate.until_ns = in(1h);
    content.elements = {{prefix("192.0.2.66/32"), "smtp", "customers", in(60s)},
                        {prefix("2001:db8:0:1::/64"), "submission", "default", in(10s)}};
    content.bans = {{prefix("203.0.113.9/32"), "default", 0},
                    {prefix("10.0.0.0/8"), "default", in(1h)},
                    {prefix("10.1.0.0/16"), "default", in(2h)},
                    {prefix("fe80::/10"), "default", 0}};
    content.spared.exempt = {to_range(prefix("10.1.2.0/24")), to_range(prefix("10.1.3.0/24"))};
    EXPECT_EQ(table_.install(design(), content, now_ns()), 0U);
    const NftState state = table_.read(design(), now_ns());
    EXPECT_TRUE(state.complete()) << state.damage;
    EXPECT_EQ(state.interfaces, std::vector<std::string>{"lo"});
    EXPECT_NEAR(static_cast<double>(state.gate.until_ns), static_cast<double>(content.gate.until_ns), 1e9);
    ASSERT_EQ(state.elements.size(), 3U);
    for (const NftElement& wanted : content.elements) {
        const auto found =
            std::find_if(state.elements.begin(), state.elements.end(), [&](const auto& element) {
                return element.source == wanted.source && element.service == wanted.service;
            });
        ASSERT_NE(found, state.elements.end()) << to_string(wanted.source);
        EXPECT_EQ(found->class_name, wanted.class_name);
        EXPECT_NEAR(static_cast<double>(found->until_ns), static_cast<double>(wanted.until_ns), 1e9);
    }
    // Neighbours with one moment are one range; a longer ban inside another outlives it.
    EXPECT_EQ(state.spared.exempt, (std::vector<NftRange>{{address("10.1.2.0"), address("10.1.3.255")}}));
    EXPECT_EQ(state.ban_ranges, (std::vector<NftRange>{{address("10.0.0.0"), address("10.0.255.255")},
                                                       {address("10.1.0.0"), address("10.1.255.255")},
                                                       {address("10.2.0.0"), address("10.255.255.255")},
                                                       to_range(prefix("fe80::/10"))}));
}

TEST_F(NftTest, installing_twice_is_installing_once) {
    NftContent content = enforced();
    content.elements = {{prefix("192.0.2.66/32"), "smtp", "customers", 0}};
    table_.install(design(), content, now_ns());
    const std::string once = listing();
    table_.install(design(), content, now_ns());
    EXPECT_EQ(listing(), once);
}

TEST_F(NftTest, tables_of_others_are_not_touched) {
    run("nft 'table inet other { set s { type ipv4_addr; elements = { 192.0.2.1 }; }; chain c { type filter "
        "hook "
        "input priority 0; ip saddr @s drop; }; }'");
    const std::string before = run("nft list table inet other");
    table_.install(design(), enforced(), now_ns());
    NftChanges changes;
    changes.put = {{prefix("192.0.2.66/32"), "smtp", "default", in(60s)}};
    table_.apply(design(), changes, now_ns());
    table_.remove();
    table_.remove(); // not there: nothing to do
    EXPECT_EQ(run("nft list table inet other"), before);
    EXPECT_FALSE(table_.present());
    EXPECT_FALSE(table_.counters().has_value());
    EXPECT_FALSE(table_.read(design(), now_ns()).present);
}

TEST_F(NftTest, an_element_lapses_at_its_moment) {
    table_.install(design(), enforced(), now_ns());
    const std::uint64_t until = in(300ms);
    NftChanges changes;
    changes.put = {{prefix("192.0.2.66/32"), "smtp", "default", until}};
    changes.bans_for_ranges = {{prefix("198.51.0.0/16"), "default", until},
                               {prefix("10.0.0.0/8"), "default", 0}};
    table_.apply(design(), changes, now_ns());
    for (const bool ranges : {false, true}) {
        std::uint64_t seen = 0;
        EXPECT_TRUE(eventually([&] {
            const NftState state = table_.read(design(), now_ns());
            seen = now_ns();
            return ranges ? state.ban_ranges.size() == 1 : state.elements.empty();
        }));
        EXPECT_GE(seen, until);
        EXPECT_LT(seen, until + 200'000'000);
    }
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected);
    EXPECT_EQ(connect_from("198.51.100.7", 25), Fate::connected);
}

TEST_F(NftTest, refreshing_prolongs_and_shortens) {
    table_.install(design(), enforced(), now_ns());
    NftChanges changes;
    const auto put = [&](std::uint64_t until, const char* class_name) {
        changes.put = {{prefix("192.0.2.66/32"), "smtp", class_name, until}};
        table_.apply(design(), changes, now_ns());
        return table_.read(design(), now_ns()).elements;
    };
    put(in(200ms), "default");
    const std::uint64_t later = in(1h);
    auto elements = put(later, "customers"); // the class may change too
    ASSERT_EQ(elements.size(), 1U);
    EXPECT_EQ(elements[0].class_name, "customers");
    EXPECT_NEAR(static_cast<double>(elements[0].until_ns), static_cast<double>(later), 1e9);
    EXPECT_EQ(put(0, "customers").at(0).until_ns, 0U);
    const std::uint64_t sooner = in(100ms);
    put(sooner, "customers");
    EXPECT_TRUE(eventually([&] { return table_.read(design(), now_ns()).elements.empty(); }));
    EXPECT_GE(now_ns(), sooner);
    EXPECT_TRUE(put(now_ns() - 1, "customers").empty()); // a moment that has passed
}

TEST_F(NftTest, removing_is_idempotent) {
    NftContent content = enforced();
    content.elements = {{prefix("192.0.2.66/32"), "smtp", "customers", in(60s)}};
    table_.install(design(), content, now_ns());
    NftChanges changes;
    changes.remove = {{prefix("192.0.2.66/32"), "smtp", "", 0}, {prefix("192.0.2.67/32"), "smtp", "", 0}};
    changes.put = {{prefix("192.0.2.68/32"), "", "default", in(60s)}};
    for (int i = 0; i < 2; ++i) {
        table_.apply(design(), changes, now_ns());
        const auto elements = table_.read(design(), now_ns()).elements;
        ASSERT_EQ(elements.size(), 1U);
        EXPECT_EQ(elements[0].source, prefix("192.0.2.68/32"));
    }
}

TEST_F(NftTest, the_switched_sets_alternate_for_any_writer) {
    table_.install(design(), enforced(), now_ns());
    NftSocket other_socket;
    NftTable other(other_socket);
    for (int i = 0; i < 6; ++i) {
        NftChanges changes;
        changes.bans_for_ranges = {{prefix("198.51.0.0/16"), "default", in(60s)},
                                   {prefix("2001:db8::/40"), "default", 0}};
        changes.exempt = {to_range(prefix("198.51.100.7/32"))};
        (i % 3 ? table_ : other).apply(design(), changes, now_ns());
        const NftState state = table_.read(design(), now_ns());
        EXPECT_EQ(state.damage, "");
        EXPECT_EQ(state.ban_ranges.size(), 2U);
        EXPECT_EQ(contains(listing(), "banned_ranges_ip4_b"), i % 2 == 1);
    }
    NftChanges none;
    none.bans_for_ranges.emplace();
    none.exempt.emplace();
    table_.apply(design(), none, now_ns());
    EXPECT_FALSE(contains(listing(), "set exempt_"));
    EXPECT_FALSE(contains(listing(), "set banned_ranges_"));
    EXPECT_TRUE(table_.read(design(), now_ns()).complete());
}

TEST_F(NftTest, what_is_apart_has_a_set_and_a_match_only_while_there_is_any) {
    NftContent content = enforced();
    content.spared.apart = {{64, {to_range(prefix("2001:db8:0:1::5/128"))}},
                            {120, {to_range(prefix("192.0.2.64/26")), to_range(prefix("10.1.2.3/32"))}}};
    table_.install(design(), content, now_ns());
    const std::string all = listing();
    for (const char* part : {"ip6 saddr != @apart_ip6_64_a counter name ip6 saddr & ffff:ffff:ffff:ffff:: "
                             "map @limited_smtp_ip6_64 "
                             "goto refuse_ip6_64",
                             "ip saddr != @apart_ip4_24_a counter name ip saddr & 255.255.255.0 map "
                             "@limited_submission_ip4_24 goto "
                             "refuse_ip4_24",
                             "elements = { 10.1.2.3, 192.0.2.64/26 }"})
        EXPECT_TRUE(contains(all, part)) << part << "\nnot in\n" << all;
    EXPECT_FALSE(contains(all, "apart_ip4_32"));
    NftState state = table_.read(design(), now_ns());
    EXPECT_EQ(state.damage, "");
    EXPECT_EQ(state.spared.apart,
              (NftApart{{64, {to_range(prefix("2001:db8:0:1::5/128"))}},
                        {120, {to_range(prefix("10.1.2.3/32")), to_range(prefix("192.0.2.64/26"))}}}));
    EXPECT_EQ(table_.spared(design()), state.spared);

    NftChanges changes;
    changes.apart = {{64, {to_range(prefix("2001:db8:0:1::/80"))}}};
    table_.apply(design(), changes, now_ns());
    state = table_.read(design(), now_ns());
    EXPECT_EQ(state.damage, "");
    EXPECT_EQ(state.spared.apart, *changes.apart);
    EXPECT_TRUE(contains(listing(), "@apart_ip6_64_b counter"));
    EXPECT_FALSE(contains(listing(), "apart_ip4"));
    EXPECT_FALSE(contains(listing(), "apart_ip6_64_a"));
    changes = {};
    changes.exempt = {to_range(prefix("198.51.100.7/32"))}; // the other kind leaves it alone
    table_.apply(design(), changes, now_ns());
    EXPECT_FALSE(table_.spared(design()).apart.empty());
    changes.apart.emplace();
    table_.apply(design(), changes, now_ns());
    EXPECT_FALSE(contains(listing(), "apart"));
    EXPECT_EQ(table_.read(design(), now_ns()).damage, "");
}

TEST_F(NftTest, a_refusal_names_the_command_and_changes_nothing) {
    table_.install(design(), enforced(), now_ns());
    NftChanges changes;
    changes.put = {{prefix("192.0.2.1/32"), "smtp", "default", in(60s)},
                   {prefix("192.0.2.66/32"), "smtp", "nobody", in(60s)}};
    changes.gate = NftGate{};
    const auto refusal = [&] {
        try {
            table_.apply(design(), changes, now_ns());
        } catch (const SystemError& error) {
            return std::string(error.what());
        }
        return std::string("none");
    };
    EXPECT_EQ(refusal(), "nft add element limited_smtp_ip4_32 192.0.2.66/32: No such file or directory");
    const NftState state = table_.read(design(), now_ns());
    EXPECT_TRUE(state.elements.empty());
    EXPECT_TRUE(state.gate.enforced);
    changes.put = {{prefix("192.0.2.66/32"), "imap", "default", in(60s)}};
    EXPECT_EQ(refusal(), "nft add element limited_imap_ip4_32 192.0.2.66/32: No such file or directory");
    table_.remove();
    EXPECT_EQ(refusal(), "nft list table inet sluice: No such file or directory");
    changes = {};
    changes.remove = {{prefix("192.0.2.66/32"), "smtp", "", 0}};
    EXPECT_EQ(refusal(), "nft list table inet sluice: No such file or directory");
}

TEST_F(NftTest, what_does_not_fit_is_left_out_and_counted) {
    NftDesign small = design();
    small.capacity = 3;
    NftContent content = enforced();
    for (const char* source : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"})
        content.elements.push_back({{address(source), 128}, "smtp", "default", in(60s)});
    EXPECT_EQ(table_.install(small, content, now_ns()), 1U);
    NftChanges changes;
    changes.put = {{prefix("10.0.0.1/32"), "smtp", "default", in(1h)}, // is there: no room needed
                   {prefix("10.0.0.8/32"), "smtp", "default", in(60s)},
                   {prefix("10.0.0.9/32"), "submission", "default", in(60s)}};
    EXPECT_EQ(table_.apply(small, changes, now_ns()), 1U);
    EXPECT_EQ(table_.read(small, now_ns()).elements.size(), 4U);
}

TEST_F(NftTest, a_hundred_thousand_elements_at_once) {
    NftDesign large = design();
    large.capacity = 131'072;
    NftContent content = enforced();
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        Address source = address("10.0.0.0");
        for (unsigned byte = 0; byte < 3; ++byte)
            source.bytes[15 - byte] = static_cast<std::uint8_t>(i >> 8 * byte);
        content.elements.push_back({{source, 128}, "smtp", "default", in(600s)});
    }
    const auto seconds = [&](const char* what, const std::function<void()>& act) {
        const std::uint64_t begin = now_ns();
        act();
        const double took = static_cast<double>(now_ns() - begin) / 1e9;
        RecordProperty(what, std::to_string(took));
        std::printf("%s: %.2f s\n", what, took);
        return took;
    };
    NftState state;
    NftChanges changes;
    changes.put = content.elements;
    // Half a second or less on an idle machine; the bounds only tell a wrong order of growth.
    EXPECT_LT(seconds("install", [&] { table_.install(large, content, now_ns()); }), 5);
    EXPECT_LT(seconds("read", [&] { state = table_.read(large, now_ns()); }), 5);
    EXPECT_LT(seconds("refresh", [&] { table_.apply(large, changes, now_ns()); }), 8);
    EXPECT_TRUE(state.complete()) << state.damage;
    EXPECT_EQ(state.elements.size(), 100'000U);
    changes = {};
    changes.remove = content.elements;
    EXPECT_LT(seconds("remove", [&] { table_.apply(large, changes, now_ns()); }), 5);
    EXPECT_TRUE(table_.read(large, now_ns()).elements.empty());
}

} // namespace
} // namespace sluice::test
