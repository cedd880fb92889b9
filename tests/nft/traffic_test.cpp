// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of packets. Every drop has a twin that must pass.
#include "support.hpp"

#include <atomic>
#include <fstream>
#include <netinet/tcp.h>
#include <sstream>
#include <thread>

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

// Segments that TCP of this namespace has been given.
std::uint64_t tcp_segments_in() {
    std::ifstream file("/proc/thread-self/net/snmp");
    std::string line;
    std::string values;
    while (std::getline(file, line))
        if (line.starts_with("Tcp: "))
            values = line; // the second such line has the numbers
    std::istringstream fields(values.substr(5));
    std::uint64_t value = 0;
    for (int i = 0; i < 10; ++i) // InSegs is the tenth
        fields >> value;
    return value;
}

TEST_F(NftTest, a_limited_source_is_dropped_in_its_service_only) {
    NftContent content = enforced();
    content.elements = {{prefix("192.0.2.66/32"), "smtp", "customers", in(60s)}};
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::dropped);
    EXPECT_EQ(connect_from("192.0.2.66", 465), Fate::connected); // over there is not over here
    EXPECT_EQ(connect_from("192.0.2.66", 80), Fate::connected);  // not protected
    EXPECT_EQ(connect_from("192.0.2.67", 25), Fate::connected);  // the neighbour
    EXPECT_GE(dropped("customers"), 1U);
    EXPECT_EQ(dropped("default"), 0U);
}

TEST_F(NftTest, a_limited_source_is_dropped_by_its_prefix) {
    NftContent content = enforced();
    content.elements = {{prefix("2001:db8:0:1::/64"), "submission", "default", in(60s)},
                        {prefix("192.0.2.0/24"), "smtp", "default", in(60s)}};
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("2001:db8:0:1::5", 587), Fate::dropped);
    EXPECT_EQ(connect_from("2001:db8:0:2::6", 587), Fate::connected);
    EXPECT_EQ(connect_from("192.0.2.67", 25), Fate::dropped);
    EXPECT_EQ(connect_from("198.51.100.7", 25), Fate::connected);
}

TEST_F(NftTest, a_ban_holds_for_all_services_and_no_other_port) {
    NftContent content = enforced();
    content.bans = {{prefix("192.0.2.66/32"), "customers", 0}, {prefix("198.51.0.0/16"), "default", in(60s)}};
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::dropped);
    EXPECT_EQ(connect_from("192.0.2.66", 465), Fate::dropped);
    EXPECT_EQ(connect_from("192.0.2.66", 80), Fate::connected);
    EXPECT_EQ(connect_from("198.51.100.7", 587), Fate::dropped);
    EXPECT_EQ(connect_from("198.51.100.7", 80), Fate::connected);
    EXPECT_EQ(connect_from("203.0.113.9", 587), Fate::connected);
    EXPECT_GE(dropped("customers"), 2U);
    EXPECT_GE(table_.counters()->dropped_ranges, 1U);
}

TEST_F(NftTest, an_exempt_address_inside_a_limited_prefix_passes) {
    NftContent content = enforced();
    content.elements = {{prefix("2001:db8:0:1::/64"), "smtp", "default", in(60s)}};
    content.bans = {{prefix("192.0.0.0/16"), "default", 0}};
    content.spared.exempt = {to_range(prefix("2001:db8:0:1::5/128")), to_range(prefix("192.0.2.66/32"))};
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("2001:db8:0:1::5", 25), Fate::connected);
    EXPECT_EQ(connect_from("2001:db8:0:1::6", 25), Fate::dropped);
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected);
    EXPECT_EQ(connect_from("192.0.2.67", 25), Fate::dropped);
}

