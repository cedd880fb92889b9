// SPDX-License-Identifier: GPL-2.0-or-later
// Design and content -> commands of a transaction. The whole ruleset is written here and in
// nothing else; docs/design.md shows it as `nft list table inet sluice` does.
#pragma once

#include "kernel/nft_batch.hpp"
#include "kernel/nft_design.hpp"
#include "kernel/nft_rule.hpp"

#include <cstdint>
#include <optional>
#include <set>
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

// Tables, counters, sets, chains and the rules that never change; no elements but services
// and interfaces.
void add_skeleton(NftBatch& batch, const NftDesign& design);

// The rules of add_skeleton(), in order.
[[nodiscard]] std::vector<Rule> fixed_rules(const NftDesign& design);
// The rule that holds an interval set; `set` is its whole name.
[[nodiscard]] Rule exempt_rule(const Family& family, const std::string& set);
[[nodiscard]] Rule banned_ranges_rule(const NftDesign& design, const Family& family, const std::string& set);

// Both interval-set pairs work alike: a new set under the letter that `existing` (the names of
// all sets in the table) shows to be free, the chain's rules replaced, the old sets deleted.
void switch_exempt(NftBatch& batch, const std::set<std::string>& existing, std::span<const NftRange> exempt);
void switch_banned_ranges(NftBatch& batch, const NftDesign& design, const std::set<std::string>& existing,
                          std::span<const NftBan> bans, const Clock& clock);

void set_gate(NftBatch& batch, const NftGate& gate, const Clock& clock);
void set_interfaces(NftBatch& batch, std::span<const std::string> interfaces);

// "limited_smtp_ip4_32": the map that an element belongs to.
[[nodiscard]] std::string map_of(const NftElement& element);

} // namespace sluice::nft
