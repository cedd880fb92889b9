// SPDX-License-Identifier: GPL-2.0-or-later
// An operator's word about a prefix -> the map `bans`, then the nft table. The map comes first:
// it is the truth, the table follows, now or when the controller repairs it. The caller holds
// the writers' lock.
#pragma once

#include "kernel/kernel_maps.hpp"
#include "kernel/live_policy.hpp"
#include "kernel/nft_table.hpp"
#include "kernel/projection.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

inline constexpr std::size_t longest_reason = sizeof(sluice_override::reason) - 1;

struct BanWish {
    Prefix prefix;
    std::uint64_t until_ns = 0; // CLOCK_BOOTTIME
    std::string reason;         // at most longest_reason bytes
    std::string who;
};

enum class BanVerdict : std::uint8_t {
    made,
    extended, // a ban of this prefix ended sooner
    kept,     // a ban of this prefix ends later: nothing was changed
    covered,  // a ban of a wider prefix ends later: nothing was changed
    exempt,   // refused
};

struct BanResult {
    BanVerdict verdict = BanVerdict::made;
    sluice_override word{};       // what holds for the prefix now, not for exempt
    std::vector<Prefix> absorbed; // narrower bans that would have ended sooner; they are part of it now
    SourcePlace place;            // where the prefix stands
};

// What has been changed and must show in nft.
struct OverrideChanges {
    std::vector<Prefix> banned;
    std::vector<Prefix> lifted;
    std::vector<std::pair<Prefix, std::string>> released; // source and service
};

// Whether bans are refused there. The class `default` may be exempt too, but it is nobody's range:
// a ban by hand holds in it.
[[nodiscard]] bool spares(const SourcePlace& place);

// The bans, for one command that may enter thousands. All of them are listed only when a prefix
// wider than an address is asked for, and then once. Keeps true that a ban inside
// another one ends later than that: the kernel looks at the longest alone, and a short one that
// has ended would open a hole in the long one.
class BanBook {
public:
    // Both must outlive this.
    BanBook(KernelMaps& maps, const LivePolicy& live, std::uint64_t now_ns);

    BanResult ban(const BanWish& wish);
    // The ban of exactly this prefix, if one was in force.
    std::optional<sluice_override> lift(const Prefix& prefix);

    // The ban in force of the narrowest prefix that contains this one, and is wider.
    [[nodiscard]] std::optional<std::pair<Prefix, sluice_override>> around(const Prefix& prefix) const;
    // Bans in force of narrower prefixes.
    [[nodiscard]] std::vector<Prefix> inside(const Prefix& prefix);

    [[nodiscard]] const OverrideChanges& changes() const { return changes_; }

private:
    [[nodiscard]] std::optional<sluice_override> find(const Prefix& prefix) const;
    [[nodiscard]] std::vector<Prefix> all_inside(const Prefix& prefix);
    void erase(const Prefix& prefix);
    [[nodiscard]] std::vector<Prefix> absorb(const BanWish& wish);

    KernelMaps& maps_;
    const LivePolicy& live_;
    std::uint64_t now_ns_;
    std::optional<std::set<Prefix>> listed_; // ended ones too, until something erases them
    OverrideChanges changes_;
};

struct ForgottenSource {
    Prefix source;
    std::string service;
    std::uint64_t attempts = 0;
    std::uint64_t until_ns = 0; // it was over until then; 0: it was not
    bool to_be_dropped = false; // and its class limits
};

struct ForgetTarget {
    Prefix prefix;
    bool one_source = false; // the prefix is a source; else all sources inside are meant
};

// Erases the counts of sources, whatever the service. One walk of the table at most.
[[nodiscard]] std::vector<ForgottenSource> forget_sources(KernelMaps& maps, const LivePolicy& live,
                                                          const std::vector<ForgetTarget>& targets,
                                                          std::uint64_t now_ns);

enum class NftOutcome : std::uint8_t {
    done,
    not_needed, // there is no table, and the mode asks for none
    installed,  // there was none although the mode drops
};

struct NftReport {
    NftOutcome outcome = NftOutcome::done;
    std::size_t left_out = 0; // elements for which their map has no room
};

// Makes the table show these changes. Throws what NftTable throws.
NftReport project_changes(KernelMaps& maps, NftTable& table, const std::vector<std::string>& interfaces,
                          const OverrideChanges& changes, std::uint64_t now_ns);

} // namespace sluice
