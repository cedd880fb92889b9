// SPDX-License-Identifier: GPL-2.0-or-later
// Layers become bytes from the inside out, so that each knows what it carries and how long it is.
#include "packet.hpp"

#include <arpa/inet.h>
#include <stdexcept>

namespace sluice::test {
namespace {

// Of a process, so that no two frames share one by chance.
std::uint32_t next_isn() {
    static std::uint32_t isn = 1000;
    return isn += 64'000;
}

constexpr std::uint16_t ethertype_ipv4 = 0x0800;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint16_t ethertype_mpls = 0x8847;
constexpr std::uint16_t ethertype_pppoe = 0x8864;
constexpr std::uint8_t protocol_ipv4 = 4;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t protocol_ipv6 = 41;
constexpr std::uint8_t protocol_fragment = 44;
constexpr std::uint8_t protocol_authentication = 51;
constexpr std::size_t ipv4_header = 20;
constexpr std::size_t tcp_checksum_at = 16;

void put8(Bytes& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value & 0xff));
}
void put16(Bytes& to, std::size_t value) {
    put8(to, value >> 8);
    put8(to, value);
}
void put32(Bytes& to, std::size_t value) {
    put16(to, value >> 16);
    put16(to, value);
}
void put(Bytes& to, const Bytes& more) {
    to.insert(to.end(), more.begin(), more.end());
}

Bytes address(int family, const std::string& text) {
    Bytes bytes(family == AF_INET ? 4 : 16);
    if (::inet_pton(family, text.c_str(), bytes.data()) != 1)
        throw std::invalid_argument("no address: " + text);
    return bytes;
}

std::uint16_t internet_checksum(const Bytes& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i++)
        sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum & 0xffff);
}

// Over pseudo header and segment; 0 when the checksum inside the segment is right.
std::uint16_t tcp_checksum(const Bytes& saddr, const Bytes& daddr, const Bytes& segment) {
    Bytes all;
    put(all, saddr);
    put(all, daddr);
    put32(all, segment.size());
    put32(all, protocol_tcp);
    put(all, segment);
    return internet_checksum(all);
}

// What the layers outside need to know of the layers inside.
struct Inside {
    Bytes bytes;
    std::uint8_t protocol = 59;       // behind an IP header; 59: nothing follows
    std::uint16_t ethertype = 0x88b5; // behind Ethernet; for local experiments
    std::size_t segment = 0;          // its last bytes are a TCP segment that wants a checksum

    void fill_checksum(const Bytes& saddr, const Bytes& daddr) {
        if (segment == 0)
            return;
        const auto from = bytes.end() - static_cast<std::ptrdiff_t>(segment);
        const std::uint16_t sum = tcp_checksum(saddr, daddr, Bytes(from, bytes.end()));
        *(from + tcp_checksum_at) = static_cast<std::uint8_t>(sum >> 8);
        *(from + tcp_checksum_at + 1) = static_cast<std::uint8_t>(sum & 0xff);
        segment = 0;
    }
    void wrap(Bytes header) {
        put(header, bytes);
        bytes = std::move(header);
    }
};

void add(Inside& in, const TCP& tcp) {
    Bytes header;
    put16(header, tcp.sport);
    put16(header, tcp.dport);
    put32(header, tcp.seq.value_or(next_isn()));
    put32(header, tcp.ack_seq);
    put8(header,
         static_cast<std::size_t>(tcp.doff.value_or(static_cast<std::uint8_t>(5 + tcp.options.size() / 4)))
             << 4);
    put8(header, static_cast<std::size_t>(tcp.fin | tcp.syn << 1 | tcp.rst << 2 | tcp.psh << 3 |
                                          tcp.ack << 4 | tcp.urg << 5 | tcp.ece << 6 | tcp.cwr << 7));
    put16(header, 64240);
    put16(header, tcp.checksum.value_or(0));
    put16(header, 0);
    put(header, tcp.options);
    in.wrap(std::move(header));
    in.protocol = protocol_tcp;
    in.segment = tcp.checksum ? 0 : in.bytes.size();
}

void add(Inside& in, const UDP& udp) {
    Bytes header;
    put16(header, udp.sport);
    put16(header, udp.dport);
    put16(header, 8 + in.bytes.size());
    put16(header, 0);
    in.wrap(std::move(header));
    in.protocol = protocol_udp;
}

void add(Inside& in, const Raw& raw) {
    in.wrap(raw.bytes);
    in.protocol = raw.protocol;
}

void add(Inside& in, const Extension& extension) {
    Bytes header;
    put8(header, extension.next.value_or(in.protocol));
    put8(header, extension.length.value_or(extension.extra));
    header.resize(8 + std::size_t{8} * extension.extra);
    in.wrap(std::move(header));
    in.protocol = extension.type;
}

void add(Inside& in, const Fragment& fragment) {
    Bytes header;
    put8(header, fragment.next.value_or(in.protocol));
    put8(header, 0);
    put16(header, static_cast<std::size_t>(fragment.offset << 3 | (fragment.more ? 1 : 0)));
    put32(header, 0x1234);
    in.wrap(std::move(header));
    in.protocol = protocol_fragment;
}

