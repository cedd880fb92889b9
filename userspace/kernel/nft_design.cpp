// SPDX-License-Identifier: GPL-2.0-or-later
// What can be said of these values without netlink.
#include "kernel/nft_design.hpp"

#include <algorithm>

namespace sluice {

bool NftDesign::hashes(const Prefix& prefix) const {
    const auto& lengths = prefix.is_v4() ? prefixes4 : prefixes6;
    return std::find(lengths.begin(), lengths.end(), prefix.length) != lengths.end();
}

NftRange to_range(const Prefix& prefix) {
    NftRange range{prefix.address, prefix.address};
    for (std::size_t bit = prefix.length; bit < 128; ++bit)
        range.last.bytes[bit / 8] = static_cast<std::uint8_t>(range.last.bytes[bit / 8] | (0x80U >> bit % 8));
    return range;
}

bool NftChanges::empty() const {
    return put.empty() && remove.empty() && !bans_for_ranges && !exempt && !gate && !interfaces;
}

} // namespace sluice
