// SPDX-License-Identifier: GPL-2.0-or-later
// Under which prefix lengths sources are counted. Each length in use costs one set in
// nftables, so a configuration may use four for each family.
#pragma once

#include "core/config.hpp"

#include <cstdint>
#include <vector>

namespace sluice {

struct SourcePrefixes {
    std::vector<std::uint8_t> v4; // mapped (96-128), ascending, each once
    std::vector<std::uint8_t> v6;
};

// Throws ConfigError at the class or range that brings in the fifth length of a family.
[[nodiscard]] SourcePrefixes source_prefixes(const Config& config);

// The length under which an address in a range of this length is counted, all mapped:
// a range longer than its class's prefix is a source of its own.
[[nodiscard]] std::uint8_t counted_length(const Address& address, std::uint8_t class_length,
                                          std::uint8_t range_length);

} // namespace sluice
