// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses and prefixes as values. One type for both families: IPv4 is kept v4-mapped
// (::ffff:a.b.c.d), as in bpf/abi.h, and a prefix length counts 0-128 in that space.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct Address {
    std::array<std::uint8_t, 16> bytes{}; // network byte order

    // True for ::ffff:0:0/96, which on the wire is an IPv4 address.
    [[nodiscard]] bool is_v4() const;
    auto operator<=>(const Address&) const = default;
};

// 192.0.2.1, 2001:db8::1; nothing else (no port, no zone, no prefix length). A v4-mapped
// IPv6 spelling is refused: the wire never carries it.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);

// The usual text form (RFC 5952 for IPv6).
[[nodiscard]] std::string to_string(const Address& address);

// The address with all bits beyond `length` (0-128, mapped) cleared.
[[nodiscard]] Address masked(const Address& address, std::uint8_t length);

struct Prefix {
    Address address;         // host bits clear
    std::uint8_t length = 0; // 0-128, mapped: IPv4 /32 is 128

    [[nodiscard]] bool is_v4() const { return length >= 96 && address.is_v4(); }
    // As people write it: 0-32 for IPv4, 0-128 for IPv6.
    [[nodiscard]] int written_length() const { return is_v4() ? length - 96 : length; }
    [[nodiscard]] bool contains(const Address& other) const;
    [[nodiscard]] bool contains(const Prefix& other) const;
    // By address, then the wider prefix first: the order in which ranges nest.
    auto operator<=>(const Prefix&) const = default;
};

// A prefix, or one line that says what is wrong with the text.
struct PrefixParse {
    std::optional<Prefix> prefix;
    std::string error; // empty when prefix is set
    bool bare = false; // the text was an address without "/length"
};

// "192.0.2.0/24", "2001:db8::/32", or an address alone (its whole length). Host bits set
// are an error that names the prefix that was probably meant.
[[nodiscard]] PrefixParse parse_prefix(std::string_view text);

// "192.0.2.66/32", "2001:db8:0:1::/64": always with its length.
[[nodiscard]] std::string to_string(const Prefix& prefix);

} // namespace sluice
