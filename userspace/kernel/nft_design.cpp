// SPDX-License-Identifier: GPL-2.0-or-later
// What can be said of these values without netlink.
#include "kernel/nft_design.hpp"

#include "kernel/nft_ranges.hpp"

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

namespace {

bool within(const std::vector<NftRange>& all, const std::vector<NftRange>& some) {
    return std::ranges::all_of(some, [&](const NftRange& range) {
        const auto behind = std::ranges::upper_bound(all, range.first, {}, &NftRange::first);
        return behind != all.begin() && !(std::prev(behind)->last < range.last);
    });
}

} // namespace

bool NftSpared::covers(const NftSpared& other) const {
    return within(exempt, other.exempt) && std::ranges::all_of(other.apart, [&](const auto& entry) {
               const auto found = apart.find(entry.first);
               return found != apart.end() && within(found->second, entry.second);
           });
}

void NftSpared::merge(const NftSpared& other) {
    const auto add = [](std::vector<NftRange>& to, const std::vector<NftRange>& from) {
        to.insert(to.end(), from.begin(), from.end());
        to = joined(std::move(to));
    };
    add(exempt, other.exempt);
    for (const auto& [length, ranges] : other.apart)
        add(apart[length], ranges);
}

bool NftChanges::empty() const {
    return put.empty() && remove.empty() && !bans_for_ranges && !exempt && !apart && !gate && !interfaces;
}

} // namespace sluice
