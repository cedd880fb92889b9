// SPDX-License-Identifier: GPL-2.0-or-later
// frame -> attempt, or the outcome that says why not: every combination of headers that is looked
// through, every refusal, in all three modes, from exempt sources and from others.
#include "data_plane.hpp"
#include "row_name.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>

namespace sluice::test {
namespace {

constexpr const char* policy = R"(
[limit]
connections = 64
per = "1s"
[class.infrastructure]
action = "exempt"
ranges = ["192.0.2.128/25", "2001:db8:e::/48"]
)";

// What a frame is taken for.
enum class Taken { attempt, not_tcp, other_port, not_syn, malformed, fragment, tiny, overlap, long_chain };

struct Outcomes {
    sluice_outcome observe;  // mode observe
    sluice_outcome enforced; // modes nft and xdp
    sluice_outcome exempt;   // from an exempt source, in every mode
    bool dropped;            // modes nft and xdp
};

Outcomes outcomes_of(Taken taken) {
    const auto always = [](sluice_outcome outcome) { return Outcomes{outcome, outcome, outcome, false}; };
    const auto oddity = [](sluice_outcome passed, sluice_outcome dropped) {
        return Outcomes{passed, dropped, passed, true};
    };
    switch (taken) {
    case Taken::attempt:
        return {SLUICE_PASSED, SLUICE_PASSED, SLUICE_EXEMPT, false};
    case Taken::not_tcp:
        return always(SLUICE_NOT_TCP);
    case Taken::other_port:
        return always(SLUICE_OTHER_PORT);
    case Taken::not_syn:
        return always(SLUICE_NOT_SYN);
    case Taken::malformed:
        return always(SLUICE_MALFORMED);
    case Taken::fragment:
        return always(SLUICE_FRAGMENT);
    case Taken::tiny:
        return oddity(SLUICE_TINY_FRAGMENT, SLUICE_TINY_FRAGMENT_DROPPED);
    case Taken::overlap:
        return oddity(SLUICE_OVERLAP_FRAGMENT, SLUICE_OVERLAP_FRAGMENT_DROPPED);
    case Taken::long_chain:
        return oddity(SLUICE_LONG_CHAIN, SLUICE_LONG_CHAIN_DROPPED);
    }
    return always(SLUICE_OUTCOMES);
}

// Both families' headers from one kind of source, so that each row is written once.
struct From {
    IPv4 v4;
    IPv6 v6;
};

const From stranger{};
const From exempt{.v4 = {.saddr = "192.0.2.200"}, .v6 = {.saddr = "2001:db8:e::1"}};

struct Row {
    const char* name;
    Taken taken;
    std::function<Packet(From)> frame;

    friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
};

class Parser : public testing::TestWithParam<Row> {
protected:
    static void SetUpTestSuite() {
        if (why_no_bpf().empty()) {
            plane_ = std::make_unique<DataPlane>();
            plane_->load(policy);
        }
    }
    static void TearDownTestSuite() { plane_.reset(); }
    void SetUp() override { SLUICE_NEEDS_BPF(); }

    // Far apart, so that nobody's attempts add up.
    static std::uint64_t next_time() { return clock_ += 10 * second; }

