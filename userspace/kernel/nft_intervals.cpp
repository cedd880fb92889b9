// SPDX-License-Identifier: GPL-2.0-or-later
// Interval sets: exempt ranges and bans of other lengths. Never edited in place (kernels before
// 2026 could miss a valid element meanwhile) but built beside the present one and switched to.
#include "kernel/nft_objects.hpp"
#include "kernel/nft_ruleset.hpp"

#include <algorithm>
#include <linux/netfilter/nf_tables.h>

namespace sluice::nft {
namespace {

const std::array<const Family*, 2> families{&ip4, &ip6};

std::string name_of(bool exempt, const Family& family, char letter) {
    return exempt ? exempt_set(family, letter) : banned_ranges_set(family, letter);
}

void fill_interval(Elements& elements, const Family& family, const NftTimedRange& timed, const Clock& clock) {
    elements.add(wire_bytes(family, timed.range.first), clock.timeout_ms(timed.until_ns));
    const Address behind = next(timed.range.last);
    // Nothing is behind the last address of all: such an interval stays open.
    if (std::ranges::any_of(wire_bytes(family, behind), [](std::uint8_t byte) { return byte != 0; }))
        elements.add_interval_end(wire_bytes(family, behind));
}

// `add set NAME { type ipv4_addr; flags interval[,timeout] }` with its elements
void add_interval_set(NftBatch& batch, const Family& family, const std::string& name,
                      const std::vector<NftTimedRange>& ranges, const Clock& clock) {
    constexpr std::size_t piece = 2000;
    const bool timed = std::ranges::any_of(ranges, [](const auto& range) { return range.until_ns != 0; });
    const std::uint32_t timeout_flag = timed ? NFT_SET_TIMEOUT : 0;
    batch.add_set(
        *make_set({.name = name, .key = key_type(family), .flags = NFT_SET_INTERVAL | timeout_flag}));
    for (std::size_t begin = 0; begin < ranges.size(); begin += piece) {
        Elements elements(name);
        const std::size_t end = std::min(begin + piece, ranges.size());
        for (std::size_t i = begin; i < end; ++i)
            fill_interval(elements, family, ranges[i], clock);
        batch.add_elements(elements.get(), "from " + to_string(ranges[begin].range.first));
    }
}

IntervalPlan plan(bool exempt, const Inventory& existing, std::array<std::vector<NftTimedRange>, 2> ranges) {
    IntervalPlan result{.exempt = exempt, .ranges = {}, .fresh = {}};
    for (std::size_t i = 0; i < families.size(); ++i) {
        const bool a_in_use = existing.looked_up.contains(name_of(exempt, *families[i], 'a'));
        result.fresh[i] = name_of(exempt, *families[i], a_in_use ? 'b' : 'a');
        result.ranges[i] = disjoint(std::move(ranges[i]));
    }
    return result;
}

} // namespace

Rule exempt_rule(const Family& family, const std::string& set) {
    return std::move(Rule(exempt_chain).saddr_in(family, set).accept());
}

// Drops by range are logged per widest source prefix: never more often than once per source.
Rule banned_ranges_rule(const NftDesign& design, const Family& family, const std::string& set) {
    return std::move(Rule(banned_ranges_chain)
                         .saddr_in(family, set)
                         .counter(ranges_counter)
                         .go_to(refuse_chain(family, refuse_lengths(design, family).back())));
}

IntervalPlan plan_exempt(const Inventory& existing, std::span<const NftRange> exempt) {
    std::array<std::vector<NftTimedRange>, 2> ranges;
    for (const NftRange& range : exempt)
        ranges[range.first.is_v4() ? 0 : 1].push_back({range, 0});
    return plan(true, existing, std::move(ranges));
}

IntervalPlan plan_banned_ranges(const NftDesign& design, const Inventory& existing,
                                std::span<const NftBan> bans, const Clock& clock) {
    std::array<std::vector<NftTimedRange>, 2> ranges;
    for (const NftBan& ban : bans)
        if (!design.hashes(ban.prefix) && !clock.passed(ban.until_ns))
            ranges[ban.prefix.is_v4() ? 0 : 1].push_back({to_range(ban.prefix), ban.until_ns});
    return plan(false, existing, std::move(ranges));
}

void fill_intervals(NftBatch& batch, const IntervalPlan& plan, const Inventory& existing,
                    const Clock& clock) {
    for (std::size_t i = 0; i < families.size(); ++i) {
        if (plan.ranges[i].empty())
            continue;
        if (existing.sets.contains(plan.fresh[i]))
            batch.delete_set(table, plan.fresh[i]);
        add_interval_set(batch, *families[i], plan.fresh[i], plan.ranges[i], clock);
    }
}

void switch_intervals(NftBatch& batch, const IntervalPlan& plan, const Inventory& existing,
                      const NftDesign& design) {
    batch.flush_chain(table, plan.exempt ? exempt_chain : banned_ranges_chain);
    for (std::size_t i = 0; i < families.size(); ++i) {
        const bool filled = !plan.ranges[i].empty();
        if (filled)
            batch.add_rule((plan.exempt ? exempt_rule(*families[i], plan.fresh[i])
                                        : banned_ranges_rule(design, *families[i], plan.fresh[i]))
                               .get());
        for (const char letter : {'a', 'b'}) {
            const std::string name = name_of(plan.exempt, *families[i], letter);
            if (existing.sets.contains(name) && !(filled && name == plan.fresh[i]))
                batch.delete_set(table, name);
        }
    }
}

} // namespace sluice::nft
