// SPDX-License-Identifier: GPL-2.0-or-later
// The names inside `table inet sluice`, in one place: what is built, what is looked for when the
// table is read back. Class and service names are never a whole identifier, so that one called
// "drop" or "tcp" does not become an nft keyword.
#pragma once

#include "core/address.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::nft {

inline constexpr const char* table = "sluice";
inline constexpr const char* base_chain = "prerouting";
inline constexpr const char* attempts_chain = "attempts";
inline constexpr const char* exempt_chain = "exempt";
inline constexpr const char* banned_ranges_chain = "banned_ranges";
inline constexpr const char* interfaces_set = "interfaces";
inline constexpr const char* enforced_set = "enforced";
inline constexpr const char* services_map = "services";
inline constexpr const char* log_limit = "log_max";
inline constexpr const char* logged_counter = "logged";
inline constexpr const char* sampled_counter = "sampled";
inline constexpr const char* ranges_counter = "banned_ranges";
inline constexpr std::string_view dropped_prefix = "dropped_";

// One of the two address families inside the table.
struct Family {
    const char* word;    // in names
    const char* keyword; // in nft's language
    std::uint8_t nfproto;
    std::uint8_t first_bit;      // mapped length of a prefix of length 0
    std::uint8_t address_offset; // of the source address, in the network header
    std::uint8_t address_bytes;
};

extern const Family ip4;
extern const Family ip6;
[[nodiscard]] inline const Family& family_of(const Prefix& prefix) {
    return prefix.is_v4() ? ip4 : ip6;
}
[[nodiscard]] inline const Family& family_of(const Address& address) {
    return address.is_v4() ? ip4 : ip6;
}

// The address as the packet has it: 4 or 16 bytes.
[[nodiscard]] std::span<const std::uint8_t> wire_bytes(const Family& family, const Address& address);
// The reverse; bytes must have the family's length.
[[nodiscard]] Address from_wire(const Family& family, std::span<const std::uint8_t> bytes);

// "_ip4_32": family and length, as people write it, of a mapped prefix length.
[[nodiscard]] std::string suffix(const Family& family, std::uint8_t mapped_length);

[[nodiscard]] inline std::string class_counter(std::string_view name) {
    return std::string(dropped_prefix) + std::string(name);
}
[[nodiscard]] inline std::string service_chain(std::string_view service) {
    return "service_" + std::string(service);
}
[[nodiscard]] inline std::string refuse_chain(const Family& family, std::uint8_t length) {
    return "refuse" + suffix(family, length);
}
[[nodiscard]] inline std::string logged_set(const Family& family, std::uint8_t length) {
    return "logged" + suffix(family, length);
}
// The map of a service, or of all bans (service empty), for sources of one length.
[[nodiscard]] inline std::string source_map(std::string_view service, const Family& family,
                                            std::uint8_t length) {
    return (service.empty() ? "banned" : "limited_" + std::string(service)) + suffix(family, length);
}
// The interval sets, without their letter: 'a' or 'b', whichever is not in use is built next.
[[nodiscard]] inline std::string exempt_set(const Family& family) {
    return std::string("exempt_") + family.word;
}
[[nodiscard]] inline std::string banned_ranges_set(const Family& family) {
    return std::string("banned_ranges_") + family.word;
}
[[nodiscard]] inline std::string apart_set(const Family& family, std::uint8_t length) {
    return "apart" + suffix(family, length);
}
[[nodiscard]] inline std::string lettered(const std::string& set, char letter) {
    return set + "_" + letter;
}

} // namespace sluice::nft