    static std::unique_ptr<DataPlane> plane_;
    static std::uint64_t clock_;
};

std::unique_ptr<DataPlane> Parser::plane_;
std::uint64_t Parser::clock_ = noon;

TEST_P(Parser, takes_it_for_what_it_is) {
    const Outcomes expected = outcomes_of(GetParam().taken);
    for (const Mode mode : {Mode::observe, Mode::nft, Mode::xdp}) {
        plane_->set_mode(mode);
        const bool enforced = mode != Mode::observe;
        EXPECT_EQ(plane_->send(GetParam().frame(stranger), next_time()),
                  (Verdict{enforced && expected.dropped, enforced ? expected.enforced : expected.observe}))
            << "mode " << to_string(mode);
        EXPECT_EQ(plane_->send(GetParam().frame(exempt), next_time()), Verdict::pass(expected.exempt))
            << "exempt, mode " << to_string(mode);
    }
}

constexpr TCP syn_ack{.ack = true};
constexpr std::uint8_t loose_source_route[] = {131, 7, 4, 198, 51, 100, 1, 0};

Bytes ip_options(std::size_t bytes) {
    Bytes options(bytes, 1); // no operation
    std::copy(std::begin(loose_source_route), std::end(loose_source_route), options.begin());
    return options;
}

IPv4 first_fragment(IPv4 ip) {
    ip.more_fragments = true;
    return ip;
}

IPv4 at_offset(IPv4 ip, std::uint16_t offset, bool more = false) {
    ip.offset = offset;
    ip.more_fragments = more;
    return ip;
}

Packet chain_behind(const IPv6& ip, std::size_t headers, Packet inner) {
    for (std::size_t i = 0; i < headers; i++)
        inner = Packet(destination()) / inner;
    return Packet(ip) / inner;
}

Packet chain_of(const IPv6& ip, std::size_t headers, const Packet& inner) {
    return Ethernet{} / chain_behind(ip, headers, inner);
}

// Priority tags of both kinds by turns.
Packet behind_tags(std::size_t tags, Packet inner) {
    for (std::size_t i = 0; i < tags; i++)
        inner = Vlan{.id = 0, .tpid = static_cast<std::uint16_t>(i % 2 ? 0x88a8 : 0x8100)} / inner;
    return Ethernet{} / inner;
}

const Row link_rows[] = {
    {"IPv4", Taken::attempt, [](From f) { return Ethernet{} / f.v4 / TCP{}; }},
    {"IPv6", Taken::attempt, [](From f) { return Ethernet{} / f.v6 / TCP{}; }},
    {"IPv4_SYN_ACK", Taken::not_syn, [](From f) { return Ethernet{} / f.v4 / syn_ack; }},
    {"IPv6_SYN_ACK", Taken::not_syn, [](From f) { return Ethernet{} / f.v6 / syn_ack; }},
    {"IPv4_UDP_to_the_same_port", Taken::not_tcp, [](From f) { return Ethernet{} / f.v4 / UDP{}; }},
    {"IPv6_UDP_to_the_same_port", Taken::not_tcp, [](From f) { return Ethernet{} / f.v6 / UDP{}; }},
    {"VLAN_IPv4", Taken::attempt, [](From f) { return Ethernet{} / Vlan{} / f.v4 / TCP{}; }},
    {"VLAN_IPv6", Taken::attempt, [](From f) { return Ethernet{} / Vlan{} / f.v6 / TCP{}; }},
    {"VLAN_IPv4_SYN_ACK", Taken::not_syn, [](From f) { return Ethernet{} / Vlan{} / f.v4 / syn_ack; }},
    {"priority_tag", Taken::attempt, [](From f) { return Ethernet{} / Vlan{.id = 0} / f.v4 / TCP{}; }},
    {"QinQ_IPv4", Taken::attempt,
     [](From f) { return Ethernet{} / Vlan{.tpid = 0x88a8} / Vlan{} / f.v4 / TCP{}; }},
    {"QinQ_IPv6", Taken::attempt,
     [](From f) { return Ethernet{} / Vlan{.tpid = 0x88a8} / Vlan{} / f.v6 / TCP{}; }},
    {"two_8021Q_tags", Taken::attempt, [](From f) { return Ethernet{} / Vlan{} / Vlan{} / f.v4 / TCP{}; }},
    {"three_tags", Taken::attempt,
     [](From f) { return Ethernet{} / Vlan{} / Vlan{} / Vlan{} / f.v4 / TCP{}; }},
    // Linux takes off every tag with VID 0
    {"three_priority_tags_IPv4", Taken::attempt, [](From f) { return behind_tags(3, f.v4 / TCP{}); }},
    {"three_priority_tags_IPv6", Taken::attempt, [](From f) { return behind_tags(3, f.v6 / TCP{}); }},
    {"three_priority_tags_PPPoE", Taken::attempt,
     [](From f) { return behind_tags(3, Pppoe{} / f.v4 / TCP{}); }},
    {"four_priority_tags_IPv4", Taken::attempt, [](From f) { return behind_tags(4, f.v4 / TCP{}); }},
    {"four_priority_tags_IPv6", Taken::attempt,
     [](From f) { return behind_tags(4, f.v6 / hop_by_hop() / TCP{}); }},
    {"eight_priority_tags_IPv4", Taken::attempt, [](From f) { return behind_tags(8, f.v4 / TCP{}); }},
    {"eight_priority_tags_IPv6", Taken::attempt, [](From f) { return behind_tags(8, f.v6 / TCP{}); }},
    {"eight_priority_tags_SYN_ACK", Taken::not_syn, [](From f) { return behind_tags(8, f.v4 / syn_ack); }},
    {"eight_priority_tags_UDP", Taken::not_tcp, [](From f) { return behind_tags(8, f.v4 / UDP{}); }},
    {"eight_priority_tags_tiny_fragment", Taken::tiny,
     [](From f) { return behind_tags(8, first_fragment(f.v4) / Packet(TCP{}).keep(8)); }},
    {"eight_priority_tags_chain_of_8", Taken::attempt,
     [](From f) { return behind_tags(8, chain_behind(f.v6, 8, TCP{})); }},
    {"third_tag_cut", Taken::not_tcp,
     [](From f) { return behind_tags(3, f.v4 / TCP{}).cut_to(14 + 3 * 4 - 1); }},
    {"cut_behind_three_tags", Taken::malformed,
     [](From f) { return behind_tags(3, f.v4 / TCP{}).cut_to(14 + 3 * 4); }},
    {"eighth_tag_cut", Taken::not_tcp,
     [](From f) { return behind_tags(8, f.v4 / TCP{}).cut_to(14 + 8 * 4 - 1); }},
    {"ninth_tag_cut_away", Taken::not_tcp,
     [](From f) { return behind_tags(9, f.v4 / TCP{}).cut_to(14 + 7 * 4); }},
    {"tag_cut", Taken::not_tcp, [](From f) { return (Ethernet{} / Vlan{} / f.v4 / TCP{}).cut_to(16); }},
    {"PPPoE_IPv4", Taken::attempt, [](From f) { return Ethernet{} / Pppoe{} / f.v4 / TCP{}; }},
    {"PPPoE_IPv6", Taken::attempt, [](From f) { return Ethernet{} / Pppoe{} / f.v6 / TCP{}; }},
    {"PPPoE_IPv4_SYN_ACK", Taken::not_syn, [](From f) { return Ethernet{} / Pppoe{} / f.v4 / syn_ack; }},
    {"PPPoE_behind_VLAN", Taken::attempt,
     [](From f) { return Ethernet{} / Vlan{} / Pppoe{} / f.v4 / TCP{}; }},
    {"PPPoE_behind_QinQ", Taken::attempt,
     [](From f) { return Ethernet{} / Vlan{.tpid = 0x88a8} / Vlan{} / Pppoe{} / f.v6 / TCP{}; }},
    {"PPPoE_discovery_code", Taken::not_tcp,
     [](From f) { return Ethernet{} / Pppoe{.code = 9} / f.v4 / TCP{}; }},
    {"PPPoE_other_version", Taken::not_tcp,
     [](From f) { return Ethernet{} / Pppoe{.version_type = 0x21} / f.v4 / TCP{}; }},
    {"PPPoE_LCP", Taken::not_tcp,
     [](From f) { return Ethernet{} / Pppoe{.protocol = 0xc021} / f.v4 / TCP{}; }},
    {"PPPoE_cut", Taken::not_tcp, [](From f) { return (Ethernet{} / Pppoe{} / f.v4 / TCP{}).cut_to(20); }},
    {"MPLS", Taken::not_tcp, [](From f) { return Ethernet{} / Mpls{} / f.v4 / TCP{}; }},
    {"MPLS_two_labels", Taken::not_tcp,
     [](From f) { return Ethernet{} / Mpls{.bottom = false} / Mpls{} / f.v6 / TCP{}; }},
    {"4in4", Taken::not_tcp, [](From f) { return Ethernet{} / f.v4 / IPv4{} / TCP{}; }},
    {"6in4", Taken::not_tcp, [](From f) { return Ethernet{} / f.v4 / IPv6{} / TCP{}; }},
    {"4in6", Taken::not_tcp, [](From f) { return Ethernet{} / f.v6 / IPv4{} / TCP{}; }},
    {"6in6", Taken::not_tcp, [](From f) { return Ethernet{} / f.v6 / IPv6{} / TCP{}; }},
    {"4in6_behind_options", Taken::not_tcp,
     [](From f) { return Ethernet{} / f.v6 / destination() / IPv4{} / TCP{}; }},
    {"ARP", Taken::not_tcp, [](From) { return Ethernet{.type = 0x0806} / Raw{Bytes(28)}; }},
    {"Ethernet_alone", Taken::not_tcp, [](From) { return Packet(Ethernet{.type = 0x0806}); }},
};

const Row ipv4_rows[] = {
    {"options_8", Taken::attempt,
     [](From f) {
         f.v4.options = ip_options(8);
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"options_40", Taken::attempt,
     [](From f) {
         f.v4.options = ip_options(40);
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"options_40_SYN_ACK", Taken::not_syn,
     [](From f) {
         f.v4.options = ip_options(40);
         return Ethernet{} / f.v4 / syn_ack;
     }},
    {"ihl_4", Taken::malformed,
     [](From f) {
         f.v4.ihl = 4;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"ihl_0", Taken::malformed,
     [](From f) {
         f.v4.ihl = 0;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"version_5", Taken::malformed,
     [](From f) {
         f.v4.version = 5;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"header_cut", Taken::malformed, [](From f) { return (Ethernet{} / f.v4 / TCP{}).cut_to(14 + 19); }},
    {"options_cut", Taken::malformed,
     [](From f) {
         f.v4.options = ip_options(40);
         return (Ethernet{} / f.v4 / TCP{}).cut_to(14 + 40);
     }},
    {"ihl_beyond_the_packet", Taken::malformed,
     [](From f) {
         f.v4.ihl = 15;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"tot_len_0", Taken::malformed,
     [](From f) {
         f.v4.tot_len = 0;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"tot_len_less_than_header", Taken::malformed,
     [](From f) {
         f.v4.tot_len = 19;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"tot_len_of_the_header_alone", Taken::malformed,
     [](From f) {
         f.v4.tot_len = 20;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"tot_len_cuts_TCP", Taken::malformed,
     [](From f) {
         f.v4.tot_len = 39;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"tot_len_exactly_TCP_with_padding", Taken::attempt,
     [](From f) {
         f.v4.tot_len = 40;
         return Ethernet{} / f.v4 / TCP{} / Raw{Bytes(6)};
     }},
    // a capture that keeps the first bytes of each frame looks like this
    {"tot_len_beyond_the_frame", Taken::attempt,
     [](From f) {
         f.v4.tot_len = 1500;
         return Ethernet{} / f.v4 / TCP{};
     }},
    {"TCP_cut", Taken::malformed, [](From f) { return (Ethernet{} / f.v4 / TCP{}).cut_by(1); }},
    {"TCP_cut_to_nothing", Taken::malformed, [](From f) { return (Ethernet{} / f.v4 / TCP{}).cut_by(20); }},
    {"first_fragment_with_whole_TCP", Taken::attempt,
     [](From f) { return Ethernet{} / first_fragment(f.v4) / TCP{} / Raw{Bytes(12)}; }},
    {"first_fragment_16_bytes", Taken::attempt,
     [](From f) { return Ethernet{} / first_fragment(f.v4) / Packet(TCP{}).keep(16); }},
    {"first_fragment_16_bytes_SYN_ACK", Taken::not_syn,
     [](From f) { return Ethernet{} / first_fragment(f.v4) / Packet(syn_ack).keep(16); }},
    {"first_fragment_8_bytes", Taken::tiny,
     [](From f) { return Ethernet{} / first_fragment(f.v4) / Packet(TCP{}).keep(8); }},
    {"first_fragment_13_bytes", Taken::tiny,
     [](From f) { return Ethernet{} / first_fragment(f.v4) / Packet(TCP{}).keep(13); }},
    {"first_fragment_8_bytes_other_port", Taken::other_port,
     [](From f) { return Ethernet{} / first_fragment(f.v4) / Packet(TCP{.dport = 80}).keep(8); }},
    {"first_fragment_8_bytes_padded_to_60", Taken::tiny,
     [](From f) {
         f.v4.tot_len = 28;
         return Ethernet{} / first_fragment(f.v4) / TCP{} / Raw{Bytes(6)};
     }},
    {"first_fragment_8_bytes_behind_options", Taken::tiny,
     [](From f) {
         f.v4.options = ip_options(8);
         return Ethernet{} / first_fragment(f.v4) / Packet(TCP{}).keep(8);
     }},
    {"first_fragment_8_bytes_VLAN", Taken::tiny,
     [](From f) { return Ethernet{} / Vlan{} / first_fragment(f.v4) / Packet(TCP{}).keep(8); }},
    {"first_fragment_no_ports", Taken::tiny,
     [](From f) { return Ethernet{} / first_fragment(f.v4) / Packet(TCP{}).keep(2); }},
    {"first_fragment_8_bytes_UDP", Taken::not_tcp,
     [](From f) { return Ethernet{} / first_fragment(f.v4) / UDP{}; }},
    {"whole_with_8_bytes", Taken::malformed,
     [](From f) { return Ethernet{} / f.v4 / Packet(TCP{}).keep(8); }},
    {"TCP_at_offset_8", Taken::overlap, [](From f) { return Ethernet{} / at_offset(f.v4, 1) / TCP{}; }},
    {"TCP_at_offset_8_more_follow", Taken::overlap,
     [](From f) { return Ethernet{} / at_offset(f.v4, 1, true) / TCP{}; }},
    {"UDP_at_offset_8", Taken::fragment, [](From f) { return Ethernet{} / at_offset(f.v4, 1) / UDP{}; }},
    {"TCP_at_offset_16", Taken::fragment, [](From f) { return Ethernet{} / at_offset(f.v4, 2) / TCP{}; }},
    {"TCP_at_the_last_offset", Taken::fragment,
     [](From f) { return Ethernet{} / at_offset(f.v4, 0x1fff) / TCP{}; }},
    {"UDP_fragment", Taken::fragment, [](From f) { return Ethernet{} / at_offset(f.v4, 185, true) / UDP{}; }},
};

const Row ipv6_rows[] = {
    {"hop_by_hop", Taken::attempt, [](From f) { return Ethernet{} / f.v6 / hop_by_hop() / TCP{}; }},
    {"hop_by_hop_SYN_ACK", Taken::not_syn, [](From f) { return Ethernet{} / f.v6 / hop_by_hop() / syn_ack; }},
    {"hop_by_hop_UDP", Taken::not_tcp, [](From f) { return Ethernet{} / f.v6 / hop_by_hop() / UDP{}; }},
    {"routing", Taken::attempt, [](From f) { return Ethernet{} / f.v6 / routing() / TCP{}; }},
    {"destination", Taken::attempt, [](From f) { return Ethernet{} / f.v6 / destination() / TCP{}; }},
    {"destination_of_264_bytes", Taken::attempt,
     [](From f) { return Ethernet{} / f.v6 / destination(32) / TCP{}; }},
    {"atomic_fragment", Taken::attempt, [](From f) { return Ethernet{} / f.v6 / Fragment{} / TCP{}; }},
    {"authentication", Taken::attempt, [](From f) { return Ethernet{} / f.v6 / Authentication{} / TCP{}; }},
    {"authentication_SYN_ACK", Taken::not_syn,
     [](From f) { return Ethernet{} / f.v6 / Authentication{} / syn_ack; }},
    {"authentication_of_another_length", Taken::attempt,
     [](From f) { return Ethernet{} / f.v6 / Authentication{.icv_words = 4} / TCP{}; }},
    {"every_header_in_order", Taken::attempt,
     [](From f) {
         return Ethernet{} / f.v6 / hop_by_hop(1) / destination() / routing(2) / Fragment{} /
                Authentication{} / destination() / TCP{};
     }},
    {"every_header_in_order_behind_QinQ", Taken::attempt,
     [](From f) {
         return Ethernet{} / Vlan{.tpid = 0x88a8} / Vlan{} / f.v6 / hop_by_hop(1) / destination() /
                routing(2) / Fragment{} / Authentication{} / destination() / TCP{};
     }},
    {"every_header_SYN_ACK", Taken::not_syn,
     [](From f) {
         return Ethernet{} / f.v6 / hop_by_hop(1) / routing(2) / Fragment{} / Authentication{} / syn_ack;
     }},
    {"every_header_other_port", Taken::other_port,
     [](From f) {
         return Ethernet{} / f.v6 / hop_by_hop(1) / routing(2) / Fragment{} / Authentication{} /
                TCP{.dport = 80};
     }},
    {"chain_of_8", Taken::attempt, [](From f) { return chain_of(f.v6, 8, TCP{}); }},
    {"chain_of_8_SYN_ACK", Taken::not_syn, [](From f) { return chain_of(f.v6, 8, syn_ack); }},
    {"chain_of_8_UDP", Taken::not_tcp, [](From f) { return chain_of(f.v6, 8, UDP{}); }},
    {"chain_of_9", Taken::long_chain, [](From f) { return chain_of(f.v6, 9, TCP{}); }},
    {"chain_of_12", Taken::long_chain, [](From f) { return chain_of(f.v6, 12, TCP{}); }},
    {"ESP", Taken::not_tcp,
     [](From f) {
         return Ethernet{} / f.v6 / Raw{Bytes(40), 50};
     }},
    {"no_next_header", Taken::not_tcp,
     [](From f) {
         return Ethernet{} / f.v6 / hop_by_hop() / Raw{Bytes(20), 59};
     }},
    {"version_4", Taken::malformed,
     [](From f) {
         f.v6.version = 4;
         return Ethernet{} / f.v6 / TCP{};
     }},
    {"header_cut", Taken::malformed, [](From f) { return (Ethernet{} / f.v6 / TCP{}).cut_to(14 + 39); }},
    {"TCP_cut", Taken::malformed, [](From f) { return (Ethernet{} / f.v6 / TCP{}).cut_by(1); }},
    {"TCP_cut_behind_headers", Taken::malformed,
     [](From f) { return (Ethernet{} / f.v6 / hop_by_hop() / TCP{}).cut_by(1); }},
    {"extension_cut", Taken::malformed,
     [](From f) { return (Ethernet{} / f.v6 / hop_by_hop() / TCP{}).cut_to(14 + 40 + 7); }},
    {"extension_longer_than_the_payload", Taken::malformed,
     [](From f) { return Ethernet{} / f.v6 / Extension{.type = 0, .length = std::uint8_t{200}} / TCP{}; }},
    {"payload_len_cuts_TCP", Taken::malformed,
     [](From f) {
         f.v6.payload_len = 19;
         return Ethernet{} / f.v6 / TCP{};
     }},
    {"payload_len_cuts_TCP_behind_headers", Taken::malformed,
     [](From f) {
         f.v6.payload_len = 27;
         return Ethernet{} / f.v6 / hop_by_hop() / TCP{};
     }},
    {"payload_len_cuts_an_extension", Taken::malformed,
     [](From f) {
         f.v6.payload_len = 7;
         return Ethernet{} / f.v6 / hop_by_hop() / TCP{};
     }},
    {"payload_len_beyond_the_frame", Taken::attempt,
     [](From f) {
         f.v6.payload_len = 1400;
         return Ethernet{} / f.v6 / TCP{};
     }},
    {"payload_len_0", Taken::attempt,
     [](From f) {
         f.v6.payload_len = 0;
         return Ethernet{} / f.v6 / hop_by_hop() / TCP{};
     }},
    {"first_fragment_with_whole_TCP", Taken::attempt,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.more = true} / TCP{} / Raw{Bytes(4)}; }},
    {"first_fragment_16_bytes", Taken::attempt,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.more = true} / Packet(TCP{}).keep(16); }},
    {"first_fragment_16_bytes_SYN_ACK", Taken::not_syn,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.more = true} / Packet(syn_ack).keep(16); }},
    {"first_fragment_8_bytes", Taken::tiny,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.more = true} / Packet(TCP{}).keep(8); }},
    {"first_fragment_8_bytes_other_port", Taken::other_port,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.more = true} / Packet(TCP{.dport = 80}).keep(8); }},
    {"first_fragment_8_bytes_behind_options", Taken::tiny,
     [](From f) {
         return Ethernet{} / f.v6 / Fragment{.more = true} / destination() / Packet(TCP{}).keep(8);
     }},
    // an atomic fragment header inside must not make the outer fragment whole
    {"first_fragment_8_bytes_behind_an_atomic_one", Taken::tiny,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.more = true} / Fragment{} / Packet(TCP{}).keep(8); }},
    {"atomic_fragment_8_bytes", Taken::malformed,
     [](From f) { return Ethernet{} / f.v6 / Fragment{} / Packet(TCP{}).keep(8); }},
    {"first_fragment_ends_inside_the_chain", Taken::tiny,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.more = true} / Packet(destination(1)).keep(8); }},
    {"first_fragment_ends_before_TCP", Taken::tiny,
     [](From f) {
         return Ethernet{} / f.v6 / Fragment{.more = true} /
                Packet(Extension{.type = 60, .next = std::uint8_t{6}});
     }},
    {"first_fragment_is_empty", Taken::tiny,
     [](From f) { return Ethernet{} / f.v6 / Packet(Fragment{.more = true, .next = std::uint8_t{6}}); }},
    {"first_fragment_8_bytes_UDP", Taken::not_tcp,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.more = true} / UDP{}; }},
    {"TCP_at_offset_8", Taken::overlap,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.offset = 1} / TCP{}; }},
    {"UDP_at_offset_8", Taken::fragment,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.offset = 1} / UDP{}; }},
    {"TCP_at_offset_16", Taken::fragment,
     [](From f) { return Ethernet{} / f.v6 / Fragment{.offset = 2} / TCP{}; }},
    {"fragment_behind_options_at_offset_16", Taken::fragment,
     [](From f) { return Ethernet{} / f.v6 / hop_by_hop() / Fragment{.offset = 2} / TCP{}; }},
    // would be counted as the IPv4 address that it names
    {"v4_mapped_source", Taken::malformed,
     [](From f) {
         f.v6.saddr = "::ffff:192.0.2.66";
         return Ethernet{} / f.v6 / TCP{};
     }},
    {"v4_compatible_source", Taken::attempt,
     [](From f) {
         if (f.v6.saddr == default_saddr6)
             f.v6.saddr = "::192.0.2.66";
         return Ethernet{} / f.v6 / TCP{};
     }},
};

