// SPDX-License-Identifier: GPL-2.0-or-later
// Interval sets: exempt ranges, bans of other lengths, what limits pass over. Never edited in place (kernels
// before 2026 could miss a valid element meanwhile) but built beside the present one and switched to.
#include "kernel/nft_objects.hpp"
#include "kernel/nft_ruleset.hpp"

#include <algorithm>
#include <array>
#include <linux/netfilter/nf_tables.h>

namespace sluice::nft {
namespace {

const std::array<const Family*, 2> families{&ip4, &ip6};

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

IntervalSet plan_set(const Inventory& existing, const Family& family, std::string name,
                     std::vector<NftTimedRange> ranges) {
    IntervalSet set{.family = &family, .name = std::move(name), .ranges = disjoint(std::move(ranges))};
    if (existing.looked_up.contains(set.fresh_name()))
        set.fresh = 'b';
    return set;
}

std::vector<NftTimedRange> of_family(const Family& family, const std::vector<NftRange>& ranges) {
    std::vector<NftTimedRange> result;
    for (const NftRange& range : ranges)
        if (&family_of(range.first) == &family)
            result.push_back({range, 0});
    return result;
}

LetteredSets filled(const IntervalPlan& plan) {
    LetteredSets sets;
    for (const IntervalSet& set : plan.sets)
        if (!set.ranges.empty())
            sets[set.name] = set.fresh_name();
    return sets;
}

void replace_rules(NftBatch& batch, const IntervalPlan& plan, const NftDesign& design) {
    if (plan.use == IntervalUse::apart) {
        for (const NftService& service : design.services)
            batch.flush_chain(table, service_chain(service.name));
        for (const Rule& rule : service_rules(design, filled(plan)))
            batch.add_rule(rule.get());
        return;
    }
    const bool exempt = plan.use == IntervalUse::exempt;
    batch.flush_chain(table, exempt ? exempt_chain : banned_ranges_chain);
    for (const IntervalSet& set : plan.sets)
        if (!set.ranges.empty())
            batch.add_rule((exempt ? exempt_rule(*set.family, set.fresh_name())
                                   : banned_ranges_rule(design, *set.family, set.fresh_name()))
                               .get());
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
    IntervalPlan plan{.use = IntervalUse::exempt, .sets = {}};
    const std::vector<NftRange> ranges(exempt.begin(), exempt.end());
    for (const Family* family : families)
        plan.sets.push_back(plan_set(existing, *family, exempt_set(*family), of_family(*family, ranges)));
    return plan;
}

IntervalPlan plan_banned_ranges(const NftDesign& design, const Inventory& existing,
                                std::span<const NftBan> bans, const Clock& clock) {
    IntervalPlan plan{.use = IntervalUse::banned_ranges, .sets = {}};
    for (const Family* family : families) {
        std::vector<NftTimedRange> ranges;
        for (const NftBan& ban : bans)
            if (&family_of(ban.prefix) == family && !design.hashes(ban.prefix) && !clock.passed(ban.until_ns))
                ranges.push_back({to_range(ban.prefix), ban.until_ns});
        plan.sets.push_back(plan_set(existing, *family, banned_ranges_set(*family), std::move(ranges)));
    }
    return plan;
}

IntervalPlan plan_apart(const NftDesign& design, const Inventory& existing, const NftApart& apart) {
    IntervalPlan plan{.use = IntervalUse::apart, .sets = {}};
    for (const Family* family : families) {
        for (const std::uint8_t length : source_lengths(design, *family)) {
            const auto found = apart.find(length);
            plan.sets.push_back(plan_set(existing, *family, apart_set(*family, length),
                                         found == apart.end() ? std::vector<NftTimedRange>{}
                                                              : of_family(*family, found->second)));
        }
    }
    return plan;
}

void fill_intervals(NftBatch& batch, const IntervalPlan& plan, const Inventory& existing,
                    const Clock& clock) {
    for (const IntervalSet& set : plan.sets) {
        if (set.ranges.empty())
            continue;
        if (existing.sets.contains(set.fresh_name()))
            batch.delete_set(table, set.fresh_name());
        add_interval_set(batch, *set.family, set.fresh_name(), set.ranges, clock);
    }
}

void switch_intervals(NftBatch& batch, const IntervalPlan& plan, const Inventory& existing,
                      const NftDesign& design) {
    replace_rules(batch, plan, design);
    for (const IntervalSet& set : plan.sets)
        for (const char letter : {'a', 'b'})
            if (existing.sets.contains(lettered(set.name, letter)) &&
                !(!set.ranges.empty() && letter == set.fresh))
                batch.delete_set(table, lettered(set.name, letter));
}

} // namespace sluice::nft