TEST_F(NftTest, a_source_of_its_own_inside_a_limited_prefix_passes_until_it_is_limited_itself) {
    NftContent content = enforced();
    content.elements = {{prefix("2001:db8:0:1::/64"), "smtp", "default", in(60s)},
                        {prefix("192.0.2.0/24"), "smtp", "default", in(60s)}};
    content.spared.apart = {{64, {to_range(prefix("2001:db8:0:1::5/128"))}},
                            {120, {to_range(prefix("192.0.2.66/32"))}}};
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("2001:db8:0:1::5", 25), Fate::connected);
    EXPECT_EQ(connect_from("2001:db8:0:1::6", 25), Fate::dropped); // the neighbour
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected);
    EXPECT_EQ(connect_from("192.0.2.67", 25), Fate::dropped);
    EXPECT_EQ(dropped("customers"), 0U);
    NftChanges changes;
    changes.put = {{prefix("2001:db8:0:1::5/128"), "smtp", "customers", in(60s)},
                   {prefix("192.0.2.66/32"), "smtp", "customers", in(60s)}};
    table_.apply(design(), changes, now_ns());
    EXPECT_EQ(connect_from("2001:db8:0:1::5", 25), Fate::dropped); // by its own element
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::dropped);
    EXPECT_GE(dropped("customers"), 2U);
    EXPECT_EQ(connect_from("2001:db8:0:1::5", 465), Fate::connected); // over there is not over here
}

TEST_F(NftTest, a_ban_holds_for_sources_of_their_own_inside_it) {
    NftContent content = enforced();
    content.bans = {{prefix("2001:db8:0:1::/64"), "default", 0}, {prefix("192.0.0.0/16"), "default", 0}};
    content.spared.apart = {{64, {to_range(prefix("2001:db8:0:1::/64"))}},
                            {120, {to_range(prefix("192.0.2.66/32"))}}};
    content.spared.exempt = {to_range(prefix("2001:db8:0:1::6/128"))};
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("2001:db8:0:1::5", 25), Fate::dropped);
    EXPECT_EQ(connect_from("2001:db8:0:1::6", 25), Fate::connected);
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::dropped);
}

TEST_F(NftTest, what_is_apart_of_one_length_is_dropped_by_a_longer_one) {
    NftContent content = enforced();
    NftDesign three = design();
    three.prefixes6 = {64, 80, 128};
    content.elements = {{prefix("2001:db8:0:1::/64"), "smtp", "default", in(60s)},
                        {prefix("2001:db8:0:1::/80"), "smtp", "customers", in(60s)}};
    content.spared.apart = {{64, {to_range(prefix("2001:db8:0:1::/80"))}},
                            {80, {to_range(prefix("2001:db8:0:1::6/128"))}}};
    table_.install(three, content, now_ns());
    EXPECT_EQ(connect_from("2001:db8:0:1::5", 25), Fate::dropped);
    EXPECT_GE(dropped("customers"), 1U);
    EXPECT_EQ(dropped("default"), 0U);
    EXPECT_EQ(connect_from("2001:db8:0:1::6", 25), Fate::connected);
}

TEST_F(NftTest, other_interfaces_are_not_touched_and_can_be_added_later) {
    NftContent content = enforced();
    content.bans = {{prefix("192.0.2.66/32"), "default", 0}};
    NftDesign elsewhere = design();
    elsewhere.interfaces = {"eth7"};
    table_.install(elsewhere, content, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected);
    NftChanges changes;
    changes.interfaces = {"eth7", "lo"};
    table_.apply(elsewhere, changes, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::dropped);
}

TEST_F(NftTest, an_open_gate_drops_nothing) {
    NftContent content;
    content.bans = {{prefix("192.0.2.66/32"), "default", 0}};
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected);
    NftChanges changes;
    changes.gate = NftGate{true, 0};
    table_.apply(design(), changes, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::dropped);
    changes.gate = NftGate{};
    table_.apply(design(), changes, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected);
}