const Row tcp_rows[] = {
    {"SYN_ECE_CWR", Taken::attempt, [](From f) { return Ethernet{} / f.v4 / TCP{.ece = true, .cwr = true}; }},
    {"SYN_PSH_URG", Taken::attempt, [](From f) { return Ethernet{} / f.v4 / TCP{.psh = true, .urg = true}; }},
    {"SYN_with_data", Taken::attempt, [](From f) { return Ethernet{} / f.v4 / TCP{} / Raw{Bytes(100)}; }},
    {"SYN_with_options", Taken::attempt,
     [](From f) { return Ethernet{} / f.v4 / TCP{.options = Bytes(40, 1)}; }},
    {"SYN_RST", Taken::not_syn, [](From f) { return Ethernet{} / f.v4 / TCP{.rst = true}; }},
    {"SYN_FIN", Taken::not_syn, [](From f) { return Ethernet{} / f.v4 / TCP{.fin = true}; }},
    {"ACK", Taken::not_syn, [](From f) { return Ethernet{} / f.v4 / TCP{.syn = false, .ack = true}; }},
    {"RST", Taken::not_syn, [](From f) { return Ethernet{} / f.v4 / TCP{.syn = false, .rst = true}; }},
    {"FIN_ACK", Taken::not_syn,
     [](From f) { return Ethernet{} / f.v4 / TCP{.fin = true, .syn = false, .ack = true}; }},
    {"no_flags", Taken::not_syn, [](From f) { return Ethernet{} / f.v4 / TCP{.syn = false}; }},
    {"doff_4", Taken::malformed, [](From f) { return Ethernet{} / f.v4 / TCP{.doff = std::uint8_t{4}}; }},
    {"doff_0_in_IPv6", Taken::malformed,
     [](From f) { return Ethernet{} / f.v6 / TCP{.doff = std::uint8_t{0}}; }},
    {"wrong_checksum_is_not_looked_at", Taken::attempt,
     [](From f) { return Ethernet{} / f.v4 / TCP{.checksum = std::uint16_t{0xbad}}; }},
};

