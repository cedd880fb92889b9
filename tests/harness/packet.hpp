// SPDX-License-Identifier: GPL-2.0-or-later
// Frames as values: Ethernet{} / IPv4{.saddr = "192.0.2.1"} / TCP{.dport = 465}. Addresses default
// to the documentation ranges; types, lengths and checksums are right unless they are overridden.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sluice::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr const char* default_saddr4 = "192.0.2.66";
inline constexpr const char* default_daddr4 = "198.51.100.25";
inline constexpr const char* default_saddr6 = "2001:db8::66";
inline constexpr const char* default_daddr6 = "2001:db8:25::25";

struct Ethernet {
    std::optional<std::uint16_t> type = {};
};

struct Vlan { // tpid 0x88a8: the outer tag of QinQ
    std::uint16_t id = 5;
    std::uint16_t tpid = 0x8100;
    std::optional<std::uint16_t> type = {};
};

struct Pppoe {
    std::uint8_t version_type = 0x11;
    std::uint8_t code = 0;
    std::optional<std::uint16_t> protocol = {};
};

struct Mpls {
    std::uint32_t label = 16;
    bool bottom = true;
};

struct IPv4 {
    std::string saddr = default_saddr4;
    std::string daddr = default_daddr4;
    Bytes options = {}; // a multiple of 4 bytes
    bool more_fragments = false;
    std::uint16_t offset = 0;                 // in units of 8 bytes
    std::optional<std::uint8_t> version = {}; // 4
    std::optional<std::uint8_t> ihl = {};
    std::optional<std::uint16_t> tot_len = {};
    std::optional<std::uint8_t> protocol = {};
};

struct IPv6 {
    std::string saddr = default_saddr6;
    std::string daddr = default_daddr6;
    std::optional<std::uint8_t> version = {}; // 6
    std::optional<std::uint16_t> payload_len = {};
    std::optional<std::uint8_t> next = {};
};

// An IPv6 extension header with options of no meaning. Named makers below.
struct Extension {
    std::uint8_t type = 0;
    std::uint8_t extra = 0; // 8-byte units beyond the first
    std::optional<std::uint8_t> next = {};
    std::optional<std::uint8_t> length = {}; // what its length field says
};

struct Fragment {
    std::uint16_t offset = 0; // in units of 8 bytes
    bool more = false;
    std::optional<std::uint8_t> next = {};
};

struct Authentication {
    std::uint8_t icv_words = 3; // 4-byte words of the check value
};

inline Extension hop_by_hop(std::uint8_t extra = 0) {
    return {.type = 0, .extra = extra};
}
inline Extension routing(std::uint8_t extra = 0) {
    return {.type = 43, .extra = extra};
}
inline Extension destination(std::uint8_t extra = 0) {
    return {.type = 60, .extra = extra};
}

struct TCP {
    std::uint16_t sport = 40000;
    std::uint16_t dport = 25;
    std::optional<std::uint32_t> seq = {}; // a new one each time: the same tuple again is no retransmission
    std::uint32_t ack_seq = 0;
    bool fin = false, syn = true, rst = false, psh = false, ack = false, urg = false, ece = false,
         cwr = false;
    Bytes options = {}; // a multiple of 4 bytes
    std::optional<std::uint8_t> doff = {};
    std::optional<std::uint16_t> checksum = {};
};

struct UDP {
    std::uint16_t sport = 40000;
    std::uint16_t dport = 25;
};

struct Raw {
    Bytes bytes = {};
    std::uint8_t protocol = 253; // for experiments (RFC 3692), if it stands behind an IP header
};

using Layer =
    std::variant<Ethernet, Vlan, Pppoe, Mpls, IPv4, IPv6, Extension, Fragment, Authentication, TCP, UDP, Raw>;

class Packet {
public:
    // NOLINTNEXTLINE: a layer alone is a packet
    template <typename First>
    Packet(First first) : layers_{Layer(std::move(first))} {}

    // The innermost layer loses its end: `keep` bytes of it stay, and lengths agree with that.
    [[nodiscard]] Packet keep(std::size_t bytes) const {
        Packet copy = *this;
        copy.keep_ = bytes;
        return copy;
    }
    // The frame loses its end; lengths go on claiming the rest.
    [[nodiscard]] Packet cut_to(std::size_t bytes) const {
        Packet copy = *this;
        copy.cut_ = bytes;
        return copy;
    }
    // The frame loses its last bytes.
    [[nodiscard]] Packet cut_by(std::size_t bytes) const { return cut_to(this->bytes().size() - bytes); }

    [[nodiscard]] Bytes bytes() const;

    friend Packet operator/(Packet outer, const Packet& inner) {
        outer.layers_.insert(outer.layers_.end(), inner.layers_.begin(), inner.layers_.end());
        outer.keep_ = inner.keep_;
        outer.cut_ = inner.cut_;
        return outer;
    }

private:
    std::vector<Layer> layers_;
    std::optional<std::size_t> keep_;
    std::optional<std::size_t> cut_;
};

template <typename Outer, typename Inner>
requires(std::is_constructible_v<Layer, Outer>&& std::is_constructible_v<Packet, Inner>) Packet
operator/(Outer outer, Inner inner) {
    return Packet(std::move(outer)) / Packet(std::move(inner));
}

// The TCP header inside a frame without extension headers and tags, and whether its checksum holds.
struct TcpView {
    std::uint32_t seq = 0;
    std::uint8_t flags = 0;
    bool checksum_holds = false;
};
[[nodiscard]] TcpView view_tcp(const Bytes& frame);

} // namespace sluice::test