TEST_F(NftTest, the_gate_opens_by_itself_at_its_moment) {
    NftContent content = enforced();
    content.bans = {{prefix("192.0.2.66/32"), "default", 0}};
    const std::uint64_t until = in(1500ms);
    content.gate.until_ns = until;
    table_.install(design(), content, now_ns());
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::dropped);
    std::uint64_t seen = 0;
    EXPECT_TRUE(eventually([&] {
        const bool open = !table_.read(design(), now_ns()).gate.enforced;
        seen = now_ns();
        return open;
    }));
    EXPECT_GE(seen, until);
    EXPECT_LT(seen, until + 500'000'000);
    EXPECT_EQ(connect_from("192.0.2.66", 25), Fate::connected);
}

TEST_F(NftTest, a_sample_is_logged_and_dropped_with_the_secret_only) {
    table_.install(design(), {}, now_ns()); // in every mode, gate open or not
    const std::uint64_t before = tcp_segments_in();
    send_segment("192.0.2.66", 25, TH_SYN | TH_RST, 0x12345678);
    EXPECT_EQ(table_.counters()->sampled, 1U);
    EXPECT_EQ(tcp_segments_in(), before);
    send_segment("192.0.2.66", 25, TH_SYN | TH_RST, 0x12345679);
    send_segment("192.0.2.66", 25, TH_RST, 0x12345678);
    EXPECT_EQ(table_.counters()->sampled, 1U);
    EXPECT_EQ(tcp_segments_in(), before + 2);
}

TEST_F(NftTest, only_attempts_are_dropped) {
    NftContent content = enforced();
    content.bans = {{prefix("192.0.2.66/32"), "default", 0}};
    table_.install(design(), content, now_ns());
    const std::uint64_t before = tcp_segments_in();
    for (const int flags : {TH_ACK, TH_RST, TH_SYN | TH_ACK, TH_FIN | TH_ACK, TH_FIN | TH_SYN})
        send_segment("192.0.2.66", 25, static_cast<std::uint8_t>(flags), 1);
    EXPECT_EQ(dropped("default"), 0U);
    EXPECT_GE(tcp_segments_in(), before + 5); // and the resets that answer them
    send_segment("192.0.2.66", 25, TH_SYN, 1);
    send_segment("192.0.2.66", 25, TH_SYN | TH_PUSH | TH_URG, 2);
    EXPECT_EQ(dropped("default"), 2U);
}

TEST_F(NftTest, a_source_is_logged_once_and_all_sources_within_the_maximum) {
    NftDesign sparing = design();
    sparing.log_max_per_second = 5;
    sparing.log_every = 1h;
    NftContent content = enforced();
    content.bans = {{prefix("10.0.0.0/8"), "default", 0}, {prefix("192.0.2.66/32"), "default", 0}};
    table_.install(sparing, content, now_ns());
    for (int i = 0; i < 50; ++i)
        send_segment("192.0.2.66", 25, TH_SYN, 1);
    EXPECT_EQ(table_.counters()->logged, 1U);
    EXPECT_EQ(dropped("default"), 50U); // what was suppressed is the difference
    const std::uint64_t begin = now_ns();
    for (int i = 0; i < 200; ++i)
        send_segment(("10.0." + std::to_string(i) + ".1").c_str(), 25, TH_SYN, 1);
    const std::uint64_t seconds = (now_ns() - begin) / 1'000'000'000 + 1;
    EXPECT_GE(table_.counters()->logged, 5U);
    EXPECT_LE(table_.counters()->logged, 1 + 5 + 5 * seconds);
    EXPECT_EQ(table_.counters()->dropped_ranges, 200U);
}

// SYNs of one banned source without pause, while the table changes under them.
class Load {
public:
    Load(std::function<void()> send)
        : thread_([this, send = std::move(send)] {
              while (!stop_) {
                  send();
                  ++sent_;
              }
          }) {}
    std::uint64_t stop() {
        stop_ = true;
        if (thread_.joinable())
            thread_.join();
        return sent_;
    }
    ~Load() { stop(); }

private:
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> sent_{0};
    std::thread thread_;
};