constexpr std::size_t tag_counts[] = {1, 2, 3, 4, 8};

TEST(ParserTags, hide_nobody_from_the_limit) {
    SLUICE_NEEDS_BPF();
    DataPlane plane;
    plane.load("mode = \"xdp\"\n[limit]\nconnections = 1\nper = \"1m\"\n");
    const auto both = [&](std::size_t tags, Verdict expected) {
        EXPECT_EQ(plane.send(behind_tags(tags, IPv4{} / TCP{}), noon), expected) << tags << " tags, IPv4";
        EXPECT_EQ(plane.send(behind_tags(tags, IPv6{} / TCP{}), noon), expected) << tags << " tags, IPv6";
    };
    both(0, Verdict::pass(SLUICE_PASSED));
    for (const std::size_t tags : tag_counts)
        both(tags, Verdict::drop(SLUICE_DROPPED_LIMITED));
}

// Who sent it is not read, so nobody is exempt.
TEST(ParserTags, more_than_8_are_dropped_for_all) {
    SLUICE_NEEDS_BPF();
    DataPlane plane;
    plane.load(policy);
    for (const std::size_t tags : {9, 10, 300})
        for (const From& from : {stranger, exempt})
            for (const Packet& inner : {from.v4 / TCP{}, from.v6 / TCP{}, from.v4 / UDP{}}) {
                const Packet frame = behind_tags(tags, inner);
                plane.set_mode(Mode::observe);
                EXPECT_EQ(plane.send(frame, noon), Verdict::pass(SLUICE_LONG_CHAIN)) << tags;
                for (const Mode mode : {Mode::nft, Mode::xdp}) {
                    plane.set_mode(mode);
                    EXPECT_EQ(plane.send(frame, noon), Verdict::drop(SLUICE_LONG_CHAIN_DROPPED)) << tags;
                }
            }
}

INSTANTIATE_TEST_SUITE_P(Link, Parser, testing::ValuesIn(link_rows), row_name);
INSTANTIATE_TEST_SUITE_P(IPv4, Parser, testing::ValuesIn(ipv4_rows), row_name);
INSTANTIATE_TEST_SUITE_P(IPv6, Parser, testing::ValuesIn(ipv6_rows), row_name);
INSTANTIATE_TEST_SUITE_P(TCP, Parser, testing::ValuesIn(tcp_rows), row_name);

} // namespace
} // namespace sluice::test
