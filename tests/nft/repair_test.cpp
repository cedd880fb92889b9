// SPDX-License-Identifier: GPL-2.0-or-later
// What others do to the table: it is found, told, and set right by the next install.
#include "support.hpp"

#include "kernel/nft_monitor.hpp"

#include <algorithm>
#include <poll.h>

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

TEST_F(NftTest, damage_is_found) {
    struct Case {
        const char* command;
        const char* damage;
    };
    for (const Case& row : {
             Case{"flush chain inet sluice service_smtp", "rules of chain service_smtp"},
             Case{"flush chain inet sluice prerouting", "rules of chain prerouting"},
             Case{"insert rule inet sluice attempts accept", "rules of chain attempts"},
             Case{"flush chain inet sluice exempt; add set inet sluice exempt_ip4_a { type ipv4_addr; }",
                  "rules of chain exempt"},
             Case{"insert rule inet sluice service_smtp ip6 saddr @apart_ip6_64_a accept",
                  "rules of chain service_smtp"},
             Case{"flush chain inet sluice service_submission", "rules of chain service_submission"},
             Case{"delete element inet sluice services { 587 }", "elements of map services"},
             Case{"flush set inet sluice interfaces", "elements of set interfaces"},
             Case{"delete element inet sluice enforced { ipv6 }", "elements of set enforced"},
             Case{"add table inet sluice { flags dormant; }", "table is dormant"},
             Case{"add chain inet sluice prerouting { policy drop; }", "hook of chain prerouting"},
         }) {
        NftContent content = enforced();
        content.spared.apart = {{64, {to_range(prefix("2001:db8:0:1::5/128"))}}};
        table_.install(design(), content, now_ns()); // repairs the damage of the row before
        EXPECT_EQ(table_.read(design(), now_ns()).damage, "") << row.command;
        run(std::string("nft '") + row.command + "'");
        EXPECT_EQ(table_.read(design(), now_ns()).damage, row.damage) << row.command;
    }
}

TEST_F(NftTest, a_table_of_another_make_is_taken_over) {
    for (const char* rules : {
             "chain prerouting { }",                                    // no hook
             "chain prerouting { type filter hook input priority 0; }", // another hook
             "map services { type inet_service : inet_service; }",      // another shape
             "chain attempts { }; chain c { type filter hook input priority 0; jump attempts; }",
             "counter dropped_default { }; counter dropped_old { }; limit log_max { rate 1/second; }",
             "set exempt_ip4_a { type ipv4_addr; }; set exempt_ip6_b { type ipv6_addr; }",
             "set apart_ip4_24_a { type ipv4_addr; }; set apart_ip4_9_b { type ipv4_addr; flags interval; }; "
             "chain service_smtp { ip saddr @apart_ip4_24_a accept; ip saddr @apart_ip4_9_b accept; }",
         }) {
        run(std::string("nft 'table inet sluice { ") + rules + "; }'");
        NftContent content = enforced();
        content.spared.exempt = {to_range(prefix("192.0.2.66/32"))};
        content.spared.apart = {{120, {to_range(prefix("192.0.2.67/32"))}}};
        content.bans = {{prefix("192.0.0.0/16"), "default", 0}};
        table_.install(design(), content, now_ns());
        const NftState state = table_.read(design(), now_ns());
        EXPECT_EQ(state.damage, "") << rules;
        EXPECT_EQ(state.spared, content.spared) << rules;
        EXPECT_FALSE(contains(listing(), "apart_ip4_9")) << rules;
        EXPECT_FALSE(contains(listing(), "dropped_old")) << rules;
        EXPECT_FALSE(contains(listing(), "chain c ")) << rules;
        EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected) << rules;
        EXPECT_EQ(connect_from("192.0.2.67", 25), Fate::dropped) << rules;
        table_.remove();
    }
}

