// SPDX-License-Identifier: GPL-2.0-or-later
// Overlapping ranges -> disjoint ones, as an interval set of the kernel wants them. Pure arithmetic.
#pragma once

#include "kernel/nft_design.hpp"

#include <vector>

namespace sluice {

struct NftTimedRange {
    NftRange range;
    std::uint64_t until_ns = 0; // 0: no end
    bool operator==(const NftTimedRange&) const = default;
};

// Covers the same addresses of one family, sorted and disjoint; each address until the latest
// moment of any range it was in. Neighbours with the same moment become one.
[[nodiscard]] std::vector<NftTimedRange> disjoint(std::vector<NftTimedRange> ranges);

// Covers the same addresses, sorted and disjoint, neighbours of one family joined.
[[nodiscard]] std::vector<NftRange> joined(std::vector<NftRange> ranges);

// The address after this one; all zero after the last of IPv6.
[[nodiscard]] Address next(const Address& address);
// The address before this one.
[[nodiscard]] Address previous(const Address& address);

} // namespace sluice
