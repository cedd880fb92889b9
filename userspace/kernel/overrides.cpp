// SPDX-License-Identifier: GPL-2.0-or-later
// Bans are entered and lifted, counts forgotten, and both brought into nft.
#include "kernel/overrides.hpp"

#include "core/over.hpp"
#include "kernel/clock.hpp"
#include "kernel/ledger.hpp"
#include "kernel/policy_loader.hpp"

#include <algorithm>
#include <cstring>
#include <set>

namespace sluice {
namespace {

constexpr std::uint8_t whole_address = 128;

template <std::size_t Size>
void copy_text(char (&to)[Size], const std::string& from) {
    std::memset(to, 0, Size);
    std::memcpy(to, from.data(), std::min(from.size(), Size - 1));
}

sluice_override make_word(const BanWish& wish, std::uint64_t now_ns) {
    sluice_override word{};
    word.since_ns = now_ns;
    word.until_ns = wish.until_ns;
    word.since_wall_s = walltime_ns() / 1'000'000'000;
    word.prefix_len = wish.prefix.length;
    copy_text(word.reason, wish.reason);
    copy_text(word.who, wish.who);
    return word;
}

std::string class_of(const LivePolicy& live, const Names& names, const Prefix& prefix, std::uint64_t now_ns) {
    return names.classes[live.place(prefix, now_ns).class_id];
}

NftChanges nft_changes(const KernelMaps& maps, const NftDesign& design, const OverrideChanges& changes,
                       std::uint64_t now_ns) {
    const LivePolicy live(maps);
    const Names names = read_names(maps);
    NftChanges result;
    bool ranges = false;
    bool wide = false;
    for (const Prefix& prefix : changes.banned) {
        const auto word = maps.bans.find(to_lpm_key(prefix));
        wide = wide || prefix.length < whole_address;
        if (!design.hashes(prefix))
            ranges = true;
        else if (word && word->prefix_len == prefix.length)
            result.put.push_back({prefix, "", class_of(live, names, prefix, now_ns), word->until_ns});
    }
    for (const Prefix& prefix : changes.lifted) {
        if (design.hashes(prefix))
            result.remove.push_back({prefix, "", "", 0});
        else
            ranges = true;
    }
    for (const auto& [source, service] : changes.released)
        if (design.hashes(source))
            result.remove.push_back({source, service, "", 0});
    // What a new ban must spare. After a lift too much is spared for a while, which harms nobody: it is
    // exempt.
    if (ranges || wide) {
        std::vector<NftBan> bans = read_bans(maps, now_ns);
        if (wide)
            result.exempt =
                read_spared(read_limited(maps, design, now_ns), bans, kernel_carve(maps, now_ns)).exempt;
        if (ranges)
            result.bans_for_ranges = std::move(bans);
    }
    return result;
}

} // namespace

bool spares(const SourcePlace& place) {
    return place.exempt && (place.allow || place.range_id);
}

BanBook::BanBook(KernelMaps& maps, const LivePolicy& live, std::uint64_t now_ns)
    : maps_(maps), live_(live), now_ns_(now_ns) {}

std::optional<sluice_override> BanBook::find(const Prefix& prefix) const {
    auto word = maps_.bans.find(to_lpm_key(prefix));
    if (word && word->prefix_len != prefix.length) // the look-up is by longest prefix
        word.reset();
    return word;
}

void BanBook::erase(const Prefix& prefix) {
    maps_.bans.erase(to_lpm_key(prefix));
    if (listed_)
        listed_->erase(prefix);
    changes_.lifted.push_back(prefix);
}

BanResult BanBook::ban(const BanWish& wish) {
    BanResult result;
    result.place = live_.place(wish.prefix, now_ns_);
    if (spares(result.place)) {
        result.verdict = BanVerdict::exempt;
        return result;
    }
    const auto same = find(wish.prefix);
    const bool there = same && same->until_ns > now_ns_;
    if (there && same->until_ns >= wish.until_ns) {
        result.verdict = BanVerdict::kept;
        result.word = *same;
        return result;
    }
    if (const auto wider = around(wish.prefix); wider && wider->second.until_ns >= wish.until_ns) {
        result.verdict = BanVerdict::covered;
        result.word = wider->second;
        return result;
    }
    result.verdict = there ? BanVerdict::extended : BanVerdict::made;
    result.word = make_word(wish, now_ns_);
    if (there) {
        result.word.since_ns = same->since_ns;
        result.word.since_wall_s = same->since_wall_s;
    }
    maps_.bans.put(to_lpm_key(wish.prefix), result.word);
    if (listed_)
        listed_->insert(wish.prefix);
    changes_.banned.push_back(wish.prefix);
    result.absorbed = absorb(wish);
    return result;
}

std::vector<Prefix> BanBook::absorb(const BanWish& wish) {
    std::vector<Prefix> absorbed;
    for (const Prefix& prefix : all_inside(wish.prefix)) {
        const auto word = find(prefix);
        if (!word || word->until_ns > wish.until_ns)
            continue;
        erase(prefix);
        std::erase(changes_.banned, prefix); // entered a moment ago by the same command
        if (word->until_ns > now_ns_)
            absorbed.push_back(prefix);
    }
    return absorbed;
}

std::optional<sluice_override> BanBook::lift(const Prefix& prefix) {
    const auto word = find(prefix);
    if (!word)
        return std::nullopt;
    erase(prefix);
    return word->until_ns > now_ns_ ? word : std::nullopt;
}

std::optional<std::pair<Prefix, sluice_override>> BanBook::around(const Prefix& prefix) const {
    sluice_lpm_key key = to_lpm_key(prefix);
    while (key.prefix_len != 0) {
        key.prefix_len--;
        const auto word = maps_.bans.find(key);
        if (!word)
            return std::nullopt;
        key.prefix_len = word->prefix_len;
        if (word->until_ns > now_ns_)
            return std::pair(Prefix{masked(prefix.address, word->prefix_len), word->prefix_len}, *word);
    }
    return std::nullopt;
}

std::vector<Prefix> BanBook::all_inside(const Prefix& prefix) {
    if (prefix.length == whole_address)
        return {};
    if (!listed_) {
        listed_.emplace();
        for (const sluice_lpm_key& key : maps_.bans.keys())
            listed_->insert(to_prefix(key));
    }
    std::vector<Prefix> found;
    for (auto at = listed_->upper_bound(prefix); at != listed_->end() && prefix.contains(*at); ++at)
        found.push_back(*at);
    return found;
}

std::vector<Prefix> BanBook::inside(const Prefix& prefix) {
    std::vector<Prefix> found = all_inside(prefix);
    std::erase_if(found, [&](const Prefix& inner) {
        const auto word = find(inner);
        return !word || word->until_ns <= now_ns_;
    });
    return found;
}

std::vector<ForgottenSource> forget_sources(KernelMaps& maps, const LivePolicy& live,
                                            const std::vector<ForgetTarget>& targets, std::uint64_t now_ns) {
    const Names names = read_names(maps);
    std::set<Prefix> wide;
    std::vector<sluice_source_key> keys;
    for (const ForgetTarget& target : targets) {
        if (!target.one_source && target.prefix.length < whole_address) {
            wide.insert(target.prefix);
            continue;
        }
        for (std::uint8_t service = 1; service < SLUICE_MAX_SERVICES; service++)
            keys.push_back(to_source_key(target.prefix, service));
    }
    if (!wide.empty()) {
        // A shorter list that contains the same sources: what lies inside another target adds nothing.
        std::vector<Prefix> outer;
        for (const Prefix& prefix : wide)
            if (outer.empty() || !outer.back().contains(prefix))
                outer.push_back(prefix);
        maps.sources.for_each([&](const sluice_source_key& key, const sluice_source&) {
            const Prefix source = source_of(key);
            const auto behind = std::upper_bound(outer.begin(), outer.end(), source);
            if (behind != outer.begin() && std::prev(behind)->contains(source))
                keys.push_back(key);
        });
    }
    std::vector<ForgottenSource> forgotten;
    for (const sluice_source_key& key : keys) {
        const auto entry = maps.sources.find(key);
        if (!entry || !maps.sources.erase(key))
            continue;
        const SourceVerdict verdict = judge_source(live, maps.sources, key, *entry, now_ns);
        forgotten.push_back({source_of(key), names.services[key.service % SLUICE_MAX_SERVICES],
                             entry->attempts, verdict.until_ns, verdict.to_be_dropped});
    }
    return forgotten;
}

NftReport project_changes(KernelMaps& maps, NftTable& table, const std::vector<std::string>& interfaces,
                          const OverrideChanges& changes, std::uint64_t now_ns) {
    NftReport report;
    const NftDesign design = read_design(maps, interfaces);
    if (const auto counters = table.counters()) {
        note_counters(maps, *counters);
        report.left_out = table.apply(design, nft_changes(maps, design, changes, now_ns), now_ns);
        return report;
    }
    report.outcome = NftOutcome::not_needed;
    if (sluice_mode_at(maps.control_word().mode_word, now_ns) == SLUICE_MODE_OBSERVE)
        return report;
    report.outcome = NftOutcome::installed;
    close_ledger(maps);
    report.left_out =
        table.install(design, read_content(maps, design, now_ns, kernel_carve(maps, now_ns)), now_ns);
    return report;
}

} // namespace sluice
