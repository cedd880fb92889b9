// SPDX-License-Identifier: GPL-2.0-or-later
// The two families, and addresses between sluice's 16 bytes and the packet's 4 or 16.
#include "kernel/nft_names.hpp"

#include <algorithm>
#include <linux/netfilter.h>

namespace sluice::nft {

// Offsets are those of saddr in struct iphdr and ip6_hdr.
const Family ip4{"ip4", "ip", NFPROTO_IPV4, 96, 12, 4};
const Family ip6{"ip6", "ip6", NFPROTO_IPV6, 0, 8, 16};

std::span<const std::uint8_t> wire_bytes(const Family& family, const Address& address) {
    return std::span(address.bytes).last(family.address_bytes);
}

Address from_wire(const Family& family, std::span<const std::uint8_t> bytes) {
    Address address;
    if (family.address_bytes == 4)
        address.bytes[10] = address.bytes[11] = 0xff;
    std::copy(bytes.begin(), bytes.end(), address.bytes.end() - family.address_bytes);
    return address;
}

std::string suffix(const Family& family, std::uint8_t mapped_length) {
    return std::string("_") + family.word + "_" + std::to_string(mapped_length - family.first_bit);
}

} // namespace sluice::nft
