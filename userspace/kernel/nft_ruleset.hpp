// SPDX-License-Identifier: GPL-2.0-or-later
// Design and content -> commands of a transaction. The whole ruleset is written here and in
// nothing else; docs/design.md shows it as `nft list table inet sluice` does.
#pragma once

#include "kernel/nft_batch.hpp"
#include "kernel/nft_design.hpp"
#include "kernel/nft_ranges.hpp"
#include "kernel/nft_read.hpp"
#include "kernel/nft_rule.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace sluice::nft {

// Turns moments into timeouts. The kernel rounds a timeout down to its ticks and starts it in
// the middle of one, so two ticks are added: an element is late by that, never early.
struct Clock {
    std::uint64_t now_ns = 0;
    std::uint64_t tick_ns = 0;

    [[nodiscard]] bool passed(std::uint64_t until_ns) const { return until_ns != 0 && until_ns <= now_ns; }
    // 0: no end. Not for a moment that has passed.
    [[nodiscard]] std::uint64_t timeout_ms(std::uint64_t until_ns) const;
};

// The source prefix lengths of a family, longest first; drops need one even where no source is
// counted.
[[nodiscard]] std::vector<std::uint8_t> refuse_lengths(const NftDesign& design, const Family& family);

// The source prefix lengths in use.
[[nodiscard]] const std::vector<std::uint8_t>& source_lengths(const NftDesign& design, const Family& family);

// The rules that never change, in order.
[[nodiscard]] std::vector<Rule> fixed_rules(const NftDesign& design);
// The services' chains. `apart`: which of the sets of that kind there are, and under which letter.
using LetteredSets = std::map<std::string, std::string>; // name without letter -> with
[[nodiscard]] std::vector<Rule> service_rules(const NftDesign& design, const LetteredSets& apart);
// The rule that holds an interval set; `set` is its whole name.
[[nodiscard]] Rule exempt_rule(const Family& family, const std::string& set);
[[nodiscard]] Rule banned_ranges_rule(const NftDesign& design, const Family& family, const std::string& set);

// Everything but interval sets and the chains whose rules look them up, the gate and the maps' elements. What
// `existing` has already in the right shape stays where it is, emptied: a packet on its way through the table
// meets the old rules or the new ones, and no hook is taken away to be put back.
void add_skeleton(NftBatch& batch, const NftDesign& design, const Inventory& existing);
// The counters that the design has no use for.
void delete_stale_counters(NftBatch& batch, const NftDesign& design, const Inventory& existing);

enum class IntervalUse : std::uint8_t { exempt, banned_ranges, apart };

struct IntervalSet {
    const Family* family = nullptr;
    std::string name; // without the letter
    char fresh = 'a'; // the letter that no rule looks up
    std::vector<NftTimedRange> ranges;

    [[nodiscard]] std::string fresh_name() const { return lettered(name, fresh); }
};

// All interval sets of one use (one per family, for `apart` one per source prefix length), about to
// replace the present ones. Two transactions are needed: kernels that search intervals by a table of their
// own fill it at the very end of the commit, so that a set made and referred to in one transaction
// misses everything for as long as that commit takes (1.2 packets per switch of 200 ranges, tried).
struct IntervalPlan {
    IntervalUse use = IntervalUse::exempt;
    std::vector<IntervalSet> sets;
};

[[nodiscard]] IntervalPlan plan_exempt(const Inventory& existing, std::span<const NftRange> exempt);
[[nodiscard]] IntervalPlan plan_banned_ranges(const NftDesign& design, const Inventory& existing,
                                              std::span<const NftBan> bans, const Clock& clock);
[[nodiscard]] IntervalPlan plan_apart(const NftDesign& design, const Inventory& existing,
                                      const NftApart& apart);
// The first transaction: the new sets, referred to by nobody. Leftovers of their names are removed.
void fill_intervals(NftBatch& batch, const IntervalPlan& plan, const Inventory& existing, const Clock& clock);
// The second: the rules of the chains that look them up replaced, the old sets deleted.
void switch_intervals(NftBatch& batch, const IntervalPlan& plan, const Inventory& existing,
                      const NftDesign& design);

void set_gate(NftBatch& batch, const NftGate& gate, const Clock& clock);
void set_interfaces(NftBatch& batch, std::span<const std::string> interfaces);

// "limited_smtp_ip4_32": the map that an element belongs to.
[[nodiscard]] std::string map_of(const NftElement& element);

} // namespace sluice::nft