TEST_F(NftTest, switching_interval_sets_never_lets_a_banned_source_through) {
    NftContent content = enforced();
    content.bans = {{prefix("198.51.100.0/28"), "default", 0}};
    table_.install(design(), content, now_ns());
    Load load([] { send_segment("198.51.100.7", 25, TH_SYN, 1); });
    for (unsigned round = 0; round < 300; ++round) {
        NftChanges changes;
        changes.bans_for_ranges = content.bans;
        changes.exempt.emplace();
        for (unsigned i = 0; i < round; ++i) {
            Address other = address("10.0.0.0");
            other.bytes[14] = static_cast<std::uint8_t>(i);
            changes.bans_for_ranges->push_back({{other, 122}, "default", in(60s)});
            changes.exempt->push_back({other, other});
        }
        table_.apply(design(), changes, now_ns());
    }
    const std::uint64_t sent = load.stop();
    EXPECT_GT(sent, 1000U);
    EXPECT_EQ(passed(), 0U) << "of " << sent;
    EXPECT_EQ(table_.counters()->dropped_ranges, sent);
    // The twin: without its ban the same source passes.
    NftChanges none;
    none.bans_for_ranges.emplace();
    table_.apply(design(), none, now_ns());
    send_segment("198.51.100.7", 25, TH_SYN, 1);
    EXPECT_EQ(passed(), 1U);
}

TEST_F(NftTest, switching_what_is_apart_never_hits_it_nor_lets_its_neighbour_through) {
    NftContent content = enforced();
    content.elements = {{prefix("198.51.100.0/24"), "smtp", "default", 0}};
    content.spared.apart = {{120, {to_range(prefix("198.51.100.64/26"))}}};
    table_.install(design(), content, now_ns());
    Load load([] {
        send_segment("198.51.100.7", 25, TH_SYN, 1);
        send_segment("198.51.100.77", 25, TH_SYN, 1);
    });
    for (unsigned round = 0; round < 300; ++round) {
        NftChanges changes;
        changes.apart = content.spared.apart;
        for (unsigned i = 0; i < round; ++i) {
            Address other = address("10.0.0.0");
            other.bytes[14] = static_cast<std::uint8_t>(i);
            changes.apart->at(120).push_back({other, other});
        }
        table_.apply(design(), changes, now_ns());
    }
    const std::uint64_t sent = load.stop();
    EXPECT_GT(sent, 1000U);
    EXPECT_EQ(passed(), sent);
    EXPECT_EQ(dropped("default"), sent);
}

TEST_F(NftTest, replacing_the_table_never_leaves_a_moment_without_it) {
    NftContent content = enforced();
    content.bans = {{prefix("198.51.100.0/28"), "default", 0}};
    table_.install(design(), content, now_ns());
    Load load([] { send_segment("198.51.100.7", 25, TH_SYN, 1); });
    for (int round = 0; round < 100; ++round)
        table_.install(design(), content, now_ns());
    const std::uint64_t sent = load.stop();
    EXPECT_GT(sent, 1000U);
    EXPECT_EQ(passed(), 0U) << "of " << sent;
}

TEST_F(NftTest, refreshing_an_element_does_not_open_it) {
    NftContent content = enforced();
    content.elements = {{prefix("192.0.2.66/32"), "smtp", "default", in(60s)}};
    table_.install(design(), content, now_ns());
    Load load([] { send_segment("192.0.2.66", 25, TH_SYN, 1); });
    NftChanges changes;
    for (int round = 0; round < 1000; ++round) {
        changes.put = {{prefix("192.0.2.66/32"), "smtp", round % 2 ? "default" : "customers", in(60s)}};
        table_.apply(design(), changes, now_ns());
    }
    const std::uint64_t sent = load.stop();
    EXPECT_EQ(passed(), 0U) << "of " << sent;
    EXPECT_EQ(dropped("default") + dropped("customers"), sent);
}

} // namespace
} // namespace sluice::test
