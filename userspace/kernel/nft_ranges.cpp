// SPDX-License-Identifier: GPL-2.0-or-later
// A sweep over the ranges' borders with the ranges that are open at each.
#include "kernel/nft_ranges.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace sluice {
namespace {

constexpr std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();

std::uint64_t order(std::uint64_t until_ns) {
    return until_ns == 0 ? endless : until_ns;
}

void emit(std::vector<NftTimedRange>& out, const Address& first, const Address& last, std::uint64_t until) {
    const std::uint64_t until_ns = until == endless ? 0 : until;
    if (!out.empty() && out.back().until_ns == until_ns && next(out.back().range.last) == first)
        out.back().range.last = last;
    else
        out.push_back({{first, last}, until_ns});
}

} // namespace

std::vector<NftRange> joined(std::vector<NftRange> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<NftRange> out;
    for (const NftRange& range : ranges) {
        const bool reaches = !out.empty() && out.back().last.is_v4() == range.first.is_v4() &&
                             (range.first <= out.back().last || next(out.back().last) == range.first);
        if (reaches)
            out.back().last = std::max(out.back().last, range.last);
        else
            out.push_back(range);
    }
    return out;
}

Address next(const Address& address) {
    Address result = address;
    for (auto byte = result.bytes.rbegin(); byte != result.bytes.rend() && ++*byte == 0; ++byte) {
    }
    return result;
}

Address previous(const Address& address) {
    Address result = address;
    for (auto byte = result.bytes.rbegin(); byte != result.bytes.rend() && (*byte)-- == 0; ++byte) {
    }
    return result;
}

std::vector<NftTimedRange> disjoint(std::vector<NftTimedRange> ranges) {
    std::erase_if(ranges, [](const NftTimedRange& timed) { return timed.range.last < timed.range.first; });
    std::sort(ranges.begin(), ranges.end(),
              [](const auto& one, const auto& two) { return one.range.first < two.range.first; });
    // Ranges open at the sweep's position, by end and by moment.
    std::multiset<std::pair<Address, std::uint64_t>> by_last;
    std::multiset<std::uint64_t> moments;
    std::vector<NftTimedRange> out;
    Address position;
    const auto close_until = [&](const Address* limit) { // limit: the next start; none: close all
        while (!by_last.empty() && (limit == nullptr || position < *limit)) {
            const auto [last, moment] = *by_last.begin();
            const bool reaches = limit != nullptr && !(last < *limit);
            emit(out, position, reaches ? previous(*limit) : last, *moments.rbegin());
            if (reaches) {
                position = *limit;
                return;
            }
            position = next(last);
            while (!by_last.empty() && by_last.begin()->first == last) {
                moments.erase(moments.find(by_last.begin()->second));
                by_last.erase(by_last.begin());
            }
        }
    };
    for (const NftTimedRange& timed : ranges) {
        close_until(&timed.range.first);
        position = timed.range.first;
        by_last.insert({timed.range.last, order(timed.until_ns)});
        moments.insert(order(timed.until_ns));
    }
    close_until(nullptr);
    return out;
}

} // namespace sluice