TEST_F(NftTest, a_new_design_replaces_the_old) {
    NftContent content = enforced();
    content.elements = {{prefix("192.0.2.66/32"), "smtp", "customers", in(60s)}};
    content.bans = {{prefix("203.0.113.9/32"), "default", 0}};
    content.spared.exempt = {to_range(prefix("198.51.100.7/32"))};
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::dropped);
    EXPECT_GE(dropped("customers"), 1U);
    NftDesign other = design();
    other.services = {{"mail", {25, 465}}};
    other.classes = {"default", "isp"};
    other.prefixes4 = {128};
    other.log_max_per_second = 3;
    other.capacity = 500;
    content.elements = {{prefix("192.0.2.67/32"), "mail", "isp", in(60s)}};
    content.spared.exempt = {};
    table_.install(other, content, now_ns());
    const NftState state = table_.read(other, now_ns());
    EXPECT_EQ(state.damage, "");
    EXPECT_EQ(state.counters.dropped, (std::map<std::string, std::uint64_t>{{"default", 0}, {"isp", 0}}));
    EXPECT_TRUE(state.spared.exempt.empty());
    for (const char* gone : {"smtp", "submission", "ip4_24", "set exempt_", "customers"})
        EXPECT_FALSE(contains(listing(), gone)) << gone;
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected);
    EXPECT_EQ(connect_from("192.0.2.67", 465), Fate::dropped);
    EXPECT_EQ(connect_from("192.0.2.67", 587), Fate::connected);
}

TEST_F(NftTest, the_monitor_tells_what_others_do) {
    NftContent content = enforced();
    content.bans = {{prefix("192.0.2.66/32"), "default", 0}};
    table_.install(design(), content, now_ns());
    NftMonitor monitor("sluice");
    NftChanges changes;
    changes.gate = NftGate{true, in(60s)};
    table_.apply(design(), changes, now_ns());
    EXPECT_TRUE(monitor.read(socket_.port_id()).empty()); // our own work
    run("nft add set inet probe mine '{ type ipv4_addr; }'");
    EXPECT_TRUE(monitor.read(socket_.port_id()).empty()); // another table
    const auto told = [&](const std::string& command, NftEventKind kind, const std::string& object) {
        run("nft " + command);
        pollfd waiting{monitor.fd(), POLLIN, 0};
        EXPECT_EQ(poll(&waiting, 1, 5000), 1) << command;
        const auto events = monitor.read(socket_.port_id());
        return std::any_of(events.begin(), events.end(), [&](const NftEvent& event) {
            return event.kind == kind && event.object == object && event.port_id != socket_.port_id();
        });
    };
    EXPECT_TRUE(told("flush map inet sluice banned_ip4_32", NftEventKind::elements_deleted, "banned_ip4_32"));
    EXPECT_TRUE(told("flush chain inet sluice attempts", NftEventKind::rule_deleted, "attempts"));
    EXPECT_TRUE(told("add set inet sluice s '{ type ipv4_addr; }'", NftEventKind::other, "s"));
    EXPECT_TRUE(told("delete set inet sluice s", NftEventKind::set_deleted, "s"));
    EXPECT_TRUE(told("delete table inet sluice", NftEventKind::table_deleted, "sluice"));
}

TEST_F(NftTest, the_monitor_says_when_it_lost_something) {
    NftDesign large = design();
    large.capacity = 200'000;
    NftContent content = enforced();
    for (std::uint32_t i = 0; i < 200'000; ++i) {
        Address source = address("10.0.0.0");
        for (unsigned byte = 0; byte < 3; ++byte)
            source.bytes[15 - byte] = static_cast<std::uint8_t>(i >> 8 * byte);
        content.elements.push_back({{source, 128}, "smtp", "default", in(60s)});
    }
    NftMonitor monitor("sluice");
    table_.install(large, content, now_ns());
    table_.remove();
    const auto events = monitor.read(0);
    EXPECT_TRUE(std::any_of(events.begin(), events.end(),
                            [](const NftEvent& event) { return event.kind == NftEventKind::lost; }));
}

} // namespace
} // namespace sluice::test