void add(Inside& in, const Authentication& authentication) {
    Bytes header;
    put8(header, in.protocol);
    put8(header, std::size_t{1} + authentication.icv_words);
    header.resize(12 + std::size_t{4} * authentication.icv_words);
    in.wrap(std::move(header));
    in.protocol = protocol_authentication;
}

void add(Inside& in, const IPv4& ip) {
    const Bytes saddr = address(AF_INET, ip.saddr);
    const Bytes daddr = address(AF_INET, ip.daddr);
    in.fill_checksum(saddr, daddr);
    const std::size_t length = ipv4_header + ip.options.size();
    Bytes header;
    put8(header, static_cast<std::size_t>(ip.version.value_or(4) << 4 |
                                          ip.ihl.value_or(static_cast<std::uint8_t>(length / 4))));
    put8(header, 0);
    put16(header, ip.tot_len.value_or(static_cast<std::uint16_t>(length + in.bytes.size())));
    put16(header, 0x4321);
    put16(header, static_cast<std::size_t>((ip.more_fragments ? 0x2000 : 0) | ip.offset));
    put8(header, 64);
    put8(header, ip.protocol.value_or(in.protocol));
    put16(header, 0);
    put(header, saddr);
    put(header, daddr);
    put(header, ip.options);
    const std::uint16_t sum = internet_checksum(header);
    header[10] = static_cast<std::uint8_t>(sum >> 8);
    header[11] = static_cast<std::uint8_t>(sum & 0xff);
    in.wrap(std::move(header));
    in.protocol = protocol_ipv4;
    in.ethertype = ethertype_ipv4;
}

void add(Inside& in, const IPv6& ip) {
    const Bytes saddr = address(AF_INET6, ip.saddr);
    const Bytes daddr = address(AF_INET6, ip.daddr);
    in.fill_checksum(saddr, daddr);
    Bytes header;
    put32(header, std::size_t{ip.version.value_or(6)} << 28);
    put16(header, ip.payload_len.value_or(static_cast<std::uint16_t>(in.bytes.size())));
    put8(header, ip.next.value_or(in.protocol));
    put8(header, 64);
    put(header, saddr);
    put(header, daddr);
    in.wrap(std::move(header));
    in.protocol = protocol_ipv6;
    in.ethertype = ethertype_ipv6;
}

void add(Inside& in, const Mpls& mpls) {
    Bytes header;
    put32(header, std::size_t{mpls.label} << 12 | (mpls.bottom ? 0x100U : 0U) | 64U);
    in.wrap(std::move(header));
    in.ethertype = ethertype_mpls;
}

void add(Inside& in, const Pppoe& pppoe) {
    const std::uint16_t protocol = in.ethertype == ethertype_ipv6 ? 0x0057 : 0x0021;
    Bytes header;
    put8(header, pppoe.version_type);
    put8(header, pppoe.code);
    put16(header, 1);
    put16(header, in.bytes.size() + 2);
    put16(header, pppoe.protocol.value_or(protocol));
    in.wrap(std::move(header));
    in.ethertype = ethertype_pppoe;
}

void add(Inside& in, const Vlan& vlan) {
    Bytes header;
    put16(header, vlan.id);
    put16(header, vlan.type.value_or(in.ethertype));
    in.wrap(std::move(header));
    in.ethertype = vlan.tpid;
}

void add(Inside& in, const Ethernet& ethernet) {
    Bytes header = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2};
    put16(header, ethernet.type.value_or(in.ethertype));
    in.wrap(std::move(header));
}

} // namespace

Bytes Packet::bytes() const {
    Inside in;
    for (std::size_t i = layers_.size(); i-- > 0;) {
        std::visit([&](const auto& layer) { add(in, layer); }, layers_[i]);
        if (i + 1 == layers_.size() && keep_) {
            in.bytes.resize(*keep_);
            in.segment = 0; // its checksum cannot be told any more
        }
    }
    if (cut_)
        in.bytes.resize(*cut_);
    return in.bytes;
}

TcpView view_tcp(const Bytes& frame) {
    constexpr std::size_t ethernet = 14;
    const bool v6 = frame.at(ethernet) >> 4 == 6;
    const std::size_t ip_length = v6 ? 40 : std::size_t{4} * (frame.at(ethernet) & 0xf);
    const std::size_t addresses = ethernet + (v6 ? 8 : 12);
    const std::size_t width = v6 ? 16 : 4;
    const auto part = [&](std::size_t from, std::size_t to) {
        return Bytes(frame.begin() + static_cast<std::ptrdiff_t>(from),
                     frame.begin() + static_cast<std::ptrdiff_t>(to));
    };
    const Bytes segment = part(ethernet + ip_length, frame.size());
    TcpView view;
    for (std::size_t i = 4; i < 8; i++)
        view.seq = view.seq << 8 | segment.at(i);
    view.flags = segment.at(13);
    view.checksum_holds = tcp_checksum(part(addresses, addresses + width),
                                       part(addresses + width, addresses + 2 * width), segment) == 0;
    return view;
}

} // namespace sluice::test
